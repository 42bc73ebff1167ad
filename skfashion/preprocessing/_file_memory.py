"""A cache of pipelines that begin with files, whose content may change under the same name."""

import io
import os

from sklearn.utils.validation import check_memory

from ._image_loader import ImageLoader
from ._photographs import is_path, list_of_photographs


class _PathWithState(str):
    """A path that pickles, and so joblib's keys, tell apart by the file, its size and its times."""

    def __new__(cls, path):
        file = super().__new__(cls, os.fsdecode(path))
        try:
            found = os.stat(file)
        except (OSError, ValueError):  # which the loader explains, when it opens it
            file.state = None
        else:
            times = found.st_mtime_ns, found.st_ctime_ns
            file.state = (found.st_dev, found.st_ino, found.st_size, *times)
        file.absolute = os.path.abspath(file)
        return file


def _with_state(item, position):
    if is_path(item):
        return _PathWithState(item)
    if hasattr(item, "read") and not isinstance(item, io.BytesIO):  # which joblib knows by its name
        raise ValueError(
            f"X[{position}] is an open file, whose content a pipeline with memory cannot know "
            "again: pass its path, or leave memory at None."
        )
    return item


class FileMemory:
    """The memory of a pipeline that begins with an `ImageLoader`.

    Parameters
    ----------
    memory : str or object with the interface of joblib.Memory
        As :class:`~sklearn.pipeline.Pipeline` takes it.

    Notes
    -----
    A key of joblib's holds paths, not what they lead to, so that a photograph that was replaced
    would be taken for the one before. Here it holds the file's number, size and times of change
    too.
    """

    def __init__(self, memory):
        self.memory = memory

    @property
    def location(self):
        """Where the cache is."""
        return getattr(check_memory(self.memory), "location", None)

    def cache(self, fit_transform, **options):
        """Return a function like `fit_transform`, of (transformer, X, ...), that caches."""
        cached = check_memory(self.memory).cache(fit_transform, **options)

        def call(transformer, X, *args, **kwargs):
            if isinstance(transformer, ImageLoader):
                transformer._cache_key = None
                X = [
                    _with_state(item, position)
                    for position, item in enumerate(list_of_photographs(X))
                ]
            return cached(transformer, X, *args, **kwargs)

        return call

    def __repr__(self):
        return f"{type(self).__name__}({self.memory!r})"
