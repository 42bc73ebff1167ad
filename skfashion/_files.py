"""Atomic writes, arrays in temporary files, and cleanup of files that killed processes leave."""

from __future__ import annotations

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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # On Windows, files of killed processes are not removed.
    fcntl = None  # type: ignore[assignment]

_PREFIX = ".skfashion-"
_HOST = f"{zlib.crc32(os.fsencode(platform.node())):08x}"
_LOCK = "skfashion.lock"
_DAY = 86_400  # Seconds.
_MAX_UNPACKED, _MAX_RATIO = 2**26, 100


@contextmanager
def replacing(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Iterator[Path]:
    """Write a file next to `path`, and move it to `path` when it is complete.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        Path of the file. Its folder must exist. If there is a file, or a link to a file, the file
        is replaced. The new file has the mode of the old one, and its owner and group as far as the
        system allows. Only regular files are replaced.

    Yields
    ------
    pathlib.Path
        Path to write to, with the same name in a folder that other users cannot read. After an
        error, it is removed, and the old file is unchanged.

    Raises
    ------
    FileNotFoundError
        If the folder of `path` does not exist.
    FileExistsError
        If `path` exists and is not a regular file.
    """
    name = Path(os.fsdecode(path)).name
    target = Path(os.path.realpath(os.fsdecode(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "The folder to write to does not exist. Create it", str(target.parent)
        )
    old = target.lstat() if os.path.lexists(target) else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise FileExistsError(
            errno.EEXIST,
            "Only a regular file can be replaced, got a folder or a special file",
            str(target),
        )
    folder, lock = _make_folder(target.parent)
    try:
        unfinished = folder / name
        yield unfinished
        with open(unfinished, "rb+") as file:
            if old is not None:
                _copy_ownership(unfinished, old)
            # Otherwise, the file may be empty after a power cut.
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        _remove(folder, lock, os.getpid())


def _copy_ownership(path: Path, old: os.stat_result) -> None:
    """Give a file the mode of an old one, and its owner and group as far as possible."""
    mode = stat.S_IMODE(old.st_mode)
    if hasattr(os, "chown"):
        for owner in ((old.st_uid, -1), (-1, old.st_gid)):
            with suppress(OSError):
                os.chown(path, *owner)
        if path.stat().st_gid != old.st_gid:
            mode &= ~stat.S_IRWXG  # Another group must not get the permissions of the old one.
    path.chmod(mode)


def _make_folder(parent: str | os.PathLike[str]) -> tuple[Path, IO[str]]:
    """Make a folder to write in, and a lock that shows that it is in use.

    The system releases the lock when the process ends, even if it is killed.
    """
    remove_unfinished(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_HOST}-", dir=parent))
        try:
            lock = open(folder / _LOCK, "x")  # noqa: SIM115 (closed by _remove)
        except OSError:
            folder.rmdir()
            raise
        if fcntl is not None:
            with suppress(OSError):  # File systems without locks, which are not cleaned up either.
                fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(lock.name):
            return folder, lock
        # Another process has removed the folder as unused before it was locked.
        lock.close()


def remove_unfinished(parent: str | os.PathLike[str]) -> None:
    """Remove temporary folders that killed processes of this user have left in a folder.

    Machines may not see each other's locks. Folders of another machine are therefore removed only
    if they have not changed for a day.

    Parameters
    ----------
    parent : str or os.PathLike
        Folder to clean up.
    """
    if fcntl is None:
        return
    with suppress(OSError):  # A failed cleanup must not stop the caller.
        for folder in Path(parent).glob(f"{_PREFIX}*"):
            with suppress(OSError):  # For example, the folder is in use.
                _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    if folder.lstat().st_uid != os.geteuid():
        return
    with open(folder / _LOCK, "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_of_this_host = folder.name.startswith(f"{_PREFIX}{_HOST}-")
        if is_of_this_host or folder.stat().st_mtime < time.time() - _DAY:
            shutil.rmtree(folder)


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file to read.

    Parameters
    ----------
    path : str or os.PathLike
        Path as the user gave it.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is empty or a URL. :class:`pathlib.Path` would change these.
    """
    text = os.fsdecode(path)
    if not text or "://" in text:
        got = "a URL: download it first" if text else "an empty string"
        raise FileNotFoundError(errno.ENOENT, f"Expected the path of a file, got {got}", text)
    return Path(text)


class NotRegularError(OSError):
    """The path is that of a FIFO or a device."""


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading. Other files could block the reader.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file.

    Returns
    -------
    io.BufferedReader

    Raises
    ------
    OSError
        If the file does not exist, cannot be opened, or is a folder (IsADirectoryError), a FIFO or
        a device (NotRegularError).
    """
    _check_regular(os.stat(path), path)  # Before opening, to which some devices react.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _check_regular(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularError(
            errno.EINVAL, "Expected a regular file, got a FIFO or a device", os.fspath(path)
        )


class BombError(ValueError):
    """The content of a compressed file is too large for the size of the file."""


class Unpacked(io.RawIOBase):
    """The content of a compressed file, limited in proportion to its size.

    Parameters
    ----------
    stream : binary file
        Stream that decompresses the file.
    n_packed : int
        Size of the compressed file, in bytes.

    Raises
    ------
    BombError
        On reading, if the content exceeds 64 MiB and 100 times `n_packed`.
    """

    def __init__(self, stream: Any, n_packed: int) -> None:
        self._stream = stream
        self._left = self._limit = max(_MAX_UNPACKED, _MAX_RATIO * n_packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise BombError(
                "the file may be a decompression bomb: its content is larger than "
                f"{self._limit:,} bytes and {_MAX_RATIO} times its own size. Decompress it first "
                "if you trust it"
            )
        buffer[: len(content)] = content
        return len(content)


def temporary_memmap(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """Return a ``numpy.memmap`` of a temporary file, which is removed with the array.

    The file has a name, so that joblib can share the array with other processes.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array. An array without elements is in memory.
    dtype : numpy.dtype
        Type of the elements.

    Returns
    -------
    numpy.memmap or ndarray

    Raises
    ------
    OSError
        If the file cannot be created, for example because the disk is full.
    """
    if 0 in shape:
        return np.empty(shape, dtype)
    n_bytes = prod(shape) * dtype.itemsize
    try:
        folder, lock = _make_folder(tempfile.gettempdir())
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
            f"Scaling an array on disk needs a temporary file of {n_bytes:,} bytes, which cannot "
            f"be created in {tempfile.gettempdir()!r}: {error.strerror}. Set TMPDIR to another "
            "folder.",
        ) from error
    weakref.finalize(array._mmap, _remove, folder, lock, os.getpid())  # type: ignore[attr-defined]
    return array


def _reserve(file: IO[bytes], n_bytes: int) -> None:
    """Reserve the disk space now; a full disk would crash a write to a memory map."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
        return
    block = bytes(io.DEFAULT_BUFFER_SIZE)
    for start in range(0, n_bytes, len(block)):
        file.write(block[: n_bytes - start])


def _remove(folder: Path, lock: IO[str], pid: int) -> None:
    lock.close()
    if os.getpid() == pid:  # A fork of the process must not remove its folder.
        shutil.rmtree(folder, ignore_errors=True)
