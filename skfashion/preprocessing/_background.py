"""The plain background of a photograph, and the object in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_FIT_SIZE = 128  # Longer side, in pixels, of the image to which the background is fitted.
_Y_POWERS, _X_POWERS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 1, 0]  # Terms of a polynomial of order 2.
_N_FIT_ROUNDS = 4  # Each round leaves out the outliers of the previous one.
# Ratio of the standard deviation to the median absolute deviation of a normal distribution.
_MAD_TO_STD = 1.4826
# Uneven light is fitted if the fit reduces the noise to less than this fraction.
_MAX_NOISE_RATIO = 0.7
# Gray levels (standard deviation). A noisier background has uneven light or a pattern.
_MAX_CAMERA_NOISE = 1
# Gray levels (standard deviation). More noise is counted as this, or it would hide the object.
_MAX_NOISE = 20
# Pixels of the object differ from the background by more standard deviations than this.
_OBJECT_DEVIATIONS = 3.5
# Single pixels of an even background differ from it by fewer standard deviations than this.
_PIXEL_DEVIATIONS = 5
# More than this fraction of the pixels differs in each row and column of the object.
_SPECK_FRACTION = 1 / 200
# If the background is not even, it must also be more than this part of the largest fraction.
_PATTERN_FRACTION = 1 / 10
_MAX_FRAME_FRACTION = 1 / 50  # Thickness of a frame, as a fraction of the shorter side.
_FRAME_TOLERANCE = 25  # Gray levels.


@dataclass(frozen=True)
class Background:
    """The color of a plain background at each place, and its noise.

    Parameters
    ----------
    coefficients : ndarray of shape (3, 3, 3)
        Coefficients of a polynomial of order 2 per channel. The axes are the power of y, the power
        of x and the channel; x and y go from -1 to 1.
    noise : float
        Standard deviation of averaged pixels from the polynomial.
    pixel_noise : float
        Standard deviation of single pixels from the constant term.
    """

    coefficients: np.ndarray
    noise: float
    pixel_noise: float

    @property
    def is_even(self) -> bool:
        """Whether the background has one color, apart from the noise of a camera."""
        return bool(
            self.noise <= _MAX_CAMERA_NOISE and np.count_nonzero(self.coefficients.any(axis=2)) <= 1
        )

    def colors(
        self, width: int, height: int, box: tuple[float, float, float, float] = (0, 0, 1, 1)
    ) -> NDArray:
        """Return the colors on a grid.

        Parameters
        ----------
        width, height : int
            Size of the grid.
        box : tuple of four numbers
            Left, top, right and bottom of the grid, from 0 to 1.

        Returns
        -------
        ndarray of shape (height, width, 3)
        """
        left, top, right, bottom = box
        x = left + (right - left) * (np.arange(width) + 0.5) / width
        y = top + (bottom - top) * (np.arange(height) + 0.5) / height
        of_rows = np.tensordot(_powers(2 * y - 1), self.coefficients, 1)
        return (_powers(2 * x - 1) @ of_rows).clip(0, 255)


def _powers(x: NDArray) -> NDArray:
    return np.stack([np.ones_like(x), x, x * x], axis=1, dtype=np.float32)


def _max_over_channels(apart: NDArray) -> NDArray:
    """Return the maximum over three channels, faster than `max` over so short an axis."""
    return np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])


def _reduction_factor(photograph: Image) -> int:
    return max(1, max(photograph.size) // _FIT_SIZE)


def _fraction_near(colors: NDArray, color: NDArray) -> float:
    return float(np.mean(_max_over_channels(np.abs(colors - color)) <= _FRAME_TOLERANCE))


def _ring(photograph: Image, depth: int) -> NDArray:
    """Return the colors of all pixels at a distance of `depth` from the border."""
    right, bottom = photograph.width - depth, photograph.height - depth
    lines = [
        (depth, depth, right, depth + 1),
        (depth, bottom - 1, right, bottom),
        (depth, depth, depth + 1, bottom),
        (right - 1, depth, right, bottom),
    ]
    parts = [np.asarray(photograph.crop(line)).reshape(-1, 3) for line in lines]
    return np.concatenate(parts).astype(np.float32)


def without_frame(photograph: Image) -> Image:
    """Return a photograph without its thin, plain frame, if it has one."""
    shorter = min(photograph.size)
    if shorter < 1 / _MAX_FRAME_FRACTION:
        return photograph
    depth = ceil(shorter * _MAX_FRAME_FRACTION)
    frame, within = _ring(photograph, 0), _ring(photograph, depth)
    color, ground = np.median(frame, axis=0), np.median(within, axis=0)
    if (
        np.abs(color - ground).max() <= _FRAME_TOLERANCE
        or _fraction_near(frame, color) < 0.9
        or _fraction_near(within, ground) < 0.75
    ):
        return photograph
    inner = photograph.crop((depth, depth, photograph.width - depth, photograph.height - depth))
    # If the inner part is of one color, it is an object that fills the photograph.
    is_empty = _fraction_near(np.asarray(inner, dtype=np.float32), ground) > 1 - _SPECK_FRACTION
    return photograph if is_empty else inner


def fit_background(photograph: Image) -> Background:
    """Fit the background to the border of a photograph.

    Parameters
    ----------
    photograph : PIL.Image.Image
        Photograph of mode "RGB".

    Returns
    -------
    Background
    """
    pixels = np.asarray(photograph.reduce(_reduction_factor(photograph)))
    height, width = pixels.shape[:2]
    is_border = np.ones((height, width), dtype=bool)
    is_border[1:-1, 1:-1] = False
    i, j = np.nonzero(is_border)
    colors = pixels[i, j].astype(np.float32)
    coefficients = np.zeros((3, 3, 3), dtype=np.float32)
    coefficients[0, 0] = np.median(colors, axis=0)
    apart = np.abs(colors - coefficients[0, 0])
    noise = _robust_std(apart)
    if noise > _MAX_CAMERA_NOISE:
        x, y = _powers((2 * j + 1) / width - 1), _powers((2 * i + 1) / height - 1)
        terms = y[:, _Y_POWERS] * x[:, _X_POWERS]
        for _ in range(_N_FIT_ROUNDS):
            apart = _max_over_channels(apart)
            near = apart <= 2 * _MAD_TO_STD * np.median(apart) + 1
            uneven = _least_squares(terms[near], colors[near])
            apart = np.abs(colors - terms @ uneven)
        # A polynomial always fits a little better, for example an object that touches the border.
        if _robust_std(apart) < _MAX_NOISE_RATIO * noise:
            noise = _robust_std(apart)
            coefficients[_Y_POWERS, _X_POWERS] = uneven
    pixel_noise = _robust_std(np.abs(_ring(photograph, 0) - np.median(colors, axis=0)))
    return Background(coefficients, min(noise, _MAX_NOISE), pixel_noise)


def _least_squares(terms: NDArray, colors: NDArray) -> NDArray:
    # The normal equations are several times as fast, and precise enough for terms in [-1, 1].
    return np.linalg.lstsq(terms.T @ terms, terms.T @ colors, rcond=None)[0]


def _robust_std(apart: NDArray) -> float:
    return float(_MAD_TO_STD * np.median(apart, axis=0).max())


def box_of_object(
    photograph: Image, background: Background, tolerance: float
) -> tuple[int, int, int, int] | None:
    """Return the bounding box of the object: (left, top, right, bottom).

    Parameters
    ----------
    photograph : PIL.Image.Image
        Photograph of mode "RGB".
    background : Background
        Background of the photograph.
    tolerance : float
        Gray levels by which pixels of the background may differ from it in a channel.

    Returns
    -------
    tuple of four int or None
        None if nothing differs from the background. The whole photograph if nothing differs more
        than a pattern of the background does.
    """
    # In front of an even background, the box is exact to a pixel. Noise and patterns are averaged.
    is_even = background.is_even and _PIXEL_DEVIATIONS * background.pixel_noise <= tolerance
    step = 1 if is_even else _reduction_factor(photograph)
    apart = _distance_from_background(photograph.reduce(step), background)
    noise = _OBJECT_DEVIATIONS * background.noise
    differs = apart > max(tolerance, noise)
    (left, right), (top, bottom) = (
        _extent(np.count_nonzero(differs, axis=axis) / differs.shape[axis], is_even)
        for axis in (0, 1)
    )
    width, height = photograph.size
    if left == right or top == bottom:
        return (0, 0, width, height) if noise > tolerance else None
    return left * step, top * step, min(right * step, width), min(bottom * step, height)


def _distance_from_background(photograph: Image, background: Background) -> NDArray:
    """Return the distance of each pixel from the background: the maximum over its channels."""
    if not background.is_even:
        colors = background.colors(*photograph.size)
        return _max_over_channels(np.abs(np.asarray(photograph) - colors))
    from PIL import Image, ImageChops  # Several times as fast.

    color = np.rint(background.coefficients[0, 0]).astype(int)
    plain = Image.new("RGB", photograph.size, tuple(color.tolist()))
    red, green, blue = ImageChops.difference(photograph, plain).split()
    return np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))


def _extent(shares: NDArray, is_even: bool) -> tuple[int, int]:
    """Return where the object begins and ends, from the fractions that differ per row or column."""
    least = _SPECK_FRACTION if is_even else max(_SPECK_FRACTION, _PATTERN_FRACTION * shares.max())
    (found,) = np.nonzero(shares > least)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
