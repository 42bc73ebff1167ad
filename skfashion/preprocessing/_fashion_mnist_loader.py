from __future__ import annotations

from math import ceil
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from skfashion._callers import first_names, warn_user
from skfashion._sklearn import Interval, StrOptions

from ._background import box_of_object, fit_background, without_frame
from ._loader import Loader
from ._photographs import FORMATS, name_of

if TYPE_CHECKING:
    from PIL.Image import Image

# Before its edges are trimmed, a photograph is averaged down to this many times the image size.
_WORKING_SCALE = 16
# The images of the data set were subsampled from thumbnails of 51 x 73 pixels.
_THUMBNAIL_SCALE = 73 / 28
_GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in Pillow.
_MIN_VISIBLE_LEVEL = 13  # An image of lower gray levels only is nearly black.
# JPEG files of more pixels are decoded at a half, a quarter or an eighth of their size.
_MIN_DRAFT_PIXELS = 2**24
# Pixels that differ from the background by up to this many of its standard deviations are black.
_BLACK_DEVIATIONS = 1.5


def _sharpening_kernel() -> NDArray:
    """Return ImageMagick's kernel: a Gaussian of radius 1, negated except in its center."""
    kernel = -np.exp(-(np.add.outer([1, 0, 1], [1, 0, 1])) / 2)
    kernel[1, 1] = -2 * kernel.sum()
    return (kernel / kernel.sum()).astype(np.float32)[:, :, np.newaxis]


_SHARPENING_KERNEL = _sharpening_kernel()


def _subsample(image: Image, height: int, width: int) -> Image:
    """Resize an image so that it just fits, by way of a thumbnail."""
    from PIL.Image import Resampling

    scale = min(width / image.width, height / image.height)
    size = [max(1, round(side * scale)) for side in image.size]
    thumbnail = [
        min(side, ceil(small * _THUMBNAIL_SCALE))
        for side, small in zip(image.size, size, strict=True)
    ]
    return image.resize(thumbnail, Resampling.BOX).resize(size, Resampling.NEAREST)


def _brightness(pixels: NDArray, colors: NDArray, noise: float) -> NDArray:
    """Return the distance of pixels from the background, scaled to 0 to 255."""
    apart = np.maximum(np.abs(pixels - colors) - _BLACK_DEVIATIONS * noise, 0)
    return 255 * apart / np.maximum(colors, 255 - colors)


