"""Texts that fit into their boxes. This module loads matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.text import Text
from numpy.typing import NDArray

# Texts of a group get the size of the longest text, but at least this fraction of the largest size.
# A text that is much longer than the others shrinks alone.
_MIN_COMMON_SIZE = 0.6
# The sizes of glyphs are rounded, so texts do not scale exactly.
_FILL_FRACTION = 0.98


class TextFitter(Artist):
    """An artist that adapts the sizes of texts to their Axes.

    Each text has a box in data coordinates. The size and layout of a figure may change until it is
    drawn, so the texts are fitted on drawing, before they are drawn themselves.

    Parameters
    ----------
    largest : float
        Maximum size of texts, in points.
    """

    def __init__(self, largest: float) -> None:
        super().__init__()
        self._largest = largest
        self._groups: dict[str, list[tuple[Text, float, float]]] = {}
        self._fitted_at: tuple[float, ...] | None = None
        self.set_in_layout(False)
        self.set_zorder(-np.inf)

    def add(self, text: Text, width: float, height: float, group: str) -> None:
        """Add a text with its box. Texts of a group have a common size."""
        self._groups.setdefault(group, []).append((text, width, height))

    def draw(self, renderer):
        """Fit the texts if the scale has changed. Nothing is drawn."""
        corners = self.axes.transData.transform([(0, 0), (1, 1)])
        scale = np.abs(corners[1] - corners[0])
        scale_and_dpi = (*scale, self.axes.figure.dpi)
        if scale_and_dpi != self._fitted_at:
            for group in self._groups.values():
                self._fit(group, scale, renderer)
            self._fitted_at = scale_and_dpi

    def _fit(self, group, scale, renderer):
        texts = [text for text, *_ in group]
        boxes = np.array([box for _, *box in group]) * scale
        sizes = np.full(len(texts), float(self._largest))
        sizes *= _fit_scales(texts, sizes, boxes, renderer)
        sizes = np.minimum(sizes, max(sizes.min(), _MIN_COMMON_SIZE * sizes.max()))
        # Again, because texts do not scale exactly.
        sizes *= _fit_scales(texts, sizes, boxes, renderer).min()
        for text, size in zip(texts, sizes, strict=True):
            text.set_fontsize(size)


def _fit_scales(
    texts: Sequence[Text], sizes: NDArray, boxes: NDArray, renderer: Any
) -> NDArray[np.float64]:
    """Return factors of the font sizes, at most 1, with which the texts fit into their boxes."""
    for text, size in zip(texts, sizes, strict=True):
        text.set_fontsize(size)
    extents = np.array([text.get_window_extent(renderer).size for text in texts])
    return np.minimum(1, (_FILL_FRACTION * boxes / np.maximum(extents, 1e-9)).min(axis=1))


def make_text(x: float, y: float, string: str, **style: Any) -> Text:
    """Return a text that shows `string` literally, for example with a dollar sign."""
    # DejaVu Sans is part of matplotlib, and has marks that other fonts may lack.
    families = [*rcParams["font.family"], "DejaVu Sans"]
    text = Text(x, y, string, family=families, usetex=False, parse_math=False, **style)
    text.set_in_layout(False)
    return text
