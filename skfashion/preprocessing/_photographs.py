"""Photographs, whatever they come as, to images of Pillow in 8-bit RGB."""

import errno
import io
import os
import struct
import threading
import zlib
from collections.abc import Iterable
from contextlib import contextmanager
from math import isqrt

import numpy as np

from skfashion._files import local_path, open_regular

# What Pillow raises where the content of a file is not what its format says.
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # of which NotImplementedError is one
    struct.error,
    zlib.error,
)
# Formats of Pillow whose readers are part of it, or of pillow-heif, and start no other program.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
_EXPECTED_ITEMS = "a path, a binary file, an image of Pillow, or an array of pixels"
_FORMATS_HINT = "The parameter formats of ImageLoader allows others."
_FORMAT_VARIANTS = ("MPO",)  # what Pillow calls a JPEG file of several pictures
_JPEG_FORMATS = ("JPEG", "MPO")
# JPEG files of more pixels are decoded at a half, a quarter or an eighth of their size.
_MIN_DRAFT_PIXELS = 2**24
_MAX_SCANS = 32  # of a progressive JPEG file of as many pixels as there may be
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # tags of TIFF
_MAX_CANVAS_PIXELS = 2**21  # by which the colour of a canvas is chosen
_loading_lock = threading.Lock()
_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 258, 281  # tags of TIFF
_MIN_WHITE_LEVEL = 191  # mean of an object that would not show on white
_HINTS_BY_TYPE = {
    bytes: " Wrap the content of a file in io.BytesIO.",
    list: " Pass one list of images, not a list of lists; pixels as an array.",
}


