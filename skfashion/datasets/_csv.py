"""Reader of the CSV form of Fashion-MNIST that Kaggle publishes, with one image per row."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skfashion._files import Unpacked, local_path, open_regular
from skfashion._sklearn import validate_params

if TYPE_CHECKING:
    import pandas as pd

_LABEL = "label"
_MAX_LABEL = 9
_MAX_PIXEL = 255
# Values per chunk that pandas reads: 63 MB of 64-bit integers. In one chunk, the training set would
# take eight times the memory of the result.
_VALUES_AT_ONCE = 7_840_000
# Decimal alone would also accept NaN, Infinity, underscores and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MAX_LINE_BYTES = 2**24  # Enough for a million columns.


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def read_fashion_csv(path: str | PathLike[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    r"""Read a CSV file with the columns ``label,pixel1,...,pixelN``, one image per row.

    The label may be the last column, as in a file written by
    ``fetch_fashion_mnist(as_frame=True).frame.to_csv(index=False)``.

    Parameters
    ----------
    path : str or path-like
        File to read. It may be compressed if its name ends in ``.gz``, ``.bz2``, ``.xz`` or, with
        one file in it, ``.zip``. A compressed file may contain at most 64 MiB, or 100 times its own
        size if that is more. A line may have at most 16 MiB.

    Returns
    -------
    X : ndarray of shape (n_samples, N), dtype uint8
        Pixels in 0..255, in the order of the columns; N is 784 for Fashion-MNIST.
    y : ndarray of shape (n_samples,), dtype int64
        Labels in 0..9.

    Raises
    ------
    ValueError
        If the columns are not the expected ones in the expected order, a pixel is not a whole
        number in 0..255, a label is not a whole number in 0..9, a value is missing, rows differ in
        length, or there are no rows; or if the file is damaged, not CSV, or too large. The message
        names the file, the column and the row.
    OSError
        If the file does not exist (FileNotFoundError) or is not a regular file.

    See Also
    --------
    fetch_fashion_mnist : Finds or downloads the data set, and checks it.
    read_idx : Reads the original form of the data set.

    Notes
    -----
    A whole number may be written with a decimal point, ``255.0``. Rows are counted from 1 in
    messages, without the header and without blank lines.

    References
    ----------
    .. [1] `Fashion MNIST on Kaggle <https://www.kaggle.com/datasets/zalando-research/fashionmnist>`_.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfashion.datasets import read_fashion_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tiny.csv"
    ...     _ = path.write_text("label,pixel1,pixel2\n9,0,255\n2,17,4\n")
    ...     X, y = read_fashion_csv(path)
    >>> X
    array([[  0, 255],
           [ 17,   4]], dtype=uint8)
    >>> y
    array([9, 2])
    """
    path = local_path(path)
    try:
        rows = [_whole_numbers(frame, path, _check_integers) for frame in _frames(path)]
    except _NotIntegersError:
        # As text, because a small fraction would be lost in a floating-point number.
        rows = [_whole_numbers(frame, path, _parse_texts) for frame in _frames(path, dtype=str)]
    pixels, labels = zip(*rows, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def _short_repr(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Lines(io.RawIOBase):
    """A file whose lines have a maximum length."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._length = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        first, *others = content.split(b"\n")
        lengths = [self._length + len(first), *map(len, others)]
        if max(lengths) > _MAX_LINE_BYTES:
            raise ValueError(f"a line has more than {_MAX_LINE_BYTES:,} bytes")
        self._length = lengths[-1]
        buffer[: len(content)] = content
        return len(content)


def _opened(path: Path, stack: ExitStack) -> io.BufferedReader:
    """Return the decompressed bytes of a file as a binary file."""
    file = stack.enter_context(open_regular(path))
    ending = path.suffix.lower()
    if ending == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(file))
        if len(archive.namelist()) != 1:
            raise ValueError(f"the archive contains {len(archive.namelist())} files, not one")
        stream = stack.enter_context(archive.open(archive.namelist()[0]))
    elif ending in (".gz", ".bz2", ".xz"):
        module = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[ending]
        stream = stack.enter_context(module.open(file))
    else:
        return io.BufferedReader(_Lines(file))
    unpacked = Unpacked(stream, os.fstat(file.fileno()).st_size)
    return io.BufferedReader(_Lines(unpacked))


