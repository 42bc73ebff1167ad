from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike, NDArray

from skfashion._sklearn import check_matplotlib_support, safe_indexing

from ._drawing import GAP, LINE, Canvas, cell_size, grid_layout
from ._validation import check_counts, pick_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class RandomErasingDisplay:
    """Images before and after random erasing.

    It is recommended to use :meth:`from_estimator` to create a display.

    Parameters
    ----------
    before : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1]. The upper row.

    after : ndarray of the shape of `before`
        The same images after erasing. The lower row.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the images.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images, those before erasing first.

    text_ : list of matplotlib.text.Text
        The names of the two rows.

    See Also
    --------
    skfashion.preprocessing.RandomErasing : The transformer.

    Notes
    -----
    Images before and after erasing are drawn on one scale, as in :class:`ImageGridDisplay`. Images
    in [0, 1] are dark if they are filled with values up to 255. They need
    ``RandomErasing(fill_range=(0, 1))``. Write-up C, "KNN against CNN", shows such a pair of
    images.

    Examples
    --------
    >>> from skfashion import RandomErasing
    >>> from skfashion.datasets import make_fashion_images
    >>> from skfashion.inspection import RandomErasingDisplay
    >>> X, _ = make_fashion_images(6, random_state=0, return_X_y=True)
    >>> display = RandomErasingDisplay.from_estimator(RandomErasing(p=1, random_state=0), X)
    >>> display.after.shape
    (6, 28, 28)
    """

    def __init__(self, *, before: NDArray, after: NDArray) -> None:
        self.before = before
        self.after = after

    @classmethod
    def from_estimator(
        cls,
        erasing: Any,
        X: ArrayLike,
        *,
        n_images: int = 6,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw images before and after erasing.

        Parameters
        ----------
        erasing : RandomErasing
            Transformer, fitted or not, or another object with a method ``augment(X)`` that returns
            images of the shape of `X`.
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].
        n_images : int, default=6
            Maximum number of images. The first ones are drawn.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means the shape that `erasing` has or infers.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        RandomErasingDisplay
            The display, with its attributes set.

        Raises
        ------
        TypeError
            If `erasing` has no method ``augment``.
        ValueError
            If `X` does not match the parameters, or pixels are in another range.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib_support(caller)
        check_counts(caller, n_images=n_images)
        if not hasattr(erasing, "augment"):
            raise TypeError(
                "Expected a RandomErasing, or another object with a method augment, got "
                f"{type(erasing).__name__}."
            )
        for name in ("image_shape", "image_shape_"):
            image_shape = image_shape or getattr(erasing, name, None)
        X = safe_indexing(X, slice(n_images))
        before = pick_images(X, slice(None), image_shape)
        after = pick_images(erasing.augment(X), slice(None), image_shape, name="augmented X")
        return cls(before=before, after=after).plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "gray") -> Self:
        """Draw the two rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.

        Returns
        -------
        RandomErasingDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n = len(self.before)
        width, height = cell_size(self.before)
        pitch = width + GAP, height + GAP
        margin = LINE  # For the names of the rows, which are rotated.
        (grid_width, grid_height), corners = grid_layout(2 * n, n, *pitch)
        canvas = Canvas(ax, [self.before, self.after], (margin + grid_width, grid_height), cmap)
        self.im_ = [
            canvas.image(image, margin + left, top)
            for image, (left, top) in zip([*self.before, *self.after], corners, strict=True)
        ]
        self.text_ = [
            canvas.text(name, GAP / 2, top, margin, height, rotation=90)
            for name, (_, top) in zip(["before", "after"], corners[::n], strict=True)
        ]
        return canvas.finish(self)
