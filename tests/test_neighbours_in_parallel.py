"""Neighbours over threads, processes and machines, and what a search costs in memory."""

import os
import threading

import joblib
import numpy as np
import pytest
import threadpoolctl
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skfashion import VectorizedKNNClassifier, make_knn_pipeline
from skfashion.neighbors import _coordinates, _parallel_search
from skfashion.neighbors._blas import limited_blas

MIB = 2**20


def images(n, random_state, n_features=400):
    rng = np.random.RandomState(random_state)
    basis = np.random.RandomState(0).randn(6, n_features)
    rows = 128 + 25 * (rng.randn(n, 6) @ basis) + rng.randn(n, n_features)
    return np.clip(rows, 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def every_pair_is_worth_a_job(monkeypatch):
    monkeypatch.setattr(_parallel_search, "MIN_PAIRS_PER_JOB", 1)


@pytest.fixture(scope="module")
def data():
    X = images(3_000, 1)
    X[100:200] = X[2_000:2_100]  # ties
    return X, np.arange(3_000) % 7, images(333, 2)


@pytest.fixture(scope="module")
def alone(data):
    X, y, queries = data
    return answers(VectorizedKNNClassifier(weights="distance").fit(X, y), queries)


def answers(knn, queries):
    distances, indices = knn.kneighbors(queries)
    own_distances, own_indices = knn.kneighbors()
    return distances, indices, own_distances, own_indices, knn.predict_proba(queries)


def assert_same(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [2, 3, -1])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_any_number_of_jobs_gives_the_same(data, alone, n_jobs, backend):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance", n_jobs=n_jobs).fit(X, y)
    with joblib.parallel_config(backend=backend):
        assert_same(answers(knn, queries), alone)


def test_jobs_of_the_context_are_used(data, alone):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance").fit(X, y)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_same(answers(knn, queries), alone)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_training_set_split_over_jobs_gives_the_same(data, metric, monkeypatch):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance", metric=metric).fit(X, y)
    expected = answers(knn, queries)
    splits = []
    run = _parallel_search._run

    def spy(queries, first_query, first_row, rows, *rest):
        splits.append((first_row, len(rows)))
        return run(queries, first_query, first_row, rows, *rest)

    monkeypatch.setattr(_parallel_search, "_run", spy)
    knn.set_params(n_jobs=5)
    for i in range(3):
        assert_same(
            [a[0] for a in knn.kneighbors(queries[i : i + 1])], [a[i] for a in expected[:2]]
        )
    assert splits == 3 * [(0, 600), (600, 600), (1_200, 600), (1_800, 600), (2_400, 600)]


@pytest.mark.slow
def test_workers_of_dask_give_the_same(data, alone, cluster):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance", n_jobs=-1).fit(X, y)
    with joblib.parallel_config(backend="dask"):
        assert_same(answers(knn, queries), alone)


def test_a_training_set_split_over_workers_of_dask_gives_the_same(data, alone, cluster):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance", n_jobs=-1).fit(X, y)
    with joblib.parallel_config(backend="dask"):
        for i in range(3):
            distances, indices = knn.kneighbors(queries[i : i + 1])
            assert_array_equal(distances[0], alone[0][i])
            assert_array_equal(indices[0], alone[1][i])


@pytest.mark.slow
def test_a_grid_search_on_dask_is_that_on_this_process(data, cluster):
    X, y = data[0][:300], data[1][:300]
    search = GridSearchCV(make_knn_pipeline(), {"knn__n_neighbors": [1, 5]}, cv=2)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        assert_array_equal(search.fit(X, y).cv_results_["mean_test_score"], expected)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_grid_search_in_parallel(data, backend):
    X, y = data[0][:300], data[1][:300]
    grid = {"knn__n_neighbors": [1, 5], "knn__n_jobs": [1, 2]}
    search = GridSearchCV(make_knn_pipeline(), grid, cv=2)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    search.set_params(n_jobs=2)
    with joblib.parallel_config(backend=backend):
        assert_array_equal(search.fit(X, y).cv_results_["mean_test_score"], expected)


