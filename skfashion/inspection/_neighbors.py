from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfashion._sklearn import check_matplotlib_support

from ._drawing import GAP, LINE, Canvas, cell_size
from ._validation import (
    check_counts,
    check_labels,
    count_images,
    load_photographs,
    name_labels,
    pick_images,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Between a query and its neighbors, in units of an image's longer side.
_GROUP_GAP = 0.3


class NeighborsDisplay:
    """Images with their nearest training images.

    Each row shows a query and the training images nearest to it, with their distances. It is
    recommended to use :meth:`from_estimator` to create a display.

    Parameters
    ----------
    queries : ndarray of shape (n, height, width) or (n, height, width, channels)
        Gray, RGB or RGBA images with pixels from 0 to 255 or in [0, 1].

    neighbors : ndarray of shape (n, n_neighbors, height, width[, channels])
        The nearest training images of each query, the nearest one first.

    distances : ndarray of shape (n, n_neighbors)
        Distances of the neighbors.

    query_labels : sequence of str of shape (n,) or None
        Names of the classes of the queries.

    neighbor_labels : array-like of str of shape (n, n_neighbors) or None
        Names of the classes of the neighbors.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the images.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    im_ : list of matplotlib.image.AxesImage
        The images, row after row, the query first.

    text_ : list of matplotlib.text.Text
        The texts under the images.

    See Also
    --------
    skfashion.neighbors.VectorizedKNNClassifier : Finds the neighbors.

    Notes
    -----
    Images and texts are drawn as in :class:`ImageGridDisplay`.

    Examples
    --------
    >>> from skfashion import make_knn_pipeline
    >>> from skfashion.datasets import make_fashion_images
    >>> from skfashion.inspection import NeighborsDisplay
    >>> clothes = make_fashion_images(600, random_state=0)
    >>> X, y = clothes.data, clothes.target
    >>> knn = make_knn_pipeline().fit(X[:500], y[:500])
    >>> display = NeighborsDisplay.from_estimator(
    ...     knn, X[500:503], X[:500], y_train=y[:500], target_names=clothes.target_names
    ... )
    >>> print(display.text_[1].get_text())
    Shirt
    distance 5.2...
    """

    def __init__(
        self,
        *,
        queries: NDArray,
        neighbors: NDArray,
        distances: NDArray,
        query_labels: Sequence[str] | None,
        neighbor_labels: Any,
    ) -> None:
        self.queries = queries
        self.neighbors = neighbors
        self.distances = distances
        self.query_labels = query_labels
        self.neighbor_labels = neighbor_labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | Sequence[Any],
        X_train: ArrayLike | Sequence[Any],
        *,
        y: ArrayLike | None = None,
        y_train: ArrayLike | None = None,
        target_names: Sequence[str] | None = None,
        n_neighbors: int = 5,
        image_shape: int | tuple[int, ...] | None = None,
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the neighbors that a fitted estimator finds.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~skfashion.neighbors.VectorizedKNNClassifier`, another estimator with
            ``kneighbors``, a pipeline that ends in one, or a search over these. The other steps of
            a pipeline transform `X`.
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Gray, RGB or RGBA images as `estimator` takes them, with pixels from 0 to 255 or in
            [0, 1]. Each image is a row of the display, so pass a few, such as ``X_test[:5]``.
        X_train : array-like of shape (n_train, features) or (n_train, height, width[, channels])
            The images on which `estimator` was fitted.
        y : array-like of shape (n,), default=None
            Labels of `X`.
        y_train : array-like of shape (n_train,), default=None
            Labels of `X_train`.
        target_names : sequence of str of shape (n_classes,), default=None
            Names of the classes in sorted order. If the given labels lack some of them, they must
            be integers from 0 to ``n_classes - 1``. None means the labels.
        n_neighbors : int, default=5
            Number of neighbors of each image.
        image_shape : int, tuple of int or None, default=None
            ``(height, width)`` or ``(height, width, channels)`` of images in rows of pixels, or the
            side of square images. None means square gray images.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.

        Returns
        -------
        NeighborsDisplay
            The display, with its attributes set.

        Raises
        ------
        TypeError
            If `estimator` has no ``kneighbors``.
        ValueError
            If `estimator` was fitted on another number of images than `X_train` has, the input is
            inconsistent, or pixels are in another range.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_matplotlib_support(caller)
        check_counts(caller, n_neighbors=n_neighbors)
        check_is_fitted(estimator)
        estimator, (X, X_train) = load_photographs(estimator, X, X_train)
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        if not hasattr(last, "kneighbors"):
            raise TypeError(
                "Expected a VectorizedKNNClassifier, another estimator with kneighbors, a "
                f"pipeline that ends in one, or a search; got {type(last).__name__}."
            )
        n, n_train = count_images(X), count_images(X_train, name="X_train")
        if n_train != last.n_samples_fit_:
            raise ValueError(
                f"X_train has {n_train} images, but {type(last).__name__} was fitted on "
                f"{last.n_samples_fit_}. Pass the images on which it was fitted, in the same order."
            )
        queries = pick_images(X, slice(None), image_shape)
        labels = {}
        if y is not None:
            labels["y"] = check_labels(y, n)
        if y_train is not None:
            labels["y_train"] = check_labels(y_train, n_train, name="y_train")
        names = []
        if labels:
            names = name_labels(np.concatenate(list(labels.values())), target_names)
        transformed = X
        if last is not estimator and len(estimator) > 1:
            transformed = estimator[:-1].transform(X)
        distances, indices = last.kneighbors(transformed, n_neighbors)
        neighbors = pick_images(X_train, indices.ravel(), image_shape, name="X_train")
        if neighbors.shape[1:] != queries.shape[1:]:
            raise ValueError(
                f"X has images of shape {queries.shape[1:]}, but X_train has images of shape "
                f"{neighbors.shape[1:]}. Pass both in the same shape."
            )
        display = cls(
            queries=queries,
            neighbors=neighbors.reshape(*indices.shape, *queries.shape[1:]),
            distances=distances,
            query_labels=None if y is None else names[:n],
            neighbor_labels=(
                None if y_train is None else np.array(names[-n_train:], dtype=object)[indices]
            ),
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "gray") -> Self:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, or None for a new figure of a suitable size.
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colormap of gray images.

        Returns
        -------
        NeighborsDisplay
            The display itself, with its attributes set.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n, n_neighbors = self.distances.shape
        n_lines = 1 if self.query_labels is None and self.neighbor_labels is None else 2
        width, height = cell_size(self.queries)
        pitch = width + GAP, height + n_lines * LINE + GAP
        size = (1 + n_neighbors) * pitch[0] + _GROUP_GAP, n * pitch[1]
        canvas = Canvas(ax, [self.queries, self.neighbors], size, cmap)
        self.im_, self.text_ = [], []
        for row in range(n):
            images = [self.queries[row], *self.neighbors[row]]
            for column, (image, lines) in enumerate(zip(images, self._texts(row), strict=True)):
                left = GAP / 2 + column * pitch[0] + (_GROUP_GAP if column else 0)
                top = GAP / 2 + row * pitch[1]
                self.im_.append(canvas.image(image, left, top))
                text = canvas.label("\n".join(lines), left, top + height, n_lines=len(lines))
                self.text_.append(text)
        lines = {"color": "tab:gray", "linewidth": 0.8}
        canvas.ax.vlines(pitch[0] + _GROUP_GAP / 2, GAP / 2, size[1] - GAP / 2, **lines)
        return canvas.finish(self)

    def _texts(self, row):
        """Return the lines of text under the query of a row and under each of its neighbors."""
        query = ["query"] if self.query_labels is None else ["query", self.query_labels[row]]
        distances = [[f"distance {distance:.4g}"] for distance in self.distances[row]]
        if self.neighbor_labels is None:
            return [query, *distances]
        labels = self.neighbor_labels[row]
        return [query, *([label, *line] for label, line in zip(labels, distances, strict=True))]
