"""Read photographs from paths, files, Pillow images or arrays as 8-bit RGB images of Pillow."""

from __future__ import annotations

import errno
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isqrt
from numbers import Real
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skfashion._files import local_path, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

# Exceptions that Pillow raises for damaged files.
_DECODING_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # Including NotImplementedError.
    struct.error,
    zlib.error,
)
# Formats whose readers are part of Pillow or pillow-heif and start no other program.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
_EXPECTED_ITEMS = "a path, a binary file, an image of Pillow, or an array of pixels"
_FORMATS_HINT = "The parameter formats of the loader allows others."
_FORMAT_VARIANTS = ("MPO",)  # Pillow's name of JPEG files with several pictures.
_JPEG_FORMATS = ("JPEG", "MPO")
_MAX_SCANS = 32  # In a progressive JPEG file of `max_pixels` pixels. Smaller files may have more.
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # Tags of TIFF.
_MAX_CANVAS_PIXELS = 2**21  # The canvas of a larger image is chosen from a reduced copy.
_loading_lock = threading.Lock()
_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 258, 281  # Tags of TIFF.
_MIN_WHITE_LEVEL = 191  # An object with a higher mean is put on black.
_HINTS_BY_TYPE: dict[type, str] = {
    bytes: " Wrap the content of a file in io.BytesIO.",
    list: " Pass one list of images, not a list of lists; pixels as an array.",
}


def load_pillow() -> ModuleType:
    """Import and return ``PIL.Image``. Raise an ImportError if Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('Photographs need Pillow: pip install "skfashion[images]"') from error
    return Image


def list_of_photographs(X: Any) -> list[Any]:
    """Return a list of the photographs in `X`. Raise a ValueError if `X` is not a list of them."""
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


def registered_formats(formats: Sequence[str]) -> list[str]:
    """Return the formats that the installed Pillow can read.

    Raises
    ------
    ValueError
        If Pillow does not know a format that is not in `FORMATS`.
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


def holds_photographs(X: Any) -> bool:
    """Return whether `X` is a list of photographs, not an array of numbers.

    The first item decides. A list counts as photographs unless it begins with a number or a row of
    numbers. If it does not contain photographs either, the error names a wrong item.
    """
    if is_path(X) or isinstance(X, Iterator) or hasattr(X, "read"):
        return True
    if getattr(X, "shape", ())[1:] == (1,):
        X = np.asarray(X)[:, 0]
    if not isinstance(X, list | tuple) and getattr(X, "ndim", 0) != 1:
        return False
    first = next(iter(X), None)
    if isinstance(first, np.ndarray):
        return first.ndim > 1
    # NumPy's strings are both str and np.generic.
    return isinstance(first, str | bytes) or not isinstance(first, Real | np.generic | list | tuple)


def check_header(item: Any, position: int, *, max_pixels: int, formats: Sequence[str]) -> None:
    """Raise an error if a file is not an image or has too many pixels, without decoding it.

    Parameters
    ----------
    item, position, max_pixels, formats
        As in :func:`read_rgb`. Only paths are checked.
    """
    if not is_path(item):
        return
    name = name_of(item, position)
    with _opened(item, name) as file:
        with _pillow_errors(name, formats):
            image = load_pillow().open(file, formats=formats)
        _check_size(image.size, max_pixels, name)


def read_rgb(
    item: Any,
    position: int,
    *,
    canvas: Any,
    max_pixels: int,
    formats: Sequence[str],
    reduced_size: Callable[[tuple[int, int]], tuple[int, int] | None],
) -> Image:
    """Read one photograph.

    Parameters
    ----------
    item : str, os.PathLike, binary file, PIL.Image.Image or ndarray
        The photograph. A file is read from its current position, and put back there if possible.
    position : int
        Position in `X`, for error messages.
    canvas : str, tuple of int or None
        Color behind transparent pixels. None is white, or black behind a nearly white object, if
        most of the border is transparent; else the one that the border is nearer to.
    max_pixels : int
        Maximum number of pixels of a file or an image of Pillow.
    reduced_size : callable
        Function from the width and height of a JPEG file to those that suffice, or to None if all
        pixels are needed.
    formats : list of str
        Formats of files, by Pillow's names.

    Returns
    -------
    PIL.Image.Image
        New image of mode "RGB", upright, with at least one pixel.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    ValueError
        If the item is not an image, or is damaged, or has too many pixels.
    """
    name = name_of(item, position)
    if isinstance(item, np.ndarray):
        return _as_rgb(_from_array(item, name), canvas, name)
    if isinstance(item, load_pillow().Image):
        if not getattr(item, "tile", None):  # It has been read already.
            _check_size(item.size, max_pixels, name)
            return _as_rgb(item, canvas, name)
        if item.format not in (*formats, *_FORMAT_VARIANTS):
            raise ValueError(
                f"{name}: expected an image in one of the formats {', '.join(formats)}, got one in "
                f"{item.format}. {_FORMATS_HINT}"
            )
        with _loading_lock, _pillow_errors(name):  # Threads may share the image.
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
                _decode_smaller(image, reduced_size)
            return _as_rgb(image, canvas, name, is_own=True)