# BLAS


def blas_threads():
    return {
        (pool["filepath"], pool["num_threads"])
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas"
    }


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_job_keeps_to_one_core_and_the_limit_goes_back(data, monkeypatch, n_jobs):
    X, y, queries = data
    seen = []
    matmul = np.matmul

    def spy(*arguments, **keywords):
        seen.append(blas_threads())
        return matmul(*arguments, **keywords)

    monkeypatch.setattr(np, "matmul", spy)
    before = blas_threads()
    VectorizedKNNClassifier(n_jobs=n_jobs).fit(X, y).predict(queries)
    assert blas_threads() == before
    assert len(seen) >= 2
    assert {threads for pools in seen for _, threads in pools} == {1}


@pytest.mark.slow
@pytest.mark.parametrize(("n_jobs", "threads"), [(None, 1), (1, 1), (2, 2), (-1, os.cpu_count())])
def test_a_fit_takes_no_more_threads_than_jobs(data, monkeypatch, n_jobs, threads):
    X, y, _ = data
    seen = []
    fit = _coordinates.Coordinates.fit

    def spy(rows, scales):
        seen.append({threads for _, threads in blas_threads()})
        return fit(rows, scales)

    monkeypatch.setattr(_coordinates.Coordinates, "fit", spy)
    before = blas_threads()
    VectorizedKNNClassifier(n_jobs=n_jobs).fit(X, y)
    assert seen == [{min(threads, os.cpu_count())}]
    assert blas_threads() == before


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_the_limit_goes_back_when_the_last_thread_leaves(first_leaves_first):
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with limited_blas():
            inside.set()
            assert leave.wait(60)

    before = blas_threads()
    other = threading.Thread(target=stay)
    if first_leaves_first:
        other.start()
        assert inside.wait(60)
    with limited_blas():
        assert {threads for _, threads in blas_threads()} == {1}
        if first_leaves_first:
            leave.set()
            other.join()
        else:
            other.start()
            assert inside.wait(60)
    leave.set()
    other.join()
    assert blas_threads() == before
    with threadpoolctl.threadpool_limits(1):
        assert {threads for _, threads in blas_threads()} == {1}
    assert blas_threads() == before


@pytest.mark.slow
def test_many_threads_may_ask_one_classifier(data, alone):
    X, y, queries = data
    knn = VectorizedKNNClassifier(weights="distance").fit(X, y)
    got = joblib.Parallel(n_jobs=8, backend="threading")(
        joblib.delayed(knn.kneighbors)(queries[i % 300 : i % 300 + 5]) for i in range(200)
    )
    for i, (distances, indices) in enumerate(got):
        part = slice(i % 300, i % 300 + 5)
        assert_array_equal(distances, alone[0][part])
        assert_array_equal(indices, alone[1][part])


# Memory

