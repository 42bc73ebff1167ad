"""Warnings if pixels have another scale than the training images or a parameter."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._callers import warn_user

_SAMPLE_ROWS = 1000
_MIN_PIXELS = 16  # The values of fewer pixels may all be small by chance.
_MAX_FACTOR = 64  # Bytes are 255 times as large as the same pixels in [0, 1].


def largest_pixel(rows: NDArray) -> float | None:
    """Return the typical largest absolute value of a row.

    It is the median over a sample of the rows, without rows of zeros. Outliers therefore change it
    little.

    Parameters
    ----------
    rows : ndarray of shape (n, features)
        Pixels.

    Returns
    -------
    float or None
        None if rows have fewer than 16 pixels, or no row has a pixel other than 0.
    """
    if rows.shape[1] < _MIN_PIXELS or not len(rows):
        return None
    sample = rows[:: -(-len(rows) // _SAMPLE_ROWS)]
    largest = np.maximum(sample.max(axis=1), -sample.min(axis=1).astype(float))
    largest = largest[largest > 0]  # This removes NaN, too.
    # The lower of two values in the middle, because their mean may overflow.
    return float(np.quantile(largest, 0.5, method="lower")) if len(largest) else None


def _differ(one: float | None, other: float | None) -> bool:
    """Return whether two results of `largest_pixel` are of pixels with different scales."""
    if not one or not other:
        return False
    return max(one / other, other / one) > _MAX_FACTOR


def compare_scale(estimator: Any, rows: NDArray, *, reset: bool, name: str = "X") -> None:
    """Store the scale of the training images, or compare other images with it.

    Parameters
    ----------
    estimator : estimator
        Estimator that stores the largest pixel.
    rows : ndarray of shape (n, features)
        Validated pixels.
    reset : bool
        True in ``fit``, False after it.
    name : str, default="X"
        Name of the images in the warning.

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
    if _differ(largest, fitted):
        warn_user(
            f"{name} has pixels of up to about {largest:.3g}, but {type(estimator).__name__} was "
            f"fitted on pixels of up to about {fitted:.3g}. Scale {name} like the training images."
        )


def compare_range(name: str, bounds: tuple[float, float], largest: float | None) -> None:
    """Warn if a parameter is a range that the pixels do not have.

    Parameters
    ----------
    name : str
        Name of the parameter, and of its estimator or layer.
    bounds : tuple of two numbers
        Lowest and highest pixel.
    largest : float or None
        Result of :func:`largest_pixel`.

    Warns
    -----
    UserWarning
        If the larger bound and the pixels differ by a factor of more than 64.
    """
    if _differ(max(map(abs, bounds)), largest):
        warn_user(
            f"{name} is {tuple(bounds)}, but pixels go up to about {largest:.3g}. Set it to the "
            "range of the pixels."
        )
