from math import ceil
from numbers import Integral, Real
from uuid import uuid4

import numpy as np
from scipy.ndimage import correlate
from sklearn.base import TransformerMixin

from skfashion._base import Estimator
from skfashion._callers import warn_user
from skfashion._sklearn import Interval, StrOptions, as_one_task, fit_context
from skfashion._validation import SIDE, parse_image_shape

from ._background import box_of_object, fit_background, without_frame
from ._photographs import (
    FORMATS,
    list_of_photographs,
    name_of,
    read_rgb,
    registered_formats,
)

# A photograph is averaged down to so many times the image, before its edges are trimmed.
_WORKING_SCALE = 16
# The data set was subsampled from thumbnails of 51 x 73 pixels.
_THUMBNAIL_SCALE = 73 / 28
_GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's
_MIN_VISIBLE_LEVEL = 13  # levels, which an image must reach somewhere to show anything
_MAX_NAMES = 5  # in a warning
# Deviations of the background, up to which a pixel is as black as it.
_BLACK_DEVIATIONS = 1.5


def _sharpening_kernel():
    """Return a Gaussian of radius and deviation 1, negated but for its middle (ImageMagick's)."""
    kernel = -np.exp(-(np.add.outer([1, 0, 1], [1, 0, 1])) / 2)
    kernel[1, 1] = -2 * kernel.sum()
    return (kernel / kernel.sum()).astype(np.float32)[:, :, np.newaxis]


_SHARPENING_KERNEL = _sharpening_kernel()


def _subsample(image, height, width):
    """Resize an image so that it just fits, as from a thumbnail."""
    from PIL.Image import Resampling

    scale = min(width / image.width, height / image.height)
    size = [max(1, round(side * scale)) for side in image.size]
    thumbnail = [
        min(side, ceil(small * _THUMBNAIL_SCALE))
        for side, small in zip(image.size, size, strict=True)
    ]
    return image.resize(thumbnail, Resampling.BOX).resize(size, Resampling.NEAREST)


def _brightness(pixels, colors, noise):
    """Return how far pixels are from the background, from 0 to 255, as far as one can be."""
    apart = np.maximum(np.abs(pixels - colors) - _BLACK_DEVIATIONS * noise, 0)
    return 255 * apart / np.maximum(colors, 255 - colors)


