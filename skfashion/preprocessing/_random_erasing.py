from math import ceil, floor, isfinite
from numbers import Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state

from skfashion._base import Estimator
from skfashion._pixel_scale import compare_range, largest_pixel
from skfashion._sklearn import Interval, as_one_task, fit_context
from skfashion._validation import (
    SIDE,
    check_range,
    infer_image_shape,
    resolve_image_shape,
    restore_shape,
    unchanged_on_error,
    validate_images,
)

# All that NumPy has up to 64 bits; what comes in any other type is made float64.
_DTYPES = [np.float64, np.float32, np.float16, *np.typecodes["AllInteger"], np.bool_]


def _limits(dtype):
    """Return the smallest and the largest number of a type."""
    if dtype.kind == "b":
        return 0, 1
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    # As Python's own numbers, beside which no bound overflows.
    return np.array([info.min, info.max]).tolist()


def _draw_rectangles(n, height, width, area_range, aspect_range, random_state):
    """Draw rectangles that lie inside the image.

    Returns
    -------
    tops, lefts, heights, widths : ndarray of shape (n,) of int
        In pixels.
    """
    areas = np.maximum(random_state.uniform(*area_range, n) * (height * width), 1)
    # Neither side is longer than the image's between these two, the lower of which is never above
    # the upper.
    fitting = areas / width**2, height**2 / areas
    ratios = random_state.uniform(*(np.clip(ratio, *fitting) for ratio in aspect_range))
    heights = np.clip(np.rint(np.sqrt(areas * ratios)), 1, height)
    widths = np.clip(np.rint(areas / heights), 1, width)
    tops = random_state.random_sample(n) * (height - heights + 1)
    lefts = random_state.random_sample(n) * (width - widths + 1)
    return tuple(side.astype(np.intp) for side in (tops, lefts, heights, widths))


def _draw_values(n, fill_range, dtype, random_state):
    low, high = fill_range
    if dtype.kind == "f":
        return random_state.uniform(low, high, n).astype(dtype)
    return random_state.randint(ceil(low), floor(high) + 1, n, dtype=dtype)