def is_path(item: Any) -> bool:
    return isinstance(item, str | os.PathLike)


def name_of(item: Any, position: int) -> str:
    """Return the name of a photograph in messages: its position in `X`, and its file if any."""
    file: Any = item if is_path(item) else getattr(item, "name", getattr(item, "filename", None))
    is_known = is_path(item) or (is_path(file) and file)  # "" is not a name.
    return f"X[{position}] ({os.fspath(file)!r})" if is_known else f"X[{position}]"


@contextmanager
def _opened(item: Any, name: str) -> Iterator[BinaryIO]:
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
        file = open_regular(item)
    except OSError as error:
        raise OSError(
            error.errno, f"{name} cannot be opened: {error.strerror}", os.path.abspath(item)
        ) from error
    except ValueError as error:  # A null character.
        raise ValueError(f"{name}: expected the path of an image, but {error}.") from error
    with file:
        yield file


def _read_rest(file: Any, name: str) -> bytes:
    if getattr(file, "closed", False):
        raise ValueError(f"{name}: expected an open file, got a closed one. Open it again.")
    can_return = getattr(file, "seekable", bool)()
    start = file.tell() if can_return else None
    content = file.read()
    if can_return:
        file.seek(start)
    if not isinstance(content, bytes):
        raise ValueError(f"{name}: expected a binary file, got a text file. Open it with 'rb'.")
    if not content:
        raise ValueError(
            f"{name}: expected an image, but nothing is left to read: was the file read before? "
            "Then file.seek(0) first."
        )
    return content


@contextmanager
def _pillow_errors(name: str, formats: Sequence[str] = ()) -> Iterator[None]:
    Image = load_pillow()
    try:
        yield
    except TooLargeError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            f"{name} may be a decompression bomb: {error} Shrink it, or set "
            "PIL.Image.MAX_IMAGE_PIXELS and max_pixels of the loader if you trust it."
        ) from error
    except Image.UnidentifiedImageError as error:  # Its message names an object only.
        raise ValueError(
            f"{name}: expected an image in one of the formats {', '.join(formats)}, but Pillow "
            "cannot identify it. It may be something else or a damaged file, or have pixels that "
            f"Pillow does not read, such as 64-bit ones. {_FORMATS_HINT}"
        ) from error
    except _DECODING_ERRORS as error:
        # An error of the operating system, such as a bad disk.
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, f"{name} cannot be read: {error.strerror}") from error
        known = f" in one of the formats {', '.join(formats)}" if formats else ""
        raise ValueError(
            f"{name}: expected an image{known}, found something else or a damaged file: "
            f"{str(error).strip()}{'. ' + _FORMATS_HINT if formats else ''}"
        ) from error


def _check_size(size: tuple[int, ...], max_pixels: int, name: str) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooLargeError(
            f"{name} has {width} x {height} pixels, more than the {max_pixels:,} of max_pixels, "
            "and may be a decompression bomb. Shrink it, or raise max_pixels if you trust it."
        )


class TooLargeError(ValueError):
    """A photograph would take too much memory or time."""


def _check_cost(image: Any, file: Any, max_pixels: int, name: str) -> None:
    """Raise a TooLargeError if decoding an image would take too much memory or time."""
    _check_size(image.size, max_pixels, name)
    if image.format in _JPEG_FORMATS:
        n_pixels = image.size[0] * image.size[1]
        if n_pixels * _count_scans(file) > _MAX_SCANS * max_pixels:
            raise TooLargeError(
                f"{name} has {image.size[0]} x {image.size[1]} pixels in {_count_scans(file)} "
                "scans, which would take long to decode. Save it again without them, or raise "
                "max_pixels if you trust it."
            )
    tags = getattr(image, "tag_v2", {})
    tile = _max_tag_value(tags, _TILE_WIDTH), _max_tag_value(tags, _TILE_HEIGHT)
    _check_size(tile, max_pixels, f"A tile of {name}")


