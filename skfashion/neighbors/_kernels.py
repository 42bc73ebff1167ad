"""The inner loops of exact neighbour search, compiled by numba on their first call.

Only modules that import numba import it, inside functions, so that importing skfashion does not
load it. Every function releases the global interpreter lock.
"""

from functools import partial

import numba
import numpy as np

from skfashion._numba import compiled
from skfashion.neighbors._prefetch import prefetch

# Rows whose lowest bound is looked at before theirs.
ROWS_PER_BLOCK = 16
# Rows whose distances are computed together.
ROWS_PER_BATCH = 256
# Rows that are asked for before they are read.
PREFETCH_ROWS = 4
CACHE_LINE_BYTES = 64


def _compile(function, **options):
    # No NaN gets here, and sums may be taken in any order. "contract" is left out on purpose: a
    # fused multiply-add would leave a rounding error between a row times its scale and its copy.
    return compiled(function, **{"fastmath": {"nnan", "nsz", "reassoc"}, **options})


def _compile_into_callers(function):
    # Otherwise two versions exist, each summing in an order of its own: one that is optimized
    # once more with a caller, and is kept on disk with it, and one that is called until then.
    return _compile(function, forceinline=True)


# Here NaN comes about, where numbers are too large.
@partial(_compile, fastmath={"nsz", "reassoc"})
def centred(rows, scales, center, unit, out, squared_norms):
    """Write ``(rows * scales - center) * sqrt(unit)`` and its squared norms; no `scales` are 1."""
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
    """Return a number that depends on every one of some 32-bit words, and on their order."""
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
        # A sum of 32,768 squares of bytes still fits into 32 bits.
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
    # Whether rows are scaled: half of these distances is then the cosine distance, which is 1
    # for rows of zeros.
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
    """Put a pair in place of the greatest of a heap that has the greatest pair first."""
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
    """Write the rows of lowest bounds, without row `excluded`, to a heap of bounds and rows.

    There are to be more rows than the heap takes.
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
    """Write the rows with bounds up to `limit` to `out`; return how many, or -1 if too many."""
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
    """Raise the bounds of `rows`; move those still up to `limit` to the front, return how many."""
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
        # The norm of the rest, of which the bound was made, is now there in detail.
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
    """Take the nearest of some rows into the heaps of nearest neighbours so far.

    Parameters
    ----------
    bounds : float32 array of shape (n_queries, n_rows)
        A row can be nearer than the squared distance d only if its bound is at most
        ``d * unit + offset``. Overwritten.
    offsets : float64 array of shape (n_queries,)
        Where inf, all rows are looked at, whatever their bounds.
    unit : float
    query_fine : float32 array of shape (n_queries, n_fine)
    fine : float32 array of shape (n_rows, n_fine) or (n_rows, 0)
        Further coordinates that raise the bounds of rows which the coarse ones leave.
    queries : uint8 or float64 array of shape (n_queries, n_features)
    rows : array of shape (n_rows, n_features)
        Distances are integer arithmetic if rows and queries are uint8, else float64.
    scales : float64 array of shape (n_rows,) or (0,)
        What to multiply each row by. Where it is 0, the squared distance is 2: half of it is
        the cosine distance of a row of zeros, 1.
    first : int
        Number of the first of the rows.
    excluded : int64 array of shape (n_queries,)
        Number of a row to leave out, or -1.
    max_candidates : int
        A query for which the coarse bounds leave more rows than this is given up.
    distances : float64 array of shape (n_queries, n_neighbors)
        Squared distances: heaps with the greatest pair of distance and number first.
    indices : int64 array of shape (n_queries, n_neighbors)
    given_up : bool array of shape (n_queries,)
        Set where a query is given up; queries where it is set already are passed over.
    """
    n_queries, n_rows = bounds.shape
    k = distances.shape[1]
    lowest = np.empty((n_rows + ROWS_PER_BLOCK - 1) // ROWS_PER_BLOCK, np.float32)
    candidates = np.empty(min(max_candidates, n_rows), np.int64)
    batch, batch_distances = np.empty(ROWS_PER_BATCH, np.int64), np.empty(ROWS_PER_BATCH)
    # The distances of the rows of lowest bounds tell early how near the neighbours are.
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
