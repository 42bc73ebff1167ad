from skfashion._sklearn import check_matplotlib_support, safe_indexing

from ._drawing import GAP, LINE, Canvas, cell_size, grid_layout
from ._validation import check_counts, pick_images


class RandomErasingDisplay:
    """Images before random erasing, and after it.

    It is recommended to use :meth:`from_estimator` to make one.

    Parameters
    ----------
    before : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images; pixels from 0 to 255 or in [0, 1]. The upper row.

    after : ndarray of the shape of `before`
        The same images, erased. The lower row.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the images.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images as drawn, those before erasing first.

    text_ : list of matplotlib.text.Text
        The names of the two rows as drawn.

    See Also
    --------
    skfashion.preprocessing.RandomErasing : The transformer.

    Notes
    -----
    Images before and after are drawn on one scale, as by :class:`ImageGridDisplay`; so images in
    [0, 1] come out dark if they are filled with values up to 255, which is what is wrong with
    them: they need ``RandomErasing(fill_range=(0, 1))``. Write-up C, "KNN against CNN", shows
    such a pair of images.

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

    def __init__(self, *, before, after):
        self.before = before
        self.after = after

    @classmethod
    def from_estimator(cls, erasing, X, *, n_images=6, image_shape=None, cmap="gray", ax=None):
        """Erase images, and draw them.

        Parameters
        ----------
        erasing : RandomErasing
            Fitted or not; any other object with a method ``augment(X)`` that returns images of
            the shape of `X` serves too.
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images; pixels from 0 to 255 or in [0, 1].
        n_images : int, default=6
            The first `n_images` are drawn, fewer if there are fewer.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels; an int
            is both height and width. None: that of `erasing`, which infers it where it has none.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.

        Returns
        -------
        RandomErasingDisplay
            With its attributes set.

        Raises
        ------
        TypeError
            If `erasing` has no method ``augment``.
        ValueError
            If `X` does not fit the parameters, or pixels are in another range.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib_support(caller)
        check_counts(caller, n_images=n_images)
        if not hasattr(erasing, "augment"):
            raise TypeError(
                "Expected a RandomErasing, or another object with a method augment, got "
                f"{type(erasing).__name__}."
            )
        for name in ("image_shape", "image_shape_"):  # as asked for, as learned
            image_shape = image_shape or getattr(erasing, name, None)
        X = safe_indexing(X, slice(n_images))
        before = pick_images(X, slice(None), image_shape)
        after = pick_images(erasing.augment(X), slice(None), image_shape, name="augmented X")
        return cls(before=before, after=after).plot(ax, cmap=cmap)

    def plot(self, ax=None, *, cmap="gray"):
        """Draw the two rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.

        Returns
        -------
        RandomErasingDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n = len(self.before)
        width, height = cell_size(self.before)
        pitch = width + GAP, height + GAP
        margin = LINE  # for the names of the rows, which are turned
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
