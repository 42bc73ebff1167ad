"""The inner loops of exact neighbor search, compiled by numba at their first call.

This module loads numba. Other modules import it inside functions, so that importing skfashion does
not load numba. All functions release the global interpreter lock.
"""

from functools import partial

import numba
import numpy as np

from skfashion._numba import compiled
from skfashion.neighbors._prefetch import prefetch

# Rows in a block. A block is skipped if the lowest of its bounds is too high.
ROWS_PER_BLOCK = 16
# Rows whose distances are computed together.
ROWS_PER_BATCH = 256
# How many rows ahead of the current one are prefetched.
PREFETCH_ROWS = 4
CACHE_LINE_BYTES = 64


def _compile(function, **options):
    # There are no NaN, and sums may be computed in any order. "contract" must not be set: with a
    # fused multiply-add, a scaled row and its copy would differ by a rounding error.
    return compiled(function, **{"fastmath": {"nnan", "nsz", "reassoc"}, **options})


def _compile_into_callers(function):
    # Without inlining, there would be two versions with different orders of summation: one that
    # is optimized together with its caller and cached with it, and one that is called before.
    return _compile(function, forceinline=True)


# Without "nnan", because numbers that are too large become NaN here.
@partial(_compile, fastmath={"nsz", "reassoc"})
def center_rows(rows, scales, center, unit, out, squared_norms):
    """Write ``(rows * scales - center) * sqrt(unit)`` and its squared norms.

    Rows are not scaled if `scales` is empty.
    """
    factor = np.sqrt(unit)
    for i in range(rows.shape[0]):
        scale = scales[i] if scales.shape[0] else 1.0
        total = 0.0
        for j in range(center.shape[0]):
            deviation = (np.float64(rows[i, j]) * scale - center[j]) * factor
            out[i, j] = deviation
            total += deviation * deviation
        squared_norms[i] = total


@partial(_compile, fastmath=False)
def fingerprint(words, keys):
    """Return a hash of 32-bit words, which depends on each of them and on their order."""
    total = np.uint64(0)
    for start in range(0, words.shape[0], keys.shape[0]):
        block = words[start : start + keys.shape[0]]
        part = np.uint64(0)
        for i in range(block.shape[0]):
            part += np.uint64(block[i]) * np.uint64(keys[i])
        total = (total ^ part) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total


@_compile
def _integer_distances(rows, chosen, query, out):
    several_lines = query.shape[0] > 2 * CACHE_LINE_BYTES
    for n in range(chosen.shape[0]):
        if several_lines and n + PREFETCH_ROWS < chosen.shape[0]:
            for i in range(0, query.shape[0], CACHE_LINE_BYTES):
                prefetch(rows, chosen[n + PREFETCH_ROWS], i)
        total = np.int64(0)
        # A sum of 32,768 squared differences of bytes fits into an int32.
        for start in range(0, query.shape[0], 32_768):
            a, b = rows[chosen[n], start : start + 32_768], query[start : start + 32_768]
            part = np.int32(0)
            for i in range(a.shape[0]):
                difference = np.int32(a[i]) - np.int32(b[i])
                part += difference * difference
            total += part
        out[n] = total


@_compile_into_callers
def _real_distances(rows, scales, chosen, query, out):
    # If rows are scaled, half of each squared distance is a cosine distance. It is 1 for rows of
    # zeros.
    cosine = scales.shape[0] > 0
    zeros = cosine and not query.any()
    several_lines = query.shape[0] * rows.itemsize > 2 * CACHE_LINE_BYTES
    for n in range(chosen.shape[0]):
        if several_lines and n + PREFETCH_ROWS < chosen.shape[0]:
            for i in range(0, query.shape[0], CACHE_LINE_BYTES // rows.itemsize):
                prefetch(rows, chosen[n + PREFETCH_ROWS], i)
        j = chosen[n]
        scale = scales[j] if cosine else 1.0
        total = 0.0
        for i in range(query.shape[0]):
            difference = np.float64(rows[j, i]) * scale - query[i]
            total += difference * difference
        out[n] = 2.0 if zeros or scale == 0 else total


def _distances(rows, scales, chosen, query, out):
    raise NotImplementedError("compiled code only")


@numba.extending.overload(_distances)
def _choose_distances(rows, scales, chosen, query, out):
    if rows.dtype == numba.types.uint8 and query.dtype == numba.types.uint8:
        return lambda rows, scales, chosen, query, out: _integer_distances(rows, chosen, query, out)
    return lambda rows, scales, chosen, query, out: _real_distances(
        rows, scales, chosen, query, out
    )


@_compile
def _replace_root(keys, numbers, key, number):
    """Replace the greatest pair of a max-heap, which is its first pair."""
    size = keys.shape[0]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            keys[other] > keys[child]
            or (keys[other] == keys[child] and numbers[other] > numbers[child])
        ):
            child = other
        if keys[child] < key or (keys[child] == key and numbers[child] < number):
            break
        keys[at], numbers[at] = keys[child], numbers[child]
        at = child
    keys[at], numbers[at] = key, number


@_compile
def _block_minima(bounds, lowest):
    for block in range(lowest.shape[0]):
        low = np.float32(np.inf)
        for bound in bounds[block * ROWS_PER_BLOCK : (block + 1) * ROWS_PER_BLOCK]:
            low = min(low, bound)
        lowest[block] = low


@_compile
def _most_promising(bounds, lowest, excluded, keys, numbers):
    """Write the rows with the lowest bounds, except row `excluded`, to a heap of bounds and rows.

    There must be more rows than the heap has space for.
    """
    keys[:] = np.inf
    numbers[:] = 0
    for block in range(lowest.shape[0]):
        if lowest[block] < keys[0]:
            for j in range(
                block * ROWS_PER_BLOCK, min((block + 1) * ROWS_PER_BLOCK, bounds.shape[0])
            ):
                if bounds[j] < keys[0] and j != excluded:
                    _replace_root(keys, numbers, np.float64(bounds[j]), j)