def _count_scans(file: Any) -> int:
    """Count the scans of a JPEG file, including those of embedded pictures."""
    here = file.tell()
    file.seek(0)
    count, last = 0, b""
    while content := file.read(io.DEFAULT_BUFFER_SIZE):
        count += (last + content).count(b"\xff\xda")
        last = content[-1:]
    file.seek(here)
    return count


def _decode_smaller(
    image: Any, reduced_size: Callable[[tuple[int, int]], tuple[int, int] | None]
) -> None:
    """Let Pillow decode a JPEG file at a reduced size, if that is enough."""
    if image.format in _JPEG_FORMATS and (size := reduced_size(image.size)):
        image.draft(None, size)


def _check_not_empty(shape: tuple[int, ...], name: str) -> None:
    if 0 in shape:
        raise ValueError(f"{name}: expected at least one pixel, got an image of shape {shape}.")


def _from_array(array: NDArray, name: str) -> Image:
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


def _to_bytes(array: NDArray, name: str) -> NDArray:
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


def _as_rgb(image: Any, canvas: Any, name: str, *, is_own: bool = False) -> Image:
    """Return a photograph in RGB. It may be changed in place if it `is_own`."""
    from PIL import ImageOps

    _check_not_empty(image.size, name)
    Image = load_pillow()
    tags = getattr(image, "tag_v2", {})  # Of a TIFF file.
    # Until the image is decoded, `tile` says how many bits its samples have.
    is_deep = ";16" in str(getattr(image, "tile", ""))
    with _pillow_errors(name):
        if is_own:
            ImageOps.exif_transpose(image, in_place=True)
            upright = image
        else:
            upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):  # 16 bits and more. Pillow would clip them to 8.
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
    elif is_deep and upright.mode in ("RGB", "RGBA"):  # Pillow keeps the upper 8 bits.
        colors: Any = upright.getextrema()[:3]
        _check_depth(max(high for _, high in colors) << 8, name)
    with _pillow_errors(name):
        if upright.mode == "La":  # Premultiplied. Pillow converts it to LA only.
            upright = upright.convert("LA")
        if upright.has_transparency_data:
            upright = upright if upright.mode == "RGBA" else upright.convert("RGBA")
            color = canvas or _canvas_of(upright)
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, color), upright)
        return upright.convert("RGB")


def _white_level(highest: int, tags: Any, name: str) -> int:
    """Return the level of white in integer pixels of more than 8 bits."""
    declared = _max_tag_value(tags, _MAX_SAMPLE_VALUE)
    if declared and highest <= declared:
        return declared
    bits = _max_tag_value(tags, _BITS_PER_SAMPLE)
    if 8 < bits < 16:
        return 2**bits - 1
    if highest <= 255:  # Bytes that Pillow has converted.
        return 255
    _check_depth(highest, name)
    return 65535


def _max_tag_value(tags: Any, number: int) -> int:
    value = tags.get(number)
    values = value if isinstance(value, tuple) else (value,)
    return max((n for n in values if isinstance(n, int)), default=0)


def _check_depth(highest: int, name: str) -> None:
    if highest < 2**14:
        raise ValueError(
            f"{name}: expected pixels of up to 65535 (16 bits), found none above {highest}: they "
            "may have 10, 12 or 14 bits, but the file does not say so. Convert it to 8 bits, or "
            "pass an array, divided by the largest possible pixel."
        )


def _canvas_of(image: Any) -> str:
    # A smaller image is enough.
    factor = max(1, isqrt(image.size[0] * image.size[1] // _MAX_CANVAS_PIXELS))
    pixels = np.asarray(image.reduce(factor))
    alpha = pixels[:, :, 3] / np.float32(255)
    if not alpha.any():
        return "white"
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    if np.median(border) < 0.5:  # A cut-out object.
        return "black" if _mean_level(pixels, alpha) > _MIN_WHITE_LEVEL else "white"
    alpha[1:-1, 1:-1] = 0
    return "white" if _mean_level(pixels, alpha) > 127.5 else "black"


def _mean_level(pixels: NDArray, alpha: NDArray) -> float:
    return np.average(pixels[:, :, :3].mean(axis=2), weights=alpha)
