"""Reader of IDX files, the binary format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import sys
import zlib
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skfashion._files import BombError, Unpacked, local_path, open_regular
from skfashion._sklearn import validate_params

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
_OTHER_TYPES = {
    0x09: "signed byte",
    0x0B: "short",
    0x0C: "int",
    0x0D: "float",
    0x0E: "double",
}
# The limit of numpy 1. That of numpy 2 is 64.
_MAX_DIMENSIONS = 32
_CHUNK_BYTES = 1 << 20


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def read_idx(path: str | PathLike[str]) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip-compressed.

    The first two bytes of the file tell whether it is compressed, not its name. A damaged or
    hostile file cannot exhaust memory: reading takes no more memory than the header promises and
    the file contains, and a compressed file may contain 64 MiB, or 100 times its own size if that
    is more.

    Parameters
    ----------
    path : str or path-like
        File to read, for instance ``train-images-idx3-ubyte.gz``.

    Returns
    -------
    array : ndarray of dtype uint8
        Values in 0..255, in the shape given by the header: ``(n, 28, 28)`` for the images of
        Fashion-MNIST, ``(n,)`` for its labels. Writable, C-contiguous.

    Raises
    ------
    ValueError
        If the file does not contain unsigned bytes with 1 to 32 dimensions, is shorter or longer
        than its header promises, or is a gzip stream that is damaged or contains too much.
    OSError
        If the file does not exist (FileNotFoundError) or is not a regular file.

    See Also
    --------
    fetch_fashion_mnist : Finds or downloads the data set.
    read_fashion_csv : Reads the data set as a CSV file.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits",
       section "The IDX file format".

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfashion.datasets import read_idx
    >>> header = bytes([0, 0, 8, 2]) + bytes([0, 0, 0, 2]) + bytes([0, 0, 0, 3])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tiny-idx2-ubyte"
    ...     _ = path.write_bytes(header + bytes([0, 50, 100, 150, 200, 250]))
    ...     read_idx(path)
    array([[  0,  50, 100],
           [150, 200, 250]], dtype=uint8)
    """
    return load_idx(path)


def load_idx(
    path: str | PathLike[str], *, shape: tuple[int, ...] | None = None, hasher: Any = None
) -> NDArray[np.uint8]:
    """Read an IDX file whose shape or hash is known.

    Parameters
    ----------
    path : str or path-like
        File to read.
    shape : tuple of int, default=None
        Expected shape. A file of another shape is refused before its data are read.
    hasher : hashlib object, default=None
        Updated with all decompressed bytes of the file, so that it is decompressed only once.

    Returns
    -------
    array : ndarray of dtype uint8
        Content of the file.

    Raises
    ------
    ValueError
        As in `read_idx`, or if the shape in the header is not `shape`.
    """
    path = local_path(path)
    with open_regular(path) as file:
        stream = file
        if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            n_packed = os.fstat(file.fileno()).st_size
            stream = io.BufferedReader(Unpacked(gzip.GzipFile(fileobj=file), n_packed))
        try:
            return _parse(stream, path, shape, hasher)
        except BombError as error:
            raise ValueError(f"{path}: {error}.") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path}: expected a complete gzip stream, found a damaged or truncated one "
                f"({error}). Download or copy the file again."
            ) from error


def _parse(
    stream: BinaryIO | io.BufferedReader, path: Path, shape: tuple[int, ...] | None, hasher: Any
) -> NDArray[np.uint8]:
    """Parse decompressed IDX bytes up to the end of `stream`."""
    magic = _read_at_most(stream, 4)
    n_dimensions = _check_magic(magic, path)
    sizes = _read_at_most(stream, 4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise ValueError(
            f"{path}: expected {n_dimensions} sizes of 4 bytes each after the magic number, "
            f"found {len(sizes)} bytes: the file is truncated. Download or copy it again."
        )
    found_shape = struct.unpack(f">{n_dimensions}I", sizes)
    if shape is not None and found_shape != tuple(shape):
        raise ValueError(
            f"{path}: expected an array of shape {tuple(shape)}, found a header that promises "
            f"{found_shape}: this is another file. Replace it by the right one."
        )
    # numpy multiplies the sizes that are not 0, even if another one is 0.
    if math.prod(size for size in found_shape if size) > sys.maxsize:
        raise ValueError(
            f"{path}: expected at most {sys.maxsize} bytes of data, found a header that promises "
            f"shape {found_shape}: the header is damaged. Download or copy the file again."
        )

    promised = math.prod(found_shape)
    # One byte more than promised shows that there are trailing bytes. At the end of a gzip stream,
    # it triggers the check of the checksum.
    content = _read_at_most(stream, promised + 1)
    if len(content) != promised:
        more = len(content) > promised
        raise ValueError(
            f"{path}: expected {promised} bytes of data for shape {found_shape}, found "
            f"{'trailing bytes after them' if more else f'{len(content)}: it is truncated'}. "
            "Download or copy the file again."
        )
    if hasher is not None:
        for part in (magic, sizes, content):
            hasher.update(part)
    return np.frombuffer(content, dtype=np.uint8).reshape(found_shape)


def _check_magic(magic: bytearray, path: Path) -> int:
    """Return the number of dimensions in a magic number."""
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(
            f"{path}: expected an IDX file, which begins with the bytes 00 00 08 and the number "
            f"of dimensions, found {magic.hex(' ') or 'an empty file'}. Check that this is the "
            "right file and that its download was complete."
        )
    kind, n_dimensions = magic[2], magic[3]
    if kind != _UNSIGNED_BYTE:
        raise ValueError(
            f"{path}: expected IDX values of type 0x08 (unsigned byte), found 0x{kind:02x} "
            f"({_OTHER_TYPES.get(kind, 'no IDX type')}). Convert the values to unsigned bytes."
        )
    if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        raise ValueError(
            f"{path}: expected 1 to {_MAX_DIMENSIONS} dimensions, found {n_dimensions}. Check "
            "that this is the right file."
        )
    return n_dimensions


def _read_at_most(stream: BinaryIO | io.BufferedReader, n_bytes: int) -> bytearray:
    """Read up to `n_bytes`. Memory grows only as bytes arrive."""
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(_CHUNK_BYTES, n_bytes - len(content)))
        if not chunk:
            break
        content += chunk
    return content
