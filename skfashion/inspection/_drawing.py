"""The Axes of the displays of images, in units of an image's longer side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._validation import pixel_maximum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

# In units of an image's longer side.
LINE = 0.19  # Height of a line of text.
GAP = 0.12  # Between images.
_LABEL_GAP = 0.03  # Between an image and its label.
# Minimum width and height of an image. Very long images are drawn wider or higher than they are.
_MIN_SIDE = 0.15
# Minimum width of a cell, because the texts need space.
_MIN_CELL_WIDTH = 0.7
# Range of inches of an image's longer side. Large figures use less to stay below the maximum width,
# figures with few images may use more to reach the minimum size.
_INCHES_PER_IMAGE, _MAX_FIGURE_WIDTH, _MIN_FIGURE_SIZE = (0.75, 1.3), 12, 4

# The marks make the meaning clear without the colors.
RIGHT, WRONG = ("tab:blue", "✓"), ("tab:red", "✗")


class Canvas:
    """An Axes of images, texts and bars, with the origin at the upper left corner.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        Axes to draw on, or None for a new figure.
    images : list of ndarray of shape (n, height, width) or (n, height, width, channels)
        All images to be drawn. They share one scale of pixels.
    size : tuple of two floats
        Width and height of the content, in units of an image's longer side.
    cmap : str or matplotlib.colors.Colormap
        Colormap of gray images.
    """

    def __init__(
        self,
        ax: Axes | None,
        images: Sequence[NDArray],
        size: tuple[float, float],
        cmap: str | Colormap,
    ) -> None:
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

    def image(
        self,
        image: NDArray,
        left: float,
        top: float,
        *,
        color: str | None = None,
        linestyle: Any = "-",
        linewidth: float = 0.0,
    ) -> AxesImage:
        """Draw an image in the center of its cell, with a frame if `linewidth` is not 0.

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
            style: dict[str, Any] = {
                "edgecolor": color,
                "linestyle": linestyle,
                "linewidth": linewidth,
            }
            self.ax.add_patch(Rectangle((left, top), width, height, fill=False, **style))
        return drawn

    def text(
        self,
        string: str,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        ha: str = "center",
        va: str = "center",
        group: str = "label",
        **style: Any,
    ) -> Text:
        """Draw a text into a box, with the alignments `ha` and `va`, and return it."""
        from ._text_layout import make_text

        x = left + {"left": 0, "center": width / 2, "right": width}[ha]
        y = top + {"top": 0, "center": height / 2}[va]
        text = make_text(x, y, string, ha=ha, va=va, **style)
        self.ax.add_artist(text)
        self._fitter.add(text, width, height, group)
        return text

    def label(
        self, string: str, left: float, top: float, *, n_lines: int = 1, **style: Any
    ) -> Text:
        """Draw a text under a cell whose lower left corner is at `left` and `top`."""
        width, height = self._cell_width + 2 * GAP / 3, n_lines * LINE - _LABEL_GAP
        return self.text(string, left - GAP / 3, top + _LABEL_GAP, width, height, va="top", **style)

    def finish(self, display: Any) -> Any:
        """Restore the limits, which drawing has changed, and set the attributes of `display`."""
        self.ax.set(**self._limits)
        self.ax.set_axis_off()
        display.ax_, display.figure_ = self.ax, self.ax.figure
        return display


def _image_size(image: NDArray) -> tuple[float, float]:
    """Return the width and height of an image as drawn. The longer side is 1."""
    height, width = image.shape[:2]
    longer = max(height, width)
    return max(width / longer, _MIN_SIDE), max(height / longer, _MIN_SIDE)


def cell_size(images: NDArray) -> tuple[float, float]:
    """Return the width and height of the cells of images, without texts."""
    width, height = _image_size(images[0])
    return max(width, _MIN_CELL_WIDTH), height


def grid_layout(
    n: int, n_cols: int, width: float, height: float
) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    """Lay out cells row after row.

    Parameters
    ----------
    n : int
        Number of cells.
    n_cols : int
        Number of columns.
    width, height : float
        Size of a cell, including the gap.

    Returns
    -------
    size : tuple of two floats
        Width and height of the grid.
    corners : list of tuples of two floats
        Left and top of each cell.
    """
    size = n_cols * width, -(-n // n_cols) * height
    return size, [(GAP / 2 + i % n_cols * width, GAP / 2 + i // n_cols * height) for i in range(n)]
