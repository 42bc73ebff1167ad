"""Texts that keep within their boxes; loads matplotlib."""

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.text import Text

# Texts of a group get the size of the longest one, if that is not below this part of the
# largest: a name far longer than the others shrinks alone.
_MIN_COMMON_SIZE = 0.6
# Sizes of glyphs are rounded, so that texts do not scale exactly.
_FILL_FRACTION = 0.98


class TextFitter(Artist):
    """Texts whose size follows their Axes, whatever its size is when it is drawn.

    Each has a box in data coordinates that it must not leave. A figure may change its size, or
    its layout, until it is drawn: so the texts are fitted then, before they are drawn.

    Parameters
    ----------
    largest : float
        Size of text, in points, that is not exceeded in boxes however large.
    """

    def __init__(self, largest):
        super().__init__()
        self._largest = largest
        self._groups = {}
        self._fitted_at = None
        self.set_in_layout(False)
        self.set_zorder(-np.inf)

    def add(self, text, width, height, group):
        """Fit `text` into a box from now on, with the same size as others of its group."""
        self._groups.setdefault(group, []).append((text, width, height))

    def draw(self, renderer):
        """Fit the texts if the scale has changed; nothing of its own is drawn."""
        corners = self.axes.transData.transform([(0, 0), (1, 1)])
        scale = np.abs(corners[1] - corners[0])
        fitted_at = (*scale, self.axes.figure.dpi)
        if fitted_at != self._fitted_at:
            for group in self._groups.values():
                self._fit(group, scale, renderer)
            self._fitted_at = fitted_at

    def _fit(self, group, scale, renderer):
        texts = [text for text, *_ in group]
        boxes = np.array([box for _, *box in group]) * scale
        sizes = np.full(len(texts), float(self._largest))
        sizes *= _fit_scales(texts, sizes, boxes, renderer)
        sizes = np.minimum(sizes, max(sizes.min(), _MIN_COMMON_SIZE * sizes.max()))
        sizes *= _fit_scales(texts, sizes, boxes, renderer).min()  # as texts do not scale exactly
        for text, size in zip(texts, sizes, strict=True):
            text.set_fontsize(size)


def _fit_scales(texts, sizes, boxes, renderer):
    """By how much to scale texts of some font sizes so that they fit their boxes, at most 1."""
    for text, size in zip(texts, sizes, strict=True):
        text.set_fontsize(size)
    extents = np.array([text.get_window_extent(renderer).size for text in texts])
    return np.minimum(1, (_FILL_FRACTION * boxes / np.maximum(extents, 1e-9)).min(axis=1))


def make_text(x, y, string, **style):
    """Text that shows `string` as it is, whatever characters it has."""
    # The last one comes with matplotlib, and has the marks that the others may lack.
    families = [*rcParams["font.family"], "DejaVu Sans"]
    text = Text(x, y, string, family=families, usetex=False, parse_math=False, **style)
    text.set_in_layout(False)
    return text