MEMORY = """
import sys, tracemalloc, numpy as np
from sklearn import config_context
from skfashion import VectorizedKNNClassifier
kind, n, n_queries, n_neighbors = sys.argv[1], *map(int, sys.argv[2:5])
rng = np.random.RandomState(0)
low = kind != "unstructured"
make = lambda n: (rng.randint(0, 40, (n, 1)) * np.ones((1, 784)) if low else
                  rng.rand(n, 784) * 255).astype(np.float32)
X, queries = make(n), make(n_queries)
VectorizedKNNClassifier().fit(X[:2000], X[:2000, 0] > 9).kneighbors(queries[:100])
knn = VectorizedKNNClassifier(n_neighbors, n_jobs=2)
tracemalloc.start()
knn.fit(X, X[:, 0] > 9)
index = knn._search.index().coarse.nbytes + knn._search.index().fine.nbytes + 8 * n
print(tracemalloc.get_traced_memory()[1] - index)
tracemalloc.reset_peak()
knn.predict(queries)
print(tracemalloc.get_traced_memory()[1] - index)
with config_context(working_memory=32):
    tracemalloc.reset_peak()
    knn.predict(queries)
    print(tracemalloc.get_traced_memory()[1] - index)
knn.set_params(n_neighbors=1).fit(X[:20_000], np.arange(n)[:20_000])
tracemalloc.reset_peak()
knn.predict(queries[:2_500])
print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n", "n_queries", "n_neighbors"),
    [
        ("image-like", 60_000, 12_000, 5),
        ("unstructured", 20_000, 3_000, 5),
        ("image-like", 5_000, 2_000, 5_000),
    ],
)
def test_working_memory_stays_within_its_limit(run_python, kind, n, n_queries, n_neighbors):
    output, _ = run_python(MEMORY, kind, n, n_queries, n_neighbors)
    fit, predict, little, with_many_classes = (int(line) / MIB for line in output.split())
    assert fit < 256
    assert predict < 256
    assert little < 40
    assert with_many_classes < 256


@pytest.mark.slow
def test_a_memory_map_is_read_where_it_lies(tmp_path):
    shape = (4_000, 28, 28)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.uint8, shape=shape)
    X[:] = images(4_000, 1, 784).reshape(shape)
    X.flush()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    y = np.arange(4_000) % 3
    knn = VectorizedKNNClassifier().fit(mapped, y)
    assert np.shares_memory(knn._search.rows, mapped)
    expected = VectorizedKNNClassifier().fit(np.array(mapped), y).kneighbors(mapped[:50])
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            assert_same(knn.kneighbors(mapped[:50]), expected)


MEMORY_MAP = """
import sys, numpy as np
from skfashion import VectorizedKNNClassifier
n = int(sys.argv[2])
small = np.random.RandomState(0).randint(0, 256, (2000, 784), np.uint8)
VectorizedKNNClassifier().fit(small, small[:, 0] % 2).predict(small[:300])
X = np.memmap(sys.argv[1], np.uint8, "w+", shape=(n, 784))
for start in range(0, n, 50_000):  # rows that fill no page are holes of the file
    X[start] = np.random.RandomState(start).randint(0, 256, 784)
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
before = anonymous()
knn = VectorizedKNNClassifier(1).fit(X, np.arange(n) % 2)
index = (knn._search.index().coarse.nbytes + knn._search.index().fine.nbytes) / 2**20
peak, done = anonymous(), []
import threading
def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch); watcher.start()
distances, indices = knn.kneighbors(X[:n:50_000])
done.append(True); watcher.join()
assert (distances == 0).all() and (indices[:, 0] == np.arange(0, n, 50_000)).all()
print(peak - before - index)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux' /proc")
def test_memory_does_not_grow_with_the_rows_of_a_memory_map(run_python, tmp_path):
    # 400,000 images are 299 MiB of bytes, and would be 1,196 in single precision.
    output, _ = run_python(MEMORY_MAP, tmp_path / "X.raw", 400_000)
    assert float(output) < 200


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_answers_are_the_same_to_the_last_bit_compiled_and_from_the_cache(
    run_python, tmp_path, dtype
):
    code = """
import sys, numpy as np
from skfashion import VectorizedKNNClassifier
X = np.random.RandomState(0).randint(0, 256, (2_000, 400)).astype(sys.argv[1])
knn = VectorizedKNNClassifier(metric="cosine").fit(X[:1_900], X[:1_900, 0])
print(*(d.hex() for d in knn.kneighbors(X[1_900:])[0].ravel()))
"""
    cache = str(tmp_path / "cache")
    compiled, _ = run_python(code, dtype, NUMBA_CACHE_DIR=cache)
    assert list((tmp_path / "cache").rglob("*nearest*"))
    assert run_python(code, dtype, NUMBA_CACHE_DIR=cache)[0] == compiled
    assert len(compiled.split()) == 500


@pytest.mark.slow
def test_the_inner_loops_are_compiled_where_nothing_can_be_cached(run_python):
    code = """
from numba.core import caching
caching.CompileResultCacheImpl._locator_classes = []  # as where no folder can be written
import numpy as np
from skfashion import VectorizedKNNClassifier
X = np.eye(5)
print(VectorizedKNNClassifier(1).fit(X, range(5)).predict(X))
"""
    assert run_python(code) == ("[0 1 2 3 4]\n", "")
