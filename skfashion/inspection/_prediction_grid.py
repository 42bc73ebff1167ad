from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from skfashion._sklearn import (
    check_matplotlib_support,
    safe_indexing,
    validate_parameter_constraints,
)

from ._drawing import GAP, LINE, RIGHT, WRONG, Canvas, cell_size, grid_layout
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

_CONSTRAINTS = {"errors_only": ["boolean"], "show_proba": ["boolean"]}
# Sizes of the names and bars beside each image, in units of an image's longer side.
_NAMES_WIDTH, _BARS_WIDTH, _MIN_BARS_HEIGHT = 0.6, 0.55, 0.8
# With more classes, only the predicted and the true class are marked beside the bars.
_MAX_NAMED_CLASSES = 20
_FRAMES: dict[bool, dict[str, Any]] = {
    True: {"linewidth": 1.0},
    False: {"linewidth": 2.0, "linestyle": (0, (3, 1.5))},
}


class PredictionGridDisplay:
    """Grid of images with the predictions of a classifier.

    Under each image are the predicted label and its probability in percent. A correct prediction is
    blue, with a tick and a thin frame. A wrong one is red, with a cross, a thick dashed frame and
    the true label. It is recommended to use :meth:`from_estimator` or :meth:`from_predictions` to
    create a display.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].

    y_true : ndarray of shape (n,), dtype int
        True classes, as indices of `target_names`.

    y_pred : ndarray of shape (n,), dtype int
        Predicted classes, as indices of `target_names`.

    y_proba : ndarray of shape (n, n_classes)
        Probabilities of the classes, in [0, 1].

    target_names : sequence of str of shape (n_classes,)
        Names of the classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the grid.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images, row after row.

    text_ : list of matplotlib.text.Text
        The texts under the images.

    bars_ : matplotlib.container.BarContainer or None
        Bars of all classes of the first image, then of the second one, and so on.

    See Also
    --------
    ConfusedPairsDisplay : The most frequently confused pairs of classes.
    sklearn.metrics.ConfusionMatrixDisplay : The confusion matrix as a heat map.

    Notes
    -----
    Write-ups A to D all show such a grid. C, "KNN against CNN", has the probability in percent and
    the colors. Images and texts are drawn as in :class:`ImageGridDisplay`.

    Examples
    --------
    >>> from skfashion import make_knn_pipeline
    >>> from skfashion.datasets import make_fashion_images
    >>> from skfashion.inspection import PredictionGridDisplay
    >>> clothes = make_fashion_images(600, random_state=0)
    >>> X, y = clothes.data, clothes.target
    >>> knn = make_knn_pipeline().fit(X[:500], y[:500])
    >>> display = PredictionGridDisplay.from_estimator(
    ...     knn, X[500:], y[500:], target_names=clothes.target_names, errors_only=True
    ... )
    >>> print(display.text_[0].get_text())
    ✗ Pullover 80 %
    true: Shirt
    """

    def __init__(
        self,
        *,
        images: NDArray,
        y_true: NDArray[np.integer],
        y_pred: NDArray[np.integer],
        y_proba: NDArray,
        target_names: Sequence[str],
    ) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_proba = y_proba
        self.target_names = target_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | Sequence[Any],
        y: ArrayLike,
        *,
        target_names: Sequence[str] | None = None,
        errors_only: bool = False,
        n_rows: int = 5,
        n_cols: int = 5,
        show_proba: bool = False,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the predictions of a fitted classifier with ``predict_proba``.

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
        errors_only : bool, default=False
            Whether to draw only wrong predictions, the most confident first, instead of the first
            images.
        n_rows, n_cols : int, default=5
            Maximum numbers of rows and columns.
        show_proba : bool, default=False
            Whether to draw the probabilities of all classes beside each image.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        PredictionGridDisplay
            The display, with its attributes set.

        Raises
        ------
        AttributeError
            If `estimator` has no ``predict_proba``.
        ValueError
            If the input is inconsistent, pixels are in another range, or ``errors_only=True`` and
            all predictions are right.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "predict_proba"):
            raise AttributeError(
                f"{cls.__name__} needs a classifier with predict_proba, which "
                f"{type(estimator).__name__} lacks. Pass probabilities to from_predictions."
            )
        check_counts(f"{cls.__name__}.from_estimator", n_rows=n_rows, n_cols=n_cols)
        labels = check_labels(y, count_images(X))
        if not errors_only:  # The others need not be predicted.
            X, labels = safe_indexing(X, slice(n_rows * n_cols)), labels[: n_rows * n_cols]
        estimator, (X,) = load_photographs(estimator, X)
        return cls.from_predictions(
            X,
            labels,
            estimator.predict_proba(X),
            classes=getattr(estimator, "classes_", None),
            target_names=target_names,
            errors_only=errors_only,
            n_rows=n_rows,
            n_cols=n_cols,
            show_proba=show_proba,
            image_shape=image_shape,
            cmap=cmap,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        classes: Sequence[Any] | NDArray | None = None,
        target_names: Sequence[str] | None = None,
        errors_only: bool = False,
        n_rows: int = 5,
        n_cols: int = 5,
        show_proba: bool = False,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw images with given probabilities. The most probable class is the predicted one.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].
        y_true : array-like of shape (n,)
            True labels.
        y_proba : array-like of shape (n, n_classes)
            Probabilities of the classes, in [0, 1], as ``predict_proba`` returns them.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns of `y_proba`, such as a classifier's ``classes_``. None means
            those in `y_true`, sorted, or 0 to ``n_classes - 1``.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes, in the order of the columns. None means the labels.
        errors_only : bool, default=False
            Whether to draw only wrong predictions, the most confident first, instead of the first
            images.
        n_rows, n_cols : int, default=5
            Maximum numbers of rows and columns.
        show_proba : bool, default=False
            Whether to draw the probabilities of all classes beside each image.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        PredictionGridDisplay
            The display, with its attributes set.

        Raises
        ------
        ValueError
            If the input is inconsistent, pixels are in another range, or ``errors_only=True`` and
            all predictions are right.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_matplotlib_support(caller)
        check_counts(caller, n_rows=n_rows, n_cols=n_cols)
        parameters = {"errors_only": errors_only, "show_proba": show_proba}
        validate_parameter_constraints(_CONSTRAINTS, parameters, caller)
        labels = check_labels(y_true, count_images(X), name="y_true")
        probabilities = _check_probabilities(y_proba, len(labels))
        if classes is None:
            classes = find_classes(labels, probabilities.shape[1])
        elif len(classes) != probabilities.shape[1]:
            raise ValueError(
                f"Expected a column of y_proba for each of {len(classes)} classes, got "
                f"{probabilities.shape[1]}."
            )
        target_names = name_classes(classes, target_names)
        true_indices = class_indices(labels, classes, name="y_true")
        y_pred = probabilities.argmax(axis=1)
        chosen = np.arange(len(labels))
        if errors_only:
            chosen = np.flatnonzero(y_pred != true_indices)
            if not len(chosen):
                raise ValueError(
                    f"There are no errors to draw: all {len(labels)} predictions are right."
                )
            chosen = chosen[np.argsort(-probabilities[chosen].max(axis=1), kind="stable")]
        chosen = chosen[: n_rows * n_cols]
        display = cls(
            images=pick_images(X, chosen, image_shape),
            y_true=true_indices[chosen],
            y_pred=y_pred[chosen],
            y_proba=probabilities[chosen],
            target_names=target_names,
        )
        return display.plot(ax, n_cols=n_cols, show_proba=show_proba, cmap=cmap)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_cols: int = 5,
        show_proba: bool = False,
        cmap: str | Colormap = "gray",
    ) -> Self:
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.
        n_cols : int, default=5
            Number of columns.
        show_proba : bool, default=False
            Whether to draw the probabilities of all classes beside each image.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.

        Returns
        -------
        PredictionGridDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n_cols = min(n_cols, len(self.images))
        is_right = self.y_pred == self.y_true
        n_lines = 1 if is_right.all() else 2
        width, height = cell_size(self.images)
        if show_proba:
            width, height = width + _NAMES_WIDTH + _BARS_WIDTH + GAP, max(height, _MIN_BARS_HEIGHT)
        pitch = width + GAP, height + n_lines * LINE + GAP
        size, corners = grid_layout(len(self.images), n_cols, *pitch)
        canvas = Canvas(ax, [self.images], size, cmap)
        self.im_, self.text_, self.bars_ = [], [], None
        for i, (left, top) in enumerate(corners):
            color, _ = RIGHT if is_right[i] else WRONG
            frame = _FRAMES[bool(is_right[i])]
            self.im_.append(canvas.image(self.images[i], left, top, color=color, **frame))
            style: dict[str, Any] = {"n_lines": 1 if is_right[i] else 2, "color": color}
            self.text_.append(canvas.label(self._text(i), left, top + height, **style))
        if show_proba:
            self.bars_ = self._draw_bars(canvas, corners, width, height)
        return canvas.finish(self)

    def _text(self, i):
        true, predicted = self.y_true[i], self.y_pred[i]
        _, mark = RIGHT if predicted == true else WRONG
        text = f"{mark} {self.target_names[predicted]} {100 * self.y_proba[i, predicted]:.0f} %"
        return text if predicted == true else f"{text}\ntrue: {self.target_names[true]}"

    def _draw_bars(self, canvas, corners, width, height):
        n_classes = len(self.target_names)
        slot = height / n_classes
        slots = slot * np.arange(n_classes)
        lefts = np.array([left + width - _BARS_WIDTH for left, _ in corners])
        tops = np.array([top for _, top in corners])
        colors = np.full((len(corners), n_classes), "tab:gray", dtype=object)
        for i, (true, predicted) in enumerate(zip(self.y_true, self.y_pred, strict=True)):
            marked = {predicted: WRONG, true: RIGHT}  # If they are equal, RIGHT remains.
            for position, name in enumerate(self.target_names):
                color, mark = marked.get(position, (None, ""))
                colors[i, position] = color or "tab:gray"
                text = f"{mark} {name}".strip() if n_classes <= _MAX_NAMED_CLASSES else mark
                if text:
                    box = (
                        lefts[i] - _NAMES_WIDTH,
                        tops[i] + slots[position],
                        _NAMES_WIDTH - 0.04,
                        slot,
                    )
                    canvas.text(text, *box, ha="right", group="bars", color=color)
        canvas.ax.vlines(lefts, tops, tops + height, color="tab:gray", linewidth=0.8)
        return canvas.ax.barh(
            (tops[:, np.newaxis] + slots + slot / 2).ravel(),
            (self.y_proba * _BARS_WIDTH).ravel(),
            left=np.repeat(lefts, n_classes),
            height=0.75 * slot,
            color=colors.ravel().tolist(),
        )


def _check_probabilities(y_proba, n):
    y_proba = check_array(y_proba, input_name="y_proba")
    if len(y_proba) != n:
        raise ValueError(
            f"Expected a row of y_proba for each of {n} images, got {len(y_proba)} rows."
        )
    if y_proba.min() < 0 or y_proba.max() > 1 + 1e-6:
        raise ValueError(
            "Expected probabilities in [0, 1] in y_proba, got values from "
            f"{y_proba.min():.6g} to {y_proba.max():.6g}."
        )
    return y_proba
