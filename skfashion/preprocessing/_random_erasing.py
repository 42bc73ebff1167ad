from __future__ import annotations

from math import ceil, floor, isfinite
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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

# Dtypes that are kept: those with up to 64 bits. All others become float64.
_DTYPES = [np.float64, np.float32, np.float16, *np.typecodes["AllInteger"], np.bool_]


def _limits(dtype: np.dtype) -> tuple[float, float]:
    """Return the smallest and the largest number of a dtype."""
    if dtype.kind == "b":
        return 0, 1
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    # Python numbers do not overflow in comparisons.
    return np.array([info.min, info.max]).tolist()


def _draw_rectangles(
    n: int,
    height: int,
    width: int,
    area_range: tuple[float, float],
    aspect_range: tuple[float, float],
    random_state: np.random.RandomState,
) -> tuple[NDArray, ...]:
    """Draw rectangles that lie inside the image.

    Returns
    -------
    tops, lefts, heights, widths : ndarray of shape (n,) of int
        Positions and sides in pixels.
    """
    areas = np.maximum(random_state.uniform(*area_range, n) * (height * width), 1)
    # The rectangle fits into the image between these two ratios, which are in ascending order.
    fitting = areas / width**2, height**2 / areas
    ratios = random_state.uniform(*(np.clip(ratio, *fitting) for ratio in aspect_range))
    heights = np.clip(np.rint(np.sqrt(areas * ratios)), 1, height)
    widths = np.clip(np.rint(areas / heights), 1, width)
    tops = random_state.random_sample(n) * (height - heights + 1)
    lefts = random_state.random_sample(n) * (width - widths + 1)
    return tuple(side.astype(np.intp) for side in (tops, lefts, heights, widths))


def _draw_values(
    n: int, fill_range: tuple[float, float], dtype: np.dtype, random_state: np.random.RandomState
) -> NDArray:
    low, high = fill_range
    if dtype.kind == "f":
        return random_state.uniform(low, high, n).astype(dtype)
    return random_state.randint(ceil(low), floor(high) + 1, n, dtype=dtype)


class RandomErasing(OneToOneFeatureMixin, TransformerMixin, Estimator):
    """Fill a random rectangle of some images with a random value, to train more robust networks.

    A rectangle hides part of a garment, so that a network learns to use all of it. Images are
    erased in training only: :meth:`fit_transform` and :meth:`augment` erase, and :meth:`transform`
    returns unchanged images. As a step of a pipeline, it erases each image once, before training.
    As the `augmenter` of :class:`~skfashion.neural_network.KerasCNNClassifier`, it erases again in
    each epoch, as in the paper.

    Parameters
    ----------
    p : float, default=0.5
        Probability, in [0, 1], that an image is erased.

    area_range : tuple of two numbers, default=(0.02, 0.4)
        Smallest and largest area of a rectangle, as a fraction of the image, in [0, 1]. The area is
        drawn from a uniform distribution and rounded to whole pixels, at least one.

    aspect_range : tuple of two numbers, default=(0.3, 1/0.3)
        Smallest and largest ratio of height to width of a rectangle, above 0. The ratio is drawn
        from a uniform distribution over those ratios with which the rectangle fits into the image.
        If there is none, it is the nearest ratio with which it fits.

    fill_range : tuple of two numbers, default=(0, 255)
        Smallest and largest fill value, which may be equal. Values are drawn from a uniform
        distribution: real numbers for floating-point images, integers, with both ends, for others.
        Pixels scaled to [0, 1] need ``(0, 1)``.

    pixel_level : bool, default=False
        Whether a value is drawn for each channel of each pixel, instead of one per rectangle.

    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows of pixels. An int
        is both height and width. None is a square gray image if the number of features is a square,
        else a strip of height 1.

    random_state : int, RandomState instance or None, default=None
        Seed or generator of the choice of images, the rectangles and the fill values. With an int,
        each call draws the same ones; with None or a RandomState, others.

    Attributes
    ----------
    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images seen during :meth:`fit`.

    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the input of :meth:`fit` had any.

    See Also
    --------
    skfashion.make_cnn_pipeline : With ``random_erasing=0.15``, erases 15 % of the training images.

    Notes
    -----
    Z. Zhong, L. Zheng, G. Kang, S. Li and Y. Yang, "Random Erasing Data Augmentation", 2017
    (arXiv:1708.04896), with the parameters and defaults of write-up C, "KNN against CNN". Both
    draw area, ratio and position together until a rectangle lies inside the image, which favors
    small ones. Here, the position is drawn last, from those at which the rectangle lies inside the
    image, so that the areas have the specified distribution.

    Sides are rounded to whole pixels. Areas and ratios can therefore be slightly outside their
    ranges, especially in small images.

    The dtype of the images stays the same, except that numbers with more than 64 bits or in another
    byte order than the machine's become float64. The input never changes.

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
        p: float = 0.5,
        *,
        area_range: tuple[float, float] = (0.02, 0.4),
        aspect_range: tuple[float, float] = (0.3, 1 / 0.3),
        fill_range: tuple[float, float] = (0, 255),
        pixel_level: bool = False,
        image_shape: int | tuple[int, ...] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.p = p
        self.area_range = area_range
        self.aspect_range = aspect_range
        self.fill_range = fill_range
        self.pixel_level = pixel_level
        self.image_shape = image_shape
        self.random_state = random_state

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and learn the shape of the images.

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
            If a parameter is out of range, `image_shape` does not have as many values as a row or
            differs from the shape of the images, or `fill_range` exceeds the dtype of `X`.

        Warns
        -----
        UserWarning
            If `fill_range` does not match the pixels, for example because they were divided by 255.
        """
        with unchanged_on_error(self):
            rows, found = validate_images(self, X, reset=True, dtype=_DTYPES)
            self._check_ranges(rows.dtype)
            compare_range("fill_range of RandomErasing", self.fill_range, largest_pixel(rows))
            self.image_shape_ = self._image_shape(rows, found)
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Return the images unchanged, because nothing is erased in prediction.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.

        Returns
        -------
        ndarray of the shape of `X`
            `X` itself if it is an array of a dtype that is kept.
        """
        rows, found = validate_images(self, X, reset=False, dtype=_DTYPES)
        return restore_shape(self, rows, X, found)

    def fit_transform(self, X: ArrayLike, y: Any = None) -> NDArray:
        """Fit, then erase.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.
        y : None
            Ignored.

        Returns
        -------
        ndarray of the shape of `X`
            New images, of which about the fraction `p` is erased.
        """
        return self.fit(X).augment(X)

    def augment(self, X: ArrayLike) -> NDArray:
        """Erase without learning anything. No fit is needed.

        Training calls this method for each batch, so that it does not compare `fill_range` with the
        pixels. :meth:`fit` and :meth:`KerasCNNClassifier.fit
        <skfashion.neural_network.KerasCNNClassifier.fit>` do.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.

        Returns
        -------
        ndarray of the shape of `X`
            New images, of which about the fraction `p` is erased.

        Raises
        ------
        ValueError
            As in :meth:`fit`.
        """
        from ._fill import fill  # Loads numba, which takes a while.

        self._validate_params()  # fit need not come first.
        # Validation would set attributes of an estimator that is not fitted.
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
        return resolve_image_shape(learned, n_features)  # It may have changed since the fit.

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
                f"fill_range must contain an integer for {dtype} images, got {self.fill_range!r}."
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
            self.fill_range,  # Floats cannot represent all integers.
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        # scikit-learn's checks would compare fit_transform, which erases, with transform.
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags
