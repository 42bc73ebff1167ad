"""The plain background of a photograph, and what stands out from it."""

from dataclasses import dataclass
from math import ceil

import numpy as np

_FIT_SIZE = 128  # pixels on the longer side, of which the background is learned
_Y_POWERS, _X_POWERS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 1, 0]  # powers of order 2 at most
_N_FIT_ROUNDS = 4  # of the fit, each without the pixels that the one before is far from
_MAD_TO_STD = 1.4826  # of a normal distribution, as a multiple of its median absolute value
_MAX_NOISE_RATIO = 0.7  # times the noise: what the fit of uneven light must come to
_MAX_CAMERA_NOISE = 1  # deviation of what is noise of the camera at most
_MAX_NOISE = 20  # of a background with a pattern: more would hide the object too
_OBJECT_DEVIATIONS = 3.5  # deviations of the background, beyond which a pixel may be of the object
_PIXEL_DEVIATIONS = 5  # of single pixels, which no row of an even background goes beyond
_SPECK_FRACTION = 1 / 200  # of a row or column, which is too little to be of the object
_PATTERN_FRACTION = 1 / 10  # the same before a pattern, of the row or column with the most
_MAX_FRAME_FRACTION = 1 / 50  # of the shorter side: how thick a frame around a photograph may be
_FRAME_TOLERANCE = 25  # levels


@dataclass(frozen=True)
class Background:
    """The colour of a plain background at each place, and how far pixels are from it.

    Parameters
    ----------
    coefficients : ndarray of shape (3, 3, 3)
        Of the polynomial of order 2 that each channel is: by the powers of y and of x, which go
        from -1 to 1, and the channel.
    noise : float
        Standard deviation around it of the pixels that it was fitted to, which are averages.
    pixel_noise : float
        Standard deviation of single pixels around its constant term.
    """

    coefficients: np.ndarray
    noise: float
    pixel_noise: float

    @property
    def is_even(self):
        """Whether it is of one colour, but for what noise a camera has."""
        return (
            self.noise <= _MAX_CAMERA_NOISE and np.count_nonzero(self.coefficients.any(axis=2)) <= 1
        )

    def colors(self, width, height, box=(0, 0, 1, 1)):
        """Return the colours at evenly spread places.

        Parameters
        ----------
        width, height : int
            How many places.
        box : tuple of four numbers
            Left, top, right and bottom of the part that they are in, from 0 to 1.

        Returns
        -------
        ndarray of shape (height, width, 3)
        """
        left, top, right, bottom = box
        x = left + (right - left) * (np.arange(width) + 0.5) / width
        y = top + (bottom - top) * (np.arange(height) + 0.5) / height
        of_rows = np.tensordot(_powers(2 * y - 1), self.coefficients, 1)
        return (_powers(2 * x - 1) @ of_rows).clip(0, 255)


def _powers(x):
    return np.stack([np.ones_like(x), x, x * x], axis=1, dtype=np.float32)


def _max_over_channels(apart):
    """Return the largest of three channels; so far faster than along a short axis."""
    return np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])


def _reduction_factor(photograph):
    return max(1, max(photograph.size) // _FIT_SIZE)


def _fraction_near(colors, color):
    return np.mean(_max_over_channels(np.abs(colors - color)) <= _FRAME_TOLERANCE)


def _ring(photograph, depth):
    """Return the colours of all pixels that far from the border."""
    right, bottom = photograph.width - depth, photograph.height - depth
    lines = [
        (depth, depth, right, depth + 1),
        (depth, bottom - 1, right, bottom),
        (depth, depth, depth + 1, bottom),
        (right - 1, depth, right, bottom),
    ]
    parts = [np.asarray(photograph.crop(line)).reshape(-1, 3) for line in lines]
    return np.concatenate(parts).astype(np.float32)


def without_frame(photograph):
    """Return a photograph without the thin, plain frame around it, if it has one."""
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
    # Where nothing is in it, the frame is the background of an object that fills the photograph.
    is_empty = _fraction_near(np.asarray(inner, dtype=np.float32), ground) > 1 - _SPECK_FRACTION
    return photograph if is_empty else inner


def fit_background(photograph):
    """Fit the background to the border of a photograph.

    Parameters
    ----------
    photograph : PIL.Image.Image
        Of mode "RGB".

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
        # A polynomial fits anything a little better, as an object that touches the border.
        if _robust_std(apart) < _MAX_NOISE_RATIO * noise:
            noise = _robust_std(apart)
            coefficients[_Y_POWERS, _X_POWERS] = uneven
    pixel_noise = _robust_std(np.abs(_ring(photograph, 0) - np.median(colors, axis=0)))
    return Background(coefficients, min(noise, _MAX_NOISE), pixel_noise)


def _least_squares(terms, colors):
    # By the normal equations, several times as fast; few terms within [-1, 1] lose no digit needed.
    return np.linalg.lstsq(terms.T @ terms, terms.T @ colors, rcond=None)[0]


def _robust_std(apart):
    return float(_MAD_TO_STD * np.median(apart, axis=0).max())


def box_of_object(photograph, background, tolerance):
    """Return (left, top, right, bottom) of what differs from the background.

    Parameters
    ----------
    photograph : PIL.Image.Image
        Of mode "RGB".
    background : Background
        Its background.
    tolerance : float
        Levels by which the background may differ from itself in a channel.

    Returns
    -------
    tuple of four int or None
        None if nothing differs; all of the photograph if a pattern may hide what does.
    """
    # An even background is trimmed to the pixel; on others, noise and patterns are averaged out.
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


def _distance_from_background(photograph, background):
    """Return the distance of each pixel from the background, in the channel where it is largest."""
    if not background.is_even:
        colors = background.colors(*photograph.size)
        return _max_over_channels(np.abs(np.asarray(photograph) - colors))
    from PIL import Image, ImageChops  # several times as fast

    color = np.rint(background.coefficients[0, 0]).astype(int)
    plain = Image.new("RGB", photograph.size, tuple(color.tolist()))
    red, green, blue = ImageChops.difference(photograph, plain).split()
    return np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))


def _extent(shares, is_even):
    """Return where the object begins and ends, by the share of each row or column that differs."""
    least = _SPECK_FRACTION if is_even else max(_SPECK_FRACTION, _PATTERN_FRACTION * shares.max())
    (found,) = np.nonzero(shares > least)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
