"""Coordinates in which rows are never farther apart than they are."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

# Components in the bounds of all pairs, where more cost time for every pair ...
N_COARSE_COMPONENTS = 64
# ... and in the bounds of the pairs that these leave.
MAX_COMPONENTS = 152
# Rows and numbers of the training data that the components are taken from.
MAX_SAMPLE_ROWS = 8_192
MAX_SAMPLE_VALUES = 2**23
# The least part of these rows that have to be near each other for the others to be left out.
MIN_NEAR_FRACTION = 0.95
# Numbers in double precision at a time: 2 MiB.
VALUES_PER_BATCH = 2**18
# Squared norms, in the unit of `Coordinates`, that single precision still takes.
MAX_SQUARED_NORM = 2.0**80
# Squares below this may vanish in single precision, on processors that flush to zero too.
UNDERFLOW_SLACK = 2.0**-100
NEVER_RULED_OUT = np.float32(-(2.0**120))
# Scales of rows that are taken as they are.
NO_SCALES = np.empty(0)


def batches(n, size):
    """Return slices of `size`, as :func:`sklearn.utils.gen_batches` does in ten times the time."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def read_only(array):
    """Return a read-only view, so that the kernels are compiled for these alone."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Coordinates:
    """A map of rows to single-precision coordinates.

    Rows are centred and projected onto leading principal components; a further coordinate is
    the norm of what the projection leaves. Distances between coordinates are at most those
    between the rows, for the components by orthogonality, for the norms by the triangle
    inequality, up to rounding, which `slack` bounds. Without components the coordinates are
    the centred rows.

    Attributes
    ----------
    center : float64 array of shape (n_features,)
    components : float64 array of shape (n_features, n_components) or None
        Orthonormal columns, the leading ones first.
    unit : float
        A power of four that squared distances are multiplied by, so that coordinates are
        around 1 whatever the pixels are measured in.
    """

    center: np.ndarray
    components: np.ndarray | None
    unit: float

    @classmethod
    def fit(cls, rows, scales):
        """Choose the map for rows like these.

        Parameters
        ----------
        rows : array of shape (n_samples, n_features)
        scales : float64 array of shape (n_samples,) or (0,)
            What to multiply each row by; empty for 1.
        """
        from skfashion.neighbors._kernels import centred  # slow to import

        n_samples, n_features = rows.shape
        step = -(-n_samples // max(1, min(MAX_SAMPLE_ROWS, MAX_SAMPLE_VALUES // n_features)))
        sample = read_only(np.ascontiguousarray(rows[::step]))
        scales = read_only(scales[::step].copy())
        center, squared_norms = _mean_and_squared_norms(sample, scales)
        # A few rows very far from the others would move the center away from them.
        near = squared_norms <= 16 * np.median(squared_norms)
        if MIN_NEAR_FRACTION <= near.mean() < 1:
            sample = read_only(sample[near])
            scales = read_only(scales[near]) if scales.size else scales
            center, squared_norms = _mean_and_squared_norms(sample, scales)
        largest = squared_norms.max()
        unit = 4.0 ** min(500, -(np.frexp(largest)[1] // 2)) if 0 < largest < np.inf else 1.0
        # With its last columns a row takes at most a fifth of what it takes in single precision.
        n_components = min(MAX_COMPONENTS, n_features // 5 - 4, len(sample) // 8)
        components = None
        if n_components >= 8 and 0 < largest < np.inf:
            deviations = np.empty(sample.shape)
            centred(sample, scales, center, unit, deviations, squared_norms)
            leading = _leading_components(deviations.astype(np.float32), n_components)
            # As they come they are orthonormal to single precision only.
            components = np.linalg.qr(leading.astype(np.float64))[0]
        return cls(center, components, unit)

    def with_all_features(self):
        """Return the map without components, whose bounds are the squared distances."""
        return replace(self, components=None)

    @property
    def n_columns(self):
        """Number of columns of the coarse and of the fine coordinates."""
        if self.components is None:
            return len(self.center) + 1, 0
        n_components = self.components.shape[1]
        if n_components <= N_COARSE_COMPONENTS:
            return n_components + 2, 0
        return N_COARSE_COMPONENTS + 2, n_components - N_COARSE_COMPONENTS + 2

    @property
    def slack(self):
        """Bound on the rounding error of squared distances between coordinates.

        It is relative to the square of the sum of both norms, beyond `UNDERFLOW_SLACK`.
        """
        single = (sum(self.n_columns) + 16) * 2.0**-22
        # The norm of the rest is a root of a difference of squares in double precision.
        return single + 4 * np.sqrt(len(self.center) * 2.0**-52)

    def transform(self, rows, scales):
        """Return coordinates and squared norms.

        Parameters
        ----------
        rows : array of shape (n_rows, n_features)
        scales : float64 array of shape (n_rows,) or (0,)

        Returns
        -------
        coarse : float32 array of shape (n_rows, n_columns[0])
            Leading components (or all features), norm of the rest (if there is one), and the
            squared norm of it all, less what rounding may add to distances of this row. Where
            single precision would overflow, that is `NEVER_RULED_OUT`, and the others are 0.
        fine : float32 array of shape (n_rows, n_columns[1])
            Further components, norm of the rest after them, and that of the rest in `coarse`
            again.
        squared_norms : float64 array of shape (n_rows,)
            inf where single precision would overflow.
        """
        from skfashion.neighbors._kernels import centred

        rows, scales = read_only(rows), read_only(scales)
        n_coarse, n_fine = self.n_columns
        coarse = np.empty((len(rows), n_coarse), np.float32)
        fine = np.empty((len(rows), n_fine), np.float32)
        squared_norms = np.empty(len(rows))
        for batch in batches(len(rows), max(1, VALUES_PER_BATCH // len(self.center))):
            squares = squared_norms[batch]
            deviations = np.empty(rows[batch].shape)
            centred(rows[batch], scales[batch], self.center, self.unit, deviations, squares)
            squares[~(squares < MAX_SQUARED_NORM)] = np.inf
            deviations[squares == np.inf] = 0
            if self.components is None:
                coarse[batch, :-1] = deviations
                continue
            projected = deviations @ self.components
            first = projected[:, : n_coarse - 2]
            rest = np.maximum(squares - np.einsum("ij,ij->i", first, first), 0)
            coarse[batch, :-2] = first
            coarse[batch, -2] = np.sqrt(rest)
            if n_fine:
                further = projected[:, n_coarse - 2 :]
                fine[batch, :-2] = further
                fine[batch, -1] = np.sqrt(rest)
                rest = np.maximum(rest - np.einsum("ij,ij->i", further, further), 0)
                fine[batch, -2] = np.sqrt(rest)
        finite = squared_norms < np.inf
        # The square of the sum of two norms is at most twice the sum of their squares.
        lowered = squared_norms * (1 - 2 * self.slack)
        coarse[:, -1] = np.where(finite, lowered, NEVER_RULED_OUT)
        coarse[~finite, :-1] = 0
        fine[~finite] = 0
        return coarse, fine, squared_norms


def _mean_and_squared_norms(sample, scales):
    """Return the mean of the rows, and the squared norms of their deviations from it."""
    from skfashion.neighbors._kernels import centred

    deviations, squared_norms = np.empty(sample.shape), np.empty(len(sample))
    centred(sample, scales, np.zeros(sample.shape[1]), 1.0, deviations, squared_norms)
    with np.errstate(over="ignore", invalid="ignore"):
        center = deviations.mean(axis=0)
    centred(sample, scales, center, 1.0, deviations, squared_norms)
    return center, squared_norms


def _leading_components(deviations, n_components):
    """Return the leading principal components of centred rows, as columns.

    They are those of scikit-learn's PCA, which is not used because what watches the fits of
    estimators, such as mlflow's ``autolog``, would take it for one of the user's.
    """
    n_features = deviations.shape[1]
    if n_features > 1_024:
        return randomized_svd(deviations, n_components, random_state=0)[2].T
    leading = [n_features - n_components, n_features - 1]
    return eigh(deviations.T @ deviations, subset_by_index=leading)[1][:, ::-1]