class ImageLoader(TransformerMixin, Estimator):
    """Read photographs of products, and bring them to the form of Fashion-MNIST.

    Each becomes a small image of a light object on a black background, by the steps that the data
    set was made by: edges of the background are trimmed, the rest is shrunk until it just fits,
    sharpened, put in the centre and made gray. Where the data set's pictures are negated, the
    distance from the background is taken, which on white is the same.

    Parameters
    ----------
    image_shape : int or tuple of int, default=(28, 28)
        ``(height, width)`` of gray images, or ``(height, width, channels)`` with 1 channel (gray)
        or 3 (red, green, blue). An int is both height and width.

    background : {"auto", "light", "dark"}, default="auto"
        What is seen through what is transparent: white with "light", black with "dark". "auto" puts
        a cut-out object on white, or on black if it is nearly white itself. Makes no difference to
        photographs without transparency.

    trim : float or None, default=0.05
        Rows and columns at the edges are left out whose pixels differ from the background by no
        more than this in every channel, as a part, in [0, 1), of the range of a channel. None keeps
        the edges.

    sharpen : bool, default=True
        Whether to sharpen with a Gaussian of radius and deviation 1.

    max_pixels : int, default=67108864
        A file with more of them is an error, raised before it is decoded: a small file can hold an
        image that fills memory. A file takes at most 20 bytes for each of them, 1.25 GiB with the
        default, and some seconds. To raise this above Pillow's own limit,
        ``PIL.Image.MAX_IMAGE_PIXELS``, 89478485, raise that too.

    formats : tuple of str, default=("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
        What files may be, by Pillow's names of formats, whatever their names end in. Pillow reads
        AVIF from version 11.3 on, and HEIF where ``pillow_heif.register_heif_opener()`` was
        called. Take others for files that you trust only: for EPS, Pillow starts Ghostscript.

    See Also
    --------
    skfashion.make_cnn_pipeline : With ``from_files=True``, begins with this.
    skfashion.preprocessing.PixelScaler : Scales the bytes to [0, 1].

    Notes
    -----
    The steps are those of H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset
    for Benchmarking Machine Learning Algorithms", 2017 (arXiv:1708.07747), section 2. They started
    from thumbnails of 51 x 73 pixels on plain white. Photographs have many more, so they are
    averaged down to the size of such a thumbnail before pixels are left out. JPEG files of more
    than 16 million pixels are decoded at a half, a quarter or an eighth of their size where that is
    enough.

    *Background.* It may have any one colour, with noise and uneven light. It is learned from the
    border of the photograph: a constant, or a polynomial of order 2 where that leaves clearly less
    of the border unexplained, fitted without the pixels that are far from it, so that specks and an
    object that touches the border do no harm. Before that, a plain frame is taken off, of at most
    2 % of the shorter side.

    *Brightness.* Each channel of a pixel becomes its distance from the background, divided by the
    largest distance that there can be. So the background is 0, and objects are light, whether they
    are lighter or darker than what is behind them. On white that is the negation of the paper.
    Distances of up to 1.5 standard deviations of the background are 0 too.

    *Box.* A row or column belongs to the object if more than 1/200 of it differs from the
    background by more than `trim`, and by more than 3.5 of its standard deviations; before a
    background with a pattern, if it also has a tenth of what the fullest one has.

    The background must be plain: what else is in the picture is taken for a part of the object. An
    image all of one colour comes out as zeros. An object of nearly the colour of its background
    comes out nearly black, of which a warning tells.

    Integer pixels of more than 8 bits ("I;16" and "I" of Pillow) are taken to go to 65535, unless
    none is above 255, as where Pillow has converted bytes, or a TIFF file tells otherwise. Those
    that fit in 14 bits are an error, as 10 and 12 bits are often stored so.

    Photographs are turned upright as their EXIF data tells. Of an animation, the first frame is
    taken. Files are read one at a time. Nothing is learned, so that :meth:`transform` needs no
    fit. :class:`~sklearn.pipeline.Pipeline` with `memory` reads again in each fit, unless
    :func:`~skfashion.pipeline.make_cnn_pipeline` or :func:`~skfashion.pipeline.make_knn_pipeline`
    has made it, which tell whether a file has changed. Needs Pillow:
    ``pip install "skfashion[images]"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import ImageLoader
    >>> photograph = np.full((400, 300, 3), 255, dtype=np.uint8)  # white, with a black square
    >>> photograph[50:250, 50:250] = 0
    >>> images = ImageLoader((4, 6)).transform([photograph])  # or [path, ...]
    >>> images.shape
    (1, 4, 6)
    >>> images[0]
    array([[  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0]], dtype=uint8)
    """

    _parameter_constraints = {
        "image_shape": [SIDE, tuple, list],
        "background": [StrOptions({"auto", "light", "dark"})],
        "trim": [Interval(Real, 0, 1, closed="left"), None],
        "sharpen": ["boolean"],
        "max_pixels": [Interval(Integral, 1, None, closed="left")],
        "formats": [tuple, list],
    }

    def __init__(
        self,
        image_shape=(28, 28),
        *,
        background="auto",
        trim=0.05,
        sharpen=True,
        max_pixels=67_108_864,
        formats=FORMATS,
    ):
        self.image_shape = image_shape
        self.background = background
        self.trim = trim
        self.sharpen = sharpen
        self.max_pixels = max_pixels
        self.formats = formats

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters; nothing is read or learned.

        Parameters
        ----------
        X : None
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : ImageLoader
            The loader itself.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        self._checked_image_shape()
        return self

    def transform(self, X):
        """Read photographs.

        Parameters
        ----------
        X : list, 1-D array or pandas.Series of n photographs, one column of n paths, or ndarray \
                of shape (n, height, width) or (n, height, width, channels)
            Each a path (str or os.PathLike), a binary file, an image of Pillow, or an array of
            shape (height, width) or (height, width, channels), with 1 (gray), 2 (gray, alpha), 3
            (RGB) or 4 (RGBA) channels: uint8 from 0 to 255, floating-point or bool from 0 to 1.
            Floating-point files and images (mode "F" of Pillow) go from 0 to 1 too.
            They may be of different kinds and sizes. Files are read from where they stand, left
            open, and put back there if they can be.

        Returns
        -------
        ndarray of shape (n, height, width) or (n, height, width, channels) of uint8
            Images of `image_shape`: the object light, the background 0.

        Raises
        ------
        OSError
            If a file cannot be opened or read: FileNotFoundError, IsADirectoryError,
            PermissionError and the like.
        ValueError
            If `X` is no list of photographs, or one of them is damaged, empty, no image, or larger
            than `max_pixels`. The message tells which.
        ImportError
            If Pillow is not installed.

        Warns
        -----
        UserWarning
            If an image is black or nearly so, as nothing stands out from the background of its
            photograph. The message tells which.
        """
        self._validate_params()  # no fit need have come before
        formats = registered_formats(self.formats)
        shape = self._checked_image_shape()
        photographs = list_of_photographs(X)
        images = np.zeros((len(photographs), *shape), dtype=np.uint8)
        canvas = {"light": "white", "dark": "black", "auto": None}[self.background]
        blank = []
        for position, item in enumerate(photographs):
            # Not kept while the next one is read.
            self._draw(
                read_rgb(
                    item,
                    position,
                    canvas=canvas,
                    max_pixels=self.max_pixels,
                    formats=formats,
                    needed=_WORKING_SCALE * max(shape[:2]),
                ),
                images[position],
            )
            if images[position].max() < _MIN_VISIBLE_LEVEL:
                blank.append(name_of(item, position))
        if blank:
            names = ", ".join(blank[:_MAX_NAMES]) + (", ..." if len(blank) > _MAX_NAMES else "")
            warn_user(
                f"{len(blank)} of {len(photographs)} images are black or nearly so, as nothing "
                f"stands out from the background of their photographs: {names}. An object may have "
                "the colour of its background: photograph it before another, set trim to less, or "
                "leave it out."
            )
        return images

    def _draw(self, photograph, image):
        """Draw what stands out from the background into the middle of a black image."""
        height, width = image.shape[:2]
        factor = max(1, max(photograph.size) // (_WORKING_SCALE * max(height, width)))
        photograph = without_frame(photograph.reduce(factor))
        background = fit_background(photograph)
        box = box_of_object(photograph, background, 255 * (self.trim or 0))
        if box is None:  # all of it is background
            return
        if self.trim is None:
            box = 0, 0, *photograph.size
        pixels = np.asarray(_subsample(photograph.crop(box), height, width), dtype=np.float32)
        part = np.divide(box, 2 * photograph.size)
        colors = background.colors(*pixels.shape[1::-1], part)
        pixels = _brightness(pixels, colors, background.noise)
        if self.sharpen:
            pixels = correlate(pixels, _SHARPENING_KERNEL, mode="nearest").clip(0, 255)
        if image.shape[2:] != (3,):
            pixels = pixels @ _GRAY_WEIGHTS
        # Of an odd margin, Fashion-MNIST has the larger part at the top and on the left.
        top, left = (height - len(pixels) + 1) // 2, (width - pixels.shape[1] + 1) // 2
        part = image[top : top + len(pixels), left : left + pixels.shape[1]]
        part[:] = np.rint(pixels).reshape(part.shape)

    def _checked_image_shape(self):
        shape = parse_image_shape(self.image_shape)
        if shape[2:] not in ((), (1,), (3,)):
            raise ValueError(
                "image_shape of ImageLoader must have 1 channel (gray) or 3 (red, green, blue), "
                f"got {self.image_shape!r}."
            )
        return shape

    def __sklearn_clone__(self):
        # Pipelines with `memory` clone before they cache, and joblib knows a photograph by its
        # path: it must not take one that was replaced for the one before. See FileMemory.
        cloned = super().__sklearn_clone__()
        cloned._cache_key = uuid4().hex
        return cloned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
