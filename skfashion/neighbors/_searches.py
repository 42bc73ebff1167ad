"""What finds neighbours: the exact search of this package, or scikit-learn's."""

import threading
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import issparse
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import assert_all_finite

from skfashion.neighbors._blas import limited_blas
from skfashion.neighbors._coordinates import NO_SCALES, Coordinates, read_only
from skfashion.neighbors._search import search
from skfashion.neighbors._task import NO_ROW, inverse_norms

# 32-bit words that share one sum of a fingerprint, and what each of them is multiplied by.
_FINGERPRINT_WORDS = 1_024
_FINGERPRINT_KEYS = read_only(
    np.random.RandomState(0).randint(2**32, size=_FINGERPRINT_WORDS, dtype=np.uint32) | 1
)
_index_lock = threading.Lock()
_DATA_CHANGED = (
    "The training data have changed since fit: fit again, or fit on a copy, X.copy(), and change X."
)

_FILE_DAMAGED = (
    "These nearest neighbours cannot be loaded: they are damaged, or of another version of "
    "skfashion."
)


def make_search(estimator, X):
    """Return the search that the parameters of an estimator, and the type of X, ask for."""
    return (ExactSearch if ExactSearch.serves(estimator, X) else ScikitLearnSearch)(estimator)


class Index(NamedTuple):
    """What rules rows out, made from the rows alone."""

    scales: np.ndarray
    coordinates: Coordinates
    coarse: np.ndarray
    fine: np.ndarray


class ExactSearch:
    """The exact search of this package, for dense rows and the metrics of its kernels.

    Parameters
    ----------
    estimator : VectorizedKNNClassifier
        Whose parameters this reads; it is not kept.

    Attributes
    ----------
    checks : dict
        What :func:`~sklearn.utils.validation.validate_data` is to check.
    effective_metric : str
    effective_metric_params : dict
    rows : array of shape (n_rows, n_features)
        A read-only view of the training data.
    """

    # Kept as they come; everything else becomes float64, the first.
    _DTYPES = [
        *(np.float64, np.float32),
        *(np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64),
    ]

    _METRICS = ("euclidean", "l2", "sqeuclidean", "cosine")
    checks = {"dtype": _DTYPES, "order": "C", "accept_sparse": "csr"}

    def __init__(self, estimator):
        metric = estimator.metric
        self.effective_metric = "euclidean" if metric == "minkowski" else metric
        self._index = None

    @property
    def effective_metric_params(self):
        """The parameters of the metric in use: none."""
        return {}

    @staticmethod
    def serves(estimator, X):
        """Return whether this search does what the parameters ask for."""
        metric = estimator.metric
        return (
            estimator.algorithm in ("auto", "brute")
            and (metric in ExactSearch._METRICS or (metric == "minkowski" and estimator.p == 2))
            and not estimator.metric_params
            and not issparse(X)
        )

    def fit(self, rows, n_jobs):
        """Index the rows, of which no copy is made.

        Parameters
        ----------
        rows : array of shape (n_rows, n_features)
            As :func:`~sklearn.utils.validation.validate_data` returns them with `checks`.
        n_jobs : int or None
        """
        self._was_writeable = _writeable(rows)
        # A view, as the shape of the user's own array can be set.
        self.rows = read_only(rows)
        self._fingerprint = self._take_fingerprint()
        self._index = self._make_index(n_jobs)
        return self

    @property
    def n_rows(self):
        """Number of rows."""
        return len(self.rows)

    def _make_index(self, n_jobs):
        scales = inverse_norms(self.rows) if self.effective_metric == "cosine" else NO_SCALES
        with limited_blas(effective_n_jobs(n_jobs)):
            coordinates = Coordinates.fit(self.rows, scales)
            indexed = self.rows if coordinates.components is not None else self.rows[:0]
            coarse, fine, _ = coordinates.transform(indexed, scales)
        return Index(scales, coordinates, coarse, fine)

    def index(self, n_jobs=None):
        """Return what rules rows out; it is made anew once these are loaded from a file."""
        if self._index is None:
            with _index_lock:
                if self._index is None:
                    assert_all_finite(self.rows, input_name="the training data")
                    self._index = self._make_index(n_jobs)
        return self._index

    def search(self, queries, n_neighbors, n_jobs):
        """Yield the nearest rows, for some of the queries at a time.

        Parameters
        ----------
        queries : array or sparse matrix of shape (n_queries, n_features), or None
            None for the rows themselves, none of which is its own neighbour.
        n_neighbors : int
        n_jobs : int or None

        Yields
        ------
        part : slice
            Which of the queries.
        distances : float64 array of shape (n_queries_of_part, n_neighbors)
        indices : int64 array of shape (n_queries_of_part, n_neighbors)

        Raises
        ------
        ValueError
            If the rows have changed since `fit`, or squared distances overflow.
        """
        self._check_unchanged()
        parts = search(
            self.rows if queries is None else queries,
            self.rows,
            *self.index(n_jobs),
            n_neighbors,
            n_jobs=n_jobs,
            exclude_self=queries is None,
        )
        for part, squares, indices in parts:
            if (indices == NO_ROW).any():
                raise ValueError(_DATA_CHANGED)
            _check_distances(squares, "squared distances")
            if self.effective_metric == "cosine":
                yield part, squares / 2, indices
            elif self.effective_metric == "sqeuclidean":
                yield part, squares, indices
            else:
                yield part, np.sqrt(squares), indices

    def _check_unchanged(self):
        may_have_changed = self._was_writeable or _writeable(self.rows)
        if self._fingerprint is None or not may_have_changed:
            return
        if self._take_fingerprint() != self._fingerprint:
            raise ValueError(_DATA_CHANGED)

    def _take_fingerprint(self):
        from skfashion.neighbors._kernels import fingerprint

        data = self.rows.reshape(-1).view(np.uint8)
        whole = len(data) // 4 * 4
        words = read_only(data[:whole].view(np.uint32))
        return int(fingerprint(words, _FINGERPRINT_KEYS)), data[whole:].tobytes()

    def __getstate__(self):
        # A file could hold an index that rules out what is near; so it holds none.
        self._check_unchanged()  # which is noticed here only
        return {"rows": self.rows, "effective_metric": self.effective_metric}

    def __setstate__(self, state):
        if (
            set(state) != {"rows", "effective_metric"}
            or state["effective_metric"] not in self._METRICS
            or not self._are_rows(state["rows"])
        ):
            raise ValueError(_FILE_DAMAGED)
        self.effective_metric = state["effective_metric"]
        self.rows = read_only(state["rows"])
        self._fingerprint = self._index = None  # nobody else has rows that come out of a file
        self._was_writeable = False

    @classmethod
    def _are_rows(cls, rows):
        return (
            isinstance(rows, np.ndarray)
            and rows.ndim == 2
            and rows.size > 0
            and rows.dtype in cls._DTYPES
            and rows.dtype.isnative
            and rows.flags.c_contiguous
            and rows.flags.aligned
        )


