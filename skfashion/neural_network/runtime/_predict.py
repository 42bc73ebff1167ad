"""Predictions in batches, averaged over views of the images (test-time augmentation)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._interrupts import answer

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 1024
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def predict(
    network: keras.Model,
    rows: NDArray,
    image_shape: tuple[int, int, int],
    views: Callable[[NDArray], Iterable[NDArray]],
    out: NDArray,
) -> None:
    """Compute the outputs of a network, averaged over views of the images.

    Parameters
    ----------
    network : keras.Model
        Network with one output.
    rows : ndarray of shape (n, height * width * channels)
        Images as rows of pixels.
    image_shape : tuple of int
        ``(height, width, channels)``.
    views : callable
        Function that returns the views of a batch of images.
    out : ndarray of shape (n, n_outputs)
        Array for the outputs. Its dtype is also that of the images.
    """
    for start in range(0, len(rows), _BATCH_SIZE):
        answer()
        part = slice(start, start + _BATCH_SIZE)
        images = rows[part].reshape(-1, *image_shape).astype(out.dtype, copy=False)
        predicted = [network.predict_on_batch(view) for view in views(images)]
        out[part] = np.mean(predicted, axis=0, dtype=out.dtype)


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
