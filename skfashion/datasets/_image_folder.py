"""Folders of pictures, with one subfolder per class."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skfashion._callers import first_names, warn_user
from skfashion._sklearn import validate_params

# Extensions of the formats that ImageLoader reads.
EXTENSIONS = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif",
    ".tiff", ".webp",
)  # fmt: skip


@validate_params(
    {
        "folder": [str, bytes, os.PathLike],
        "extensions": [str, "array-like"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_image_folder(
    folder: str | bytes | os.PathLike,
    *,
    extensions: str | Sequence[str] = EXTENSIONS,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.object_], NDArray[np.str_]]:
    """List the pictures in a folder that has one subfolder per class.

    The name of a subfolder is the label of the pictures in it and in its own subfolders::

        clothes/
            dress/
                1.jpg
                2.jpg
            t-shirt/
                1.png

    Nothing is read from the files. Pass the paths to a pipeline that begins with an
    :class:`~skfashion.preprocessing.ImageLoader`.

    Parameters
    ----------
    folder : str, bytes or os.PathLike
        Path of the folder.

    extensions : str, list or tuple of str, default=(".avif", ".bmp", ".gif", ".heic", ".heif", \
            ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
        File extensions of pictures, in upper or lower case.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : sklearn.utils.Bunch
        Dictionary-like object with the attributes:

        data : ndarray of shape (n,) of object
            Paths (str) of the pictures, sorted by class and name. They begin with `folder`.
        target : ndarray of shape (n,) of str
            Labels: the names of the subfolders.
        target_names : ndarray of shape (n_classes,) of str
            Names of the classes, sorted.
        filenames : ndarray of shape (n,) of object
            The same paths as `data`, as in :func:`sklearn.datasets.load_files`.
        n_ignored : int
            Number of other files in the subfolders, and of pictures next to them. Files and folders
            whose names begin with a dot are hidden and do not count.
        DESCR : str
            What was found: the number of pictures per class and the endings of ignored files.

    (data, target) : tuple of ndarrays
        If `return_X_y` is True.

    Raises
    ------
    ValueError
        If there are no subfolders, a subfolder contains no pictures, a name cannot be decoded, two
        subfolders have the same name in different Unicode forms, or links lead to a folder twice.
    OSError
        If a folder cannot be read: FileNotFoundError, NotADirectoryError, PermissionError and the
        like.

    Warns
    -----
    UserWarning
        If there are pictures next to the subfolders. They belong to no class and are ignored.

    See Also
    --------
    sklearn.datasets.load_files : The same for texts; it reads the files.

    Notes
    -----
    Labels are in Unicode's composed form (NFC), because some systems change names to the decomposed
    form when they store them. Links to folders are followed. A folder that is reached twice is an
    error, because its pictures would have two labels or the search would not end.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skfashion.datasets import load_image_folder
    >>> with TemporaryDirectory() as folder:
    ...     for name in ["dress/1.jpg", "dress/2.jpg", "t-shirt/1.png"]:
    ...         path = Path(folder, name)
    ...         path.parent.mkdir(exist_ok=True)
    ...         path.touch()
    ...     clothes = load_image_folder(folder)
    >>> clothes.target
    array(['dress', 'dress', 't-shirt'], dtype='<U7')
    >>> [Path(path).name for path in clothes.data]
    ['1.jpg', '2.jpg', '1.png']
    """
    folder = os.fsdecode(folder)
    endings = _checked_extensions(extensions)
    entries = _visible(folder)
    classes: dict[str, os.DirEntry] = {}
    for entry in entries:
        if not entry.is_dir():
            continue
        label = unicodedata.normalize("NFC", entry.name)
        if label in classes:
            raise ValueError(
                f"{folder!r} has two subfolders for the class {label!r}, whose names differ in "
                "their Unicode form only. Merge them."
            )
        classes[label] = entry
    outside = [entry.name for entry in entries if _is_picture(entry, endings)]
    if not classes:
        found = f"{len(outside)} pictures and no subfolders" if outside else "no subfolders"
        raise ValueError(
            f"Expected one subfolder per class in {folder!r}, found {found}. Pictures without "
            "classes need no loader: pass a list of paths to predict."
        )

    paths: list[str] = []
    labels: list[str] = []
    counts = {}
    ignored: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    for label in sorted(classes):
        _check_not_seen(classes[label], seen)
        pictures = list(_pictures(classes[label].path, endings, ignored, seen))
        if not pictures:
            raise ValueError(
                f"The subfolder {classes[label].path!r} contains no pictures, which end in "
                f"{', '.join(endings)}. Remove it, or set extensions."
            )
        counts[label] = len(pictures)
        paths += pictures
        labels += [label] * len(pictures)
    if outside:
        warn_user(
            f"{len(outside)} pictures in {folder!r} are in no subfolder and are ignored: "
            f"{first_names(outside)}. Move them to the subfolders of their classes."
        )
        ignored.update(_ending(name) for name in outside)
    data, target = np.array(paths, dtype=object), np.array(labels)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=np.array(list(counts)),
        filenames=data.copy(),
        n_ignored=ignored.total(),
        DESCR=_description(folder, counts, ignored),
    )


def _checked_extensions(extensions: str | Sequence[str]) -> tuple[str, ...]:
    endings = (extensions,) if isinstance(extensions, str) else tuple(extensions)
    wrong = [
        ending
        for ending in endings
        if not (isinstance(ending, str) and ending.startswith(".") and len(ending) > 1)
    ]
    if wrong or not endings:
        got = repr(wrong[0]) if wrong else "none"
        raise ValueError(f"extensions must begin with a dot, such as '.jpg'; got {got}.")
    return tuple(ending.lower() for ending in endings)


def _visible(folder: str) -> list[os.DirEntry]:
    """Return the entries of a folder by name, without hidden ones."""
    with os.scandir(folder) as found:
        entries = sorted(
            (entry for entry in found if not entry.name.startswith(".")), key=lambda e: e.name
        )
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"The name {os.fsencode(entry.name)!r} in {folder!r} is not valid "
                f"{error.encoding}. Rename it."
            ) from error
    return entries


def _pictures(
    folder: str, endings: tuple[str, ...], ignored: Counter[str], seen: set[tuple[int, int]]
) -> Iterator[str]:
    """Yield the paths of the pictures in a folder and its subfolders; count other files."""
    for entry in _visible(folder):
        if entry.is_dir():
            _check_not_seen(entry, seen)
            yield from _pictures(entry.path, endings, ignored, seen)
        elif _is_picture(entry, endings):
            yield entry.path
        else:
            ignored[_ending(entry.name)] += 1


def _check_not_seen(folder: os.DirEntry, seen: set[tuple[int, int]]) -> None:
    """Raise a ValueError if the folder was visited before; else note that it is visited."""
    found = os.stat(folder.path)
    if (found.st_dev, found.st_ino) in seen:
        raise ValueError(
            f"The folder {folder.path!r} is reached twice, by a link. Remove the link."
        )
    seen.add((found.st_dev, found.st_ino))


def _is_picture(entry: os.DirEntry, endings: tuple[str, ...]) -> bool:
    return entry.name.lower().endswith(endings) and not entry.is_dir()


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "no ending"


def _description(folder: str, counts: dict[str, int], ignored: Counter[str]) -> str:
    lines = [
        f"{sum(counts.values())} pictures of {len(counts)} classes in {folder}",
        "",
        *(f"{label}: {count}" for label, count in counts.items()),
    ]
    if ignored:
        endings = ", ".join(f"{n} ({ending})" for ending, n in ignored.most_common())
        lines += ["", f"Ignored files: {endings}"]
    return "\n".join(lines)
