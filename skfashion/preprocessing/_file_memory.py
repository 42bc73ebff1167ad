"""A cache for pipelines that read files, whose content may change under the same name."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sklearn.utils.validation import check_memory

from ._photographs import holds_photographs, is_path, list_of_photographs


class FileReader:
    """A transformer that reads files. Paths alone must not identify its results in a cache."""

    def __sklearn_clone__(self):
        # Pipelines with `memory` clone a step before they cache its result. The new key keeps
        # joblib from finding an old result. FileMemory removes it.
        cloned = super().__sklearn_clone__()
        cloned._cache_key = uuid4().hex
        return cloned


class _PathWithState(str):
    """A path whose pickle, and so joblib's key, contains the file's number, size and times."""

    def __new__(cls, path):
        file = super().__new__(cls, os.fsdecode(path))
        try:
            found = os.stat(file)
        except (OSError, ValueError):  # The loader will raise an error.
            file.state = None
        else:
            times = found.st_mtime_ns, found.st_ctime_ns
            file.state = (found.st_dev, found.st_ino, found.st_size, *times)
        file.absolute = os.path.abspath(file)
        return file


def _with_state(item: Any, position: int) -> Any:
    if is_path(item):
        return _PathWithState(item)
    if hasattr(item, "read") and not isinstance(item, io.BytesIO):  # joblib knows only its name.
        raise ValueError(
            f"X[{position}] is an open file, whose content a pipeline with memory cannot identify. "
            "Pass its path, or leave memory at None."
        )
    return item


class FileMemory:
    """The memory of a pipeline that begins with a `FileReader`.

    Parameters
    ----------
    memory : str or object with the interface of joblib.Memory
        As in :class:`~sklearn.pipeline.Pipeline`.

    Notes
    -----
    The keys of joblib contain paths only, so that a replaced photograph would be taken for the
    previous one. Here, they also contain the number, size and times of each file.
    """

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    @property
    def location(self) -> Any:
        """Folder of the cache."""
        return getattr(check_memory(self.memory), "location", None)

    def cache(self, fit_transform: Callable, **options: Any) -> Callable:
        """Return a function (transformer, X, ...) like `fit_transform` with a cache."""
        cached = check_memory(self.memory).cache(fit_transform, **options)

        def call(transformer, X, *args, **kwargs):
            if isinstance(transformer, FileReader) and holds_photographs(X):
                transformer._cache_key = None
                X = [
                    _with_state(item, position)
                    for position, item in enumerate(list_of_photographs(X))
                ]
            return cached(transformer, X, *args, **kwargs)

        return call

    def __repr__(self):
        return f"{type(self).__name__}({self.memory!r})"
