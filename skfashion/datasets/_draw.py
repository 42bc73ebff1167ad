"""Drawing primitives of the generated images: signed distances, broadcast over many images.

Parameters of shapes have shape (m, 1, 1), one value per image. Coordinates and distances have shape
(m, s, s). Distances are negative inside a shape. The image spans -1 to 1 from left to right (x) and
from top to bottom (y), and distances are in the same units.

Pixels are computed only by operations that IEEE 754 rounds exactly (+, -, *, /, square root, floor,
minimum, maximum). The last bit of a sine, an exponential or a matrix product depends on the version
of NumPy and on the processor, and one bit is enough to change a gray level.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def between(x: NDArray, x0: Any, x1: Any) -> NDArray:
    """Return 0 up to `x0`, 1 from `x1` on, and a linear function between."""
    return np.clip((x - x0) / (x1 - x0), 0, 1)


def contour(x: NDArray, *points: tuple[Any, Any], smooth: bool = False) -> NDArray:
    """Interpolate the points (x0, y0), (x1, y1), ... of an outline, with increasing x.

    The pieces are linear, or S-curves that are flat at each point if `smooth`.
    """
    (x0, y0), *rest = points
    height = y0
    for x1, y1 in rest:
        step = between(x, x0, x1)
        if smooth:
            step = step * step * (3 - 2 * step)
        height = height + (y1 - y0) * step
        x0, y0 = x1, y1
    return height


def wave(x: NDArray) -> NDArray:
    """Return a triangle wave of period 1 between 0 and 1."""
    return np.abs(2 * (x - np.floor(x)) - 1)


def ellipse(x: NDArray, y: NDArray, cx: Any, cy: Any, rx: Any, ry: Any) -> NDArray:
    """Return the distance to an ellipse: exact for a circle, else approximate near the rim."""
    dx, dy = (x - cx) / rx, (y - cy) / ry
    return (np.sqrt(dx * dx + dy * dy) - 1) * np.minimum(rx, ry, dtype=np.float32)


def box(
    x: NDArray, y: NDArray, cx: Any, cy: Any, half_width: Any, half_height: Any, radius: Any = 0.0
) -> NDArray:
    """Return the distance to a box with rounded corners."""
    dx = np.abs(x - cx) - half_width + radius
    dy = np.abs(y - cy) - half_height + radius
    out_x, out_y = np.maximum(dx, 0), np.maximum(dy, 0)
    return np.sqrt(out_x * out_x + out_y * out_y) + np.minimum(np.maximum(dx, dy), 0) - radius


def limb(
    x: NDArray, y: NDArray, start: tuple[Any, Any], end: tuple[Any, Any], r_start: Any, r_end: Any
) -> NDArray:
    """Return the distance to a tapering band, round at `start` and flat at `end`."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    length = np.sqrt(dx * dx + dy * dy)
    dx, dy = dx / length, dy / length
    along = (x - x0) * dx + (y - y0) * dy
    across = np.abs((y - y0) * dx - (x - x0) * dy)
    before = np.minimum(along, 0)
    side = np.sqrt(across * across + before * before)
    side = side - r_start - (r_end - r_start) * np.clip(along / length, 0, 1)
    return np.maximum(side, along - length)


def ring(distance: NDArray, half_width: Any) -> NDArray:
    """Return the distance to a band of the given half width along the rim of a shape."""
    return np.abs(distance) - half_width


def union(*distances: NDArray) -> NDArray:
    """Return the distance to the union of shapes."""
    result = distances[0]
    for distance in distances[1:]:
        result = np.minimum(result, distance)
    return result


def cut(distance: NDArray, *holes: NDArray) -> NDArray:
    """Return the distance to a shape without the holes."""
    for hole in holes:
        distance = np.maximum(distance, -hole)
    return distance


