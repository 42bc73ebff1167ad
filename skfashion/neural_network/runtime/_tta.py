"""Test-time augmentation: the views of images over which predictions are averaged."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def tta_views(
    images: Any, horizontal_flip: bool, tta_shifts: int, pad: Callable[..., Any] = np.pad
) -> Iterator[Any]:
    """Yield the views over which predictions are averaged.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Images to predict.
    horizontal_flip : bool
        Whether to yield mirror images too.
    tta_shifts : int
        Largest shift up, down, left and right, in pixels.
    pad : callable, default=numpy.pad
        Function that pads the images. Tensors of another library need its own.

    Yields
    ------
    ndarray of shape (n, height, width, channels)
        A view. The first one is `images`.
    """
    height, width = images.shape[1:3]
    padded = images
    if tta_shifts:  # Padding copies the images even if its width is 0.
        padded = pad(images, ((0, 0), (tta_shifts, tta_shifts), (tta_shifts, tta_shifts), (0, 0)))
    shifts = [
        (by * down, by * right) for by in range(1, tta_shifts + 1) for down, right in _DIRECTIONS
    ]
    for down, right in [(0, 0), *shifts]:
        top, left = tta_shifts - down, tta_shifts - right
        view = padded[:, top : top + height, left : left + width]
        yield view
        if horizontal_flip:
            yield view[:, :, ::-1]
