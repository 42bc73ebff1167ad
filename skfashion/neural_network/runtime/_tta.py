"""Test-time augmentation: the views of images that predictions are averaged over."""

import numpy as np

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def tta_views(images, horizontal_flip, tta_shifts, pad=np.pad):
    """Go through what predictions are averaged over.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        To be predicted.
    horizontal_flip : bool
        Whether to go through the mirror images too.
    tta_shifts : int
        Greatest number of pixels to move by, up, down, left and right.
    pad : callable, default=numpy.pad
        Or the same of another library, for images that are its tensors.

    Yields
    ------
    ndarray of shape (n, height, width, channels)
        The images themselves first.
    """
    height, width = images.shape[1:3]
    padded = images
    if tta_shifts:  # else a copy for nothing, in every prediction
        padded = pad(images, ((0, 0), (tta_shifts, tta_shifts), (tta_shifts, tta_shifts), (0, 0)))
    moves = [
        (by * down, by * right) for by in range(1, tta_shifts + 1) for down, right in _DIRECTIONS
    ]
    for down, right in [(0, 0), *moves]:
        top, left = tta_shifts - down, tta_shifts - right
        view = padded[:, top : top + height, left : left + width]
        yield view
        if horizontal_flip:
            yield view[:, :, ::-1]
