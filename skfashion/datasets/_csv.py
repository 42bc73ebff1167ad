"""Reader of Fashion-MNIST's CSV form, one row an image, as Kaggle publishes it."""

import lzma
import zipfile
import zlib
from itertools import zip_longest
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import validate_params

_LABEL = "label"
_MAX_LABEL = 9
_MAX_PIXEL = 255
# Rows in memory as 64-bit integers at one time: 63 MB of them with 784 pixels. Read at once, the
# training set would take eight times the memory of the result.
_ROWS_AT_ONCE = 10_000


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def read_fashion_csv(path):
    r"""Read a CSV file with the columns ``label,pixel1,...,pixelN``, one row an image.

    The label may come last, as ``fetch_fashion_mnist(as_frame=True).frame.to_csv(index=False)``
    writes it.

    Parameters
    ----------
    path : str or path-like
        File to read. It may be compressed (``.csv.gz``, ``.zip`` and what else pandas infers
        from the name).

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
        length, if there is no row, or if the file is not readable as CSV. The message names file,
        column and row.
    FileNotFoundError
        If there is no such file.

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
    path = Path(path)
    pixels, labels = [], []
    for frame in _frames(path):
        _check_columns(list(frame.columns), path)
        labels.append(_whole_numbers(frame[[_LABEL]], _MAX_LABEL, np.int64, path))
        pixels.append(_whole_numbers(frame.drop(columns=_LABEL), _MAX_PIXEL, np.uint8, path))
    if not sum(map(len, pixels)):
        raise ValueError(
            f"{path}: expected at least one row below the header, found none. Check that this is "
            "the right file and that it was downloaded whole."
        )
    return np.concatenate(pixels), np.concatenate(labels).ravel()


def _frames(path):
    """Yield the file some rows at a time, in terms of one exception where it cannot be read."""
    import pandas as pd

    # absolute: pandas would take "http://..." to be an order to download.
    path = path.absolute()
    try:
        # Of a first row that is longer than the header, pandas makes an index of what comes first,
        # labels too. Without a header, it refuses all that is longer than the first line.
        pd.read_csv(path, header=None, nrows=2, dtype=str)
        # low_memory=False: one type per column; otherwise pandas warns where it guesses twice.
        with pd.read_csv(path, chunksize=_ROWS_AT_ONCE, low_memory=False) as frames:
            yield from frames
    except (
        ValueError,  # of which pandas' EmptyDataError and ParserError are, and UnicodeDecodeError
        EOFError,
        OSError,
        RuntimeError,  # an encrypted or unknown form of zip
        lzma.LZMAError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # With a number it is the system's own, such as a missing file; without, a decompressor's.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{path}: expected a CSV file with the columns label,pixel1,...,pixelN, found one that "
            f"pandas cannot read: {str(error).strip()}. Check that this is the right file and that "
            "it is whole."
        ) from error


def _check_columns(found, path):
    n_pixels = max(len(found) - 1, 1)
    pixels = [f"pixel{i}" for i in range(1, n_pixels + 1)]
    is_last = found[-1] == _LABEL and found[0] == pixels[0]
    expected = [*pixels, _LABEL] if is_last else [_LABEL, *pixels]
    for number, (name, there) in enumerate(zip_longest(expected, found), start=1):
        if there != name:
            index = " An index of pandas is left out by to_csv(index=False)."
            raise ValueError(
                f"{path}: expected column {number} to be {name!r}, found {there!r}. The first line "
                "must read label,pixel1,pixel2,... without gaps and in this order, with the label "
                "first or last; add or mend it." + (index if there == "Unnamed: 0" else "")
            )


def _whole_numbers(frame, high, dtype, path):
    """Return `frame` as an array of `dtype`, having checked that each value fits, in 0..high."""
    values = frame.to_numpy()
    if values.dtype.kind in "iu" and (
        not values.size or (values.min() >= 0 and values.max() <= high)
    ):
        return values.astype(dtype)
    return np.column_stack([_whole_column(frame[name], high, dtype, path) for name in frame])


def _whole_column(column, high, dtype, path):
    import pandas as pd

    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)
    bad = ~((numbers >= 0) & (numbers <= high) & (numbers == np.floor(numbers)))
    if pd.api.types.is_bool_dtype(column):
        bad[:] = True  # the words True and False
    if bad.any():
        where = int(bad.argmax())
        value = column.iloc[where]
        found = "no value (or NaN, or a short row)" if pd.isna(value) else repr(str(value))
        raise ValueError(
            f"{path}: expected a whole number in 0..{high} in column {column.name!r}, row "
            f"{column.index[where] + 1}, found {found}. Mend or remove this row."
        )
    return numbers.astype(dtype)