class Pen:
    """The images of one class in one chunk: coordinates, random numbers, cloth and canvas.

    Parameters
    ----------
    uniforms : ndarray of shape (m, n_dice), float64
        One row of numbers in [0, 1) per image. `uniform` and `chance` take the next column, so that
        an image depends on its row alone.

    image_size : int
        Height and width of the images, in pixels.

    Attributes
    ----------
    x, y : ndarray of shape (m, image_size, image_size), float32
        Coordinates of the pixels relative to the garment, without the shift, rotation, scale and
        shear of the image, so that all garments are drawn upright.

    base : ndarray of shape (m, 1, 1), float32
        Brightness of the cloth, from 0 to 1.

    canvas : ndarray of shape (m, image_size, image_size), float32
        The images so far, from 0 (background) to 1.
    """

    def __init__(self, uniforms: NDArray, image_size: int) -> None:
        self._columns = iter(uniforms.astype(np.float32).T[:, :, None, None])
        self._pose(image_size)
        self._cloth()
        self.canvas = np.zeros_like(self.x)

    def uniform(self, low: float, high: float) -> NDArray:
        """Return one number between `low` and `high` per image."""
        return low + (high - low) * next(self._columns)

    def chance(self, probability: float) -> NDArray:
        """Return, per image, 1.0 with the given probability, else 0.0."""
        return (next(self._columns) < probability).astype(np.float32)

    def _pose(self, image_size: int) -> None:
        axis = (np.arange(image_size, dtype=np.float32) * 2 + 1) / image_size - 1
        x = axis[None, None, :] - self.uniform(-0.14, 0.14)
        y = axis[None, :, None] - self.uniform(-0.12, 0.12)
        # Cosine and sine as functions of t, the tangent of half the angle.
        t = self.uniform(-0.08, 0.08)
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        scale = self.uniform(0.84, 1.04)
        self.y = (y * cos - x * sin) / scale
        self.x = (x * cos + y * sin) / (scale * self.uniform(0.88, 1.1))
        self.x = self.x + self.uniform(-0.1, 0.1) * self.y
        self._pixel = 2 / (image_size * scale)

    def _cloth(self) -> None:
        self.base = self.uniform(0.35, 1.0)
        # Details are darker than bright cloth, and brighter than dark cloth.
        self.detail = np.where(self.base > 0.6, self.base - 0.38, self.base + 0.38)
        # Stripes along rows, columns, both (checks) or neither, from coarse to fine.
        kind = self.uniform(0, 1)
        strength = self.uniform(0.12, 0.5)
        rows = strength * ((kind < 0.16) | (kind > 0.92))
        columns = strength * ((kind > 0.16) & (kind < 0.26) | (kind > 0.92))
        fineness, phase = self.uniform(1.6, 4.5), self.uniform(0, 1)
        light = 1 + self.uniform(-0.15, 0.15) * self.x + self.uniform(-0.15, 0.15) * self.y
        self._weave = (
            light
            - rows * wave(self.y * fineness + phase)
            - columns * wave(self.x * fineness + phase)
        )

    def paint(self, distance: NDArray, level: Any, strength: Any = 1.0) -> None:
        """Paint the inside of a shape in one gray level."""
        cover = np.clip(0.5 - distance / self._pixel, 0, 1) * strength
        self.canvas += cover * (level - self.canvas)

    def fill(self, distance: NDArray, shade: Any = 1.0, strength: Any = 1.0) -> None:
        """Paint the inside of a shape as cloth, darker towards the rim, like a round body."""
        rim = np.clip(1 + distance / 0.1, 0, 1)
        self.paint(distance, self.base * shade * self._weave * (1 - 0.3 * rim), strength)

    def draw(self, distance: NDArray, strength: Any = 1.0) -> None:
        """Paint the inside of a shape in a gray level that contrasts with the cloth."""
        self.paint(distance, self.detail, strength)


def torso(pen: Pen, shoulder: Any, waist: Any, hem: Any, top: Any, bottom: Any) -> NDArray:
    """Return a trunk with sloping shoulders, from three half widths and its two ends."""
    x, y = np.abs(pen.x), pen.y
    middle = (top + bottom) * 0.5
    width = contour(
        y, (top, 0.45 * shoulder), (top + 0.16, shoulder), (middle, waist), (bottom, hem)
    )
    return np.maximum(x - width, np.maximum(top - y, y - bottom))


def sleeves(pen: Pen, shoulder: Any, top: Any, reach: Any, drop: Any, r_cuff: Any) -> NDArray:
    """Return both sleeves: `reach` outwards from the shoulder and `drop` downwards."""
    x0, y0 = shoulder - 0.13, top + 0.17
    return limb(np.abs(pen.x), pen.y, (x0, y0), (x0 + reach, y0 + drop), 0.15, r_cuff)


def neckline(pen: Pen, top: Any, width: Any, depth: Any, pointed: Any) -> NDArray:
    """Return the hole for the neck, round or V-shaped."""
    x, y = np.abs(pen.x), pen.y
    vee = (x - width * (1 - (y - top) / depth)) * 0.8
    return np.where(pointed > 0, vee, ellipse(x, y, 0.0, top, width, depth))


def buttons(pen: Pen, x: Any, top: Any, bottom: Any, gap: Any, radius: Any) -> NDArray:
    """Return a vertical row of round buttons."""
    y = (pen.y - top) / gap
    y = (y - np.floor(y) - 0.5) * gap
    row = ellipse(pen.x, y, x, 0.0, radius, radius)
    return np.maximum(row, np.maximum(top - pen.y, pen.y - bottom))


def shoe_profile(
    pen: Pen,
    ground: Any,
    toe: Any,
    instep: Any,
    instep_x: Any,
    shaft: Any,
    shaft_x: Any,
    back: Any,
    lean: Any,
) -> NDArray:
    """Return a shoe in profile, with its toe at the left, from heights above the ground."""
    height = contour(
        pen.x,
        (-0.92, 0.5 * toe),
        (-0.7, toe),
        (instep_x, instep),
        (shaft_x, shaft),
        (0.88, back),
        smooth=True,
    )
    body = np.maximum(ground - height - pen.y, pen.y - ground)
    # The heel leans forward at first, and is vertical above.
    heel = contour(ground - pen.y, (0.0, 0.86), (0.14, 0.9), (0.5, 0.9 - lean))
    return np.maximum(body, np.maximum(pen.x - heel, -0.92 - pen.x))
