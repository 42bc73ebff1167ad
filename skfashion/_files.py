"""Files that are whole or absent, arrays in temporary ones, and what kills leave of either."""

import errno
import io
import os
import platform
import shutil
import stat
import tempfile
import time
import weakref
import zlib
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # Windows: what a kill leaves there stays
    fcntl = None  # type: ignore[assignment]

_OURS = ".skfashion-"
_HOST = f"{zlib.crc32(os.fsencode(platform.node())):08x}"
_LOCK = "skfashion.lock"
_DAY = 86_400
_MOST_UNPACKED, _MOST_RATIO = 2**26, 100


@contextmanager
def replacing(path):
    """Have a file written beside `path`, and put in its place once it is whole.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        What the file is to be called. Its folder must exist. A file of that name, or that a link of
        that name leads to, is replaced; the new one takes its mode, and its owner and group as far
        as the system allows. Nothing but files is replaced.

    Yields
    ------
    pathlib.Path
        Where to write, with the same name in a folder that others cannot read. After an error,
        what was written is removed and what was at `path` is still there.
    """
    name = Path(os.fsdecode(path)).name
    path = Path(os.path.realpath(os.fsdecode(path)))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "There is no such folder to write to", str(path.parent)
        )
    old = path.lstat() if os.path.lexists(path) else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise FileExistsError(
            errno.EEXIST, "What has this name is not a file, which alone is replaced", str(path)
        )
    folder, lock = _own_folder(path.parent)
    try:
        unfinished = folder / name
        yield unfinished
        with open(unfinished, "rb+") as file:
            if old is not None:
                _take_after(unfinished, old)
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        unfinished.replace(path)
    finally:
        _remove(folder, lock, os.getpid())


def _take_after(path, old):
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown"):
        for owner in ((old.st_uid, -1), (-1, old.st_gid)):
            with suppress(OSError):
                os.chown(path, *owner)
        if path.stat().st_gid != old.st_gid:
            mode &= ~stat.S_IRWXG  # what was for one group is not for another
    path.chmod(mode)


def _own_folder(parent):
    """Make a folder to write in, and a lock by which others know it to be in use.

    The system frees the lock when the process ends, however it does.
    """
    remove_unfinished(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_OURS}{_HOST}-", dir=parent))
        try:
            lock = open(folder / _LOCK, "x")  # noqa: SIM115 (closed by _remove)
        except OSError:
            folder.rmdir()
            raise
        if fcntl is not None:
            with suppress(OSError):  # a disk without locks, where nothing is tidied up either
                fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(lock.name):
            return folder, lock
        lock.close()  # taken for what a kill has left, in the moment before it was locked


def remove_unfinished(parent):
    """Remove what killed processes of this user have left of files in a folder, and nothing else.

    Where machines do not share their locks, those of another one tell nothing; what it has not
    touched for a day, it does not write.
    """
    if fcntl is None:
        return
    with suppress(OSError):  # tidying up never fails the work
        for folder in Path(parent).glob(f"{_OURS}*"):
            with suppress(OSError):  # in use, for one
                _remove_unused(folder)


def _remove_unused(folder):
    if folder.lstat().st_uid != os.geteuid():
        return
    with open(folder / _LOCK, "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        of_here = folder.name.startswith(f"{_OURS}{_HOST}-")
        if of_here or folder.stat().st_mtime < time.time() - _DAY:
            shutil.rmtree(folder)


def local_path(path):
    """Return the path of a file to read, or raise an error where it can be none.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is empty or a URL, of which a :class:`pathlib.Path` would make something else.
    """
    text = os.fsdecode(path)
    if not text or "://" in text:
        got = "a URL: download it first" if text else "an empty string"
        raise FileNotFoundError(errno.ENOENT, f"Expected the path of a file, got {got}", text)
    return Path(text)


class NotRegularError(OSError):
    """What has the name of a file is a FIFO or a device."""


def open_regular(path):
    """Open a file to be read, and nothing that may keep its reader waiting.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    io.BufferedReader

    Raises
    ------
    OSError
        If there is no such file, it cannot be opened, or it is a folder (IsADirectoryError), a FIFO
        or a device (NotRegularError).
    """
    _check_regular(os.stat(path), path)  # first: there are devices that act on being opened
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _check_regular(status, path):
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularError(
            errno.EINVAL, "Expected a regular file, got a FIFO or a device", os.fspath(path)
        )


class BombError(ValueError):
    """A small file holds more than files of its size do."""


class Unpacked(io.RawIOBase):
    """What a compressed file holds, as long as that is in proportion to its size.

    Parameters
    ----------
    stream : binary file
        Decompresses.
    n_packed : int
        Size of the compressed file, in bytes.

    Raises
    ------
    BombError
        While it is read, once it held more than 64 MiB and more than 100 times `n_packed`.
    """

    def __init__(self, stream, n_packed):
        self._stream = stream
        self._left = self._most = max(_MOST_UNPACKED, _MOST_RATIO * n_packed)

    def readable(self):
        return True

    def readinto(self, buffer):
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise BombError(
                f"the file may be a decompression bomb: it holds more than {self._most:,} bytes, "
                f"{_MOST_RATIO} times its own size. Decompress it first if you trust it"
            )
        buffer[: len(content)] = content
        return len(content)


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
    n_bytes = prod(shape) * dtype.itemsize
    try:
        folder, lock = _own_folder(tempfile.gettempdir())
        try:
            with open(folder / "pixels", "xb+") as file:
                _reserve(file, n_bytes)
                array = np.memmap(file, dtype=dtype, mode="r+", shape=shape)
        except BaseException:
            _remove(folder, lock, os.getpid())
            raise
    except OSError as error:
        raise type(error)(
            error.errno,
            f"Arrays on disk are scaled to a temporary file, of {n_bytes:,} bytes here, which "
            f"{tempfile.gettempdir()!r} cannot take: {error.strerror}. Set TMPDIR to another one.",
        ) from error
    weakref.finalize(array._mmap, _remove, folder, lock, os.getpid())
    return array


def _reserve(file, n_bytes):
    """Make a file so long on the disk: a write to a mapped one that finds no room is a crash."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
        return
    block = bytes(1 << 20)
    for start in range(0, n_bytes, len(block)):
        file.write(block[: n_bytes - start])


def _remove(folder, lock, pid):
    lock.close()
    if os.getpid() == pid:  # not in a process forked from the one that made it
        shutil.rmtree(folder, ignore_errors=True)
