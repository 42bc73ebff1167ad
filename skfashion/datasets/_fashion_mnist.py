"""Fashion-MNIST: found on this machine or downloaded, and checked."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import time
import warnings
from importlib import resources
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skfashion._files import replacing
from skfashion._sklearn import Interval, StrOptions, validate_params

from ._idx import load_idx
from ._labels import TARGET_NAMES


class _IdxFile(NamedTuple):
    name: str
    shape: tuple
    sha256: str  # Of the decompressed file, because copies are compressed differently.

    @property
    def downloaded_name(self) -> str:
        """Name of a downloaded file. The published names are also those of MNIST's files."""
        return f"skfashion-{self.name}.gz"


_FILES = {
    "train": (
        _IdxFile(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        _IdxFile(
            "train-labels-idx1-ubyte",
            (60_000,),
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    "test": (
        _IdxFile(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        _IdxFile(
            "t10k-labels-idx1-ubyte",
            (10_000,),
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
}
# The last mirror has no https. The hashes above protect against changed files.
_MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
# Where the Debian package dataset-fashion-mnist puts the files.
_SYSTEM_FOLDER = "/usr/share/datasets/fashion-mnist"
_REMEDY = (
    "On Debian or Ubuntu, `apt-get install dataset-fashion-mnist` installs the data; or put the "
    "four published files into a folder and name it by data_home or the environment variable "
    "SKFASHION_DATA."
)
_NO_HOME = "~ cannot be expanded: the home folder is unknown"
# Bytes by which a compressed file, with headers, may be larger than its content.
_DOWNLOAD_SLACK = 65_536


@validate_params(
    {
        "subset": [StrOptions({"train", "test", "all"})],
        "data_home": [str, PathLike, None],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 1, None, closed="left")],
        "delay": [Interval(Real, 0.0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_fashion_mnist(
    *,
    subset: str = "train",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Bunch | tuple[Any, Any]:
    """Load Fashion-MNIST, 70,000 gray images of clothes in ten classes (classification).

    Each file is looked for in `data_home`, in the cache of keras, and in the system's data folder
    ``/usr/share/datasets/fashion-mnist``. If it is in none of them, it is downloaded to
    `data_home`, under a name that begins with ``skfashion-``. The SHA-256 of the decompressed bytes
    is checked at each load.

    Parameters
    ----------
    subset : {'train', 'test', 'all'}, default='train'
        The 60,000 training images, the 10,000 test images, or both, training images first.

    data_home : str or path-like, default=None
        Folder that contains the files or to which they are downloaded. None is the folder in the
        environment variable ``SKFASHION_DATA`` or, if that is unset or empty, the user's cache
        (``~/.cache/skfashion`` on Linux).

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame and `target` a pandas Series.

    download_if_missing : bool, default=True
        If False, raise an OSError if the data are not on this machine, instead of downloading
        them.

    n_retries : int, default=3
        Number of times that all mirrors are tried before an error is raised.

    delay : float, default=1.0
        Seconds between these tries.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n_samples, 784), dtype uint8
            One image per row, pixels in 0..255. If `as_frame` is True, a DataFrame with the columns
            `feature_names`.
        target : ndarray of shape (n_samples,), dtype int64
            Labels in 0..9. They are int64, like those of scikit-learn's data sets, because sums and
            differences of bytes would overflow. If `as_frame` is True, a Series named ``label``, as
            in the CSV files.
        images : ndarray of shape (n_samples, 28, 28), dtype uint8
            The same pixels as images. A view of `data` unless that is a DataFrame.
        target_names : ndarray of shape (10,), dtype str
            Names of the classes, in the order of the labels.
        feature_names : list of 784 str
            ``pixel1`` to ``pixel784``, row by row.
        DESCR : str
            Description of the data set.
        frame : DataFrame of shape (n_samples, 785) or None
            `data` and `target` in one DataFrame, if `as_frame` is True.

    (data, target) : tuple if `return_X_y` is True
        The two attributes of these names.

    Raises
    ------
    OSError
        If a file is not on this machine and cannot or may not be downloaded, or if `data_home`
        cannot be written to or its disk is full. The message lists each place that was tried and
        what was wrong there.

    Warns
    -----
    UserWarning
        If a copy is damaged or cannot be read. It is ignored, and the next place is tried.

    See Also
    --------
    make_fashion_images : Generates images of clothes without a download.
    read_idx : Reads one of the published files.
    read_fashion_csv : Reads the data set as a CSV file.

    Notes
    -----
    A download is written to a temporary file in `data_home`, checked, and then renamed in one step.
    Several processes may therefore download at the same time. An interrupted download leaves no
    files behind; those of a killed process are removed by the next download. Only a damaged file
    whose name begins with ``skfashion-`` is ever replaced. Files of MNIST, which have the same
    names as the published ones of Fashion-MNIST, are never changed. Files are also found under
    their published names, with or without ``.gz``, compressed or not.

    A server that sends nothing for 30 seconds, or less than 16 KiB per second on average, is
    abandoned for the next one. A download takes at most 50 minutes per server.

    References
    ----------
    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
       Machine Learning Algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.datasets import fetch_fashion_mnist
    >>> try:
    ...     X, y = fetch_fashion_mnist(subset="test", return_X_y=True, download_if_missing=False)
    ... except OSError:  # no copy on this machine: use blank images
    ...     X, y = np.zeros((10_000, 784), np.uint8), np.arange(10_000) % 10
    >>> X.shape, X.dtype
    ((10000, 784), dtype('uint8'))
    >>> np.bincount(y)
    array([1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000])
    """
    data_home = _resolve_data_home(data_home)
    arrays = []
    for split in ("train", "test") if subset == "all" else (subset,):
        for file in _FILES[split]:
            problems: dict[Any, str] = {}
            array = _find(file, data_home, problems)
            if array is None and download_if_missing:
                array = _download(file, data_home, n_retries, delay, problems)
            if array is None:
                raise _not_found_error(file, problems, download_if_missing)
            arrays.append(array)

    images, labels = (
        np.concatenate(a) if len(a) > 1 else a[0] for a in (arrays[::2], arrays[1::2])
    )
    data = images.reshape(len(images), -1)
    target = labels.astype(np.int64)
    feature_names = [f"pixel{i}" for i in range(1, data.shape[1] + 1)]

    frame = None
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=feature_names)
        target = pd.Series(target, name="label")
        frame = pd.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    descr = resources.files(__package__) / "descr" / "fashion_mnist.rst"
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        images=images,
        target_names=np.array(TARGET_NAMES),
        feature_names=feature_names,
        DESCR=descr.read_text(encoding="utf-8"),
    )


def _resolve_data_home(data_home: str | PathLike[str] | None) -> Path:
    data_home = data_home or os.environ.get("SKFASHION_DATA")
    if not data_home:
        import pooch

        try:
            data_home = pooch.os_cache("skfashion")
        except RuntimeError:  # Newer versions of platformdirs raise it without a home folder.
            data_home = "~/.cache/skfashion"
    return _expand_home(data_home)


def _expand_home(folder: str | PathLike[str]) -> Path:
    """Return the folder with "~" expanded. Without a home folder, "~" stays."""
    return Path(os.path.expanduser(folder))


def _find(file: _IdxFile, data_home: Path, problems: dict[Any, str]) -> NDArray[np.uint8] | None:
    """Return the first good copy on this machine, or None; collect problems by place."""
    keras_home = _expand_home(os.environ.get("KERAS_HOME") or "~/.keras")
    places = (data_home, keras_home / "datasets" / "fashion-mnist", Path(_SYSTEM_FOLDER))
    paths = [data_home / file.downloaded_name]
    for place in dict.fromkeys(places):  # data_home may be one of the others.
        paths += [place / f"{file.name}.gz", place / file.name]
    for path in paths:
        if str(path).startswith("~"):
            problems[path] = _NO_HOME
            continue
        try:
            return _load(path, file)
        except (FileNotFoundError, NotADirectoryError):
            problems[path] = "no such file"
        except (OSError, ValueError) as error:
            problems[path] = _message_without_path(path, error)
            warnings.warn(
                f"A copy of Fashion-MNIST is ignored: {path}: {problems[path]}",
                # The frames of _find, fetch_fashion_mnist and the wrapper of validate_params.
                stacklevel=4,
            )
    return None


def _load(path: Path, file: _IdxFile) -> NDArray[np.uint8]:
    """Read `path`, and check its shape and its hash."""
    hasher = hashlib.sha256()
    array = load_idx(path, shape=file.shape, hasher=hasher)
    if hasher.hexdigest() != file.sha256:
        raise ValueError(
            f"{path}: expected the SHA-256 {file.sha256} of the decompressed file, found "
            f"{hasher.hexdigest()}: the file is damaged, or belongs to another data set, such as "
            "MNIST, whose files have the same names."
        )
    return array


def _download(
    file: _IdxFile, data_home: Path, n_retries: int, delay: float, problems: dict[Any, str]
) -> NDArray[np.uint8] | None:
    """Return the file from the first mirror with a good copy, or None."""
    for attempt in range(n_retries):
        if attempt:
            time.sleep(delay)
        for mirror in _MIRRORS:
            url = f"{mirror}{file.name}.gz"
            try:
                return _download_from(url, file, data_home)
            except ValueError as error:
                problems[url] = str(error)
            except OSError as error:
                # Another attempt would fail in the same way.
                raise OSError(
                    error.errno,
                    f"Fashion-MNIST could not be stored in {data_home}: {error.strerror or error}. "
                    "Make room, or set another folder by data_home or the "
                    "environment variable SKFASHION_DATA.",
                ) from error
    return None


def _download_from(url: str, file: _IdxFile, data_home: Path) -> NDArray[np.uint8]:
    """Download the file, check it and rename it; leave nothing behind after an error."""
    from ._download import download

    if str(data_home).startswith("~"):
        raise OSError(errno.ENOENT, _NO_HOME)
    data_home.mkdir(parents=True, exist_ok=True)
    target = data_home / file.downloaded_name
    if target.is_symlink():
        target.unlink()  # The link, not the file that it leads to.
    with replacing(target) as part:
        try:
            with part.open("xb") as out:
                n_bytes = math.prod(file.shape) + _DOWNLOAD_SLACK
                download(url, out, n_bytes=n_bytes, name=target.name)
            return _load(part, file)
        except ValueError as error:
            # The temporary file will be gone when the user reads the message.
            raise ValueError(_message_without_path(part, error)) from error


def _message_without_path(path: Path, error: Exception) -> str:
    """Return the message of `error` without the path at its beginning."""
    return str(error).removeprefix(f"{path}: ")


def _not_found_error(file: _IdxFile, problems: dict[Any, str], downloaded: bool) -> OSError:
    reason = "" if downloaded else " and `download_if_missing` is False"
    tried = "\n".join(f"  {where}: {what}" for where, what in problems.items())
    return OSError(
        f"No good copy of Fashion-MNIST's file {file.name} was found{reason}. Tried:\n"
        f"{tried}\n{_REMEDY}"
    )
