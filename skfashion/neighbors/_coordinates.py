"""A projection whose distances are lower bounds of the true ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

# Components in the coarse bounds, which are computed for all pairs.
N_COARSE_COMPONENTS = 64
# Components in coarse and fine bounds together. Fine bounds are computed for the remaining pairs.
MAX_COMPONENTS = 152
# Size of the sample of the training data from which the components are computed.
MAX_SAMPLE_ROWS = 8_192
MAX_SAMPLE_VALUES = 2**23
# Outliers are left out of the sample if at least this fraction of it are not outliers.
MIN_NEAR_FRACTION = 0.95
# Size of a batch, in float64 values: 2 MiB.
VALUES_PER_BATCH = 2**18
# Limit of squared norms, in the unit of `Coordinates`, for single precision.
MAX_SQUARED_NORM = 2.0**80
# Smaller squares may become 0 in single precision, also on processors that flush to zero.
UNDERFLOW_SLACK = 2.0**-100
NEVER_RULED_OUT = np.float32(-(2.0**120))
# Scales of rows that are not scaled.
NO_SCALES = np.empty(0)


def batches(n: int, size: int) -> list[slice]:
    """Return slices of `size`, ten times faster than :func:`sklearn.utils.gen_batches`."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def read_only(array: ArrayLike) -> NDArray:
    """Return a read-only view, so that the kernels are compiled for read-only arrays only."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Coordinates:
    """A map from rows to single-precision coordinates.

    Rows are centered and projected onto leading principal components. A further coordinate is the
    norm of the residual. Distances between coordinates are at most those between the rows: for the
    components by orthogonality, for the norms by the triangle inequality. `slack` bounds the
    rounding error. Without components, the coordinates are the centered rows.

    Attributes
    ----------
    center : float64 array of shape (n_features,)
        Mean of the sample.
    components : float64 array of shape (n_features, n_components) or None
        Orthonormal columns, the leading ones first.
    unit : float
        Factor of squared distances, a power of four. It makes coordinates about 1, whatever the
        scale of the pixels.
    """

    center: np.ndarray
    components: np.ndarray | None
    unit: float

    @classmethod
    def fit(cls, rows: NDArray, scales: NDArray[np.float64]) -> Self:
        """Compute the map from a sample of rows.

        Parameters
        ----------
        rows : array of shape (n_samples, n_features)
            Training data.
        scales : float64 array of shape (n_samples,) or (0,)
            Factor of each row; empty if rows are not scaled.

        Returns
        -------
        Coordinates
        """
        # This import loads numba, which is slow.
        from skfashion.neighbors._kernels import center_rows

        n_samples, n_features = rows.shape
        step = -(-n_samples // max(1, min(MAX_SAMPLE_ROWS, MAX_SAMPLE_VALUES // n_features)))
        sample = read_only(np.ascontiguousarray(rows[::step]))
        scales = read_only(scales[::step].copy())
        center, squared_norms = _mean_and_squared_norms(sample, scales)
        # A few outliers would move the center away from the other rows.
        near = squared_norms <= 16 * np.median(squared_norms)
        if MIN_NEAR_FRACTION <= near.mean() < 1:
            sample = read_only(sample[near])
            scales = read_only(scales[near]) if scales.size else scales
            center, squared_norms = _mean_and_squared_norms(sample, scales)
        largest = squared_norms.max()
        unit = 4.0 ** min(500, -(np.frexp(largest)[1] // 2)) if 0 < largest < np.inf else 1.0
        # Coordinates, including their last columns, take at most a fifth of the memory of a row
        # in single precision.
        n_components = min(MAX_COMPONENTS, n_features // 5 - 4, len(sample) // 8)
        components = None
        if n_components >= 8 and 0 < largest < np.inf:
            deviations = np.empty(sample.shape)
            center_rows(sample, scales, center, unit, deviations, squared_norms)
            leading = _leading_components(deviations.astype(np.float32), n_components)
            # They are only orthonormal to single precision.
            components = np.linalg.qr(leading.astype(np.float64))[0]
        return cls(center, components, unit)

    def with_all_features(self) -> Self:
        """Return the map without components, whose bounds equal the squared distances."""
        return replace(self, components=None)

    @property
    def n_columns(self) -> tuple[int, int]:
        """Numbers of columns of the coarse and the fine coordinates."""
        if self.components is None:
            return len(self.center) + 1, 0
        n_components = self.components.shape[1]
        if n_components <= N_COARSE_COMPONENTS:
            return n_components + 2, 0
        return N_COARSE_COMPONENTS + 2, n_components - N_COARSE_COMPONENTS + 2

    @property
    def slack(self) -> float:
        """Bound of the rounding error of squared distances between coordinates.

        The bound is relative to the square of the sum of both norms. `UNDERFLOW_SLACK` is added.
        """
        single = (sum(self.n_columns) + 16) * 2.0**-22
        # The norm of the residual is the root of a difference of squares in double precision.
        return single + 4 * np.sqrt(len(self.center) * 2.0**-52)

    def transform(
        self, rows: NDArray, scales: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Return coordinates and squared norms.

        Parameters
        ----------
        rows : array of shape (n_rows, n_features)
            Rows to project.
        scales : float64 array of shape (n_rows,) or (0,)
            Factor of each row; empty if rows are not scaled.

        Returns
        -------
        coarse : float32 array of shape (n_rows, n_columns[0])
            Leading components (or all features), norm of the residual (with components), and the
            squared norm of the row, reduced by the possible rounding error of its distances. If
            single precision would overflow, the squared norm is `NEVER_RULED_OUT` and the others
            are 0.
        fine : float32 array of shape (n_rows, n_columns[1])
            Further components, norm of the residual after them, and norm of the residual in
            `coarse`.
        squared_norms : float64 array of shape (n_rows,)
            Squared norms of the centered rows, inf where single precision would overflow.
        """
        from skfashion.neighbors._kernels import center_rows

        rows, scales = read_only(rows), read_only(scales)
        n_coarse, n_fine = self.n_columns
        coarse = np.empty((len(rows), n_coarse), np.float32)
        fine = np.empty((len(rows), n_fine), np.float32)
        squared_norms = np.empty(len(rows))
        for batch in batches(len(rows), max(1, VALUES_PER_BATCH // len(self.center))):
            squares = squared_norms[batch]
            deviations = np.empty(rows[batch].shape)
            center_rows(rows[batch], scales[batch], self.center, self.unit, deviations, squares)
            squares[~(squares < MAX_SQUARED_NORM)] = np.inf
            deviations[squares == np.inf] = 0
            if self.components is None:
                coarse[batch, :-1] = deviations
                continue
            projected = deviations @ self.components
            first = projected[:, : n_coarse - 2]
            residual = np.maximum(squares - np.einsum("ij,ij->i", first, first), 0)
            coarse[batch, :-2] = first
            coarse[batch, -2] = np.sqrt(residual)
            if n_fine:
                further = projected[:, n_coarse - 2 :]
                fine[batch, :-2] = further
                fine[batch, -1] = np.sqrt(residual)
                residual = np.maximum(residual - np.einsum("ij,ij->i", further, further), 0)
                fine[batch, -2] = np.sqrt(residual)
        finite = squared_norms < np.inf
        # The square of the sum of two norms is at most twice the sum of their squares.
        lowered = squared_norms * (1 - 2 * self.slack)
        coarse[:, -1] = np.where(finite, lowered, NEVER_RULED_OUT)
        coarse[~finite, :-1] = 0
        fine[~finite] = 0
        return coarse, fine, squared_norms


def _mean_and_squared_norms(
    sample: NDArray, scales: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of the rows, and the squared norms of their deviations from it."""
    from skfashion.neighbors._kernels import center_rows

    deviations, squared_norms = np.empty(sample.shape), np.empty(len(sample))
    center_rows(sample, scales, np.zeros(sample.shape[1]), 1.0, deviations, squared_norms)
    with np.errstate(over="ignore", invalid="ignore"):
        center = deviations.mean(axis=0)
    center_rows(sample, scales, center, 1.0, deviations, squared_norms)
    return center, squared_norms


def _leading_components(deviations: NDArray[np.float32], n_components: int) -> NDArray:
    """Return the leading principal components of centered rows, as columns.

    They are those of scikit-learn's PCA. PCA is not used, because tools that record the fits of
    estimators, such as mlflow's ``autolog``, would record it as an estimator of the user.
    """
    n_features = deviations.shape[1]
    if n_features > 1_024:
        return randomized_svd(deviations, n_components, random_state=0)[2].T
    leading = [n_features - n_components, n_features - 1]
    return eigh(deviations.T @ deviations, subset_by_index=leading)[1][:, ::-1]
