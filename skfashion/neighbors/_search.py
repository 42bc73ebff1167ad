"""Exact neighbour search, split by joblib, in blocks that respect the working memory."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.sparse import issparse
from sklearn import get_config

from skfashion.neighbors._blas import limited_blas
from skfashion.neighbors._coordinates import batches
from skfashion.neighbors._task import Task

MIB = 2**20
# In MiB, of all jobs together.
MAX_WORKING_MEMORY_MIB = 256
# Queries of one task, where they are many.
MAX_QUERIES_PER_TASK = 2_500
# Pairs of a query and a row that are worth a job: threads take some ten milliseconds to start.
MIN_PAIRS_PER_JOB = 2**22


def search(
    queries, rows, scales, coordinates, coarse, fine, n_neighbors, *, n_jobs, exclude_self=False
):
    """Yield the nearest rows, for some of the queries after the other.

    Parameters
    ----------
    queries : array or csr matrix of shape (n_queries, n_features)
    rows : array of shape (n_rows, n_features)
    scales : float64 array of shape (n_rows,) or (0,)
        For the cosine distance 1 over the norm of each row, 0 for rows of zeros; empty for the
        euclidean distance.
    coordinates : Coordinates
    coarse, fine : float32 arrays of shape (n_rows, n_columns)
        Coordinates of the rows; without any rows where `coordinates` has no components.
    n_neighbors : int
    n_jobs : int or None
    exclude_self : bool, default=False
        Whether the queries are the rows, none of which shall be its own neighbour.

    Yields
    ------
    part : slice
        Which of the queries.
    distances : float64 array of shape (n_queries_of_part, n_neighbors)
        Squared, ascending; between rows of norm 1 for the cosine distance.
    indices : int64 array of shape (n_queries_of_part, n_neighbors)
        Of rows at the same distance, the lower number comes first.
    """
    n_queries, n_features = queries.shape
    _check_shapes(queries, rows, scales, coordinates, coarse, fine)
    n_jobs = min(effective_n_jobs(n_jobs), max(1, n_queries * len(rows) // MIN_PAIRS_PER_JOB))
    budget = min(get_config()["working_memory"], MAX_WORKING_MEMORY_MIB) * MIB // n_jobs
    # A quarter of the memory is for the queries: as they are, as coordinates, and their heaps.
    per_query = 24 * n_features + 64 * n_neighbors
    size = int(max(1, min(budget // 4 // per_query, MAX_QUERIES_PER_TASK, -(-n_queries // n_jobs))))
    n_parts = -(-n_queries // size)
    n_splits = max(1, min(n_jobs // n_parts, len(rows)))
    edges = [len(rows) * i // n_splits for i in range(n_splits + 1)]
    tasks = []
    for start, stop in pairwise(edges):
        # Arrays are arguments of their own, that a backend may share instead of copying them.
        arrays = (values[start:stop] for values in (rows, scales, coarse, fine))
        tasks.append((start, *arrays))
    parallel = Parallel(n_jobs=n_jobs, prefer="threads")
    # In waves, so that the results of all queries do not wait here to be merged.
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
        # Here too, or a job that ends would give its cores to the products of the others.
        with limited_blas() if n_jobs > 1 else nullcontext():
            found = parallel(calls)
        for i, part in enumerate(parts):
            yield part, *_merge(found[i * n_splits : (i + 1) * n_splits], n_neighbors)


def _check_shapes(queries, rows, scales, coordinates, coarse, fine):
    """Raise an error where the compiled loops, which do not look, would leave an array."""
    n_rows, n_features = rows.shape
    n_indexed = 0 if coordinates.components is None else n_rows
    n_coarse, n_fine = coordinates.n_columns
    found = queries.shape[1], scales.shape, coordinates.center.shape, coarse.shape, fine.shape
    if found not in (
        (n_features, scales, (n_features,), (n_indexed, n_coarse), (n_indexed, n_fine))
        for scales in ((0,), (n_rows,))
    ):
        raise ValueError(
            f"The parts of these nearest neighbours do not fit {n_rows} rows of {n_features} "
            "features: they were changed after fit. Fit again."
        )


def _run(
    queries, first_query, first_row, rows, scales, coarse, fine, coordinates, n_neighbors, budget
):
    queries = queries.toarray() if issparse(queries) else queries
    n_queries = len(queries)
    excluded = np.full(n_queries, -1) if first_query is None else first_query + np.arange(n_queries)
    task = Task(rows, scales, first_row, coordinates, n_neighbors, budget)
    return task.run(queries, excluded, coarse, fine)


def _merge(found, n_neighbors):
    """Sort by distance, then number, and keep the nearest."""
    distances, indices = (np.concatenate(arrays, axis=1) for arrays in zip(*found, strict=True))
    order = np.lexsort((indices, distances), axis=1)[:, :n_neighbors]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
