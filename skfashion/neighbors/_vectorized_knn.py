from numbers import Integral

import numpy as np
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
from skfashion.neighbors._searches import make_search

# Votes that are counted at a time: 8 MiB.
VOTES_PER_BLOCK = 2**20
_LABELS_DO_NOT_FIT = (
    "The labels of these nearest neighbours do not fit their images: they were changed after fit, "
    "or the file that they are from is damaged. Fit again."
)


class VectorizedKNNClassifier(MultiOutputMixin, ClassifierMixin, Estimator):
    """Exact k nearest neighbours on pixels, several times faster than brute force.

    The classes of the nearest training images vote. What
    :class:`sklearn.neighbors.KNeighborsClassifier` finds with ``algorithm="brute"``, this finds
    too: no neighbour is approximate, and the parameters are the same. It is faster where images
    have structure, because the leading principal components rule out nearly all pairs of images
    for a twelfth of the work, and only the others' distances are computed.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours that vote.

    weights : {"uniform", "distance"}, callable or None, default="uniform"
        Weight of each vote: the same for all, as with None; 1 over the distance, where neighbours
        at distance 0, if there are any, vote alone; or a function that takes distances, an array
        of shape (n, n_neighbors), and returns weights of the same shape, finite numbers of at
        least 0, of which one in each row is above 0. It is called for some of the images at a time.

    algorithm : {"auto", "brute", "ball_tree", "kd_tree"}, default="auto"
        "auto" and "brute" are the search of this class, for dense `X` and the metrics named
        below, and scikit-learn's brute force for everything else. "ball_tree" and "kd_tree" are
        scikit-learn's trees.

    leaf_size : int, default=30
        Number of images in a leaf of a tree. Only the trees use it.

    p : float, default=2
        Exponent of the Minkowski metric, above 0: 1 is the Manhattan distance, 2 the euclidean
        one. Only ``metric="minkowski"`` uses it.

    metric : str or callable, default="minkowski"
        Distance, as in :class:`sklearn.neighbors.KNeighborsClassifier`. This class searches by
        itself for "minkowski" with ``p=2``, "euclidean" and "l2", which are all the euclidean
        distance; "sqeuclidean", its square; and "cosine", 1 minus the cosine of the angle, which
        is 1 for an image of zeros. For any other, scikit-learn searches: "manhattan",
        "nan_euclidean", which allows missing pixels, a function of two rows of pixels, and so on.
        With "precomputed", `X` holds distances, of shape (n, n) in :meth:`fit` and (n_queries, n)
        after it.

    metric_params : dict or None, default=None
        Further parameters of the metric, such as the weights `w` of "minkowski". With any,
        scikit-learn searches.

    n_jobs : int or None, default=None
        Number of jobs, and so of cores, that share the work: 1 where it is None, unless in a
        :func:`joblib.parallel_config`, and -1 for all cores. Threads, if no other backend is
        chosen there; each keeps to one core, matrix products included.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of such arrays
        Class labels, sorted; one array for each output where `y` has several.

    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where the input of :meth:`fit` had any.

    image_shape_ : tuple of int or None
        ``(height, width, channels)`` where :meth:`fit` got images, None where it got rows.

    effective_metric_ : str or callable
        The metric in use: `metric` at the time of :meth:`fit`, where "minkowski" becomes
        "euclidean", "manhattan" or "chebyshev" if it is one of these.

    effective_metric_params_ : dict
        The parameters of the metric in use.

    n_samples_fit_ : int
        Number of training images.

    outputs_2d_ : bool
        Whether `y` had several columns.

    See Also
    --------
    skfashion.make_knn_pipeline : A pipeline that ends in this classifier.
    sklearn.neighbors.KNeighborsClassifier : The same classifier by scikit-learn's searches alone.

    Notes
    -----
    **Exactness.** Distances between bytes (uint8) are computed in integers, all others in double
    precision from the differences, so that neither a large common offset nor near-duplicates
    cost digits, and a duplicate is at distance 0; integers beyond 2**53 are rounded to double
    precision first. Squared distances above 1.8e308 raise an error. Where scikit-learn searches,
    rounding, and the order at the same distance, are scikit-learn's. Of training images at the same
    distance the one with the lower index comes first; of classes with the same votes the lower one
    wins. Neither depends on the number of jobs, nor on which images are asked for together.

    **Memory.** The training data are kept as they are, without a copy where they are C-ordered
    arrays of integers or floats of 32 or 64 bits. If they have changed since :meth:`fit`, the next
    search raises an error. To see that, each search reads them once, which takes a few
    milliseconds for 60,000 images. Data that cannot change are not read: read-only arrays
    (``X.flags.writeable = False`` before :meth:`fit`), a :class:`numpy.memmap` of mode "r", which
    is searched where it lies, and the data of a classifier that comes out of a pickle. The
    coordinates that rule pairs out take at most a fifth of the data in single precision, and the
    components as much as 304 rows of it. Beyond these and its result, a search takes 256 MiB, or
    less if scikit-learn's ``working_memory`` is lower. scikit-learn's searches copy sparse data,
    and take changed data as they are.

    **Several machines.** Any backend of joblib serves, dask's among them: in a ``with
    joblib.parallel_config(backend="dask"):`` with a connected ``dask.distributed.Client``, its
    workers share the queries, or the training images where the queries are few.

    **First call.** The inner loops are compiled by numba when they are first called for a type of
    pixels, which takes about seven seconds, and are then kept on disk, beside the package or in
    the user's cache, or where ``NUMBA_CACHE_DIR`` says; damaged files there are replaced. A pickle
    holds the training data alone: what rules pairs out is made anew by the first search, and a
    tree is when it is loaded.

    **Threads.** One thread may :meth:`fit` while others predict: each prediction is by one fit,
    the last one that had ended when it began.

    **When to take something else.** On rows without any structure, as of noise, this is brute
    force with some overhead. For up to about eight features a tree is faster
    (``algorithm="kd_tree"``); if a few wrong neighbours
    do no harm, so are approximate indexes, such as HNSW, once they are built.

    **Source.** The write-up "KNN against CNN", which reaches 0.8577 on Fashion-MNIST with k = 5,
    as this does with ``weights="distance"``. Ruling images out by their leading principal
    components is due to [1]_; the norm of what the components leave makes the bounds tighter.

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
        n_neighbors=5,
        *,
        weights="uniform",
        algorithm="auto",
        leaf_size=30,
        p=2,
        metric="minkowski",
        metric_params=None,
        n_jobs=None,
    ):
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
    def fit(self, X, y):
        """Keep the training images, and index them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels)
            Training images, finite but for ``metric="nan_euclidean"``; distances between them, of
            shape (n, n), for ``metric="precomputed"``.
        y : array-like of shape (n,) or (n, n_outputs)
            Class labels.

        Returns
        -------
        self : VectorizedKNNClassifier
            The fitted classifier.
        """
        with learned_at_once(self) as learner:
            if issparse(y):
                raise ValueError("Expected y to be a dense array, got a sparse one: y.toarray().")
            search = make_search(learner, X)
            (rows, y), learner.image_shape_ = validate_images(
                learner, X, reset=True, y=y, multi_output=True, **search.checks
            )
            learner._check_not_images_of_distances(learner.image_shape_)
            learner._compare_scale(rows, reset=True)
            check_classification_targets(y)
            learner.outputs_2d_ = y.ndim == 2 and y.shape[1] > 1
            labels = y.T if learner.outputs_2d_ else [column_or_1d(y, warn=True)]
            encoded = [np.unique(column, return_inverse=True) for column in labels]
            classes = [values for values, _ in encoded]
            learner.classes_ = classes if learner.outputs_2d_ else classes[0]
            learner._y = np.column_stack([codes for _, codes in encoded])
            learner.n_samples_fit_ = rows.shape[0]
            learner._search = search.fit(rows, learner.n_jobs)
            learner.effective_metric_ = search.effective_metric
            learner.effective_metric_params_ = search.effective_metric_params
        return self

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Find the nearest training images.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), default=None
            Images; None for the training images, each without itself.
        n_neighbors : int, default=None
            Number of neighbours of each; None for that of the constructor.
        return_distance : bool, default=True
            Whether to return the distances too.

        Returns
        -------
        distances : ndarray of shape (n, n_neighbors), dtype float64
            Ascending; only if `return_distance`.
        indices : ndarray of shape (n, n_neighbors), dtype int64
            Of the training images; at the same distance, the lower one first.

        Raises
        ------
        ValueError
            If there are fewer than `n_neighbors` training images (other than the image itself),
            the training data have changed since :meth:`fit`, or distances overflow.
        """
        shape, found = snapshot(self)._find(X, n_neighbors)
        indices = np.empty(shape, np.int64)
        distances = np.empty(shape) if return_distance else None
        for part, part_distances, part_indices in found:
            indices[part] = part_indices
            if return_distance:
                distances[part] = part_distances
        return (distances, indices) if return_distance else indices

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """Return the graph of nearest training images as a sparse matrix.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), default=None
            Images; None for the training images, each without itself.
        n_neighbors : int, default=None
            Number of neighbours of each; None for that of the constructor.
        mode : {"connectivity", "distance"}, default="connectivity"
            What the entries are: ones, or distances.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (n, `n_samples_fit_`)
            ``[i, j]`` is set where training image j is a neighbour of image i.
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

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), or None
            Images; None for the training images, each without its own vote.

        Returns
        -------
        ndarray of shape (n,) or (n, n_outputs)
            Labels of most votes; of classes with the same votes, the lower one.
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

    def predict_proba(self, X):
        """Return the share of votes of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, height, width) or \
                (n, height, width, channels), or None
            Images; None for the training images, each without its own vote.

        Returns
        -------
        ndarray of shape (n, n_classes), or a list of such arrays, one for each output
            Shares of the classes as in `classes_`; each row sums to 1.
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
                    raise ValueError(_LABELS_DO_NOT_FIT)

    def _check_parts(self):
        """Raise an error unless what was learned fits together, at no cost worth mentioning."""
        codes, n_outputs = self._y, len(self._classes_of_outputs())
        if not (
            isinstance(codes, np.ndarray)
            and codes.dtype == np.int64
            and codes.shape == (self.n_samples_fit_, n_outputs)
            and self._search.n_rows == self.n_samples_fit_ > 0
        ):
            raise ValueError(_LABELS_DO_NOT_FIT)

    def _find(self, X, n_neighbors):
        """Return the shape of what is found, and an iterator over what the search yields."""
        check_is_fitted(self)
        self._check_parts()
        if n_neighbors is None:
            n_neighbors = self.n_neighbors  # which may have been set since the fit
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
            self._check_not_images_of_distances(image_shape)
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

    def _check_not_images_of_distances(self, image_shape):
        if self.metric == "precomputed" and image_shape is not None:
            raise ValueError(
                'Expected distances of shape (n_queries, n_fitted) for metric="precomputed", got '
                f"images of shape {image_shape}."
            )

    def _compare_scale(self, rows, *, reset):
        # The angle between images does not depend on their scale; distances are no pixels.
        if not issparse(rows) and self.metric not in ("cosine", "correlation", "precomputed"):
            compare_scale(self, rows, reset=reset)

    def _classes_of_outputs(self):
        return self.classes_ if self.outputs_2d_ else [self.classes_]

    def _vote(self, found):
        """Yield queries, output and votes of each class, for some of the queries at a time."""
        most_classes = max(map(len, self._classes_of_outputs()))
        for part, distances, indices in found:
            weights = self._weights(distances)
            for block in batches(len(indices), max(1, VOTES_PER_BLOCK // most_classes)):
                queries = slice(part.start + block.start, part.start + block.stop)
                for output, classes in enumerate(self._classes_of_outputs()):
                    votes = np.zeros((block.stop - block.start, len(classes)))
                    codes = self._y[indices[block], output]
                    # Neighbour after neighbour, so that no sum depends on the other queries.
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
                    f"Expected weights to return an array of the shape of the distances, "
                    f"{distances.shape}, got one of shape {weights.shape}."
                )
        elif self.weights != "distance":  # set since the fit, which checks it
            raise ValueError(
                f"weights must be 'uniform', 'distance', a function or None, got {self.weights!r}."
            )
        else:
            with np.errstate(divide="ignore"):
                weights = 1 / distances
            infinite = np.isinf(weights)
            alone = infinite.any(axis=1)
            weights[alone] = infinite[alone]
        return _checked(weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = (
            callable(self.metric)
            or self.metric in VALID_METRICS_SPARSE["brute"]
            or (self.metric == "minkowski" and self.p in (1, 2))
        )
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        # So that cross-validation splits a matrix of distances along both axes.
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        return tags


def _checked(weights):
    """Return weights in double precision, of which votes can be made."""
    if weights.dtype.kind not in "biuf":
        raise ValueError(f"Expected weights that are real numbers, got some of {weights.dtype}.")
    with np.errstate(over="ignore"):
        weights = weights.astype(np.float64)
        sums = weights.sum(axis=1)
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all():
        raise ValueError(
            "Expected weights of votes that are finite numbers of at least 0, got "
            f"{weights[~usable][0]}: mend what the function weights returns; with "
            "weights='distance', leave images out whose distances are no numbers."
        )
    if (sums == 0).any():
        raise ValueError(
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to "
            "avoid this case if you are using a user-defined function."
        )
    if np.isinf(sums).any():
        raise ValueError(
            "Expected weights whose sum is a finite number, got some whose sum is above "
            "1.8e308: scale them down, or scale X up if weights='distance'."
        )
    return weights
