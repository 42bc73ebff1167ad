"""What the displays of images share: one Axes, in units of an image's longer side."""

import numpy as np

from ._validation import pixel_maximum

# In units of the longer side of an image.
LINE = 0.19  # of text
GAP = 0.12  # between images
_LABEL_GAP = 0.03  # of a label, below its image
# Images much longer in one direction than in the other are drawn thicker than they are.
_MIN_SIDE = 0.15
# Cells are at least so wide, for the texts.
_MIN_CELL_WIDTH = 0.7
# Inches of an image's longer side, such that the figure keeps below a width if it can; a figure of
# few images is larger.
_INCHES_PER_IMAGE, _MAX_FIGURE_WIDTH, _MIN_FIGURE_SIZE = (0.75, 1.3), 12, 4

RIGHT, WRONG = ("tab:blue", "✓"), ("tab:red", "✗")  # never told apart by the colour alone


class Canvas:
    """An Axes of images, texts and bars; x to the right, y down, from 0.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        Where to draw; None makes a figure.
    images : list of ndarray of shape (n, height, width) or (n, height, width, channels)
        All that are to be drawn, on one common scale of pixels.
    size : tuple of two floats
        Width and height of all, in units of an image's longer side.
    cmap : str or matplotlib.colors.Colormap
        Colours of gray images.
    """

    def __init__(self, ax, images, size, cmap):
        import matplotlib.pyplot as plt

        from ._text_layout import TextFitter

        self._maximum = pixel_maximum(*images)
        self._cell_width, _ = cell_size(images[0])
        self._cmap = cmap
        width, height = size
        if ax is None:
            inches = np.clip(_MAX_FIGURE_WIDTH / width, *_INCHES_PER_IMAGE)
            inches = max(inches, _MIN_FIGURE_SIZE / max(size))
            _, ax = plt.subplots(figsize=(width * inches, height * inches), layout="constrained")
        self.ax = ax
        if not hasattr(ax, "imshow"):
            raise TypeError(f"Expected one matplotlib Axes as ax, got {type(ax).__name__}.")
        self._limits = {"xlim": (0, width), "ylim": (height, 0)}
        self._fitter = TextFitter(plt.rcParams["font.size"])
        ax.add_artist(self._fitter)

    def image(self, image, left, top, *, color=None, linestyle="-", linewidth=0.0):
        """Draw an image in the middle of its cell, framed if a line width is given.

        Returns
        -------
        matplotlib.image.AxesImage
        """
        from matplotlib.patches import Rectangle

        width, height = _image_size(image)
        left += (self._cell_width - width) / 2
        if image.ndim == 3 and image.dtype != np.uint8:
            image = np.clip(image.astype(float) / self._maximum, 0, 1)
        extent = (left, left + width, top + height, top)
        drawn = self.ax.imshow(
            image, extent=extent, cmap=self._cmap, vmin=0, vmax=self._maximum, aspect="equal"
        )
        if linewidth:
            style = {"edgecolor": color, "linestyle": linestyle, "linewidth": linewidth}
            self.ax.add_patch(Rectangle((left, top), width, height, fill=False, **style))
        return drawn

    def text(
        self, string, left, top, width, height, *, ha="center", va="center", group="label", **style
    ):
        """Write into a box, on the side that `ha` and `va` say; return the Text."""
        from ._text_layout import make_text

        x = left + {"left": 0, "center": width / 2, "right": width}[ha]
        y = top + {"top": 0, "center": height / 2}[va]
        text = make_text(x, y, string, ha=ha, va=va, **style)
        self.ax.add_artist(text)
        self._fitter.add(text, width, height, group)
        return text

    def label(self, string, left, top, *, n_lines=1, **style):
        """Write under the cell of an image, which has its corner at `left` and `top`."""
        width, height = self._cell_width + 2 * GAP / 3, n_lines * LINE - _LABEL_GAP
        return self.text(string, left - GAP / 3, top + _LABEL_GAP, width, height, va="top", **style)

    def finish(self, display):
        """Set the limits, which drawing has changed, and the attributes of `display`."""
        self.ax.set(**self._limits)
        self.ax.set_axis_off()
        display.ax_, display.figure_ = self.ax, self.ax.figure
        return display


def _image_size(image):
    """Width and height that an image is drawn with, the longer one being 1."""
    height, width = image.shape[:2]
    longer = max(height, width)
    return max(width / longer, _MIN_SIDE), max(height / longer, _MIN_SIDE)


def cell_size(images):
    """Width and height of the cell that holds each of some images, without its texts."""
    width, height = _image_size(images[0])
    return max(width, _MIN_CELL_WIDTH), height


def grid_layout(n, n_cols, width, height):
    """Lay out `n` cells, each of a width and height, gaps included, row after row.

    Returns
    -------
    size : tuple of two floats
        Width and height of the grid.
    corners : list of tuples of two floats
        Left and top of each cell.
    """
    size = n_cols * width, -(-n // n_cols) * height
    return size, [(GAP / 2 + i % n_cols * width, GAP / 2 + i // n_cols * height) for i in range(n)]
