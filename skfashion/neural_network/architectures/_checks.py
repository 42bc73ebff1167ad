"""Checks of the parameters that all built-in architectures share."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np


def _are_positive_integers(values: Any) -> bool:
    return np.ndim(values) == 1 and all(isinstance(n, Integral) and int(n) > 0 for n in values)


def check_network(
    input_shape: tuple[int, int, int], n_classes: int, filters: Sequence[int]
) -> None:
    """Raise a ValueError if a parameter is invalid.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of outputs.
    filters : sequence of int
        Number of filters of each convolution or stage.
    """
    if not _are_positive_integers(input_shape) or len(input_shape) != 3:
        raise ValueError(
            "input_shape must be three integers above 0, (height, width, channels), such as "
            f"(28, 28, 1) for gray images; got {input_shape!r}."
        )
    if not _are_positive_integers([n_classes]):
        raise ValueError(f"n_classes must be an integer above 0, got {n_classes!r}.")
    if not _are_positive_integers(filters) or not len(filters):
        raise ValueError(
            "filters must be a sequence of integers above 0, one for each convolution or stage; "
            f"got {filters!r}."
        )