def _writeable(array):
    """Return whether an array, or one that it is a view of, can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def _check_distances(distances, name, limit=np.inf):
    if not (distances < min(limit, np.finfo(distances.dtype).max)).all():
        raise ValueError(
            f"Expected rows whose {name} are finite numbers, got some whose {name} are too large "
            "or NaN: scale X down if its numbers are large, and leave out rows for which the "
            "metric is not defined."
        )


def _overflowed_distance(neighbors):
    """Return about what scikit-learn takes for the distance where all sums overflow.

    Its loops begin with the largest number, and keep it where no sum is smaller. Some of them
    then take a root of it.
    """
    try:
        metric = DistanceMetric.get_metric(
            neighbors.effective_metric_, **neighbors.effective_metric_params_
        )
    except ValueError:  # a metric of other loops, whose sums become inf or NaN
        return np.inf
    with np.errstate(over="ignore"):  # roots of an order below 1 are powers
        return (1 - 1e-9) * metric.rdist_to_dist(np.finfo(np.float64).max)


def _undefined(distances, indices, queries, rows):
    """Return which distances are NaN because no pixel is present in both images."""
    queries = rows if queries is None else queries
    undefined = np.isnan(distances)
    for i, k in np.argwhere(undefined):
        missing = np.isnan(queries[i]) | np.isnan(rows[indices[i, k]])
        undefined[i, k] = missing.all()
    return undefined


class ScikitLearnSearch:
    """scikit-learn's search, for what :class:`ExactSearch` does not serve.

    Parameters
    ----------
    estimator : VectorizedKNNClassifier
        Whose parameters this reads; it is not kept.
    """

    def __init__(self, estimator):
        self._neighbors = NearestNeighbors(
            algorithm="brute" if estimator.algorithm == "auto" else estimator.algorithm,
            leaf_size=estimator.leaf_size,
            metric=estimator.metric,
            p=estimator.p,
            metric_params=estimator.metric_params,
        )

    @property
    def checks(self):
        """What :func:`~sklearn.utils.validation.validate_data` is to check."""
        metric = self._neighbors.metric
        return {
            "order": "C",
            # The format of a precomputed graph matters: some keep no explicit zeros.
            "accept_sparse": True if metric == "precomputed" else "csr",
            "ensure_all_finite": "allow-nan" if metric == "nan_euclidean" else True,
        }

    def fit(self, rows, n_jobs):
        """Index the rows, of which no copy is made unless they are sparse."""
        self._check_norms(rows)
        self._neighbors.set_params(n_jobs=n_jobs).fit(rows)
        return self

    @property
    def n_rows(self):
        """Number of rows."""
        return self._neighbors.n_samples_fit_

    @property
    def effective_metric(self):
        """The metric in use."""
        return self._neighbors.effective_metric_

    @property
    def effective_metric_params(self):
        """The parameters of the metric in use."""
        return self._neighbors.effective_metric_params_

    def search(self, queries, n_neighbors, n_jobs):
        """Yield the nearest rows as :meth:`ExactSearch.search` does, for all queries at once."""
        neighbors = self._neighbors.set_params(n_jobs=n_jobs)
        if queries is not None:
            self._check_norms(queries)
        distances, indices = neighbors.kneighbors(queries, n_neighbors)
        # What is given, or comes from the user's own function, may be infinite.
        if not (callable(neighbors.metric) or neighbors.metric == "precomputed"):
            checked = distances
            if neighbors.metric == "nan_euclidean":
                rows = neighbors._fit_X
                checked = distances[~_undefined(distances, indices, queries, rows)]
            _check_distances(checked, "distances", _overflowed_distance(neighbors))
        yield slice(0, len(indices)), distances, indices

    def _check_norms(self, rows):
        # scikit-learn divides by infinite ones: all distances would be 1.
        if self._neighbors.metric == "cosine":
            inverse_norms(rows)

    def __getstate__(self):
        # A tree in a file could lead scikit-learn's compiled code out of its arrays; so none is.
        return {
            "rows": self._neighbors._fit_X,
            "parameters": self._neighbors.get_params(deep=False),
        }

    def __setstate__(self, state):
        try:
            rows, parameters = state["rows"], state["parameters"]
            if issparse(rows):
                rows.check_format(full_check=True)  # of which compiled code takes no notice
                parameters = {**parameters, "algorithm": "brute"}  # as fit has warned already
            self._neighbors = NearestNeighbors(**parameters).fit(rows)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(_FILE_DAMAGED) from error