@_compile
def _collect_candidates(bounds, lowest, limit, excluded, out):
    """Write the rows with bounds up to `limit` to `out`.

    Return their number, or -1 if `out` is too small.
    """
    count = 0
    for block in range(lowest.shape[0]):
        if lowest[block] <= limit:
            for j in range(
                block * ROWS_PER_BLOCK, min((block + 1) * ROWS_PER_BLOCK, bounds.shape[0])
            ):
                if bounds[j] <= limit and j != excluded:
                    if count == out.shape[0]:
                        return -1
                    out[count] = j
                    count += 1
    return count


@_compile
def _refine_bounds(bounds, query_fine, fine, limit, rows):
    """Raise the bounds of `rows`, and move rows with bounds up to `limit` to the front.

    Return the number of these rows.
    """
    last = fine.shape[1] - 1
    kept = 0
    for i in range(rows.shape[0]):
        if i + PREFETCH_ROWS < rows.shape[0]:
            for j in range(0, last, CACHE_LINE_BYTES // fine.itemsize):
                prefetch(fine, rows[i + PREFETCH_ROWS], j)
        row = fine[rows[i]]
        bound = bounds[rows[i]]
        for j in range(last):
            difference = row[j] - query_fine[j]
            bound += difference * difference
        # The differences above replace that of the norms of the residuals in the coarse bound.
        difference = row[last] - query_fine[last]
        bound -= difference * difference
        if bound <= limit:
            bounds[rows[i]] = bound
            rows[kept] = rows[i]
            kept += 1
    return kept


@_compile
def nearest(
    bounds,
    offsets,
    unit,
    query_fine,
    fine,
    queries,
    rows,
    scales,
    first,
    excluded,
    max_candidates,
    distances,
    indices,
    given_up,
):
    """Update the heaps of nearest neighbors with a chunk of rows.

    Parameters
    ----------
    bounds : float32 array of shape (n_queries, n_rows)
        A row can be nearer than the squared distance d only if its bound is at most
        ``d * unit + offset``. Overwritten.
    offsets : float64 array of shape (n_queries,)
        Where inf, the distances of all rows are computed.
    unit : float
        Unit of the bounds.
    query_fine : float32 array of shape (n_queries, n_fine)
        Fine coordinates of the queries.
    fine : float32 array of shape (n_rows, n_fine) or (n_rows, 0)
        Fine coordinates of the rows. They raise the bounds of the candidates.
    queries : uint8 or float64 array of shape (n_queries, n_features)
        Queries, scaled if `scales` is not empty.
    rows : array of shape (n_rows, n_features)
        Distances are computed in integers if rows and queries are uint8, else in float64.
    scales : float64 array of shape (n_rows,) or (0,)
        Factor of each row. If it is 0, the squared distance is 2, twice the cosine distance of a
        row of zeros.
    first : int
        Number of the first row of the chunk.
    excluded : int64 array of shape (n_queries,)
        Number of a row to exclude, or -1.
    max_candidates : int
        A query is given up if more rows than this remain after the coarse bounds.
    distances : float64 array of shape (n_queries, n_neighbors)
        Squared distances, in heaps with the greatest pair of distance and number first.
    indices : int64 array of shape (n_queries, n_neighbors)
        Numbers of the rows at these distances.
    given_up : bool array of shape (n_queries,)
        Whether a query is given up. Queries that are already given up are skipped.
    """
    n_queries, n_rows = bounds.shape
    k = distances.shape[1]
    lowest = np.empty((n_rows + ROWS_PER_BLOCK - 1) // ROWS_PER_BLOCK, np.float32)
    candidates = np.empty(min(max_candidates, n_rows), np.int64)
    batch, batch_distances = np.empty(ROWS_PER_BATCH, np.int64), np.empty(ROWS_PER_BATCH)
    # The distances of the rows with the lowest bounds give an early limit.
    n_trials = 2 * k if 16 * k <= n_rows else 0
    trial_bounds, trials = np.empty(n_trials), np.empty(n_trials, np.int64)
    for q in range(n_queries):
        if given_up[q]:
            continue
        query, heap, numbers = queries[q], distances[q], indices[q]
        within = heap[0]
        all_rows = offsets[q] == np.inf
        count = n_rows
        if not all_rows:
            _block_minima(bounds[q], lowest)
            if n_trials:
                _most_promising(bounds[q], lowest, excluded[q] - first, trial_bounds, trials)
                _distances(rows, scales, trials, query, trial_bounds)
                within = min(within, np.partition(trial_bounds, k - 1)[k - 1])
            limit = np.float32(within * unit + offsets[q])
            count = _collect_candidates(bounds[q], lowest, limit, excluded[q] - first, candidates)
            if count > 0 and fine.shape[1]:
                count = _refine_bounds(bounds[q], query_fine[q], fine, limit, candidates[:count])
        if count < 0 or count > max_candidates:
            given_up[q] = True
            continue
        at = 0
        while at < count:
            limit = np.float32(within * unit + offsets[q])
            n = 0
            while at < count and n < ROWS_PER_BATCH:
                batch[n] = at if all_rows else candidates[at]
                n += first + at != excluded[q] if all_rows else bounds[q, batch[n]] <= limit
                at += 1
            _distances(rows, scales, batch[:n], query, batch_distances)
            for i in range(n):
                distance, number = batch_distances[i], first + batch[i]
                if distance < heap[0] or (distance == heap[0] and number < numbers[0]):
                    _replace_root(heap, numbers, distance, number)
            within = min(within, heap[0])
