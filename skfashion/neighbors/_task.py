"""The search of one job: the nearest neighbors of some queries among some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import row_norms

from skfashion.neighbors._blas import limited_blas
from skfashion.neighbors._coordinates import (
    NO_SCALES,
    UNDERFLOW_SLACK,
    VALUES_PER_BATCH,
    Coordinates,
    batches,
    read_only,
)

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

# Queries in one matrix product of bounds, with coarse coordinates and with all features.
QUERY_BLOCK = 128
QUERY_BLOCK_ALL_FEATURES = 256
# If more than this fraction of the rows remains after the coarse bounds, bounds of all features
# are computed.
MAX_CANDIDATE_FRACTION = 1 / 4
# For fewer queries, computing the coordinates of all features of the rows takes longer than
# computing all distances.
MIN_QUERIES_FOR_PRODUCT = 32
# Rows in a chunk if all distances are computed.
ROW_BLOCK = 65_536
NO_ROW = np.iinfo(np.int64).max


class Task:
    """A search among a part of the rows.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        A part of the training data.
    scales : float64 array of shape (n_rows,) or (0,)
        As in :func:`~skfashion.neighbors._parallel_search.search`.
    first : int
        Number of the first row.
    coordinates : Coordinates
        Map to coordinates.
    n_neighbors : int
        Number of neighbors.
    budget : int
        Working memory, in bytes.
    """

    def __init__(
        self,
        rows: NDArray,
        scales: NDArray[np.float64],
        first: int,
        coordinates: Coordinates,
        n_neighbors: int,
        budget: int,
    ) -> None:
        self.rows = read_only(rows)
        self.scales = read_only(scales)
        self.first = first
        self.coordinates = coordinates
        self.n_neighbors = n_neighbors
        self.budget = budget

    def run(
        self,
        queries: NDArray,
        excluded: NDArray[np.int64],
        coarse: NDArray[np.float32],
        fine: NDArray[np.float32],
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return squared distances and numbers of the nearest rows, unsorted.

        Parameters
        ----------
        queries : array of shape (n_queries, n_features)
            Queries.
        excluded : int64 array of shape (n_queries,)
            Number of a row to exclude, or -1.
        coarse, fine : float32 arrays of shape (n_rows, n_columns)
            Coordinates of the rows; empty without components.

        Returns
        -------
        distances : float64 array of shape (n_queries, n_neighbors)
            Squared distances, inf if there are fewer rows.
        indices : int64 array of shape (n_queries, n_neighbors)
            Numbers of the rows, `NO_ROW` if there are fewer rows.
        """
        scales = inverse_norms(queries) if self.scales.size else NO_SCALES
        if self.coordinates.components is None and len(queries) < MIN_QUERIES_FOR_PRODUCT:
            # There is no matrix product to limit.
            return self._search_all(self._cast_and_scale(queries, scales), excluded)
        with limited_blas():
            if self.coordinates.components is None:
                return self._search_all(self._cast_and_scale(queries, scales), excluded)
            return self._search_promising(queries, scales, excluded, coarse, fine)

    def _cast_and_scale(self, queries, scales):
        """Return scaled queries in the dtype in which distances are computed."""
        if scales.size:
            return queries.astype(np.float64) * scales[:, np.newaxis]
        if self.rows.dtype == queries.dtype == np.uint8:
            return queries
        return np.asarray(queries, np.float64)

    def _search_promising(self, queries, scales, excluded, coarse, fine):
        query_coarse, query_fine, squared_norms = self.coordinates.transform(queries, scales)
        order = _locality_order(query_coarse)
        ordered_scales = scales[order] if scales.size else scales
        queries, excluded = self._cast_and_scale(queries[order], ordered_scales), excluded[order]
        n_rows = self._rows_per_chunk(4 * QUERY_BLOCK)
        chunks = ((chunk, coarse[chunk], fine[chunk]) for chunk in batches(len(self.rows), n_rows))
        query_coordinates = query_coarse[order], query_fine[order], squared_norms[order]
        distances, indices, given_up = self._search_chunks(
            queries,
            excluded,
            self.coordinates,
            query_coordinates,
            chunks,
            QUERY_BLOCK,
            MAX_CANDIDATE_FRACTION,
        )
        unfinished = np.flatnonzero(given_up)
        if unfinished.size:
            distances[unfinished], indices[unfinished] = self._search_all(
                queries[unfinished], excluded[unfinished]
            )
        original_order = np.argsort(order)
        return distances[original_order], indices[original_order]

    def _search_all(self, queries, excluded):
        coordinates = self.coordinates.with_all_features()
        if len(queries) < MIN_QUERIES_FOR_PRODUCT:
            # With offsets of inf, the distances of all rows are computed.
            no_columns = _no_columns(queries)
            query_coordinates = no_columns, no_columns, np.full(len(queries), np.inf)
            chunks = (
                (chunk, _no_columns(self.rows[chunk]), _no_columns(self.rows[chunk]))
                for chunk in batches(len(self.rows), ROW_BLOCK)
            )
        else:
            query_coordinates = coordinates.transform(queries, NO_SCALES)
            # Two chunks of coordinates, because the next is computed before the last is freed.
            n_rows = self._rows_per_chunk(
                4 * QUERY_BLOCK_ALL_FEATURES + 8 * coordinates.n_columns[0]
            )
            chunks = (
                (chunk, *coordinates.transform(self.rows[chunk], self.scales[chunk])[:2])
                for chunk in batches(len(self.rows), n_rows)
            )
        distances, indices, _ = self._search_chunks(
            queries, excluded, coordinates, query_coordinates, chunks, QUERY_BLOCK_ALL_FEATURES, 1
        )
        return distances, indices

    def _rows_per_chunk(self, bytes_per_row):
        # Half of the memory is for the rows. The kernel takes 12 bytes per row.
        return int(max(1, min(len(self.rows), self.budget // 2 // (bytes_per_row + 12))))

    def _search_chunks(
        self, queries, excluded, coordinates, query_coordinates, chunks, query_block, max_fraction
    ):
        from skfashion.neighbors._kernels import nearest

        query_coarse, query_fine, squared_norms = query_coordinates
        # The last column of the rows is their squared norm. Products with these are therefore
        # the squared distances minus the squared norms of the queries.
        query_coarse *= -2
        query_coarse[:, -1:] = 1
        queries, query_fine = read_only(queries), read_only(query_fine)
        n_queries = len(queries)
        distances = np.full((n_queries, self.n_neighbors), np.inf)
        indices = np.full((n_queries, self.n_neighbors), NO_ROW)
        given_up = np.zeros(n_queries, bool)
        # The rounding error due to the queries. That due to the rows is in their squared norms.
        with np.errstate(invalid="ignore"):
            offsets = UNDERFLOW_SLACK - squared_norms * (1 - 2 * coordinates.slack)
        offsets[squared_norms == np.inf] = np.inf
        buffer = np.empty(0, np.float32)
        for chunk, coarse, fine in chunks:
            n_rows = len(coarse)
            size = min(query_block, n_queries) * n_rows
            if buffer.size < size:
                buffer = np.empty(size, np.float32)
            for block in batches(n_queries, query_block):
                n_block = block.stop - block.start
                bounds = buffer[: n_block * n_rows].reshape(n_block, n_rows)
                if coarse.shape[1]:
                    np.matmul(query_coarse[block], coarse.T, out=bounds)
                nearest(
                    bounds,
                    offsets[block],
                    coordinates.unit,
                    query_fine[block],
                    read_only(fine),
                    queries[block],
                    self.rows[chunk],
                    self.scales[chunk],
                    self.first + chunk.start,
                    excluded[block],
                    max(1, int(n_rows * max_fraction)),
                    distances[block],
                    indices[block],
                    given_up[block],
                )
        return distances, indices, given_up


def inverse_norms(rows: NDArray | spmatrix | sparray) -> NDArray[np.float64]:
    """Return the inverse norm of each row, 0 for rows of zeros.

    The result does not depend on the dtype of the rows.

    Parameters
    ----------
    rows : array or csr matrix of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    float64 array of shape (n_rows,)

    Raises
    ------
    ValueError
        If a squared norm overflows.
    """
    n_rows, n_features = rows.shape
    inverse = np.empty(n_rows)
    for batch in batches(n_rows, max(1, VALUES_PER_BATCH // n_features)):
        numbers = rows[batch].astype(np.float64)
        with np.errstate(over="ignore"):
            norms = row_norms(numbers)
        if not np.isfinite(norms).all():
            raise ValueError(
                "Expected rows with finite squared norms for metric='cosine', got values up to "
                f"{abs(numbers).max():g}. Scale X down."
            )
        inverse[batch] = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return inverse


def _no_columns(rows):
    return np.empty((len(rows), 0), np.float32)


def _locality_order(columns, cell=128):
    """Return an order of the queries in which consecutive queries have many neighbors in common.

    The rows are then still in the cache of the processor.
    """
    cells = np.argsort(np.argsort(columns[:, 0])) // cell
    return np.lexsort((columns[:, 1], cells))
