"""The neighbours are those of exact arithmetic, whatever rules rows out on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.neighbors import KNeighborsClassifier

from skfashion import VectorizedKNNClassifier
from skfashion.neighbors import _coordinates, _task

# Wide enough for coarse coordinates alone (80 features) and for fine ones too (400).
SIZES = [(90, 1), (90, 2), (90, 32), (300, 80), (700, 400)]


def image_like(n, n_features, random_state, dtype=np.float64):
    """Rows of low rank and little noise from 0 to 255: most pairs can be ruled out."""
    rng = np.random.RandomState(random_state)
    basis = np.random.RandomState(0).randn(min(6, n_features), n_features)
    rows = rng.randn(n, len(basis)) @ basis + 0.1 * rng.randn(n, n_features)
    return np.clip(128 + 25 * rows, 0, 255).astype(dtype)


def unstructured(n, n_features, random_state, dtype=np.float64):
    rng = np.random.RandomState(random_state)
    return rng.uniform(0, 255, (n, n_features)).astype(dtype)


def by_rule(distances, n_neighbors):
    """Indices by distance, then index."""
    numbers = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    return np.lexsort((numbers, distances), axis=1)[:, :n_neighbors]


def integer_distances(queries, rows):
    difference = queries.astype(np.int64)[:, None] - rows.astype(np.int64)
    return (difference**2).sum(axis=2)


def check_real(knn, queries, rows, metric="euclidean", k=5):
    """Distances to 1e-12, neighbours up to distances that differ by no more, ties by rule."""
    distances, indices = knn.kneighbors(queries, k)
    expected = cdist(queries.astype(np.float64), rows.astype(np.float64), metric)
    nearest = np.take_along_axis(expected, by_rule(expected, k), axis=1)
    assert_allclose(distances, nearest, rtol=1e-12)
    assert_allclose(np.take_along_axis(expected, indices, axis=1), distances, rtol=1e-12)
    for row in indices:
        assert len(set(row)) == k
    ties = np.diff(distances, axis=1) == 0
    assert (np.diff(indices, axis=1)[ties] > 0).all()
    assert (np.diff(distances, axis=1) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [image_like, unstructured])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int64, bool])
def test_neighbours_of_integers_are_those_of_integer_arithmetic(size, make, dtype):
    rows = make(*size, 1, np.float64)
    queries = make(50, size[1], 2, np.float64)
    if dtype is bool:
        rows, queries = rows > 128, queries > 128
    else:
        shift = 128 if dtype is np.int8 else 0
        # Few different values, so that many distances are the same.
        rows, queries = ((pixels // 16 * 16 - shift).astype(dtype) for pixels in (rows, queries))
    expected = integer_distances(queries, rows)
    for k in (1, 5, len(rows)):
        knn = VectorizedKNNClassifier(k).fit(rows, np.zeros(len(rows)))
        distances, indices = knn.kneighbors(queries)
        assert_array_equal(indices, by_rule(expected, k))
        nearest = np.take_along_axis(expected, indices, axis=1)
        assert_array_equal(distances, np.sqrt(nearest))


@pytest.mark.parametrize(
    ("size", "metric"),
    # Cosine distances of few features come near 0, where cdist cancels.
    [(size, metric) for size in SIZES for metric in ("euclidean", "sqeuclidean")]
    + [(size, "cosine") for size in SIZES[2:]],
)
@pytest.mark.parametrize("make", [image_like, unstructured])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_of_reals_are_those_of_double_precision(size, make, dtype, metric):
    rows, queries = make(*size, 1, dtype), make(50, size[1], 2, dtype)
    if metric == "cosine":
        rows, queries = rows - 128, queries - 128
    knn = VectorizedKNNClassifier(metric=metric).fit(rows, np.zeros(len(rows)))
    check_real(knn, queries, rows, metric)


@pytest.mark.parametrize("offset", [1e6, -1e9, 1e12])
@pytest.mark.parametrize("size", SIZES)
def test_a_large_common_offset_costs_no_digits(offset, size):
    rows, queries = image_like(*size, 1, np.uint8), image_like(50, size[1], 2, np.uint8)
    knn = VectorizedKNNClassifier().fit(rows + offset, np.zeros(len(rows)))
    distances, indices = knn.kneighbors(queries + offset)
    expected = integer_distances(queries, rows)
    assert_array_equal(indices, by_rule(expected, 5))
    assert_allclose(distances**2, np.take_along_axis(expected, indices, axis=1), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-155, 1e-140, 1e-30, 1e30, 1e140])
@pytest.mark.parametrize("size", SIZES)
def test_very_small_and_very_large_pixels(scale, size):
    rows, queries = image_like(*size, 1) * scale, image_like(20, size[1], 2) * scale
    knn = VectorizedKNNClassifier().fit(rows, np.zeros(len(rows)))
    if scale > 1e-150:
        check_real(knn, queries, rows)
    else:  # squares have few digits left
        assert_allclose(
            knn.kneighbors(queries)[0], np.sort(cdist(queries, rows), axis=1)[:, :5], rtol=1e-6
        )


@pytest.mark.parametrize("in_sample", [False, True])
@pytest.mark.parametrize("factor", [100, 1e12, 1e60])
@pytest.mark.parametrize("size", SIZES[3:])
def test_one_row_far_from_the_rest_does_not_keep_them_from_being_ruled_out(
    size, factor, in_sample, monkeypatch
):
    rows, queries = image_like(*size, 1), image_like(40, size[1], 2)
    rows[7] *= factor
    if not in_sample:
        monkeypatch.setattr(_coordinates, "MAX_SAMPLE_ROWS", size[0] // 2)  # without row 7
    knn = VectorizedKNNClassifier().fit(rows, np.zeros(len(rows)))
    monkeypatch.setattr(_task.Task, "_search_all", None)
    check_real(knn, queries, rows)
    assert (knn.kneighbors(queries, 1)[1] != 7).all()


@pytest.mark.parametrize("in_sample", [False, True])
@pytest.mark.parametrize("size", SIZES[2:])
@pytest.mark.filterwarnings("ignore:X has pixels of:UserWarning")
def test_a_few_rows_beyond_the_range_of_single_precision(size, in_sample, monkeypatch):
    if not in_sample:
        monkeypatch.setattr(_coordinates, "MAX_SAMPLE_ROWS", size[0] // 2)
    rows, queries = image_like(*size, 1), image_like(40, size[1], 2)
    rows[7] = 1e60  # odd numbers are not among every other row, which is the sample
    rows[9] *= 1e30
    rows[11:15] *= [[1e-20], [1e-22], [1e-24], [1e-26]]
    queries[3] = 1e60
    queries[4] = 2e30
    queries[5:9] = rows[11:15] * 1.5
    knn = VectorizedKNNClassifier().fit(rows, np.zeros(len(rows)))
    check_real(knn, queries, rows)
    check_real(knn, queries[4:9], rows)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_duplicates_are_at_distance_0_in_the_order_of_their_indices(size, dtype, metric):
    rows = image_like(*size, 1, dtype)
    rows = np.concatenate([rows, rows, rows])
    knn = VectorizedKNNClassifier(3, metric=metric).fit(rows, np.zeros(len(rows)))
    distances, indices = knn.kneighbors(rows[: size[0]].astype(np.float64))
    zeros = (distances == 0).sum(axis=1)
    assert (zeros == 3).all()
    if size[1] >= 32:  # else different rows may be the same, or in the same direction
        assert_array_equal(indices, np.arange(size[0])[:, None] + [0, size[0], 2 * size[0]])


@pytest.mark.parametrize("size", SIZES)
def test_near_duplicates(size):
    rows = image_like(*size, 1)
    rows = np.concatenate([rows, rows * (1 + 1e-9), rows * (1 - 1e-12)])
    check_real(VectorizedKNNClassifier().fit(rows, np.zeros(len(rows))), rows[:50], rows)


@pytest.mark.parametrize("size", SIZES)
def test_constant_pixels_leave_only_the_rule_for_ties(size):
    knn = VectorizedKNNClassifier(4).fit(np.full(size, 7.5), np.zeros(size[0]))
    distances, indices = knn.kneighbors(np.full((40, size[1]), 9.5))
    assert_array_equal(indices, np.tile(np.arange(4), (40, 1)))
    assert_allclose(distances, 2 * np.sqrt(size[1]), rtol=1e-12)
    assert_array_equal(knn.kneighbors()[1][:2], [[1, 2, 3, 4], [0, 2, 3, 4]])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_training_images_are_not_their_own_neighbours(size, metric):
    rows = image_like(*size, 1, np.uint8) // 32
    rows[5] = rows[3]
    rows[9] = 0
    knn = VectorizedKNNClassifier(3, metric=metric).fit(rows, np.zeros(len(rows)))
    distances, indices = knn.kneighbors()
    everything = knn.kneighbors(rows, size[0])
    for i in range(size[0]):
        others = everything[1][i] != i
        assert_array_equal(indices[i], everything[1][i][others][:3])
        assert_array_equal(distances[i], everything[0][i][others][:3])


def test_the_cosine_distance_of_zeros_is_1_as_in_scikit_learn():
    rows = image_like(200, 80, 1, np.uint8)
    rows[[4, 9]] = 0
    queries = rows[:40]
    knn = VectorizedKNNClassifier(200, metric="cosine").fit(rows, np.zeros(200))
    theirs = KNeighborsClassifier(200, metric="cosine", algorithm="brute").fit(rows, np.zeros(200))
    distances, indices = knn.kneighbors(queries)
    assert_allclose(distances, np.sort(theirs.kneighbors(queries)[0], axis=1), atol=1e-14)
    assert (distances[4] == 1).all()
    assert_array_equal(indices[4], np.arange(200))


pixel_types = st.sampled_from([np.uint8, np.int32, np.float32, np.float64])


@pytest.mark.slow
@given(
    n=st.integers(1, 150),
    n_features=st.integers(1, 120),
    dtype=pixel_types,
    query_dtype=pixel_types,
    levels=st.sampled_from([2, 7, 256]),
    offset=st.sampled_from([0, 100_000]),
    metric=st.sampled_from(["euclidean", "sqeuclidean"]),
    make=st.sampled_from([image_like, unstructured]),
    data=st.data(),
)
@settings(max_examples=150)
@pytest.mark.filterwarnings("ignore:X has pixels of:UserWarning")
def test_scikit_learn_finds_the_same(
    n, n_features, dtype, query_dtype, levels, offset, metric, make, data
):
    rows = make(n, n_features, data.draw(st.integers(0, 9)), np.uint8)
    queries = make(data.draw(st.integers(1, 40)), n_features, 99, np.uint8)
    rows, queries = (pixels // (256 // levels) for pixels in (rows, queries))
    repeats = data.draw(st.lists(st.integers(0, n - 1), max_size=10))
    rows[: len(repeats)] = rows[repeats[:n]]
    if np.uint8 not in (dtype, query_dtype):
        rows, queries = rows.astype(np.int64) + offset, queries.astype(np.int64) + offset
    k = data.draw(st.integers(1, n))
    y = np.arange(n) % 3
    ours = VectorizedKNNClassifier(k, metric=metric).fit(rows.astype(dtype), y)
    distances, indices = ours.kneighbors(queries.astype(query_dtype))
    # Its tree takes differences, so that an offset costs no digits there either.
    theirs = KNeighborsClassifier(k, algorithm="kd_tree").fit(rows.astype(np.float64), y)
    expected = theirs.kneighbors(queries.astype(np.float64))[0]
    assert_allclose(distances, expected**2 if metric == "sqeuclidean" else expected, rtol=1e-12)
    assert_array_equal(indices, by_rule(integer_distances(queries, rows), k))


@pytest.mark.parametrize("few", [0, 10**9])
@pytest.mark.parametrize("most_left", [0, 1e-3, 1])
@pytest.mark.parametrize("together", [1, 7, 64])
def test_every_way_to_rule_out_rows_finds_the_same(monkeypatch, few, most_left, together):
    rows, queries = image_like(700, 400, 1, np.uint8), unstructured(60, 400, 2, np.uint8)
    queries[:30] = image_like(30, 400, 3, np.uint8)
    knn = VectorizedKNNClassifier(5).fit(rows, np.zeros(700))
    monkeypatch.setattr(_task, "MIN_QUERIES_FOR_PRODUCT", few)
    monkeypatch.setattr(_task, "ROW_BLOCK", 100)
    monkeypatch.setattr(_task, "MAX_CANDIDATE_FRACTION", most_left)
    monkeypatch.setattr(_task, "QUERY_BLOCK", together)
    monkeypatch.setattr(_task, "QUERY_BLOCK_ALL_FEATURES", together)
    indices = knn.kneighbors(queries, return_distance=False)
    assert_array_equal(indices, by_rule(integer_distances(queries, rows), 5))


@pytest.mark.slow
@pytest.mark.parametrize("working_memory", [0.01, 0.3, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("n_features", [8, 400])
def test_little_working_memory_changes_nothing(working_memory, dtype, n_features):
    rows, queries = image_like(2_000, n_features, 1, dtype), image_like(100, n_features, 2, dtype)
    knn = VectorizedKNNClassifier(weights="distance").fit(rows, np.arange(2_000) % 3)
    expected = knn.kneighbors(queries), knn.predict_proba(queries)
    with config_context(working_memory=working_memory):
        got = knn.kneighbors(queries), knn.predict_proba(queries)
    assert_array_equal(got[0][0], expected[0][0])
    assert_array_equal(got[0][1], expected[0][1])
    assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_features", [3, 37, 400])
def test_a_query_gets_the_same_answer_alone_and_among_others(n_features, metric):
    rows, queries = (image_like(n, n_features, n, np.float32) for n in (3_000, 80))
    knn = VectorizedKNNClassifier(7, metric=metric).fit(rows, np.zeros(3_000))
    distances, indices = knn.kneighbors(queries)
    for i in range(len(queries)):
        alone = knn.kneighbors(queries[i : i + 1])
        assert_array_equal(alone[0][0], distances[i])
        assert_array_equal(alone[1][0], indices[i])


@pytest.mark.slow
@pytest.mark.real_data
def test_neighbours_of_real_images_are_those_of_integer_arithmetic(real_fashion_mnist):
    X, queries = np.split(real_fashion_mnist.data, [60_000])
    y = real_fashion_mnist.target[:60_000]
    knn = VectorizedKNNClassifier(n_jobs=-1).fit(X, y)
    distances, indices = knn.kneighbors(queries)
    rows = X.astype(np.float64)
    # Below 2**53 sums of integers are exact in double precision, in any order.
    norms = (rows**2).sum(axis=1)
    for start in range(0, len(queries), 1000):  # half of them, for time
        part = slice(start, start + 500)
        pixels = queries[part].astype(np.float64)
        squares = (pixels**2).sum(axis=1)[:, None] + norms - 2 * pixels @ rows.T
        limit = np.partition(squares, 4, axis=1)[:, 4:5]
        for i, near in enumerate(squares <= limit):
            numbers = np.flatnonzero(near)
            order = numbers[np.lexsort((numbers, squares[i, numbers]))][:5]
            assert_array_equal(indices[start + i], order)
            assert_array_equal(distances[start + i], np.sqrt(squares[i, order]))