def _frames(path: Path, **options: Any) -> Iterator[pd.DataFrame]:
    """Yield the file in parts. All errors in its content become a ValueError."""
    import pandas as pd

    try:
        # If the first row is longer than the header, pandas takes the first columns, even the
        # labels, as an index. Without a header, it refuses rows that are longer than the first.
        with ExitStack() as stack:
            first = pd.read_csv(_opened(path, stack), header=None, nrows=2, dtype=str)
        n_values = _VALUES_AT_ONCE // (10 if options else 1)  # Texts are larger than numbers.
        n_rows = max(1, n_values // max(1, first.shape[1]))
        with ExitStack() as stack:
            # low_memory=False: one type per column. Otherwise, pandas may warn of mixed types.
            frames = pd.read_csv(
                _opened(path, stack), chunksize=n_rows, low_memory=False, **options
            )
            yield from stack.enter_context(frames)
    except (
        ValueError,  # Including UnicodeDecodeError and pandas' EmptyDataError and ParserError.
        EOFError,
        OSError,
        RuntimeError,  # An encrypted zip file, or one with an unknown compression.
        lzma.LZMAError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # Errors of the operating system, such as a missing file, have a number. Those of
        # decompressors do not.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{path}: expected a CSV file with the columns label,pixel1,...,pixelN, found one that "
            f"cannot be read: {str(error).strip()[:300]}. Check that this is the right file and "
            "that it is complete."
        ) from error


def _check_columns(found: list[str], path: Path) -> None:
    if found[0] == "pixel1" and _LABEL not in found:
        raise ValueError(
            f"{path}: expected a column 'label', the first or the last one, found pixels "
            "only. Add it, or read pixels alone with pandas.read_csv(path).to_numpy()."
        )
    n_pixels = max(len(found) - 1, 1)
    pixels = [f"pixel{i}" for i in range(1, n_pixels + 1)]
    is_last = found[-1] == _LABEL and found[0] == pixels[0]
    expected = [*pixels, _LABEL] if is_last else [_LABEL, *pixels]
    for number, (name, there) in enumerate(zip_longest(expected, found), start=1):
        if there != name:
            hint = " to_csv(index=False) leaves out the index of pandas."
            raise ValueError(
                f"{path}: expected column {number} to be {name!r}, found {_short_repr(there)}. The "
                "first line must read label,pixel1,pixel2,... without gaps and in this order, with "
                "the label first or last. Add or correct it."
                + (hint if there == "Unnamed: 0" else "")
            )


class _NotIntegersError(Exception):
    """A column contains other values than integers in the expected range."""


def _whole_numbers(
    frame: pd.DataFrame, path: Path, parse: Callable[[pd.DataFrame, int, Path], NDArray]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels and labels. `parse` checks that they are whole numbers in range."""
    _check_columns(list(frame.columns), path)
    if not len(frame):
        raise ValueError(
            f"{path}: expected at least one row below the header, found none. Check that this is "
            "the right file and that its download was complete."
        )
    labels = parse(frame[[_LABEL]], _MAX_LABEL, path).ravel()
    pixels = parse(frame.drop(columns=_LABEL), _MAX_PIXEL, path)
    return pixels.astype(np.uint8, order="C"), labels.astype(np.int64)


def _check_integers(frame: pd.DataFrame, high: int, path: Path) -> NDArray:
    values = frame.to_numpy()
    if values.dtype.kind != "i" or values.min() < 0 or values.max() > high:
        raise _NotIntegersError
    return values


def _parse_texts(frame: pd.DataFrame, high: int, path: Path) -> NDArray:
    import pandas as pd

    texts = frame.to_numpy(object)
    codes, different = pd.factorize(texts.ravel())
    # factorize gives missing values the code -1, which selects the last number.
    numbers = np.array([*(_parse_text(text, high) for text in different), -1])
    values = numbers[codes].reshape(texts.shape)
    if values.min() < 0:
        column, row = divmod(int((values.T < 0).argmax()), len(values))
        value = texts[row, column]
        found = (
            _short_repr(value) if isinstance(value, str) else "no value (or NaN, or a short row)"
        )
        raise ValueError(
            f"{path}: expected a whole number in 0..{high} in column {frame.columns[column]!r}, "
            f"row {frame.index[row] + 1}, found {found}. Correct or remove this row."
        )
    return values


def _parse_text(text: str, high: int) -> int:
    """Return the whole number in 0..high in a text, or -1."""
    text = text.strip(" \t")
    if not _NUMBER.fullmatch(text):
        return -1
    try:
        number = Decimal(text)
    except InvalidOperation:  # The exponent is too large.
        return -1
    return int(number) if 0 <= number <= high and number == int(number) else -1
