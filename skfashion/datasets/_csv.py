"""Reader of Fashion-MNIST's CSV form, one row an image, as Kaggle publishes it."""

import bz2
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from os import PathLike

import numpy as np

from skfashion._files import Unpacked, local_path, open_regular
from skfashion._sklearn import validate_params

_LABEL = "label"
_MAX_LABEL = 9
_MAX_PIXEL = 255
# Values in memory as 64-bit integers at one time: 63 MB. Read at once, the training set would take
# eight times the memory of the result.
_VALUES_AT_ONCE = 7_840_000
# Decimal takes digits of all scripts, and underscores.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOST_IN_A_LINE = 2**24  # a million columns


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def read_fashion_csv(path):
    r"""Read a CSV file with the columns ``label,pixel1,...,pixelN``, one row an image.

    The label may come last, as ``fetch_fashion_mnist(as_frame=True).frame.to_csv(index=False)``
    writes it.

    Parameters
    ----------
    path : str or path-like
        File to read. It may be compressed, as its name tells: ``.gz``, ``.bz2``, ``.xz``, or
        ``.zip`` of one file. It may then hold 64 MiB, or 100 times its own size if that is more.
        A line may have 16 MiB.

    Returns
    -------
    X : ndarray of shape (n_samples, N), dtype uint8
        Pixels in 0..255, in the order of the columns; N is 784 for Fashion-MNIST.
    y : ndarray of shape (n_samples,), dtype int64
        Labels in 0..9.

    Raises
    ------
    ValueError
        If the columns are not the expected ones in the expected order, if a pixel is not a whole
        number in 0..255 or a label not one in 0..9, if a value is missing, if rows differ in
        length, if there is no row, or if the file is damaged, not CSV, or too large as above. The
        message names file, column and row.
    OSError
        If there is no such file (FileNotFoundError), or it is none, such as a folder or a FIFO.

    See Also
    --------
    fetch_fashion_mnist : The data set itself, found or downloaded, and checked.
    read_idx : The form in which the data set was published first.

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
        # As text, since a fraction may vanish where text becomes a number.
        rows = [_whole_numbers(frame, path, _parse_texts) for frame in _frames(path, dtype=str)]
    if not sum(len(labels) for _, labels in rows):
        raise ValueError(
            f"{path}: expected at least one row below the header, found none. Check that this is "
            "the right file and that it was downloaded whole."
        )
    pixels, labels = zip(*rows, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def _short_repr(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Lines(io.RawIOBase):
    """A file of lines, none of which is longer than can be taken."""

    def __init__(self, stream):
        self._stream = stream
        self._length = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        content = self._stream.read(len(buffer))
        first, *others = content.split(b"\n")
        lengths = [self._length + len(first), *map(len, others)]
        if max(lengths) > _MOST_IN_A_LINE:
            raise ValueError(f"a line has more than {_MOST_IN_A_LINE:,} bytes")
        self._length = lengths[-1]
        buffer[: len(content)] = content
        return len(content)


def _opened(path, stack):
    """Return the decompressed bytes of a file as a binary file."""
    file = stack.enter_context(open_regular(path))
    ending = path.suffix.lower()
    if ending == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(file))
        if len(archive.namelist()) != 1:
            raise ValueError(f"the archive holds {len(archive.namelist())} files, not one")
        stream = stack.enter_context(archive.open(archive.namelist()[0]))
    elif ending in (".gz", ".bz2", ".xz"):
        module = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[ending]
        stream = stack.enter_context(module.open(file))
    else:
        return io.BufferedReader(_Lines(file), 2**18)
    unpacked = Unpacked(stream, os.fstat(file.fileno()).st_size)
    return io.BufferedReader(_Lines(unpacked), 2**18)


def _frames(path, **options):
    """Yield the file some rows at a time, in terms of one exception where it cannot be read."""
    import pandas as pd

    try:
        # Of a first row that is longer than the header, pandas makes an index of what comes first,
        # labels too. Without a header, it refuses all that is longer than the first line.
        with ExitStack() as stack:
            first = pd.read_csv(_opened(path, stack), header=None, nrows=2, dtype=str)
        n_values = _VALUES_AT_ONCE // (10 if options else 1)  # texts are larger than numbers
        n_rows = max(1, n_values // max(1, first.shape[1]))
        with ExitStack() as stack:
            # low_memory=False: one type per column; otherwise pandas warns where it guesses twice.
            frames = pd.read_csv(
                _opened(path, stack), chunksize=n_rows, low_memory=False, **options
            )
            yield from stack.enter_context(frames)
    except (
        ValueError,  # of which pandas' EmptyDataError and ParserError are, and UnicodeDecodeError
        EOFError,
        OSError,
        RuntimeError,  # an encrypted form of zip, or an unknown one
        lzma.LZMAError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # With a number it is the system's own, such as a missing file; without, a decompressor's.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{path}: expected a CSV file with the columns label,pixel1,...,pixelN, found one that "
            f"cannot be read: {str(error).strip()[:300]}. Check that this is the right file and "
            "that it is whole."
        ) from error


def _check_columns(found, path):
    if found[0] == "pixel1" and _LABEL not in found:
        raise ValueError(
            f"{path}: expected a column 'label', the first or the last one, found pixels "
            "only. Add it; pixels alone are read by pandas.read_csv(path).to_numpy()."
        )
    n_pixels = max(len(found) - 1, 1)
    pixels = [f"pixel{i}" for i in range(1, n_pixels + 1)]
    is_last = found[-1] == _LABEL and found[0] == pixels[0]
    expected = [*pixels, _LABEL] if is_last else [_LABEL, *pixels]
    for number, (name, there) in enumerate(zip_longest(expected, found), start=1):
        if there != name:
            index = " An index of pandas is left out by to_csv(index=False)."
            raise ValueError(
                f"{path}: expected column {number} to be {name!r}, found {_short_repr(there)}. The "
                "first line must read label,pixel1,pixel2,... without gaps and in this order, with "
                "the label first or last; add or mend it."
                + (index if there == "Unnamed: 0" else "")
            )


class _NotIntegersError(Exception):
    """A column holds anything but integers."""


def _whole_numbers(frame, path, parse):
    """Return pixels and labels, having checked that each value is whole, and fits."""
    _check_columns(list(frame.columns), path)
    if not len(frame):
        return np.empty((0, frame.shape[1] - 1), np.uint8), np.empty(0, np.int64)
    labels = parse(frame[[_LABEL]], _MAX_LABEL, path).ravel()
    pixels = parse(frame.drop(columns=_LABEL), _MAX_PIXEL, path)
    return pixels.astype(np.uint8, order="C"), labels.astype(np.int64)


def _check_integers(frame, high, path):
    values = frame.to_numpy()
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > high:
        raise _NotIntegersError
    return values


def _parse_texts(frame, high, path):
    import pandas as pd

    texts = frame.to_numpy(object)
    codes, different = pd.factorize(texts.ravel())
    numbers = np.array([*(_parse_text(text, high) for text in different), -1])  # -1: no value
    values = numbers[codes].reshape(texts.shape)
    if values.min() < 0:
        column, row = divmod(int((values.T < 0).argmax()), len(values))
        value = texts[row, column]
        found = (
            _short_repr(value) if isinstance(value, str) else "no value (or NaN, or a short row)"
        )
        raise ValueError(
            f"{path}: expected a whole number in 0..{high} in column {frame.columns[column]!r}, "
            f"row {frame.index[row] + 1}, found {found}. Mend or remove this row."
        )
    return values


def _parse_text(text, high):
    """Return the whole number in 0..high that a text is, or -1."""
    text = text.strip()
    try:
        number = Decimal(text if _NUMBER.fullmatch(text) else "NaN")
    except InvalidOperation:  # an exponent that is too large
        return -1
    is_whole = number.is_finite() and 0 <= number <= high and number == int(number)
    return int(number) if is_whole else -1
