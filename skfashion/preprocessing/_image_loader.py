"""Photographs as they are, resized."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skfashion._sklearn import StrOptions

from ._loader import Loader
from ._photographs import FORMATS

if TYPE_CHECKING:
    from PIL.Image import Image

RESIZE = ("squeeze", "crop", "pad")
# A JPEG file is decoded at no less than this many times the size of the image.
_DECODED_SCALE = 2


class ImageLoader(Loader):
    """Read photographs and resize them.

    Parameters
    ----------
    image_shape : int or tuple of int, default=(64, 64, 3)
        ``(height, width)`` of gray images, or ``(height, width, channels)`` with 1 channel (gray)
        or 3 (red, green, blue). An int is both height and width.

    resize : {"squeeze", "crop", "pad"}, default="squeeze"
        How photographs of other proportions are resized:

        - "squeeze" changes their proportions, and keeps all that they show.
        - "crop" cuts off the margins, as little as possible.
        - "pad" adds margins in the color `background`.

    background : str or tuple of int, default="white"
        Color behind transparent pixels and of the margins that "pad" adds: a name or ``"#rrggbb"``,
        as in Pillow's :mod:`PIL.ImageColor`, or ``(red, green, blue)`` from 0 to 255.

    max_pixels : int, default=67108864
        A file with more pixels is an error, raised before it is decoded: a small file can hold an
        image that fills memory. A file takes at most 20 bytes per pixel, 1.25 GiB with the
        default, and some seconds. To raise this above Pillow's own limit,
        ``PIL.Image.MAX_IMAGE_PIXELS``, 89478485, raise that too.

    formats : tuple of str, default=("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
        Formats that files may have, by Pillow's names, whatever the names of the files end in.
        Pillow reads AVIF from version 11.3 on, and HEIF after
        ``pillow_heif.register_heif_opener()``. Add other formats for files that you trust only: for
        EPS, Pillow starts Ghostscript.

    n_jobs : int or None, default=None
        Number of threads that read and resize photographs, as joblib counts them: None is 1, -1 is
        one per core. Each of them needs the memory for one file.

    verbose : bool or int, default=False
        Whether to show a progress bar.

    See Also
    --------
    FashionMNISTLoader : Brings photographs of products to the form of Fashion-MNIST.
    skfashion.datasets.load_image_folder : Lists the photographs of a folder.

    Notes
    -----
    Photographs are rotated as their EXIF data say. Of an animation, the first frame is taken.
    Integer pixels of more than 8 bits are scaled, as in :class:`FashionMNISTLoader`. They are
    resized with Pillow's bilinear filter, which averages over all pixels that it leaves out. JPEG
    files are decoded at a half, a quarter or an eighth of their size if that is at least twice the
    size of the image.

    Nothing is learned, so that :meth:`transform` needs no `fit`.
    :class:`~sklearn.pipeline.Pipeline` with `memory` reads the files again in each fit, unless the
    pipeline was made by a function of :mod:`skfashion.pipeline`, whose cache knows whether a file
    has changed. Needs Pillow: ``pip install "skfashion[images]"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import ImageLoader
    >>> photograph = np.full((400, 300, 3), 255, dtype=np.uint8)  # or a path
    >>> ImageLoader((64, 48, 3)).transform([photograph]).shape
    (1, 64, 48, 3)
    """

    _parameter_constraints = {
        **Loader._parameter_constraints,
        "resize": [StrOptions(set(RESIZE))],
        "background": [str, tuple, list],
    }

    def __init__(
        self,
        image_shape: int | tuple[int, ...] = (64, 64, 3),
        *,
        resize: str = "squeeze",
        background: str | tuple[int, int, int] = "white",
        max_pixels: int = 67_108_864,
        formats: tuple[str, ...] = FORMATS,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.image_shape = image_shape
        self.resize = resize
        self.background = background
        self.max_pixels = max_pixels
        self.formats = formats
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _canvas(self) -> tuple[int, int, int]:
        color = self.background
        if color == "white":  # fit loads Pillow only if it must.
            return 255, 255, 255
        from PIL.ImageColor import getrgb

        try:
            rgb = getrgb(color) if isinstance(color, str) else tuple(map(int, color))
        except (TypeError, ValueError):
            rgb = ()
        if len(rgb) != 3 or not all(0 <= level <= 255 for level in rgb):
            raise ValueError(
                "background must be the name of a color, such as 'white', '#rrggbb', or (red, "
                f"green, blue) from 0 to 255; got {color!r}."
            )
        return rgb

    def _reduced_size(self, size: tuple[int, int]) -> tuple[int, int]:
        height, width = self._checked_image_shape()[:2]
        if self.resize == "pad":
            scale = min(width / size[0], height / size[1])
            width, height = round(scale * size[0]), round(scale * size[1])
        return _DECODED_SCALE * width, _DECODED_SCALE * height

    def _draw(self, photograph: Image, image: NDArray[np.uint8]) -> None:
        from PIL import ImageOps
        from PIL.Image import Resampling

        size = image.shape[1::-1]
        if self.resize == "squeeze":
            resized = photograph.resize(size, Resampling.BILINEAR)
        elif self.resize == "crop":
            resized = ImageOps.fit(photograph, size, Resampling.BILINEAR)
        else:
            resized = ImageOps.pad(photograph, size, Resampling.BILINEAR, self._canvas())
        if image.shape[2:] != (3,):
            resized = resized.convert("L")
        image[:] = np.asarray(resized).reshape(image.shape)
