from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin, MultiOutputMixin
from sklearn.neighbors import VALID_METRICS_SPARSE, KNeighborsClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skfashion._base import Estimator
from skfashion._pixel_scale import compare_scale
from skfashion._sklearn import Interval, as_one_task, fit_context
from skfashion._validation import learned_at_once, snapshot, validate_images
from skfashion.neighbors._coordinates import batches
from skfashion.neighbors._search_methods import make_search

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

# Size of the array of votes, in float64 values: 8 MiB.
VOTES_PER_BLOCK = 2**20
_LABELS_DO_NOT_MATCH = (
    "The labels of this classifier do not match its training images: its attributes were changed "
    "after fit, or its file is damaged. Fit again."
)


class VectorizedKNNClassifier(MultiOutputMixin, ClassifierMixin, Estimator):
    """Exact k-nearest neighbors on pixels, several times faster than brute force.

    The classes of the nearest training images vote. The parameters and the neighbors are those of
    :class:`sklearn.neighbors.KNeighborsClassifier` with ``algorithm="brute"``. The search is
    exact. It is fast on images, because their leading principal components rule out nearly all
    pairs of images with a twelfth of the work. Only the remaining distances are computed.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbors that vote.

    weights : {"uniform", "distance"}, callable or None, default="uniform"
        Weight of each vote. "uniform" and None give all neighbors the same weight. "distance" is
        the inverse of the distance; if there are neighbors at distance 0, only these vote. A
        function takes distances of shape (n, n_neighbors) and returns finite weights of the same
        shape, none negative, with at least one positive weight in each row. It is called for
        batches of images.

    algorithm : {"auto", "brute", "ball_tree", "kd_tree"}, default="auto"
        "auto" and "brute" use the search of this class for dense `X` and the metrics named below,
        and scikit-learn's brute force for everything else. "ball_tree" and "kd_tree" are
        scikit-learn's trees.

    leaf_size : int, default=30
        Number of images in a leaf of a tree. Used only by the trees.

    p : float, default=2
        Exponent of the Minkowski metric, above 0. 1 is the Manhattan distance, 2 the Euclidean
        distance. Used only with ``metric="minkowski"``.

    metric : str or callable, default="minkowski"
        Distance, as in :class:`sklearn.neighbors.KNeighborsClassifier`. The search of this class
        supports the Euclidean distance ("minkowski" with ``p=2``, "euclidean" and "l2"), its
        square ("sqeuclidean"), and "cosine", 1 minus the cosine of the angle, which is 1 for an
        image of zeros. scikit-learn's search is used for all others, such as "manhattan",
        "nan_euclidean" (which allows missing pixels) and functions of two rows. With "precomputed",
        `X` contains distances, of shape (n, n) in :meth:`fit` and (n_queries, n) after it.

    metric_params : dict or None, default=None
        Further parameters of the metric, such as the weights `w` of "minkowski". If there are any,
        scikit-learn's search is used.

    n_jobs : int or None, default=None
        Number of parallel jobs. None means 1, except in a :func:`joblib.parallel_config`; -1 means
        all cores. Jobs are threads unless the `joblib.parallel_config` selects another backend.
        Each job uses one core, also for matrix products.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of such arrays
        Class labels, sorted. A list with one array for each output if `y` has several.

    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the input of :meth:`fit` had any.

    image_shape_ : tuple of int or None
        ``(height, width, channels)`` if :meth:`fit` got images, None if it got rows.

    effective_metric_ : str or callable
        The metric in use: the `metric` of :meth:`fit`, with "minkowski" replaced by "euclidean",
        "manhattan" or "chebyshev" if it is one of these.

    effective_metric_params_ : dict
        The parameters of the metric in use.

    n_samples_fit_ : int
        Number of training images.

    outputs_2d_ : bool
        Whether `y` had several columns.

    See Also
    --------
    skfashion.make_knn_pipeline : A pipeline that ends in this classifier.
    sklearn.neighbors.KNeighborsClassifier : The same classifier with scikit-learn's searches only.

    Notes
    -----
    **Exactness.** Distances between bytes (uint8) are computed in integers. All others are computed
    in double precision from the differences. A large common offset or near-duplicates therefore
    cost no precision, and a duplicate has distance 0. Integers beyond 2**53 are rounded to double
    precision first. Squared distances above 1.8e308 raise an error. Ties between training images
    go to the lower index, ties between classes to the lower class. Results depend neither on the
    number of jobs nor on the other queries. With scikit-learn's searches, rounding and the order
    of ties are scikit-learn's.

    **Memory.** The training data are not copied if they are C-contiguous arrays of integers or of
    floats of 32 or 64 bits. If they have changed since :meth:`fit`, the next search raises an
    error. Each search reads the data once to detect this, which takes a few milliseconds for
    60,000 images. Data that cannot change are not read: read-only arrays
    (``X.flags.writeable = False`` before :meth:`fit`), a :class:`numpy.memmap` of mode "r", which
    is searched in place, and the data of an unpickled classifier. The coordinates that rule out
    pairs take at most a fifth of the memory of the data in single precision, and the components as
    much as 304 rows. In addition to these and its result, a search takes 256 MiB, or less if
    scikit-learn's ``working_memory`` is lower. scikit-learn's searches copy sparse data and do not
    detect changed data.

    **Several machines.** Any joblib backend works. For example, in a ``with
    joblib.parallel_config(backend="dask"):`` with a connected ``dask.distributed.Client``, the
    workers share the queries, or the training images if there are few queries.

    **First call.** numba compiles the inner loops at their first call for each dtype of pixels,
    which takes about seven seconds. The compiled code is cached next to the package, in the
    user's cache directory, or in ``NUMBA_CACHE_DIR``. Damaged cache files are replaced. A pickle
    contains only the training data and the labels. The coordinates are computed again at the first
    search, and trees are built on loading.

    **Threads.** One thread may :meth:`fit` while others predict. Each prediction uses the last fit
    that had ended when it began.

    **Alternatives.** On rows without structure, such as noise, this is brute force with some
    overhead. For up to about eight features, a tree is faster (``algorithm="kd_tree"``). If a few
    wrong neighbors are acceptable, approximate indexes such as HNSW are faster once they are built.

    **Source.** The write-up "KNN against CNN" reaches 0.8577 on Fashion-MNIST with k = 5, as this
    does with ``weights="distance"``. The method of ruling out images by their leading principal
    components is from [1]_. The norm of the residual makes the bounds tighter.

    References
    ----------
    .. [1] J. McNames, "A fast nearest-neighbor algorithm based on a principal axis search tree",
       IEEE Transactions on Pattern Analysis and Machine Intelligence 23(9), 2001.

    Examples
    --------
    >>> from skfashion import VectorizedKNNClassifier
    >>> from skfashion.datasets import make_fashion_images
    >>> X, y = make_fashion_images(600, random_state=0, return_X_y=True)
    >>> knn = VectorizedKNNClassifier(n_neighbors=3, weights="distance").fit(X[:500], y[:500])
    >>> knn.score(X[500:], y[500:])
    0.79
    >>> distances, indices = knn.kneighbors(X[7:8])  # one of the training images
    >>> distances[0, 0], indices[0, 0]
    (np.float64(0.0), np.int64(7))
    """

    _parameter_constraints = {
        **KNeighborsClassifier._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Literal["uniform", "distance"] | Callable[[NDArray], ArrayLike] | None = "uniform",
        algorithm: Literal["auto", "brute", "ball_tree", "kd_tree"] = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: str | Callable[..., float] = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | spmatrix | sparray, y: ArrayLike) -> Self:
        """Store and index the training images.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels)
            Training images. Pixels must be finite, except with ``metric="nan_euclidean"``. With
            ``metric="precomputed"``, distances between the training images, of shape (n, n).
        y : array-like of shape (n,) or (n, n_outputs)
            Class labels.

        Returns
        -------
        self : VectorizedKNNClassifier
            The fitted classifier.
        """
        with learned_at_once(self) as learner:
            if issparse(y):
                raise ValueError(
                    "Expected y to be a dense array, got a sparse one. Use y.toarray()."
                )
            search = make_search(learner, X)
            (rows, targets), learner.image_shape_ = validate_images(
                learner, X, reset=True, y=y, multi_output=True, **search.checks
            )
            learner._check_precomputed_shape(learner.image_shape_)
            learner._compare_scale(rows, reset=True)
            check_classification_targets(targets)
            learner.outputs_2d_ = targets.ndim == 2 and targets.shape[1] > 1
            labels = targets.T if learner.outputs_2d_ else [column_or_1d(targets, warn=True)]
            encoded = [np.unique(column, return_inverse=True) for column in labels]
            classes = [values for values, _ in encoded]
            learner.classes_ = classes if learner.outputs_2d_ else classes[0]
            learner._y = np.column_stack([codes for _, codes in encoded])
            learner.n_samples_fit_ = rows.shape[0]
            learner._search = search.fit(rows, learner.n_jobs)
            learner.effective_metric_ = search.effective_metric
            learner.effective_metric_params_ = search.effective_metric_params
        return self

    def kneighbors(
        self,
        X: ArrayLike | spmatrix | sparray | None = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> Any:
        """Find the nearest training images.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), default=None
            Images, or None for the training images, none of which is its own neighbor.
        n_neighbors : int, default=None
            Number of neighbors of each image, or None for the parameter of the classifier.
        return_distance : bool, default=True
            Whether to return the distances as well.

        Returns
        -------
        distances : ndarray of shape (n, n_neighbors), dtype float64
            Distances, ascending. Returned only if `return_distance` is True.
        indices : ndarray of shape (n, n_neighbors), dtype int64
            Indices of training images. At the same distance, the lower index comes first.

        Raises
        ------
        ValueError
            If there are fewer than `n_neighbors` training images (not counting the image itself),
            the training data have changed since :meth:`fit`, or distances overflow.
        """
        shape, found = snapshot(self)._find(X, n_neighbors)
        indices = np.empty(shape, np.int64)
        distances = np.empty(shape) if return_distance else None
        for part, part_distances, part_indices in found:
            indices[part] = part_indices
            if distances is not None:
                distances[part] = part_distances
        return (distances, indices) if return_distance else indices

    def kneighbors_graph(
        self,
        X: ArrayLike | spmatrix | sparray | None = None,
        n_neighbors: int | None = None,
        mode: Literal["connectivity", "distance"] = "connectivity",
    ) -> csr_matrix:
        """Return the graph of nearest training images as a sparse matrix.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), default=None
            Images, or None for the training images, none of which is its own neighbor.
        n_neighbors : int, default=None
            Number of neighbors of each image, or None for the parameter of the classifier.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether the entries are ones or distances.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (n, `n_samples_fit_`)
            Entry ``[i, j]`` is set if training image j is a neighbor of image i.
        """
        if mode not in ("connectivity", "distance"):
            raise ValueError(
                f'Unsupported mode, must be one of "connectivity", or "distance" but got "{mode}" '
                "instead"
            )
        self = snapshot(self)
        if mode == "distance":
            distances, indices = self.kneighbors(X, n_neighbors)
        else:
            indices = self.kneighbors(X, n_neighbors, return_distance=False)
            distances = np.ones(indices.shape)
        n_queries, n_neighbors = indices.shape
        starts = np.arange(0, n_queries * n_neighbors + 1, n_neighbors)
        shape = (n_queries, self.n_samples_fit_)
        return csr_matrix((distances.ravel(), indices.ravel(), starts), shape=shape)

    def predict(self, X: ArrayLike | spmatrix | sparray | None) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), or None
            Images, or None for the training images, none of which votes for itself.

        Returns
        -------
        ndarray of shape (n,) or (n, n_outputs)
            Labels with the most votes. Ties go to the lower class.
        """
        self = snapshot(self)
        (n_queries, _), found = self._find(X, None)
        winners = np.empty((n_queries, self._y.shape[1]), np.int64)
        for part, output, votes in self._vote(found):
            winners[part, output] = votes.argmax(axis=1)
        if not self.outputs_2d_:
            return self.classes_[winners[:, 0]]
        labels = [classes[column] for classes, column in zip(self.classes_, winners.T, strict=True)]
        return np.column_stack(labels)

    def predict_proba(
        self, X: ArrayLike | spmatrix | sparray | None
    ) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """Predict class probabilities, the shares of the votes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), or None
            Images, or None for the training images, none of which votes for itself.

        Returns
        -------
        ndarray of shape (n, n_classes), or a list of such arrays, one for each output
            Probabilities, in the order of `classes_`. Each row sums to 1.
        """
        self = snapshot(self)
        (n_queries, _), found = self._find(X, None)
        shares = [np.empty((n_queries, len(classes))) for classes in self._classes_of_outputs()]
        for part, output, votes in self._vote(found):
            shares[output][part] = votes / votes.sum(axis=1, keepdims=True)
        return shares if self.outputs_2d_ else shares[0]

    def __setstate__(self, state):
        super().__setstate__(state)
        if "_search" in vars(self):
            self._check_parts()
            for codes, classes in zip(self._y.T, self._classes_of_outputs(), strict=True):
                if codes.min() < 0 or codes.max() >= len(classes):
                    raise ValueError(_LABELS_DO_NOT_MATCH)

    def _check_parts(self):
        """Raise a ValueError if the learned attributes are inconsistent; takes little time."""
        codes, n_outputs = self._y, len(self._classes_of_outputs())
        if not (
            isinstance(codes, np.ndarray)
            and codes.dtype == np.int64
            and codes.shape == (self.n_samples_fit_, n_outputs)
            and self._search.n_rows == self.n_samples_fit_ > 0
        ):
            raise ValueError(_LABELS_DO_NOT_MATCH)

    def _find(self, X, n_neighbors):
        """Return the shape of the results, and an iterator over batches of them."""
        check_is_fitted(self)
        self._check_parts()
        if n_neighbors is None:
            n_neighbors = self.n_neighbors  # Checked below, because it may be set after fit.
        if not isinstance(n_neighbors, Integral):
            raise TypeError(
                f"n_neighbors does not take {type(n_neighbors)} value, enter integer value"
            )
        if n_neighbors <= 0:
            raise ValueError(f"Expected n_neighbors > 0. Got {n_neighbors}")
        if X is None:
            rows, n_queries = None, self.n_samples_fit_
        else:
            rows, image_shape = validate_images(self, X, reset=False, **self._search.checks)
            self._check_precomputed_shape(image_shape)
            self._compare_scale(rows, reset=False)
            n_queries = rows.shape[0]
        if n_neighbors > self.n_samples_fit_ - (X is None):
            expected = (
                "n_neighbors < n_samples_fit" if X is None else "n_neighbors <= n_samples_fit"
            )
            raise ValueError(
                f"Expected {expected}, but n_neighbors = {n_neighbors}, n_samples_fit = "
                f"{self.n_samples_fit_}, n_samples = {n_queries}"
            )
        n_neighbors = int(n_neighbors)
        return (n_queries, n_neighbors), self._search.search(rows, n_neighbors, self.n_jobs)

    def _check_precomputed_shape(self, image_shape):
        if self.metric == "precomputed" and image_shape is not None:
            raise ValueError(
                'Expected distances of shape (n_queries, n_fitted) for metric="precomputed", got '
                f"images of shape {image_shape}. Pass a matrix of distances."
            )

    def _compare_scale(self, rows, *, reset):
        # Angles do not depend on the scale of the images, and distances are not pixels.
        if not issparse(rows) and self.metric not in ("cosine", "correlation", "precomputed"):
            compare_scale(self, rows, reset=reset)

    def _classes_of_outputs(self):
        return self.classes_ if self.outputs_2d_ else [self.classes_]

    def _vote(self, found):
        """Yield a slice of the queries, the index of an output, and the votes for its classes."""
        max_classes = max(map(len, self._classes_of_outputs()))
        for part, distances, indices in found:
            weights = self._weights(distances)
            for block in batches(len(indices), max(1, VOTES_PER_BLOCK // max_classes)):
                queries = slice(part.start + block.start, part.start + block.stop)
                for output, classes in enumerate(self._classes_of_outputs()):
                    votes = np.zeros((block.stop - block.start, len(classes)))
                    codes = self._y[indices[block], output]
                    # In a fixed order, so that rounding does not depend on the other queries.
                    for code, weight in zip(codes.T, weights[block].T, strict=True):
                        votes[np.arange(len(votes)), code] += weight
                    yield queries, output, votes

    def _weights(self, distances):
        if self.weights in ("uniform", None):
            return np.ones(distances.shape)
        if callable(self.weights):
            weights = np.asarray(self.weights(distances))
            if weights.shape != distances.shape:
                raise ValueError(
                    "The function weights must return an array of the shape of the distances, "
                    f"{distances.shape}; got shape {weights.shape}."
                )
        elif self.weights != "distance":  # It may be set after fit, which validates it.
            raise ValueError(
                f"weights must be 'uniform', 'distance', a function or None, got {self.weights!r}."
            )
        else:
            with np.errstate(divide="ignore"):
                weights = 1 / distances
            infinite = np.isinf(weights)
            alone = infinite.any(axis=1)
            weights[alone] = infinite[alone]
        return _validate_weights(weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = (
            callable(self.metric)
            or self.metric in VALID_METRICS_SPARSE["brute"]
            or (self.metric == "minkowski" and self.p in (1, 2))
        )
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        # Cross-validation splits a matrix of distances along both axes.
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        return tags


def _validate_weights(weights):
    """Return weights of votes as float64, or raise a ValueError."""
    if weights.dtype.kind not in "biuf":
        raise ValueError(
            f"The function weights must return real numbers; got dtype {weights.dtype}."
        )
    with np.errstate(over="ignore"):
        weights = weights.astype(np.float64)
        sums = weights.sum(axis=1)
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all():
        raise ValueError(
            "Weights of votes must be finite and not negative; got "
            f"{weights[~usable][0]}. Correct the function weights, or with weights='distance', "
            "remove images whose distances are NaN."
        )
    if (sums == 0).any():
        raise ValueError(
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to "
            "avoid this case if you are using a user-defined function."
        )
    if np.isinf(sums).any():
        raise ValueError(
            "Expected weights with a finite sum, got weights with a sum above 1.8e308. Scale them "
            "down, or with weights='distance', scale X up."
        )
    return weights
