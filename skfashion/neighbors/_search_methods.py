"""The two searches for neighbors: the exact search of this package, and scikit-learn's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import assert_all_finite

from skfashion.neighbors._blas import limited_blas
from skfashion.neighbors._coordinates import NO_SCALES, Coordinates, read_only
from skfashion.neighbors._parallel_search import search
from skfashion.neighbors._task import NO_ROW, inverse_norms

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

    from skfashion.neighbors._vectorized_knn import VectorizedKNNClassifier

# 32-bit words in one sum of a fingerprint, and the odd factor of each word.
_FINGERPRINT_WORDS = 1_024
_FINGERPRINT_KEYS = read_only(
    np.random.RandomState(0).randint(2**32, size=_FINGERPRINT_WORDS, dtype=np.uint32) | 1
)
_index_lock = threading.Lock()
_DATA_CHANGED = (
    "The training data have changed since fit. Fit again; to be able to change X, fit on X.copy()."
)

_FILE_DAMAGED = (
    "This nearest-neighbor search cannot be loaded: it is damaged or of another version of "
    "skfashion. Fit again."
)


def make_search(estimator: VectorizedKNNClassifier, X: Any) -> ExactSearch | ScikitLearnSearch:
    """Return the search for the parameters of an estimator and the type of `X`."""
    return (ExactSearch if ExactSearch.supports(estimator, X) else ScikitLearnSearch)(estimator)


class Index(NamedTuple):
    """Arrays that rule out rows. They depend only on the rows."""

    scales: np.ndarray
    coordinates: Coordinates
    coarse: np.ndarray
    fine: np.ndarray


class ExactSearch:
    """The exact search of this package, for dense rows and the metrics of its kernels.

    Parameters
    ----------
    estimator : VectorizedKNNClassifier
        Its parameters are read. The estimator is not stored.

    Attributes
    ----------
    checks : dict
        Parameters of :func:`~sklearn.utils.validation.validate_data`.
    effective_metric : str
        The metric in use.
    effective_metric_params : dict
        The parameters of the metric in use.
    rows : array of shape (n_rows, n_features)
        A read-only view of the training data.
    """

    # Other dtypes are converted to the first, float64.
    _DTYPES = [
        *(np.float64, np.float32),
        *(np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64),
    ]

    _METRICS = ("euclidean", "l2", "sqeuclidean", "cosine")
    checks = {"dtype": _DTYPES, "order": "C", "accept_sparse": "csr"}

    def __init__(self, estimator: VectorizedKNNClassifier) -> None:
        metric: Any = estimator.metric
        self.effective_metric: str = "euclidean" if metric == "minkowski" else metric
        self._index: Index | None = None

    @property
    def effective_metric_params(self) -> dict[str, Any]:
        """The parameters of the metric in use: none."""
        return {}

    @staticmethod
    def supports(estimator: VectorizedKNNClassifier, X: Any) -> bool:
        """Return whether this search supports the parameters and the type of `X`."""
        metric = estimator.metric
        return (
            estimator.algorithm in ("auto", "brute")
            and (metric in ExactSearch._METRICS or (metric == "minkowski" and estimator.p == 2))
            and not estimator.metric_params
            and not issparse(X)
        )

    def fit(self, rows: NDArray, n_jobs: int | None) -> Self:
        """Index the rows without copying them.

        Parameters
        ----------
        rows : array of shape (n_rows, n_features)
            Result of :func:`~sklearn.utils.validation.validate_data` with `checks`.
        n_jobs : int or None
            Number of jobs, as in joblib.

        Returns
        -------
        ExactSearch
        """
        self._was_writeable = _writeable(rows)
        # A view, because the user can set the shape of the original array.
        self.rows = read_only(rows)
        self._fingerprint: tuple[int, bytes] | None = self._take_fingerprint()
        self._index = self._make_index(n_jobs)
        return self

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def _make_index(self, n_jobs):
        scales = inverse_norms(self.rows) if self.effective_metric == "cosine" else NO_SCALES
        with limited_blas(effective_n_jobs(n_jobs)):
            coordinates = Coordinates.fit(self.rows, scales)
            indexed = self.rows if coordinates.components is not None else self.rows[:0]
            coarse, fine, _ = coordinates.transform(indexed, scales)
        return Index(scales, coordinates, coarse, fine)

    def index(self, n_jobs: int | None = None) -> Index:
        """Return the index. After loading from a file, the first call computes it."""
        if self._index is None:
            with _index_lock:
                if self._index is None:
                    assert_all_finite(self.rows, input_name="the training data")
                    self._index = self._make_index(n_jobs)
        return self._index

    def search(
        self, queries: NDArray | spmatrix | sparray | None, n_neighbors: int, n_jobs: int | None
    ) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
        """Yield the nearest rows, for one batch of queries after the other.

        Parameters
        ----------
        queries : array or sparse matrix of shape (n_queries, n_features), or None
            Queries, or None for the rows, none of which is its own neighbor.
        n_neighbors : int
            Number of neighbors.
        n_jobs : int or None
            Number of jobs, as in joblib.

        Yields
        ------
        part : slice
            Indices of the queries in the batch.
        distances : float64 array of shape (n_queries_of_part, n_neighbors)
            Distances, ascending.
        indices : int64 array of shape (n_queries_of_part, n_neighbors)
            Numbers of the rows.

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
        n_word_bytes = len(data) // 4 * 4
        words = read_only(data[:n_word_bytes].view(np.uint32))
        return int(fingerprint(words, _FINGERPRINT_KEYS)), data[n_word_bytes:].tobytes()

    def __getstate__(self):
        # After loading, changes of the data are no longer detected.
        self._check_unchanged()
        # The index is not saved, because a manipulated file could rule out near rows.
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
        # No other code refers to the rows of a file, so they cannot change.
        self._fingerprint = self._index = None
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
    """Return whether an array, or an array that it is a view of, is writeable."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def _check_distances(distances, name, limit=np.inf):
    if not (distances < min(limit, np.finfo(distances.dtype).max)).all():
        raise ValueError(
            f"Expected rows with finite {name}, got {name} that are too large or NaN. Scale X "
            "down if its values are large, and remove rows for which the metric is not defined."
        )


def _overflowed_distance(neighbors):
    """Return approximately the distance that scikit-learn returns if all sums overflow.

    Its loops start with the largest float as the minimum, and keep it if no sum is smaller. Some of
    them then take a root of it.
    """
    try:
        metric = DistanceMetric.get_metric(
            neighbors.effective_metric_, **neighbors.effective_metric_params_
        )
    except ValueError:  # Other loops compute this metric. Their sums become inf or NaN.
        return np.inf
    with np.errstate(over="ignore"):  # With p < 1, the root is a power that may overflow.
        return (1 - 1e-9) * metric.rdist_to_dist(np.finfo(np.float64).max)


def _undefined(distances, indices, queries, rows):
    """Return a mask of distances that are NaN because no pixel is present in both images."""
    queries = rows if queries is None else queries
    undefined = np.isnan(distances)
    for i, k in np.argwhere(undefined):
        missing = np.isnan(queries[i]) | np.isnan(rows[indices[i, k]])
        undefined[i, k] = missing.all()
    return undefined


class ScikitLearnSearch:
    """scikit-learn's search, for everything that :class:`ExactSearch` does not support.

    Parameters
    ----------
    estimator : VectorizedKNNClassifier
        Its parameters are read. The estimator is not stored.
    """

    def __init__(self, estimator: VectorizedKNNClassifier) -> None:
        self._neighbors = NearestNeighbors(
            algorithm="brute" if estimator.algorithm == "auto" else estimator.algorithm,
            leaf_size=estimator.leaf_size,
            metric=estimator.metric,
            p=estimator.p,
            metric_params=estimator.metric_params,
        )

    @property
    def checks(self) -> dict[str, Any]:
        """Parameters of :func:`~sklearn.utils.validation.validate_data`."""
        metric = self._neighbors.metric
        return {
            "order": "C",
            # A precomputed graph keeps its format, because some formats drop explicit zeros.
            "accept_sparse": True if metric == "precomputed" else "csr",
            "ensure_all_finite": "allow-nan" if metric == "nan_euclidean" else True,
        }

    def fit(self, rows: NDArray | spmatrix | sparray, n_jobs: int | None) -> Self:
        """Index the rows. They are copied only if they are sparse."""
        self._check_norms(rows)
        self._neighbors.set_params(n_jobs=n_jobs).fit(rows)
        return self

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._neighbors.n_samples_fit_

    @property
    def effective_metric(self) -> str | Callable[..., float]:
        """The metric in use."""
        return self._neighbors.effective_metric_

    @property
    def effective_metric_params(self) -> dict[str, Any]:
        """The parameters of the metric in use."""
        return self._neighbors.effective_metric_params_

    def search(
        self, queries: NDArray | spmatrix | sparray | None, n_neighbors: int, n_jobs: int | None
    ) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
        """Yield the nearest rows, like :meth:`ExactSearch.search`, in one batch."""
        neighbors = self._neighbors.set_params(n_jobs=n_jobs)
        if queries is not None:
            self._check_norms(queries)
        distances, indices = neighbors.kneighbors(queries, n_neighbors)
        # Precomputed distances, and those of a function of the user, may be infinite.
        if not (callable(neighbors.metric) or neighbors.metric == "precomputed"):
            checked = distances
            if neighbors.metric == "nan_euclidean":
                rows = neighbors._fit_X
                checked = distances[~_undefined(distances, indices, queries, rows)]
            _check_distances(checked, "distances", _overflowed_distance(neighbors))
        yield slice(0, len(indices)), distances, indices

    def _check_norms(self, rows):
        # scikit-learn divides by the norms. With infinite norms, all distances would be 1.
        if self._neighbors.metric == "cosine":
            inverse_norms(rows)

    def __getstate__(self):
        # Trees are not saved. With a manipulated tree, scikit-learn's compiled code could read
        # outside of its arrays.
        return {
            "rows": self._neighbors._fit_X,
            "parameters": self._neighbors.get_params(deep=False),
        }

    def __setstate__(self, state):
        try:
            rows, parameters = state["rows"], state["parameters"]
            if issparse(rows):
                rows.check_format(full_check=True)  # Compiled code does not check it.
                # A tree falls back to brute force with a warning, which fit has already given.
                parameters = {**parameters, "algorithm": "brute"}
            self._neighbors = NearestNeighbors(**parameters).fit(rows)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(_FILE_DAMAGED) from error
