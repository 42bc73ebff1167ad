"""Files that are whole or absent, and arrays in temporary ones."""

import errno
import os
import re
import tempfile
import uuid
import weakref
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np

_HOST = f"{uuid.getnode():x}"


@contextmanager
def replacing(path):
    """Have a file written beside `path`, and put in its place once it is whole.

    Parameters
    ----------
    path : str or os.PathLike
        What the file is to be called. Its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write, with the same ending. After an error, what was written is removed and what
        was at `path` is still there.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "There is no such folder to write to", str(path.parent)
        )
    unfinished = path.with_name(
        f".{path.stem}-{_HOST}-{os.getpid()}-{uuid.uuid4().hex}{path.suffix}"
    )
    try:
        yield unfinished
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def unfinished_files(path):
    """Return what processes of this machine that were killed have left beside `path`."""
    path = Path(path)
    name = re.compile(
        rf"\.{re.escape(path.stem)}-{_HOST}-(\d{{1,9}})-[0-9a-f]{{32}}{re.escape(path.suffix)}"
    )
    found = ((file, name.fullmatch(file.name)) for file in path.parent.iterdir())
    return [file for file, match in found if match and not _runs(int(match[1]))]


def _runs(pid):
    if os.name == "nt":  # which has no signal that does nothing
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def temporary_memmap(shape, dtype):
    """Return a ``numpy.memmap`` on a temporary file, which goes when the array does.

    Its file has a name, so that joblib can hand the array to other processes.

    Parameters
    ----------
    shape : tuple of int
        Of the array; without an element, it is in memory.
    dtype : numpy.dtype
        Of its elements.
    """
    if 0 in shape:
        return np.empty(shape, dtype)
    handle, name = tempfile.mkstemp(prefix="skfashion-", suffix=".pixels")
    n_bytes = prod(shape) * dtype.itemsize
    try:
        with open(handle, "rb+") as file:
            _reserve(file, n_bytes)
        array = np.memmap(name, dtype=dtype, mode="r+", shape=shape)
    except OSError as error:
        os.unlink(name)
        raise type(error)(
            error.errno,
            f"Arrays on disk are scaled to a temporary file, of {n_bytes:,} bytes here, which "
            f"{tempfile.gettempdir()!r} cannot take: {error.strerror}. Set TMPDIR to another one.",
        ) from error
    except BaseException:
        os.unlink(name)
        raise
    weakref.finalize(array._mmap, _remove, name, os.getpid())
    return array


def _reserve(file, n_bytes):
    """Make a file so long on the disk: a write to a mapped one that finds no room is a crash."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
        return
    block = bytes(1 << 20)
    for start in range(0, n_bytes, len(block)):
        file.write(block[: n_bytes - start])


def _remove(name, pid):
    if os.getpid() == pid:  # not in a process forked from the one that made it
        Path(name).unlink(missing_ok=True)
