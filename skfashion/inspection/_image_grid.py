from skfashion._sklearn import check_matplotlib_support

from ._drawing import GAP, LINE, Canvas, cell_size, grid_layout
from ._validation import check_counts, check_labels, count_images, name_labels, pick_images


class ImageGridDisplay:
    """Grid of images with their labels.

    It is recommended to use :meth:`from_images` to make one.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images; pixels from 0 to 255 or in [0, 1].

    labels : sequence of str of shape (n,), or None
        Written under each image.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the grid.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images as drawn, row after row.

    text_ : list of matplotlib.text.Text
        The labels as drawn.

    See Also
    --------
    PredictionGridDisplay : Images with what a classifier takes them for.

    Notes
    -----
    All images are drawn on one scale: from 0 to 255 where they are bytes or any pixel drawn is
    above 1, else from 0 to 1. Texts are as large as their space allows, up to the font size of
    matplotlib's settings (and from 1 point, below which it draws none), and follow the size of the
    figure until it is drawn.

    A grid of 5 x 5 images and one of 15 x 15 are what write-ups B and D, "Keras first steps" and
    "Five easy steps", begin with.

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

    def __init__(self, *, images, labels):
        self.images = images
        self.labels = labels

    @classmethod
    def from_images(
        cls,
        X,
        y=None,
        *,
        target_names=None,
        n_rows=5,
        n_cols=5,
        image_shape=None,
        cmap="gray",
        ax=None,
    ):
        """Draw the first images of a data set.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images; pixels from 0 to 255 or in [0, 1].
        y : array-like of shape (n,), default=None
            Their labels.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes in sorted order. Where `y` lacks some of them, its labels must be
            integers from 0 to ``n_classes - 1``. None: the labels themselves.
        n_rows, n_cols : int, default=5
            At most ``n_rows * n_cols`` images are drawn, the first ones; fewer rows, if there are
            fewer images.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels; an int
            is both height and width. None: square gray ones.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.

        Returns
        -------
        ImageGridDisplay
            With its attributes set.

        Raises
        ------
        ValueError
            If `X`, `y` and the parameters do not fit together, or pixels are in another range.
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

    def plot(self, ax=None, *, n_cols=5, cmap="gray"):
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.
        n_cols : int, default=5
            Number of columns.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.

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
