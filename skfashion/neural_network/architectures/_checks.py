"""What every architecture checks first."""

from numbers import Integral

import numpy as np


def _counts(values):
    return np.ndim(values) == 1 and all(isinstance(n, Integral) and n > 0 for n in values)


def check_network(input_shape, n_classes, filters):
    """Raise a ValueError unless these can be those of a convolutional network.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of outputs.
    filters : sequence of int
        Of each convolution or stage.
    """
    if not _counts(input_shape) or len(input_shape) != 3:
        raise ValueError(
            "input_shape must be three integers above 0, (height, width, channels), such as "
            f"(28, 28, 1) for gray images; got {input_shape!r}."
        )
    if not _counts([n_classes]):
        raise ValueError(f"n_classes must be an integer above 0, got {n_classes!r}.")
    if not _counts(filters) or not len(filters):
        raise ValueError(
            "filters must be a sequence of integers above 0, one for each convolution or stage; "
            f"got {filters!r}."
        )