def load_pillow():
    """Return ``PIL.Image``, which takes a while to load, or say how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('ImageLoader needs Pillow: pip install "skfashion[images]"') from error
    return Image


def list_of_photographs(X):
    """Return the photographs in `X` one by one, or raise a ValueError if `X` is no list of them."""
    if is_path(X) or hasattr(X, "read") or isinstance(X, load_pillow().Image):
        raise ValueError(
            f"Expected a list of images, got one ({type(X).__name__}): wrap it in a list, [X]."
        )
    if getattr(X, "shape", ())[1:] == (1,) and (column := np.asarray(X)).dtype.kind in "OUT":
        X = column[:, 0]
    ndim = 1 if isinstance(X, list | tuple) else getattr(X, "ndim", 0)
    if ndim == 2 or (ndim == 3 and X.shape[2] in (3, 4)):
        raise ValueError(
            f"Expected a list of images, got an array of shape {X.shape}: if it is one image, wrap "
            "it in a list, [X]; if it is many, pass list(X); of a table, pass one column of paths. "
            "Rows of pixels need no loader: leave from_files at False."
        )
    if ndim not in (1, 3, 4):
        got = f"{type(X).__name__} of shape {X.shape}." if ndim else f"{type(X).__name__}."
        hint = " Pass list(X)." if isinstance(X, Iterable) and not ndim else ""
        raise ValueError(
            "Expected images as a list, a column, or an array of shape (n, height, width) or "
            f"(n, height, width, channels); got {got}{hint}"
        )
    if not len(X):
        raise ValueError("Expected at least one image, found array with 0 sample(s) (shape=(0,)).")
    return list(X)


def registered_formats(formats):
    """Return those of the parameter `formats` that Pillow can read here.

    Raises
    ------
    ValueError
        If Pillow does not know one that is not among `FORMATS`.
    """
    Image = load_pillow()
    Image.init()
    names = [str(name).upper() for name in formats]
    unknown = [name for name in names if name not in Image.OPEN and name not in FORMATS]
    if unknown:
        raise ValueError(
            f"formats must be names of formats that Pillow reads, {', '.join(sorted(Image.OPEN))}; "
            f"got {unknown[0]!r}."
        )
    return [name for name in names if name in Image.OPEN]


def read_rgb(item, position, *, canvas, max_pixels, formats, needed):
    """Read one photograph.

    Parameters
    ----------
    item : str, os.PathLike, binary file, PIL.Image.Image or ndarray
        A file is read from where it stands, and put back there if it can be.
    position : int
        In `X`, for the errors.
    canvas : str or None
        Colour that is seen through what is transparent. None: if most of the border is transparent,
        white, or black where the object is nearly white; else what the border is nearer to.
    max_pixels : int
        How many a file or an image of Pillow may have.
    needed : int
        Pixels of the longer side that are enough.
    formats : list of str
        Of files, by Pillow's names.

    Returns
    -------
    PIL.Image.Image
        Of mode "RGB", upright, with at least one pixel; a new one.

    Raises
    ------
    OSError
        If the system cannot open or read the file.
    ValueError
        If the file holds no whole image, or the item is none, or has too many pixels.
    """
    name = name_of(item, position)
    if isinstance(item, np.ndarray):
        return _as_rgb(_from_array(item, name), canvas, name)
    if isinstance(item, load_pillow().Image):
        if not getattr(item, "tile", None):  # read already
            _check_size(item.size, max_pixels, name)
            return _as_rgb(item, canvas, name)
        if item.format not in (*formats, *_FORMAT_VARIANTS):
            raise ValueError(
                f"{name}: expected an image in one of the formats {', '.join(formats)}, got one in "
                f"{item.format}. {_FORMATS_HINT}"
            )
        with _loading_lock, _pillow_errors(name):  # threads may have the same one
            if getattr(item, "tile", None):
                _check_cost(item, item.fp, max_pixels, name)
            item.load()
        return _as_rgb(item, canvas, name)
    if not (is_path(item) or hasattr(item, "read")):
        hint = _HINTS_BY_TYPE.get(type(item), "")
        raise ValueError(f"{name}: expected {_EXPECTED_ITEMS}; got {type(item).__name__}.{hint}")
    with _opened(item, name) as file:
        with _pillow_errors(name, formats):
            image = load_pillow().open(file, formats=formats)
        with image:
            with _pillow_errors(name):
                _check_cost(image, file, max_pixels, name)
                _decode_smaller(image, needed)
            return _as_rgb(image, canvas, name, is_own=True)


def is_path(item):
    return isinstance(item, str | os.PathLike)


def name_of(item, position):
    """Return what errors call a photograph: where it is in `X`, and its file if it has one."""
    file = item if is_path(item) else getattr(item, "name", getattr(item, "filename", None))
    is_known = is_path(item) or (is_path(file) and file)  # "" of an image that has no file
    return f"X[{position}] ({os.fspath(file)!r})" if is_known else f"X[{position}]"


@contextmanager
def _opened(item, name):
    if not is_path(item):
        yield io.BytesIO(_read_rest(item, name))
        return
    try:
        local_path(item)
    except FileNotFoundError as error:
        raise ValueError(f"{name}: {error.strerror}.") from error
    if os.path.isdir(item):
        raise IsADirectoryError(
            errno.EISDIR,
            f"{name}: expected the path of an image, got a folder: pass the paths in it, as in "
            "sorted(pathlib.Path(folder).iterdir())",
            os.path.abspath(item),
        )
    try:
        file = open_regular(item)  # closed below; errors of its use are not of opening
    except OSError as error:
        raise OSError(
            error.errno, f"{name} cannot be opened: {error.strerror}", os.path.abspath(item)
        ) from error
    except ValueError as error:  # a null character
        raise ValueError(f"{name}: expected the path of an image, but {error}.") from error
    with file:
        yield file


def _read_rest(file, name):
    if getattr(file, "closed", False):
        raise ValueError(f"{name}: expected an open file, got a closed one: open it again.")
    can_return = getattr(file, "seekable", bool)()
    start = file.tell() if can_return else None
    content = file.read()
    if can_return:
        file.seek(start)
    if not isinstance(content, bytes):
        raise ValueError(f"{name}: expected a binary file, got one of text: open it with 'rb'.")
    if not content:
        raise ValueError(
            f"{name}: expected an image, but nothing is left to read: was the file read before? "
            "Then file.seek(0) first."
        )
    return content


@contextmanager
def _pillow_errors(name, formats=()):
    Image = load_pillow()
    try:
        yield
    except TooLargeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            f"{name} may be a decompression bomb: {error} Shrink it, or set "
            "PIL.Image.MAX_IMAGE_PIXELS and max_pixels of ImageLoader if you trust it."
        ) from error
    except Image.UnidentifiedImageError as error:  # whose text names an object only
        raise ValueError(
            f"{name}: expected an image in one of the formats {', '.join(formats)}, but Pillow "
            "cannot identify it: it may be something else or a damaged file, or have pixels of a "
            f"kind that Pillow does not read, such as 64-bit ones. {_FORMATS_HINT}"
        ) from error
    except _DECODING_ERRORS as error:
        if getattr(error, "errno", None) is not None:  # the system's own, such as of a bad disk
            raise OSError(error.errno, f"{name} cannot be read: {error.strerror}") from error
        known = f" in one of the formats {', '.join(formats)}" if formats else ""
        raise ValueError(
            f"{name}: expected an image{known}, found something else or a damaged file: "
            f"{str(error).strip()}{'. ' + _FORMATS_HINT if formats else ''}"
        ) from error


def _check_size(size, max_pixels, name):
    width, height = size
    if width * height > max_pixels:
        raise TooLargeError(
            f"{name} has {width} x {height} pixels, more than the {max_pixels:,} of max_pixels, "
            "and may be a decompression bomb. Shrink it, or raise max_pixels if you trust it."
        )


class TooLargeError(ValueError):
    """A photograph would take more memory or time than it may."""


def _check_cost(image, file, max_pixels, name):
    """Raise an error if an image, which is not yet read, would take too much memory or time."""
    _check_size(image.size, max_pixels, name)
    if image.format in _JPEG_FORMATS:
        n_pixels = image.size[0] * image.size[1]
        if n_pixels * _count_scans(file) > _MAX_SCANS * max_pixels:
            raise TooLargeError(
                f"{name} has {image.size[0]} x {image.size[1]} pixels in {_count_scans(file)} "
                "scans, which would take long to decode. Save it as another file, or raise "
                "max_pixels if you trust it."
            )
    tags = getattr(image, "tag_v2", {})
    tile = _max_tag_value(tags, _TILE_WIDTH), _max_tag_value(tags, _TILE_HEIGHT)
    _check_size(tile, max_pixels, f"A tile of {name}")


def _count_scans(file):
    """Count the scans of a JPEG file; few of them are those of pictures within it."""
    here = file.tell()
    file.seek(0)
    count, last = 0, b""
    while content := file.read(2**20):
        count += (last + content).count(b"\xff\xda")
        last = content[-1:]
    file.seek(here)
    return count


def _decode_smaller(image, needed):
    """Have a large JPEG file decoded at a part of its size, if `needed` pixels a side are left."""
    if image.format not in _JPEG_FORMATS or image.size[0] * image.size[1] <= _MIN_DRAFT_PIXELS:
        return
    part = max(1, max(image.size) // needed)
    image.draft(None, [-(-side // part) for side in image.size])


def _check_not_empty(shape, name):
    if 0 in shape:
        raise ValueError(f"{name}: expected at least one pixel, got an image of shape {shape}.")


def _from_array(array, name):
    shape = array.shape
    if not (array.ndim == 2 or (array.ndim == 3 and 1 <= shape[2] <= 4)):
        raise ValueError(
            f"{name}: expected an array of shape (height, width) or (height, width, channels) with "
            f"1 to 4 channels, got one of shape {shape}."
        )
    _check_not_empty(shape, name)
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype != np.uint8:
        array = _to_bytes(array, name)
    return load_pillow().fromarray(np.ascontiguousarray(array))


def _to_bytes(array, name):
    if array.dtype.kind not in "bf":
        raise ValueError(
            f"{name}: expected bytes from 0 to 255 (uint8), or floating-point numbers or booleans "
            f"from 0 to 1; got {array.dtype}. Convert pixels from 0 to 255 by .astype('uint8'); "
            "divide others by the largest that there can be, such as 65535."
        )
    low, high = array.min(), array.max()
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{name}: expected pixels from 0 to 1, got NaN or infinite ones.")
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name}: expected pixels from 0 to 1 in an array of {array.dtype}, got {low:g} to "
            f"{high:g}. Divide by the largest pixel there can be, or pass bytes (uint8)."
        )
    return np.rint(array * np.float32(255)).astype(np.uint8)


def _as_rgb(image, canvas, name, *, is_own=False):
    """Return a photograph in RGB; where it `is_own`, nobody else needs it as it was."""
    from PIL import ImageOps

    _check_not_empty(image.size, name)
    Image = load_pillow()
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    is_deep = ";16" in str(
        getattr(image, "tile", "")
    )  # which says how to read it, until it is read
    with _pillow_errors(name):
        upright = ImageOps.exif_transpose(image, in_place=is_own) or image
    if upright.mode.startswith(("I", "F")):  # 16 bits and more, which Pillow would clip to 8
        pixels = np.asarray(upright)
        if pixels.dtype.kind in "iu":
            if pixels.min() < 0:
                raise ValueError(
                    f"{name}: expected pixels of at least 0, got some of {pixels.min()} (mode "
                    f"{upright.mode!r})."
                )
            white = _white_level(pixels.max(), tags, name)
            pixels = np.divide(pixels, np.float32(white), dtype=np.float32)
        upright = _from_array(pixels, name)
    elif is_deep and upright.mode in ("LA", "RGB", "RGBA"):  # Pillow keeps the upper 8 bits
        colors = upright.getextrema()[: 1 if upright.mode == "LA" else 3]
        _check_depth(max(high for _, high in colors) << 8, name)
    with _pillow_errors(name):
        if upright.mode == "La":  # premultiplied, which Pillow converts to one mode only
            upright = upright.convert("LA")
        if upright.has_transparency_data:
            upright = upright if upright.mode == "RGBA" else upright.convert("RGBA")
            color = canvas or _canvas_of(upright)
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, color), upright)
        return upright.convert("RGB")


def _white_level(highest, tags, name):
    """Return the level that is white, of integer pixels of more than 8 bits."""
    told = _max_tag_value(tags, _MAX_SAMPLE_VALUE)
    if told and highest <= told:
        return told
    bits = _max_tag_value(tags, _BITS_PER_SAMPLE)
    if 8 < bits < 16:
        return 2**bits - 1
    if highest <= 255:  # bytes, as Pillow's own conversions leave them
        return 255
    _check_depth(highest, name)
    return 65535


def _max_tag_value(tags, number):
    value = tags.get(number)
    values = value if isinstance(value, tuple) else (value,)
    return max((n for n in values if isinstance(n, int)), default=0)


def _check_depth(highest, name):
    if highest < 2**14:
        raise ValueError(
            f"{name}: expected pixels of up to 65535, as 16 bits hold, found none above {highest}: "
            "they may have 10, 12 or 14 bits, which the file does not tell. Convert it to 8 bits, "
            "or pass an array, divided by the largest pixel there can be."
        )


def _canvas_of(image):
    # Of a large one, a smaller one tells enough.
    factor = max(1, isqrt(image.size[0] * image.size[1] // _MAX_CANVAS_PIXELS))
    pixels = np.asarray(image.reduce(factor) if factor > 1 else image)
    alpha = pixels[:, :, 3] / np.float32(255)
    if not alpha.any():
        return "white"
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    if np.median(border) < 0.5:  # an object, cut out
        return "black" if _mean_level(pixels, alpha) > _MIN_WHITE_LEVEL else "white"
    alpha[1:-1, 1:-1] = 0
    return "white" if _mean_level(pixels, alpha) > 127.5 else "black"


def _mean_level(pixels, alpha):
    return np.average(pixels[:, :, :3].mean(axis=2), weights=alpha)