class RandomErasing(OneToOneFeatureMixin, TransformerMixin, Estimator):
    """Fill a random rectangle of some images with a random value, to train more robust networks.

    Part of a garment is hidden, so that a network learns to go by all of it. Images are erased
    in training only: :meth:`fit_transform` and :meth:`augment` erase, :meth:`transform` returns
    images as they are. As a step of a pipeline, each image is erased once, before training; as
    the `augmenter` of :class:`~skfashion.neural_network.KerasCNNClassifier`, anew in each epoch,
    which is what the paper does.

    Parameters
    ----------
    p : float, default=0.5
        Probability, in [0, 1], that an image is erased.

    area_range : tuple of two numbers, default=(0.02, 0.4)
        Smallest and largest part of the image's area, in [0, 1], that a rectangle covers. The
        area is drawn uniformly between them, then rounded to whole pixels, at least one.

    aspect_range : tuple of two numbers, default=(0.3, 1/0.3)
        Smallest and largest height of a rectangle divided by its width, above 0. The ratio is
        drawn uniformly from those between them with which a rectangle of the area drawn fits
        into the image; where there is none, the nearest one that fits is taken.

    fill_range : tuple of two numbers, default=(0, 255)
        Smallest and largest fill value; may be equal. Floating-point images are filled with
        values drawn uniformly between them, others with integers from them, both ends
        included. Pixels scaled to [0, 1] need ``(0, 1)``.

    pixel_level : bool, default=False
        Whether a value is drawn for each channel of each pixel of a rectangle, instead of one for
        all of it.

    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows of pixels; an int
        is both height and width. None infers it: a square gray image where the number of features
        is a square, else a strip of height 1.

    random_state : int, RandomState instance or None, default=None
        Draws images, rectangles and fill values. An int makes each call draw the same ones; None
        and a RandomState make each call draw others.

    Attributes
    ----------
    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images seen during :meth:`fit`.

    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where the input of :meth:`fit` had any.

    See Also
    --------
    skfashion.make_cnn_pipeline : With ``random_erasing=0.15``, erases 15 % of the training images.

    Notes
    -----
    Z. Zhong, L. Zheng, G. Kang, S. Li and Y. Yang, "Random Erasing Data Augmentation", 2017
    (arXiv:1708.04896), with the parameters and defaults of write-up C, "KNN against CNN". Both
    draw area, ratio and position together until a rectangle lies inside the image, which favours
    small ones. Here the position is drawn last, uniformly from those at which the rectangle lies
    inside the image, so that areas are as asked.

    The sides are rounded to whole pixels, so that areas and ratios at the ends of their ranges can
    come out a little beyond them, on small images above all.

    The type of the images is kept (numbers of more than 64 bits, or in another byte order than the
    machine's, become float64) and the input is never changed.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import RandomErasing
    >>> images = np.zeros((2, 4, 6), dtype=np.uint8)
    >>> erasing = RandomErasing(p=1, area_range=(0.2, 0.3), fill_range=(1, 9), random_state=2)
    >>> erasing.augment(images)[0]
    array([[0, 1, 1, 0, 0, 0],
           [0, 1, 1, 0, 0, 0],
           [0, 1, 1, 0, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> np.array_equal(erasing.fit(images).transform(images), images)
    True
    """

    _parameter_constraints = {
        "p": [Interval(Real, 0, 1, closed="both")],
        "area_range": [tuple, list],
        "aspect_range": [tuple, list],
        "fill_range": [tuple, list],
        "pixel_level": ["boolean"],
        "image_shape": [SIDE, tuple, list, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        p=0.5,
        *,
        area_range=(0.02, 0.4),
        aspect_range=(0.3, 1 / 0.3),
        fill_range=(0, 255),
        pixel_level=False,
        image_shape=None,
        random_state=None,
    ):
        self.p = p
        self.area_range = area_range
        self.aspect_range = aspect_range
        self.fill_range = fill_range
        self.pixel_level = pixel_level
        self.image_shape = image_shape
        self.random_state = random_state

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters, and find the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.
        y : None
            Ignored.

        Returns
        -------
        self : RandomErasing
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, `image_shape` does not hold as many values as a row
            or differs from the shape of the images, or `fill_range` exceeds the type of `X`.

        Warns
        -----
        UserWarning
            If `fill_range` cannot be that of the pixels, as where bytes were divided by 255 before.
        """
        with unchanged_on_error(self):
            rows, found = validate_images(self, X, reset=True, dtype=_DTYPES)
            self._check_ranges(rows.dtype)
            compare_range("fill_range of RandomErasing", self.fill_range, largest_pixel(rows))
            self.image_shape_ = self._image_shape(rows, found)
        return self

    def transform(self, X):
        """Return the images as they are, as nothing is to be erased in prediction.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.

        Returns
        -------
        ndarray of the shape of `X`
            `X` itself where it is an array of a type that is kept.
        """
        rows, found = validate_images(self, X, reset=False, dtype=_DTYPES)
        return restore_shape(self, rows, X, found)

    def fit_transform(self, X, y=None):
        """Fit, and erase.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.
        y : None
            Ignored.

        Returns
        -------
        ndarray of the shape of `X`
            New images, of which about the part `p` are erased.
        """
        return self.fit(X).augment(X)

    def augment(self, X):
        """Erase, whether fitted or not; nothing is learned.

        Training calls this for each batch, so it does not compare `fill_range` with the pixels:
        :meth:`fit` does, and :meth:`KerasCNNClassifier.fit
        <skfashion.neural_network.KerasCNNClassifier.fit>`.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.

        Returns
        -------
        ndarray of the shape of `X`
            New images, of which about the part `p` are erased.

        Raises
        ------
        ValueError
            As :meth:`fit`.
        """
        from ._fill import fill  # numba, which takes a while to load

        self._validate_params()  # no fit need have come before
        # Another takes the place of one not fitted, as nothing is to be learned here.
        is_fitted = hasattr(self, "n_features_in_")
        estimator = self if is_fitted else RandomErasing()
        rows, found = validate_images(estimator, X, reset=not is_fitted, dtype=_DTYPES)
        area_range, aspect_range, fill_range = self._check_ranges(rows.dtype)
        height, width, channels = self._image_shape(rows, found)
        rows = np.array(rows, order="C")
        random_state = check_random_state(self.random_state)
        chosen = np.flatnonzero(random_state.random_sample(len(rows)) < self.p)
        tops, lefts, heights, widths = _draw_rectangles(
            len(chosen), height, width, area_range, aspect_range, random_state
        )
        n_values = len(chosen)
        if self.pixel_level:
            n_values = (heights * widths).sum() * channels
        values = _draw_values(n_values, fill_range, rows.dtype, random_state)
        bits = np.dtype(f"u{rows.itemsize}")
        fill(
            rows.reshape(-1, height, width * channels).view(bits),
            chosen,
            tops,
            lefts * channels,
            tops + heights,
            (lefts + widths) * channels,
            values.view(bits),
            bool(self.pixel_level),
        )
        return restore_shape(self, rows, X, found)

    def _image_shape(self, rows, found):
        n_features = rows.shape[1]
        if self.image_shape is not None:
            asked = resolve_image_shape(self.image_shape, n_features)
            if found not in (None, asked):
                raise ValueError(
                    f"RandomErasing has image_shape={self.image_shape!r}, but X has images of "
                    f"shape {found} (height, width, channels): leave image_shape at None."
                )
            return asked
        learned = found or getattr(self, "image_shape_", infer_image_shape(n_features))
        return resolve_image_shape(learned, n_features)  # which may have been set since the fit

    def _check_ranges(self, dtype):
        """Return area_range, aspect_range and fill_range, for images of a type."""
        lowest, highest = _limits(dtype)
        low, high = check_range(
            f"fill_range of {dtype} images",
            self.fill_range,
            within=Interval(Real, lowest, highest, closed="both"),
            may_be_one_number=True,
        )
        if dtype.kind != "f" and ceil(self.fill_range[0]) > floor(self.fill_range[1]):
            raise ValueError(
                f"fill_range must hold an integer for {dtype} images, got {self.fill_range!r}."
            )
        if not isfinite(high - low):
            raise ValueError(f"fill_range must be narrower to draw from, got {self.fill_range!r}.")
        return (
            check_range(
                "area_range",
                self.area_range,
                within=Interval(Real, 0, 1, closed="both"),
                may_be_one_number=True,
            ),
            check_range(
                "aspect_range",
                self.aspect_range,
                within=Interval(Real, 0, None, closed="neither"),
                may_be_one_number=True,
            ),
            self.fill_range,  # not as floats, which cannot tell all integers apart
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        # fit_transform erases, transform does not: scikit-learn's checks would compare the two.
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags
