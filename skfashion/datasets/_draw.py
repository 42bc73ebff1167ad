"""Drawing primitives of the generated images: signed distances, broadcast over many images.

A parameter of a shape has shape (m, 1, 1), one value an image; a coordinate or a distance has
shape (m, s, s). Distances are negative inside a shape and in garment units: the picture spans -1
to 1 from left to right (x) and from top to bottom (y).

Only operations which IEEE 754 rounds exactly (+, -, *, /, square root, floor, minimum, maximum)
touch the pixels: sine, exponential or a matrix product may differ in the last bit from one NumPy
version or processor to the next, and one bit is enough to change a gray level.
"""

import numpy as np


def between(x, x0, x1):
    """Rise linearly from 0 at `x0` to 1 at `x1`, constant outside."""
    return np.clip((x - x0) / (x1 - x0), 0, 1)


def contour(x, *points, smooth=False):
    """Run through the points (x0, y0), (x1, y1), ..., x increasing: a silhouette's outline.

    Straight pieces, or S-curves which are flat at every point if `smooth`.
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


def wave(x):
    """Triangle wave of period 1 between 0 and 1: the sine of the textures."""
    return np.abs(2 * (x - np.floor(x)) - 1)


def ellipse(x, y, cx, cy, rx, ry):
    """Distance to an ellipse, exact for a circle and near enough along the rim else."""
    dx, dy = (x - cx) / rx, (y - cy) / ry
    return (np.sqrt(dx * dx + dy * dy) - 1) * np.minimum(rx, ry, dtype=np.float32)


def box(x, y, cx, cy, half_width, half_height, radius=0.0):
    """Distance to a box with rounded corners."""
    dx = np.abs(x - cx) - half_width + radius
    dy = np.abs(y - cy) - half_height + radius
    out_x, out_y = np.maximum(dx, 0), np.maximum(dy, 0)
    return np.sqrt(out_x * out_x + out_y * out_y) + np.minimum(np.maximum(dx, dy), 0) - radius


def limb(x, y, start, end, r_start, r_end):
    """Distance to a tapering band from `start` to `end`, round at the start and cut off flat."""
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


def ring(distance, half_width):
    """Distance to a band of the given half width along the rim of a shape."""
    return np.abs(distance) - half_width


def union(*distances):
    """Distance to the union of shapes."""
    result = distances[0]
    for distance in distances[1:]:
        result = np.minimum(result, distance)
    return result


def cut(distance, *holes):
    """Distance to a shape without the holes."""
    for hole in holes:
        distance = np.maximum(distance, -hole)
    return distance


class Pen:
    """The images of one class in one chunk: coordinates, dice, cloth and canvas.

    Parameters
    ----------
    uniforms : ndarray of shape (m, n_dice), float64
        One row of numbers in [0, 1) an image. Each call of a dice method takes the next column,
        so a row alone decides its image.

    image_size : int
        Height and width of the images, in pixels.

    Attributes
    ----------
    x, y : ndarray of shape (m, image_size, image_size), float32
        Coordinates of the pixels in the garment's frame: position, rotation, scale and shear of
        every image are already taken out, so that a garment is always drawn upright.

    base : ndarray of shape (m, 1, 1), float32
        Brightness of the cloth, from 0 to 1.

    canvas : ndarray of shape (m, image_size, image_size), float32
        The picture so far: 0 is the background, 1 the brightest.
    """

    def __init__(self, uniforms, image_size):
        self._columns = iter(uniforms.astype(np.float32).T[:, :, None, None])
        self._pose(image_size)
        self._cloth()
        self.canvas = np.zeros_like(self.x)

    def uniform(self, low, high):
        """One number between `low` and `high` an image."""
        return low + (high - low) * next(self._columns)

    def chance(self, probability):
        """1.0 with the given probability, else 0.0, for every image."""
        return (next(self._columns) < probability).astype(np.float32)

    def _pose(self, image_size):
        axis = (np.arange(image_size, dtype=np.float32) * 2 + 1) / image_size - 1
        x = axis[None, None, :] - self.uniform(-0.14, 0.14)
        y = axis[None, :, None] - self.uniform(-0.12, 0.12)
        # The rational form of cosine and sine; t is the tangent of half the angle.
        t = self.uniform(-0.08, 0.08)
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        scale = self.uniform(0.84, 1.04)
        self.y = (y * cos - x * sin) / scale
        self.x = (x * cos + y * sin) / (scale * self.uniform(0.88, 1.1))
        self.x = self.x + self.uniform(-0.1, 0.1) * self.y
        self._pixel = 2 / (image_size * scale)

    def _cloth(self):
        self.base = self.uniform(0.35, 1.0)
        # Details contrast with the cloth, whichever side of it has room.
        self.detail = np.where(self.base > 0.6, self.base - 0.38, self.base + 0.38)
        # Rows, columns, both (checks) or neither, from bold stripes down to a fine knit.
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

    def paint(self, distance, level, strength=1.0):
        """Lay an even colour over the inside of a shape."""
        cover = np.clip(0.5 - distance / self._pixel, 0, 1) * strength
        self.canvas += cover * (level - self.canvas)

    def fill(self, distance, shade=1.0, strength=1.0):
        """Lay cloth over the inside of a shape, darker towards its rim as if it were round."""
        rim = np.clip(1 + distance / 0.1, 0, 1)
        self.paint(distance, self.base * shade * self._weave * (1 - 0.3 * rim), strength)

    def draw(self, distance, strength=1.0):
        """Lay a detail that contrasts with the cloth over the inside of a shape."""
        self.paint(distance, self.detail, strength)


def torso(pen, shoulder, waist, hem, top, bottom):
    """Return a trunk with sloping shoulders: half widths at three heights, then its two ends."""
    x, y = np.abs(pen.x), pen.y
    middle = (top + bottom) * 0.5
    width = contour(
        y, (top, 0.45 * shoulder), (top + 0.16, shoulder), (middle, waist), (bottom, hem)
    )
    return np.maximum(x - width, np.maximum(top - y, y - bottom))


def sleeves(pen, shoulder, top, reach, drop, r_cuff):
    """Return both arms at once: `reach` outwards from the shoulder and `drop` downwards."""
    x0, y0 = shoulder - 0.13, top + 0.17
    return limb(np.abs(pen.x), pen.y, (x0, y0), (x0 + reach, y0 + drop), 0.15, r_cuff)


def neckline(pen, top, width, depth, pointed):
    """Return the hole for the neck, round or V-shaped."""
    x, y = np.abs(pen.x), pen.y
    vee = (x - width * (1 - (y - top) / depth)) * 0.8
    return np.where(pointed > 0, vee, ellipse(x, y, 0.0, top, width, depth))


def buttons(pen, x, top, bottom, gap, radius):
    """Return a row of round buttons down a front."""
    y = (pen.y - top) / gap
    y = (y - np.floor(y) - 0.5) * gap
    row = ellipse(pen.x, y, x, 0.0, radius, radius)
    return np.maximum(row, np.maximum(top - pen.y, pen.y - bottom))


def shoe_profile(pen, ground, toe, instep, instep_x, shaft, shaft_x, back, lean):
    """Return a shoe in profile, its toe at the left: heights above the ground and where."""
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
    # The heel leans forward as it rises, then runs straight up.
    heel = contour(ground - pen.y, (0.0, 0.86), (0.14, 0.9), (0.5, 0.9 - lean))
    return np.maximum(body, np.maximum(pen.x - heel, -0.92 - pen.x))
