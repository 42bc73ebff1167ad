"""Compilation of inner loops by numba, with a cache on disk if a folder is writable."""

import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

_CHECKSUM_SIZE = sha256().digest_size


def compiled(function: Callable, **options: Any) -> Callable:
    """Return a function that numba compiles at its first call, and that releases the GIL.

    Parameters
    ----------
    function : callable
        Function of arrays and numbers.
    **options
        Options of :func:`numba.njit`.

    Returns
    -------
    callable
    """
    dispatcher = numba.njit(nogil=True, **options)(function)
    with suppress(RuntimeError):  # Neither this folder nor the user's cache is writable.
        dispatcher._cache = _Cache(function)
    return dispatcher


def _absolute_only(locator):
    """Return a subclass of a cache locator that rejects relative paths.

    Without a home directory, `~` is not expanded. numba would create a folder of that name in the
    working directory, and run code that others may have put there.
    """

    class Locator(locator):
        def ensure_cache_path(self):
            if not os.path.isabs(self.get_cache_path()):
                raise FileNotFoundError(self.get_cache_path())
            super().ensure_cache_path()

    return Locator


class _CompileResults(CompileResultCacheImpl):
    _locator_classes = [*map(_absolute_only, CompileResultCacheImpl._locator_classes)]


class _Cache(FunctionCache):
    """numba's cache, with checksums. Damaged files are replaced, and errors on saving ignored."""

    _impl_class = _CompileResults

    def __init__(self, function):
        super().__init__(function)
        if not os.path.isabs(self.cache_path):
            raise RuntimeError(f"no cache in {self.cache_path!r} of the working directory")
        self._cache_file = _Files(
            self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def save_overload(self, sig, data):
        with suppress(OSError):  # For example, the disk is full.
            super().save_overload(sig, data)


class _Files(IndexDataCacheFile):
    """Files that end in a checksum. Damaged files are treated as missing."""

    def load(self, key):
        loaded = super().load(key)
        # The index may refer to the wrong file if two processes have saved at the same time, or
        # one was killed.
        return loaded[1] if loaded is not None and loaded[0] == self._identity(key) else None

    def save(self, key, data):
        super().save(key, (self._identity(key), data))

    def _identity(self, key):
        return self._version, self._source_stamp, key

    @contextmanager
    def _open_for_write(self, path):
        with super()._open_for_write(path) as file:
            content = BytesIO()
            yield content
            file.write(content.getvalue() + sha256(content.getvalue()).digest())

    def _load_index(self):
        return super()._load_index() if _is_intact(self._index_path) else {}

    def _load_data(self, name):
        path = self._data_path(name)
        if not _is_intact(path):
            raise FileNotFoundError(path)  # numba then compiles the function.
        return super()._load_data(name)


def _is_intact(path):
    """Return whether a file ends in its checksum, which pickle does not read."""
    try:
        if not os.path.isfile(path):  # Opening a pipe could block.
            return False
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return False
    return sha256(content[:-_CHECKSUM_SIZE]).digest() == content[-_CHECKSUM_SIZE:]
