"""Reader of IDX files, the binary form in which MNIST and Fashion-MNIST are published."""

import gzip
import io
import math
import os
import struct
import sys
import zlib
from os import PathLike

import numpy as np

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
# numpy 1.x holds no more dimensions than this (numpy 2 holds 64); one limit for both.
_MAX_DIMENSIONS = 32
_CHUNK_BYTES = 1 << 20


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def read_idx(path):
    """Read an IDX file of unsigned bytes, plain or gzip-compressed.

    Whether the file is compressed is decided by its first two bytes, never by its name. No
    more memory is taken than the header promises and the file's bytes back, and a compressed file
    may hold 64 MiB, or 100 times its own size if that is more, so that a damaged or hostile file
    cannot exhaust the machine.

    Parameters
    ----------
    path : str or path-like
        File to read, for instance ``train-images-idx3-ubyte.gz``.

    Returns
    -------
    array : ndarray of dtype uint8
        Values in 0..255, in the shape that the header states: ``(n, 28, 28)`` for
        Fashion-MNIST's images, ``(n,)`` for its labels. Writable, C-contiguous.

    Raises
    ------
    ValueError
        If the file is not IDX of unsigned bytes with 1 to 32 dimensions, is shorter or longer
        than its header promises, or is a damaged gzip stream or one that holds too much.
    OSError
        If there is no such file (FileNotFoundError), or it is none, such as a folder or a FIFO.

    See Also
    --------
    fetch_fashion_mnist : The data set itself, found or downloaded, and checked.
    read_fashion_csv : The same images in the form of a CSV file.

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


def load_idx(path, *, shape=None, hasher=None):
    """Read an IDX file as `read_idx` does, for callers who know what should be in it.

    Parameters
    ----------
    path : str or path-like
        File to read.
    shape : tuple of int, default=None
        The one shape to accept. Any other is refused before the data are read.
    hasher : hashlib object, default=None
        Is fed the decompressed bytes of the whole file, header included, so that checking and
        parsing need one decompression, not two.

    Returns
    -------
    array : ndarray of dtype uint8
        The file's content.

    Raises
    ------
    ValueError
        As `read_idx`, or if the header's shape is not `shape`.
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
                f"{path}: expected a whole gzip stream, found a damaged or truncated one "
                f"({error}). Download or copy the file again."
            ) from error


def _parse(stream, path, shape, hasher):
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
    # numpy multiplies the sizes that are not 0, even where another one is 0.
    if math.prod(size for size in found_shape if size) > sys.maxsize:
        raise ValueError(
            f"{path}: expected at most {sys.maxsize} bytes of data, found a header that promises "
            f"shape {found_shape}: the header is damaged. Download or copy the file again."
        )

    promised = math.prod(found_shape)
    # One byte more than promised: it shows trailing bytes without reading them all, and at the
    # end of a gzip stream it makes the checksum be verified.
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


def _check_magic(magic, path):
    """Return the number of dimensions that a magic number states."""
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(
            f"{path}: expected an IDX file, which begins with the bytes 00 00 08 and the number "
            f"of dimensions, found {magic.hex(' ') or 'an empty file'}. Check that this is the "
            "right file and that it was downloaded whole."
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


def _read_at_most(stream, n_bytes):
    """Read up to `n_bytes`, taking memory only as bytes arrive, whatever was promised."""
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(_CHUNK_BYTES, n_bytes - len(content)))
        if not chunk:
            break
        content += chunk
    return content
