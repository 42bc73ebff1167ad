from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from numpy.typing import ArrayLike, NDArray

from skfashion._sklearn import check_matplotlib_support

from ._drawing import GAP, LINE, Canvas, cell_size, grid_layout
from ._validation import check_counts, check_labels, count_images, name_labels, pick_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class ImageGridDisplay:
    """Grid of images with their labels.

    It is recommended to use :meth:`from_images` to create a display.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].

    labels : sequence of str of shape (n,), or None
        Texts under the images.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the grid.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images, row after row.

    text_ : list of matplotlib.text.Text
        The labels.

    See Also
    --------
    PredictionGridDisplay : Images with the predictions of a classifier.

    Notes
    -----
    All images are drawn on one scale: from 0 to 255 if they are bytes or a pixel is above 1, else
    from 0 to 1. Texts are as large as their space allows, up to the font size of matplotlib's
    settings. They adapt to the size of the figure until it is drawn. matplotlib does not draw texts
    below 1 point.

    Write-ups B and D, "Keras first steps" and "Five easy steps", begin with grids of 5 x 5 and
    15 x 15 images.

    Examples
    --------
    >>> from skfashion.datasets import make_fashion_images
    >>> from skfashion.inspection import ImageGridDisplay
    >>> clothes = make_fashion_images(30, random_state=0)
    >>> display = ImageGridDisplay.from_images(
    ...     clothes.data, clothes.target, target_names=clothes.target_names
    ... )
    >>> len(display.im_), display.text_[0].get_text()
    (25, 'Shirt')
    """

    def __init__(self, *, images: NDArray, labels: Sequence[str] | None) -> None:
        self.images = images
        self.labels = labels

    @classmethod
    def from_images(
        cls,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        target_names: Sequence[str] | None = None,
        n_rows: int = 5,
        n_cols: int = 5,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first images of a data set.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].
        y : array-like of shape (n,), default=None
            Labels of the images.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes in sorted order. If `y` lacks some of them, its labels must be
            integers from 0 to ``n_classes - 1``. None means the labels.
        n_rows, n_cols : int, default=5
            Maximum numbers of rows and columns. The first ``n_rows * n_cols`` images are drawn.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        ImageGridDisplay
            The display, with its attributes set.

        Raises
        ------
        ValueError
            If `X`, `y` and the parameters are inconsistent, or pixels are in another range.
        """
        check_matplotlib_support(f"{cls.__name__}.from_images")
        check_counts(f"{cls.__name__}.from_images", n_rows=n_rows, n_cols=n_cols)
        n = count_images(X)
        labels = None
        if y is not None:
            labels = name_labels(check_labels(y, n), target_names)
            labels = labels[: n_rows * n_cols]
        display = cls(
            images=pick_images(X, slice(n_rows * n_cols), image_shape),
            labels=labels,
        )
        return display.plot(ax, n_cols=n_cols, cmap=cmap)

    def plot(
        self, ax: Axes | None = None, *, n_cols: int = 5, cmap: str | Colormap = "gray"
    ) -> Self:
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.
        n_cols : int, default=5
            Number of columns.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.

        Returns
        -------
        ImageGridDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n_cols = min(n_cols, len(self.images))
        cell_width, cell_height = cell_size(self.images)
        line = 0 if self.labels is None else LINE
        pitch = cell_width + GAP, cell_height + line + GAP
        size, corners = grid_layout(len(self.images), n_cols, *pitch)
        canvas = Canvas(ax, [self.images], size, cmap)
        self.im_, self.text_ = [], []
        for i, (left, top) in enumerate(corners):
            self.im_.append(canvas.image(self.images[i], left, top))
            if self.labels is not None:
                self.text_.append(canvas.label(self.labels[i], left, top + cell_height))
        return canvas.finish(self)
