import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import confusion_matrix

from skfashion._sklearn import check_matplotlib_support

from ._drawing import GAP, LINE, Canvas, cell_size
from ._validation import (
    check_counts,
    check_labels,
    class_indices,
    count_images,
    find_classes,
    load_photographs,
    name_classes,
    pick_images,
)

# Between the two directions of a pair, in units of an image's longer side.
_GROUP_GAP = 0.5


class ConfusedPairsDisplay:
    """The pairs of classes most often taken for each other, with examples.

    Each row is a pair: how many images of the first class were taken for the second one, with
    some of them, and the other way round. The direction with more errors comes first. It is
    recommended to use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    pairs : list of tuples (str, str)
        Names of two classes: in the first direction, images of the first are taken for the second.

    counts : ndarray of shape (n_pairs, 2), dtype int
        Number of errors of each pair in the first direction and in the other one.

    images : list of tuples (ndarray, ndarray)
        Of each pair, images of shape (n, height, width) or (n, height, width, channels) in both
        directions; pixels from 0 to 255 or in [0, 1].

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the pairs.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images as drawn, pair after pair.

    text_ : list of matplotlib.text.Text
        The texts as drawn, two for each pair.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : The whole confusion matrix as a heat map.
    PredictionGridDisplay : Single predictions, ``errors_only=True`` for example.

    Notes
    -----
    Counts are those of :func:`sklearn.metrics.confusion_matrix`. Images, scale and texts are drawn
    as by :class:`ImageGridDisplay`. Write-up B, "Keras first steps", discusses such pairs; in A,
    "Three conv, dropout", shirts and pullovers are one.

    Examples
    --------
    >>> from skfashion import make_knn_pipeline
    >>> from skfashion.datasets import make_fashion_images
    >>> from skfashion.inspection import ConfusedPairsDisplay
    >>> clothes = make_fashion_images(1000, random_state=0)
    >>> X, y = clothes.data, clothes.target
    >>> knn = make_knn_pipeline().fit(X[:500], y[:500])
    >>> display = ConfusedPairsDisplay.from_estimator(
    ...     knn, X[500:], y[500:], target_names=clothes.target_names, n_pairs=3
    ... )
    >>> print(display.text_[0].get_text())
    Coat taken for Pullover: 20
    """

    def __init__(self, *, pairs, counts, images):
        self.pairs = pairs
        self.counts = counts
        self.images = images

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        target_names=None,
        n_pairs=5,
        n_images=6,
        image_shape=None,
        cmap="gray",
        ax=None,
    ):
        """Draw which classes a fitted classifier takes for each other.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, a pipeline or a search that ends in one.
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images as `estimator` takes them; pixels from 0 to 255 or in [0, 1].
        y : array-like of shape (n,)
            True labels.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes in sorted order. None: the labels themselves.
        n_pairs : int, default=5
            At most so many pairs are drawn.
        n_images : int, default=6
            At most so many images are drawn of each direction of a pair, the first ones in `X`.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels; an int
            is both height and width. None: square gray ones.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.

        Returns
        -------
        ConfusedPairsDisplay
            With its attributes set.

        Raises
        ------
        ValueError
            If `estimator` is no classifier, the input does not fit together, pixels are in
            another range, or all predictions are right.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not is_classifier(estimator):
            raise ValueError(f"Expected a classifier, got {type(estimator).__name__}.")
        count_images(X)
        estimator, (X,) = load_photographs(estimator, X)
        return cls.from_predictions(
            X,
            y,
            estimator.predict(X),
            classes=getattr(estimator, "classes_", None),
            target_names=target_names,
            n_pairs=n_pairs,
            n_images=n_images,
            image_shape=image_shape,
            cmap=cmap,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        y_true,
        y_pred,
        *,
        classes=None,
        target_names=None,
        n_pairs=5,
        n_images=6,
        image_shape=None,
        cmap="gray",
        ax=None,
    ):
        """Draw which classes are taken for each other in given predictions.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images; pixels from 0 to 255 or in [0, 1].
        y_true : array-like of shape (n,)
            True labels.
        y_pred : array-like of shape (n,)
            Predicted labels.
        classes : array-like of shape (n_classes,), default=None
            All labels, such as a classifier's ``classes_``. None: those in `y_true` and `y_pred`,
            sorted, or with `target_names`, 0 to ``n_classes - 1``.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes, in the order of `classes`. None: the labels themselves.
        n_pairs : int, default=5
            At most so many pairs are drawn.
        n_images : int, default=6
            At most so many images are drawn of each direction of a pair, the first ones in `X`.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels; an int
            is both height and width. None: square gray ones.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.

        Returns
        -------
        ConfusedPairsDisplay
            With its attributes set.

        Raises
        ------
        ValueError
            If the input does not fit together, pixels are in another range, or all predictions
            are right.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_matplotlib_support(caller)
        check_counts(caller, n_pairs=n_pairs, n_images=n_images)
        y_true = check_labels(y_true, count_images(X), name="y_true")
        y_pred = check_labels(y_pred, len(y_true), name="y_pred")
        if classes is None:
            labels = np.concatenate([y_true, y_pred])
            classes = find_classes(labels, target_names=target_names)
        names = name_classes(classes, target_names)
        y_true = class_indices(y_true, classes, name="y_true")
        y_pred = class_indices(y_pred, classes, name="y_pred")
        confusion = confusion_matrix(y_true, y_pred, labels=np.arange(len(names)))
        directions = _most_confused(confusion, n_pairs)
        if not directions:
            raise ValueError(
                f"There are no confused pairs to draw: all {len(y_true)} predictions are right."
            )
        chosen = [
            np.flatnonzero((y_true == true) & (y_pred == predicted))[:n_images]
            for a, b in directions
            for true, predicted in ((a, b), (b, a))
        ]
        images = pick_images(X, np.concatenate(chosen), image_shape)
        images = np.split(images, np.cumsum([len(some) for some in chosen[:-1]]))
        display = cls(
            pairs=[(names[a], names[b]) for a, b in directions],
            counts=np.array([(confusion[a, b], confusion[b, a]) for a, b in directions]),
            images=list(zip(images[::2], images[1::2], strict=True)),
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax=None, *, cmap="gray"):
        """Draw the pairs.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a figure of a fitting size.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colours of gray images.

        Returns
        -------
        ConfusedPairsDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        width, height = cell_size(self.images[0][0])
        pitch = width + GAP, LINE + height + 2 * GAP
        # At least three images wide, for the texts.
        n_cols = [max(3, *(len(images[side]) for images in self.images)) for side in (0, 1)]
        widths = [n * pitch[0] for n in n_cols]
        size = sum(widths) + _GROUP_GAP, len(self.pairs) * pitch[1]
        canvas = Canvas(ax, [some for both in self.images for some in both], size, cmap)
        self.im_, self.text_ = [], []
        for row, (pair, counts, both) in enumerate(
            zip(self.pairs, self.counts, self.images, strict=True)
        ):
            top = GAP / 2 + row * pitch[1]
            for side, (true, predicted) in enumerate([pair, pair[::-1]]):
                left = GAP / 2 + side * (widths[0] + _GROUP_GAP)
                text = f"{true} taken for {predicted}: {counts[side]}"
                box = (left, top, widths[side] - GAP, LINE)
                self.text_.append(canvas.text(text, *box, ha="left"))
                for i, image in enumerate(both[side]):
                    drawn = canvas.image(image, left + i * pitch[0], top + LINE + GAP / 4)
                    self.im_.append(drawn)
        return canvas.finish(self)


def _most_confused(confusion, n_pairs):
    """Pairs of classes with the most errors; of the two directions that with more comes first."""
    first, second = np.triu_indices(len(confusion), k=1)
    errors = confusion[first, second] + confusion[second, first]
    order = np.argsort(-errors, kind="stable")[:n_pairs]
    pairs = [(first[i], second[i]) for i in order if errors[i]]
    return [(a, b) if confusion[a, b] >= confusion[b, a] else (b, a) for a, b in pairs]
