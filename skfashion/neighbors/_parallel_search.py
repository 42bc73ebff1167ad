"""Exact neighbor search, split by joblib, in blocks that respect the working memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import get_config

from skfashion.neighbors._blas import limited_blas
from skfashion.neighbors._coordinates import Coordinates, batches
from skfashion.neighbors._task import Task

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

MIB = 2**20
# Of all jobs together.
MAX_WORKING_MEMORY_MIB = 256
MAX_QUERIES_PER_TASK = 2_500
# Pairs of a query and a row. A thread takes about ten milliseconds to start.
MIN_PAIRS_PER_JOB = 2**22


def search(
    queries: NDArray | spmatrix | sparray,
    rows: NDArray,
    scales: NDArray[np.float64],
    coordinates: Coordinates,
    coarse: NDArray[np.float32],
    fine: NDArray[np.float32],
    n_neighbors: int,
    *,
    n_jobs: int | None,
    exclude_self: bool = False,
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the nearest rows, for one batch of queries after the other.

    Parameters
    ----------
    queries : array or csr matrix of shape (n_queries, n_features)
        Queries.
    rows : array of shape (n_rows, n_features)
        Training data.
    scales : float64 array of shape (n_rows,) or (0,)
        For the cosine distance, the inverse norm of each row, 0 for rows of zeros. Empty for the
        Euclidean distance.
    coordinates : Coordinates
        Map to coordinates.
    coarse, fine : float32 arrays of shape (n_rows, n_columns)
        Coordinates of the rows; empty if `coordinates` has no components.
    n_neighbors : int
        Number of neighbors.
    n_jobs : int or None
        Number of jobs, as in joblib.
    exclude_self : bool, default=False
        Whether the queries are the rows, none of which is its own neighbor.

    Yields
    ------
    part : slice
        Indices of the queries in the batch.
    distances : float64 array of shape (n_queries_of_part, n_neighbors)
        Squared distances, ascending. For the cosine distance, those between rows of norm 1.
    indices : int64 array of shape (n_queries_of_part, n_neighbors)
        Numbers of the rows. At the same distance, the lower number comes first.

    Raises
    ------
    ValueError
        If the shapes of the arrays do not match.
    """
    n_queries, n_features = queries.shape
    _check_shapes(queries, rows, scales, coordinates, coarse, fine)
    n_jobs = min(effective_n_jobs(n_jobs), max(1, n_queries * len(rows) // MIN_PAIRS_PER_JOB))
    budget = min(get_config()["working_memory"], MAX_WORKING_MEMORY_MIB) * MIB // n_jobs
    # A quarter of the memory is for the queries, their coordinates and their heaps.
    per_query = 24 * n_features + 64 * n_neighbors
    size = int(max(1, min(budget // 4 // per_query, MAX_QUERIES_PER_TASK, -(-n_queries // n_jobs))))
    n_parts = -(-n_queries // size)
    n_splits = max(1, min(n_jobs // n_parts, len(rows)))
    edges = [len(rows) * i // n_splits for i in range(n_splits + 1)]
    tasks = []
    for start, stop in pairwise(edges):
        # Arrays are separate arguments, because a backend may then share them between processes.
        arrays = (values[start:stop] for values in (rows, scales, coarse, fine))
        tasks.append((start, *arrays))
    parallel = Parallel(n_jobs=n_jobs, prefer="threads")
    # In waves, so that the results of all queries are never in memory together.
    for wave in batches(n_queries, 4 * n_jobs * size):
        parts = [
            slice(wave.start + part.start, wave.start + part.stop)
            for part in batches(wave.stop - wave.start, size)
        ]
        calls = (
            delayed(_run)(
                queries[part],
                part.start if exclude_self else None,
                *task,
                coordinates,
                n_neighbors,
                budget,
            )
            for part in parts
            for task in tasks
        )
        # Tasks limit BLAS, too. Without this limit, a task that ends would lift that of the others.
        with limited_blas() if n_jobs > 1 else nullcontext():
            results = parallel(calls)
        for i, part in enumerate(parts):
            yield part, *_merge(results[i * n_splits : (i + 1) * n_splits], n_neighbors)


def _check_shapes(queries, rows, scales, coordinates, coarse, fine):
    """Check the shapes, because the compiled loops do not check indices."""
    n_rows, n_features = rows.shape
    n_indexed = 0 if coordinates.components is None else n_rows
    n_coarse, n_fine = coordinates.n_columns
    shapes = queries.shape[1], scales.shape, coordinates.center.shape, coarse.shape, fine.shape
    if shapes not in (
        (n_features, scales, (n_features,), (n_indexed, n_coarse), (n_indexed, n_fine))
        for scales in ((0,), (n_rows,))
    ):
        raise ValueError(
            f"The arrays of the search do not match {n_rows} rows of {n_features} features: they "
            "were changed after fit. Fit again."
        )


def _run(
    queries, first_query, first_row, rows, scales, coarse, fine, coordinates, n_neighbors, budget
):
    queries = queries.toarray() if issparse(queries) else queries
    n_queries = len(queries)
    excluded = np.full(n_queries, -1) if first_query is None else first_query + np.arange(n_queries)
    task = Task(rows, scales, first_row, coordinates, n_neighbors, budget)
    return task.run(queries, excluded, coarse, fine)


def _merge(results, n_neighbors):
    """Return the nearest rows of several results, sorted by distance, then number."""
    distances, indices = (np.concatenate(arrays, axis=1) for arrays in zip(*results, strict=True))
    order = np.lexsort((indices, distances), axis=1)[:, :n_neighbors]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