class FashionMNISTLoader(Loader):
    """Convert photographs of products to images like those of Fashion-MNIST.

    The result is a small image of a light object on a black background. The steps are those of the
    data set: the edges of the background are trimmed, and the rest is shrunk until it just fits,
    sharpened, centered and converted to gray. The authors of the data set then negate the image.
    Here, each pixel becomes its distance from the background, which on white is the same.

    Parameters
    ----------
    image_shape : int or tuple of int, default=(28, 28)
        ``(height, width)`` of gray images, or ``(height, width, channels)`` with 1 channel (gray)
        or 3 (red, green, blue). An int is both height and width.

    background : {"auto", "light", "dark"}, default="auto"
        Color behind transparent pixels: white with "light", black with "dark". "auto" puts a
        cut-out object on white, or on black if the object is nearly white. It has no effect on
        photographs without transparency.

    trim : float or None, default=0.05
        Rows and columns at the edges are left out if no channel of their pixels differs from the
        background by more than this fraction, in [0, 1), of its range. None keeps the edges.

    sharpen : bool, default=True
        Whether to sharpen with a Gaussian of radius and deviation 1.

    max_pixels : int, default=67108864
        A file with more pixels is an error, raised before it is decoded, because a small file can
        contain an image that fills memory. A file takes at most 20 bytes per pixel, 1.25 GiB with
        the default, and some seconds. To raise this above Pillow's own limit,
        ``PIL.Image.MAX_IMAGE_PIXELS``, 89478485, raise that too.

    formats : tuple of str, default=("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
        Formats that files may have, by Pillow's names, whatever the names of the files end in.
        Pillow reads AVIF from version 11.3 on, and HEIF after
        ``pillow_heif.register_heif_opener()``. Add other formats for files that you trust only: for
        EPS, Pillow starts Ghostscript.

    n_jobs : int or None, default=None
        Number of threads that read photographs, as joblib counts them: None is 1, -1 is one per
        core. Each of them needs the memory for one file.

    verbose : bool or int, default=False
        Whether to show a progress bar.

    See Also
    --------
    ImageLoader : Resizes photographs as they are.
    skfashion.make_knn_pipeline : With ``from_files=True``, begins with this transformer.
    skfashion.preprocessing.PixelScaler : Scales the bytes to [0, 1].

    Notes
    -----
    The steps are those of H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset
    for Benchmarking Machine Learning Algorithms", 2017 (arXiv:1708.07747), section 2. They started
    from thumbnails of 51 x 73 pixels on plain white. Photographs have many more, so they are
    averaged down to the size of such a thumbnail before pixels are left out. JPEG files of more
    than 16 million pixels are decoded at a half, a quarter or an eighth of their size where that is
    enough.

    *Background.* It may have any single color, with noise and uneven light. It is fitted to the
    border of the photograph, as a constant, or as a polynomial of order 2 if this fits clearly
    better. Outliers are left out of the fit, so that specks, or an object that touches the border,
    do not change it. A plain frame of up to 2 % of the shorter side is removed first.

    *Brightness.* Each channel of a pixel becomes its distance from the background, divided by the
    largest possible distance. The background is 0, and objects are light, whether they are lighter
    or darker than their background. On white, this is the negation of the paper. Distances of up to
    1.5 standard deviations of the background are 0 too.

    *Box.* A row or column belongs to the object if more than 1/200 of its pixels differ from the
    background by more than `trim` and by more than 3.5 standard deviations. If the background has a
    pattern, it must also have at least a tenth as many of these pixels as the row or column with
    the most.

    The background must be plain. Everything else in the photograph is taken for a part of the
    object. A photograph of a single color becomes zeros. An object of nearly the color of its
    background becomes nearly black. In both cases, a warning names the photograph.

    Integer pixels of more than 8 bits (modes "I;16" and "I" of Pillow) are scaled from 65535 to
    255, unless none is above 255, because Pillow has converted bytes, or a TIFF file contains
    another maximum. Pixels of 9 to 14 bits are an error, because 10 or 12 bits are often stored in
    16.

    Photographs are rotated as their EXIF data say. Of an animation, the first frame is taken.
    Nothing is learned, so that :meth:`transform` needs no fit.
    :class:`~sklearn.pipeline.Pipeline` with `memory` reads the files again in each fit, unless the
    pipeline was made by a function of :mod:`skfashion.pipeline`, whose cache knows whether a file
    has changed. Needs Pillow: ``pip install "skfashion[images]"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.preprocessing import FashionMNISTLoader
    >>> photograph = np.full((400, 300, 3), 255, dtype=np.uint8)  # White, with a black square.
    >>> photograph[50:250, 50:250] = 0
    >>> images = FashionMNISTLoader((4, 6)).transform([photograph])  # or [path, ...]
    >>> images.shape
    (1, 4, 6)
    >>> images[0]
    array([[  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0],
           [  0, 255, 255, 255, 255,   0]], dtype=uint8)
    """

    _parameter_constraints = {
        **Loader._parameter_constraints,
        "background": [StrOptions({"auto", "light", "dark"})],
        "trim": [Interval(Real, 0, 1, closed="left"), None],
        "sharpen": ["boolean"],
    }

    def __init__(
        self,
        image_shape: int | tuple[int, ...] = (28, 28),
        *,
        background: str = "auto",
        trim: float | None = 0.05,
        sharpen: bool = True,
        max_pixels: int = 67_108_864,
        formats: tuple[str, ...] = FORMATS,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.image_shape = image_shape
        self.background = background
        self.trim = trim
        self.sharpen = sharpen
        self.max_pixels = max_pixels
        self.formats = formats
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _check_images(self, images: NDArray[np.uint8], photographs: list[Any], start: int) -> None:
        blank = [
            name_of(photographs[i], start + i)
            for i, image in enumerate(images)
            if image.max() < _MIN_VISIBLE_LEVEL
        ]
        if blank:
            warn_user(
                f"{len(blank)} of {len(photographs)} images are black or nearly so, because "
                "nothing stands out from the background of the photographs: "
                f"{first_names(blank)}. If an object has the color of its background, photograph "
                "it in front of another one, reduce trim, or leave it out."
            )

    def _canvas(self) -> str | None:
        return {"light": "white", "dark": "black", "auto": None}[self.background]

    def _reduced_size(self, size: tuple[int, int]) -> tuple[int, int] | None:
        width, height = size
        if width * height <= _MIN_DRAFT_PIXELS:
            return None
        part = max(1, max(size) // (_WORKING_SCALE * max(self._checked_image_shape()[:2])))
        return -(-width // part), -(-height // part)

    def _draw(self, photograph: Image, image: NDArray[np.uint8]) -> None:
        """Draw the object into the center of a black image."""
        height, width = image.shape[:2]
        factor = max(1, max(photograph.size) // (_WORKING_SCALE * max(height, width)))
        photograph = without_frame(photograph.reduce(factor))
        background = fit_background(photograph)
        box = box_of_object(photograph, background, 255 * (self.trim or 0))
        if box is None:  # There is only background.
            return
        if self.trim is None:
            box = 0, 0, *photograph.size
        pixels = np.asarray(_subsample(photograph.crop(box), height, width), dtype=np.float32)
        left, top, right, bottom = np.divide(box, 2 * photograph.size).tolist()
        colors = background.colors(pixels.shape[1], pixels.shape[0], (left, top, right, bottom))
        pixels = _brightness(pixels, colors, background.noise)
        if self.sharpen:
            pixels = correlate(pixels, _SHARPENING_KERNEL, mode="nearest").clip(0, 255)
        if image.shape[2:] != (3,):
            pixels = pixels @ _GRAY_WEIGHTS
        # As in Fashion-MNIST, the larger part of an odd margin is at the top and on the left.
        top, left = (height - len(pixels) + 1) // 2, (width - pixels.shape[1] + 1) // 2
        part = image[top : top + len(pixels), left : left + pixels.shape[1]]
        part[:] = np.rint(pixels).reshape(part.shape)
