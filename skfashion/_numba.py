"""Compiling inner loops by numba, kept on disk where a folder can be written."""

import os
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

_CHECKSUM_SIZE = sha256().digest_size


def compiled(function, **options):
    """Compile a function on its first call; it releases the global interpreter lock.

    Parameters
    ----------
    function : callable
        Of arrays and numbers.
    **options
        Of :func:`numba.njit`.

    Returns
    -------
    callable
    """
    dispatcher = numba.njit(nogil=True, **options)(function)
    with suppress(RuntimeError):  # neither this folder nor the user's cache can be written
        dispatcher._cache = _Cache(function)
    return dispatcher


def _absolute_only(locator):
    """Return a class that finds no folder for a cache where its path is relative.

    Without a home, `~` stays as it is: numba would make a folder of that name in the working
    directory, and run what others have put there.
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
    """numba's cache, which nothing depends on: a damaged file is replaced, an error means none."""

    _impl_class = _CompileResults

    def __init__(self, function):
        super().__init__(function)
        if not os.path.isabs(self.cache_path):
            raise RuntimeError(f"no cache in {self.cache_path!r} of the working directory")
        self._cache_file = _Files(
            self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def save_overload(self, sig, data):
        with suppress(OSError):  # such as a full disk
            super().save_overload(sig, data)


class _Files(IndexDataCacheFile):
    """Files that end in a checksum. Those that are not as they were written count as missing."""

    def load(self, key):
        found = super().load(key)
        # Two processes that save at a time, or a killed one, leave files that the index mistakes.
        return found[1] if found is not None and found[0] == self._identity(key) else None

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
        return super()._load_index() if _is_whole(self._index_path) else {}

    def _load_data(self, name):
        path = self._data_path(name)
        if not _is_whole(path):
            raise FileNotFoundError(path)  # which numba takes for one that is not there yet
        return super()._load_data(name)


def _is_whole(path):
    """Tell whether a file ends in the checksum of what is before it, which pickle does not read."""
    try:
        if not os.path.isfile(path):  # a pipe would be waited for
            return False
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return False
    return sha256(content[:-_CHECKSUM_SIZE]).digest() == content[-_CHECKSUM_SIZE:]
