from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Between the two directions of a pair, in units of an image's longer side.
_GROUP_GAP = 0.5


class ConfusedPairsDisplay:
    """The most frequently confused pairs of classes, with examples.

    Each row is a pair of classes. It shows the number of images of the first class that were
    predicted as the second one, with examples, and the same for the other direction. The direction
    with more errors comes first. It is recommended to use :meth:`from_estimator` or
    :meth:`from_predictions` to create a display.

    Parameters
    ----------
    pairs : list of tuples (str, str)
        Names of two classes. In the first direction, images of the first class are predicted as
        the second one.

    counts : ndarray of shape (n_pairs, 2), dtype int
        Number of errors of each pair in the first and the second direction.

    images : list of tuples (ndarray, ndarray)
        For each pair, images of both directions, of shape (n, height, width) or
        (n, height, width, channels), with pixels from 0 to 255 or in [0, 1].

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the pairs.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images, pair after pair.

    text_ : list of matplotlib.text.Text
        The texts, two for each pair.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : The confusion matrix as a heat map.
    PredictionGridDisplay : Single predictions, ``errors_only=True`` for example.

    Notes
    -----
    Counts are those of :func:`sklearn.metrics.confusion_matrix`. Images and texts are drawn as in
    :class:`ImageGridDisplay`. Write-up B, "Keras first steps", discusses such pairs. In write-up A,
    "Three conv, dropout", shirts and pullovers are such a pair.

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

    def __init__(
        self,
        *,
        pairs: list[tuple[str, str]],
        counts: NDArray[np.integer],
        images: list[tuple[NDArray, NDArray]],
    ) -> None:
        self.pairs = pairs
        self.counts = counts
        self.images = images

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | Sequence[Any],
        y: ArrayLike,
        *,
        target_names: Sequence[str] | None = None,
        n_pairs: int = 5,
        n_images: int = 6,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the classes that a fitted classifier confuses.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a pipeline or search that ends in one.
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images as `estimator` takes them, with pixels from 0 to 255 or in
            [0, 1].
        y : array-like of shape (n,)
            True labels.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes in sorted order. None means the labels.
        n_pairs : int, default=5
            Maximum number of pairs.
        n_images : int, default=6
            Maximum number of images of each direction of a pair, the first ones in `X`.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        ConfusedPairsDisplay
            The display, with its attributes set.

        Raises
        ------
        ValueError
            If `estimator` is not a classifier, the input is inconsistent, pixels are in another
            range, or all predictions are right.
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
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        classes: Sequence[Any] | NDArray | None = None,
        target_names: Sequence[str] | None = None,
        n_pairs: int = 5,
        n_images: int = 6,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the classes that are confused in given predictions.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].
        y_true : array-like of shape (n,)
            True labels.
        y_pred : array-like of shape (n,)
            Predicted labels.
        classes : array-like of shape (n_classes,), default=None
            All labels, such as a classifier's ``classes_``. None means those in `y_true` and
            `y_pred`, sorted, or with `target_names`, 0 to ``n_classes - 1``.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes, in the order of `classes`. None means the labels.
        n_pairs : int, default=5
            Maximum number of pairs.
        n_images : int, default=6
            Maximum number of images of each direction of a pair, the first ones in `X`.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        ConfusedPairsDisplay
            The display, with its attributes set.

        Raises
        ------
        ValueError
            If the input is inconsistent, pixels are in another range, or all predictions are
            right.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_matplotlib_support(caller)
        check_counts(caller, n_pairs=n_pairs, n_images=n_images)
        true_labels = check_labels(y_true, count_images(X), name="y_true")
        predicted_labels = check_labels(y_pred, len(true_labels), name="y_pred")
        if classes is None:
            labels = np.concatenate([true_labels, predicted_labels])
            classes = find_classes(labels, target_names=target_names)
        names = name_classes(classes, target_names)
        y_true = class_indices(true_labels, classes, name="y_true")
        y_pred = class_indices(predicted_labels, classes, name="y_pred")
        confusion = confusion_matrix(y_true, y_pred, labels=np.arange(len(names)))
        directions = _most_confused(confusion, n_pairs)
        if not directions:
            raise ValueError(
                f"There are no confused pairs to draw: all {len(true_labels)} predictions are "
                "right."
            )
        chosen = [
            np.flatnonzero((y_true == true) & (y_pred == predicted))[:n_images]
            for a, b in directions
            for true, predicted in ((a, b), (b, a))
        ]
        picked = pick_images(X, np.concatenate(chosen), image_shape)
        images = np.split(picked, np.cumsum([len(some) for some in chosen[:-1]]))
        display = cls(
            pairs=[(names[a], names[b]) for a, b in directions],
            counts=np.array([(confusion[a, b], confusion[b, a]) for a, b in directions]),
            images=list(zip(images[::2], images[1::2], strict=True)),
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "gray") -> Self:
        """Draw the pairs.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.

        Returns
        -------
        ConfusedPairsDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        width, height = cell_size(self.images[0][0])
        pitch = width + GAP, LINE + height + 2 * GAP
        # At least three images wide, because the texts need space.
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
    """Return the pairs of classes with the most errors, each in the direction with more errors."""
    first, second = np.triu_indices(len(confusion), k=1)
    errors = confusion[first, second] + confusion[second, first]
    order = np.argsort(-errors, kind="stable")[:n_pairs]
    pairs = [(first[i], second[i]) for i in order if errors[i]]
    return [(a, b) if confusion[a, b] >= confusion[b, a] else (b, a) for a, b in pairs]
