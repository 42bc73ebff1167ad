"""Warnings of pixels that are scaled otherwise than those that they belong with."""

import numpy as np

from ._callers import warn_user

_ROWS = 1000  # enough of them to tell the scale by
_FEW = 16  # numbers, which may all be small by chance
_APART = 64  # bytes are 255 times as large as the same pixels in [0, 1]


def largest_pixel(rows):
    """Return the largest absolute value of a row as it usually is, or None if it cannot be told.

    That is the median over some of the rows, so that a row far from the others changes little.
    Rows of zeros do not count.

    Parameters
    ----------
    rows : ndarray of shape (n, features)
        Pixels.

    Returns
    -------
    float or None
    """
    if rows.shape[1] < _FEW or not len(rows):
        return None
    some = rows[:: -(-len(rows) // _ROWS)]
    largest = np.maximum(some.max(axis=1), -some.min(axis=1).astype(float))
    largest = largest[largest > 0]  # no NaN either
    # Of two in the middle the lower one, as their mean may overflow.
    return float(np.quantile(largest, 0.5, method="lower")) if len(largest) else None


def are_apart(one, other):
    """Tell whether two of what `largest_pixel` returns cannot be of pixels scaled alike."""
    return bool(one and other) and max(one / other, other / one) > _APART


def compare_scale(estimator, rows, *, reset, name="X"):
    """Learn the scale of the training images, or warn if other images are scaled otherwise.

    Parameters
    ----------
    estimator : estimator
        Keeps the largest pixel.
    rows : ndarray of shape (n, features)
        Validated pixels.
    reset : bool
        True in ``fit``, False after it.
    name : str, default="X"
        What the warning calls the images.

    Warns
    -----
    UserWarning
        If the largest pixels differ by a factor of more than 64.
    """
    largest = largest_pixel(rows)
    if reset:
        estimator._largest_pixel = largest
        return
    fitted = getattr(estimator, "_largest_pixel", None)
    if are_apart(largest, fitted):
        warn_user(
            f"{name} has pixels of up to about {largest:.3g}, but {type(estimator).__name__} was "
            f"fitted on pixels of up to about {fitted:.3g}: scale {name} as the training images "
            "were scaled."
        )


def compare_range(name, bounds, largest):
    """Warn if the range that a parameter names cannot be that of the pixels.

    Parameters
    ----------
    name : str
        Of the parameter, and of what it is a parameter of.
    bounds : tuple of two numbers
        Lowest and highest pixel.
    largest : float or None
        As :func:`largest_pixel` returns it.

    Warns
    -----
    UserWarning
        If the larger bound and the pixels differ by a factor of more than 64.
    """
    if are_apart(max(map(abs, bounds)), largest):
        warn_user(
            f"{name} is {tuple(bounds)}, but pixels go up to about {largest:.3g}: set it to the "
            "range of the pixels."
        )
