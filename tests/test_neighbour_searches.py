"""Every parameter of KNeighborsClassifier: our search where it serves, scikit-learn's elsewhere."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph
from sklearn.pipeline import make_pipeline

from skfashion import VectorizedKNNClassifier, make_knn_pipeline
from skfashion.neighbors import _search_methods


def farthest_pixel(a, b):
    return np.abs(a - b).max()


@pytest.fixture
def data(clothes):
    X, y = clothes
    # Few pixels with many values, so that trees are quick and few distances are the same.
    X = X[:, 40:70] + np.random.RandomState(0).uniform(0, 1, (len(X), 30))
    return X[:180], y[:180], X[180:], y[180:]


def both(parameters, X, y):
    return [cls(**parameters).fit(X, y) for cls in (VectorizedKNNClassifier, KNeighborsClassifier)]


def check_same(ours, theirs, queries):
    for asked in (queries, None):
        distances, indices = ours.kneighbors(asked, 4)
        expected = theirs.kneighbors(asked, 4)
        assert_allclose(distances, expected[0], rtol=1e-6, atol=1e-6)
        assert_array_equal(indices, expected[1])
        assert_array_equal(ours.kneighbors(asked, 4, return_distance=False), indices)
        assert_allclose(ours.predict_proba(asked), theirs.predict_proba(asked), atol=1e-6)
        assert_array_equal(ours.predict(asked), theirs.predict(asked))
        graph = theirs.kneighbors_graph(asked, 4, mode="distance")
        assert_allclose(
            ours.kneighbors_graph(asked, 4, mode="distance").toarray(), graph.toarray(), atol=1e-6
        )
    assert ours.effective_metric_ == theirs.effective_metric_
    assert ours.effective_metric_params_ == theirs.effective_metric_params_


def test_the_parameters_and_their_defaults_are_those_of_scikit_learn():
    assert VectorizedKNNClassifier().get_params() == KNeighborsClassifier().get_params()


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["uniform", "distance", None])
@pytest.mark.parametrize(
    "parameters",
    [
        {"metric": "manhattan"},
        {"p": 1},
        {"p": np.inf},
        {"p": 3.5},
        {"metric": "canberra"},
        {"metric": "correlation"},
        {"metric": "seuclidean", "metric_params": {"V": np.linspace(1, 2, 30)}},
        {"metric": "manhattan", "algorithm": "ball_tree", "leaf_size": 5},
        {"algorithm": "kd_tree"},
        {"metric": farthest_pixel, "n_neighbors": 2},
        {"metric": "l2", "algorithm": "brute"},
    ],
)
def test_neighbours_and_votes_are_those_of_scikit_learn(data, parameters, weights):
    X, y, queries, _ = data
    check_same(*both({"weights": weights, **parameters}, X, y), queries[:20])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"metric": "euclidean"},
        {"metric": "l2", "algorithm": "brute"},
        {"metric": "minkowski", "p": 2.0},
        {"metric": "sqeuclidean", "p": 1},
        {"metric": "cosine", "metric_params": {}},
    ],
)
def test_what_our_search_serves_does_not_go_to_scikit_learns(data, parameters, monkeypatch):
    X, y, queries, _ = data
    monkeypatch.setattr(_search_methods, "NearestNeighbors", None)
    ours, theirs = both(parameters, X, y)
    check_same(ours, theirs, queries)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_parameters_of_a_metric_and_jobs_set_after_the_fit(data, n_jobs):
    X, y, queries, _ = data
    weights = np.linspace(0, 1, 30)
    parameters = {"metric": "minkowski", "metric_params": {"w": weights}, "algorithm": "brute"}
    knn = VectorizedKNNClassifier(**parameters).fit(X, y).set_params(n_jobs=n_jobs, metric="cosine")
    expected = np.sort(np.sqrt(((queries[:, None] - X) ** 2) @ weights), axis=1)[:, :5]
    assert_allclose(knn.kneighbors(queries)[0], expected, rtol=1e-9)
    assert knn._search._neighbors.n_jobs == n_jobs


def test_missing_pixels(data):
    X, y, queries, _ = data
    missing = np.random.RandomState(1).uniform(size=X.shape) < 0.2
    X, queries = np.where(missing, np.nan, X), np.where(missing[: len(queries)], np.nan, queries)
    ours, theirs = both({"metric": "nan_euclidean", "weights": "distance"}, X, y)
    check_same(ours, theirs, queries)
    with pytest.raises(ValueError, match="NaN"):
        VectorizedKNNClassifier(metric="manhattan").fit(X, y)
    assert ours.__sklearn_tags__().input_tags.allow_nan


def test_images_and_data_frames_with_metrics_of_scikit_learn(data):
    pd = pytest.importorskip("pandas")
    X, y, queries, _ = data
    expected = VectorizedKNNClassifier(metric="manhattan").fit(X, y).predict_proba(queries)
    images = VectorizedKNNClassifier(metric="manhattan").fit(X.reshape(-1, 5, 6), y)
    assert images.image_shape_ == (5, 6, 1)
    assert_array_equal(images.predict_proba(queries.reshape(-1, 5, 6)), expected)
    names = [f"pixel{i}" for i in range(30)]
    frame = VectorizedKNNClassifier(metric="manhattan").fit(pd.DataFrame(X, columns=names), y)
    assert_array_equal(frame.predict_proba(pd.DataFrame(queries, columns=names)), expected)


def test_distances_computed_beforehand(data):
    X, y, queries, _ = data
    matrix, to_queries = pairwise_distances(X), pairwise_distances(queries, X)
    ours, theirs = both({"metric": "precomputed", "weights": "distance"}, matrix, y)
    check_same(ours, theirs, to_queries)
    by_rows = VectorizedKNNClassifier(weights="distance")
    assert_array_equal(cross_val_score(ours, matrix, y), cross_val_score(by_rows, X, y))
    graph = kneighbors_graph(X, 30, mode="distance", include_self=True)
    assert_array_equal(ours.fit(graph, y).predict(None), by_rows.fit(X, y).predict(None))
    with pytest.raises(ValueError, match=r"X has 30 features, but Vec.* expecting 180"):
        ours.predict(queries)
    with pytest.raises(ValueError, match="must be square"):
        ours.fit(to_queries, y[:60])
    with pytest.raises(ValueError, match=r"[Nn]egative values"):
        ours.predict(-to_queries)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("metric", ["minkowski", "cosine", "manhattan"])
def test_sparse_rows(data, container, metric):
    X, y, queries, _ = data
    empty = np.random.RandomState(1).uniform(size=X.shape) < 0.5
    X, queries = np.where(empty, 0, X), np.where(empty[: len(queries)], 0, queries)
    dense, theirs = both({"metric": metric, "algorithm": "brute", "weights": "distance"}, X, y)
    check_same(dense, theirs, container(queries))
    ours, theirs = (model.fit(container(X), y) for model in (dense, theirs))
    check_same(ours, theirs, container(queries))
    assert_array_equal(ours.predict(queries), theirs.predict(queries))
    assert dense.__sklearn_tags__().input_tags.sparse
    assert not VectorizedKNNClassifier(metric="canberra").__sklearn_tags__().input_tags.sparse
    with pytest.raises(ValueError, match="'chebyshev' not valid for sparse input"):
        VectorizedKNNClassifier(metric="chebyshev").fit(container(X), y)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_sparse_queries_are_as_exact_as_dense_ones(clothes, dtype):
    X, y = clothes
    X = X.astype(dtype)
    knn = VectorizedKNNClassifier().fit(X, y)
    with config_context(working_memory=0.1):
        distances, indices = knn.kneighbors(sparse.csr_array(X[:50]))
    assert_array_equal(distances, knn.kneighbors(X[:50])[0])
    assert_array_equal(indices, knn.kneighbors(X[:50])[1])


def test_warnings_and_errors_of_scikit_learn_come_through(data):
    X, y, queries, _ = data
    with pytest.warns(SyntaxWarning, match="p is found in metric_params"):
        VectorizedKNNClassifier(metric_params={"p": 3}).fit(X, y)
    for algorithm in ("auto", "brute"):
        with pytest.warns(UserWarning, match="0 < p < 1"):
            knn = VectorizedKNNClassifier(p=0.5, algorithm=algorithm).fit(X, y)
        assert knn.effective_metric_params_ == {"p": 0.5, "w": None}
    with pytest.raises(ValueError, match="'cosine' not valid"):
        VectorizedKNNClassifier(metric="cosine", algorithm="kd_tree").fit(X, y)
    with pytest.raises(ValueError, match="only valid in 2 dim"):
        VectorizedKNNClassifier(metric="haversine").fit(X, y).predict(queries)


# In pipelines


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_the_pipeline_with_other_metrics(clothes, metric):
    X, y = clothes
    pipeline = make_knn_pipeline(metric=metric, n_neighbors=3).fit(X[:180], y[:180])
    roots = np.sqrt((X / 255).astype(np.float32))
    theirs = KNeighborsClassifier(3, metric=metric, algorithm="brute").fit(roots[:180], y[:180])
    assert_array_equal(pipeline.predict(X[180:]), theirs.predict(roots[180:]))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_words_as_sparse_rows(metric):
    texts = ["a red shirt", "red shirt with buttons", "leather boots", "brown boots, leather"] * 3
    labels = ["shirt", "shirt", "boots", "boots"] * 3
    pipeline = make_pipeline(TfidfVectorizer(), VectorizedKNNClassifier(3, metric=metric))
    assert pipeline.fit(texts, labels).predict(["shirt", "leather"]).tolist() == ["shirt", "boots"]


# Training data changed after fit


CHANGES = {
    "zeros": lambda X: X.fill(0),
    "other values": lambda X: np.copyto(X, X[::-1].copy()),
    "larger": lambda X: np.multiply(X, 2, out=X),
    "shuffled": lambda X: np.random.RandomState(0).shuffle(X),
    "one row": lambda X: np.copyto(X[7], X[190]),
    "the last pixel": lambda X: X.__setitem__((189, -1), X[189, -1] + 1),
    "two pixels": lambda X: X.__setitem__((3, [4, 9]), X[3, [4, 9]] + [1, -1]),
    "nan": lambda X: X.__setitem__(5, np.nan if X.dtype.kind == "f" else 255),
    "infinite": lambda X: X.__setitem__(slice(90), np.inf if X.dtype.kind == "f" else 255),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("n_features", [31, 400])
def test_training_data_changed_after_the_fit(clothes, change, dtype, n_features):
    X, y = clothes
    X = X[:, -n_features:].astype(dtype)
    queries = X[190:]
    models = [
        VectorizedKNNClassifier(5, metric=metric).fit(X[:190], y[:190])
        for metric in ("euclidean", "cosine")
    ]
    images = VectorizedKNNClassifier().fit(X[:190].reshape(190, n_features, 1), y[:190])
    queries = queries.copy()
    CHANGES[change](X)
    for knn in (*models, images):
        for method in (knn.predict, knn.predict_proba, knn.kneighbors, knn.kneighbors_graph):
            with pytest.raises(ValueError, match=r"changed since fit\. Fit again"):
                method(queries)
        with pytest.raises(ValueError, match="changed since fit"):
            knn.predict(None)


def test_training_data_changed_after_the_fit_as_scikit_learn_takes_them(data):
    X, y, queries, _ = data
    ours, theirs = both({"metric": "manhattan", "algorithm": "brute"}, X, y)
    X *= np.linspace(0, 2, 30)
    check_same(ours, theirs, queries)


def test_training_data_whose_shape_changed_after_the_fit(clothes):
    X, y = clothes[0].copy(), clothes[1]
    knn = VectorizedKNNClassifier().fit(X, y)
    expected = knn.predict(X[:5])
    queries = X[:5].copy()
    X.shape = (20, -1)
    assert_array_equal(knn.predict(queries), expected)


def test_changed_training_data_are_not_pickled(clothes):
    X, y = clothes[0].copy(), clothes[1]
    knn = VectorizedKNNClassifier().fit(X, y)
    pickle.dumps(knn)
    X[0] += 1
    with pytest.raises(ValueError, match="changed since fit"):
        pickle.dumps(knn)


def test_weights_that_are_set_after_the_fit_are_checked(clothes):
    knn = VectorizedKNNClassifier().fit(*clothes).set_params(weights="foo")
    with pytest.raises(ValueError, match=r"weights must be .*got 'foo'"):
        knn.predict(clothes[0][:5])


def test_what_nobody_can_change_is_not_read_to_see_whether_it_changed(clothes, monkeypatch):
    X, y = clothes[0].copy(), clothes[1]
    X.flags.writeable = False
    knn = VectorizedKNNClassifier().fit(X, y)
    copy = pickle.loads(pickle.dumps(VectorizedKNNClassifier().fit(X, y)))
    with monkeypatch.context() as patch:
        patch.setattr(_search_methods.ExactSearch, "_take_fingerprint", None)
        assert_array_equal(knn.predict(X[:5]), copy.predict(X[:5]))
    X.flags.writeable = True
    knn.predict(X[:5])
    X[0] = 0
    with pytest.raises(ValueError, match="changed since fit"):
        knn.predict(X[:5])
    knn.fit(X, y).predict(X[:5])


# Numbers that are too large


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("n_features", [31, 400])
def test_squares_beyond_single_precision_are_computed_in_double(clothes, metric, n_features):
    X, y = clothes
    X = X[:, -n_features:].astype(np.float32)
    expected = VectorizedKNNClassifier(metric=metric).fit(X, y).kneighbors(X[:50])
    large = X * np.float32(2.0**110)
    distances, indices = VectorizedKNNClassifier(metric=metric).fit(large, y).kneighbors(large[:50])
    scale = {"euclidean": 2.0**110, "sqeuclidean": 2.0**220, "cosine": 1}[metric]
    assert_allclose(distances, expected[0] * scale, rtol=1e-12, atol=1e-15)
    assert_array_equal(indices, expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("n_features", [31, 400])
@pytest.mark.parametrize("n_queries", [1, 50])
@pytest.mark.filterwarnings("ignore:X has pixels of:UserWarning")
def test_squares_beyond_double_precision_are_refused(clothes, metric, n_features, n_queries):
    X, y = clothes
    X = X[:, -n_features:] * 1e160
    with pytest.raises(ValueError, match=r"finite (squared )?(distances|norms).*Scale"):
        VectorizedKNNClassifier(metric=metric).fit(X, y).predict(X[:n_queries] / 2)
    fitted = VectorizedKNNClassifier(metric=metric).fit(X / 1e160, y)
    with pytest.raises(ValueError, match=r"finite (squared )?(distances|norms).*Scale"):
        fitted.predict(X[:n_queries])


@pytest.mark.parametrize(
    ("X", "metric"),
    [
        (np.linspace(0, 3e38, 40, dtype=np.float32).reshape(10, 4), "manhattan"),
        (sparse.csr_array(np.linspace(1, 1e30, 40, dtype=np.float32).reshape(10, 4)), "euclidean"),
        # Of these, scikit-learn returns the largest number there is, and NaN.
        (np.linspace(0, 1e308, 40).reshape(10, 4), "manhattan"),
        (sparse.csr_array(np.linspace(1, 1e200, 40).reshape(10, 4)), "euclidean"),
        # Rows without a correlation, as all of their pixels are equal.
        (np.repeat(np.arange(10.0), 4).reshape(10, 4), "correlation"),
        (np.where(np.eye(10, 4), np.nan, 1e200 * np.arange(10)[:, np.newaxis]), "nan_euclidean"),
    ],
)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_sums_that_overflow_in_scikit_learns_search_are_refused(X, metric):
    knn = VectorizedKNNClassifier(10, metric=metric, algorithm="brute").fit(X, np.arange(10) % 2)
    with pytest.raises(ValueError, match=r"distances that are too large or NaN\. Scale X down"):
        knn.predict(X[:2])


def test_distances_come_as_a_matrix(clothes):
    X, y = clothes
    distances = np.abs(X[:, :1] - X[:, 0].astype(float))
    knn = VectorizedKNNClassifier(metric="precomputed")
    with pytest.raises(ValueError, match=r"Expected distances of shape \(n_queries, n_fitted\)"):
        knn.fit(distances.reshape(240, 24, 10), y)
    knn.fit(distances, y)
    with pytest.raises(ValueError, match=r"Expected distances of shape \(n_queries, n_fitted\)"):
        knn.predict(distances.reshape(240, 24, 10))


def test_weights_whose_sum_overflows():
    X = np.array([[1e-154], [1.1e-154], [1.2e-154]])
    knn = VectorizedKNNClassifier(3, weights="distance", metric="sqeuclidean").fit(X, [0, 1, 1])
    with pytest.raises(ValueError, match="weights with a finite sum"):
        knn.predict_proba([[0]])
    knn.set_params(weights=lambda distances: np.full(distances.shape, 3e38, np.float32))
    assert_allclose(knn.predict_proba([[0]]), [[1 / 3, 2 / 3]])
    knn.set_params(weights=lambda distances: np.full(distances.shape, 1e308))
    with pytest.raises(ValueError, match="weights with a finite sum"):
        knn.predict([[0]])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda distances: np.where(distances == 1, np.nan, 1), "not negative; got nan"),
        (lambda distances: np.where(distances == 1, np.inf, 1), "not negative; got inf"),
        (lambda distances: np.where(distances == 1, -1, 3), "not negative; got -1.0"),
        (lambda distances: np.full(distances.shape, np.longdouble("1e4000")), "got inf"),
        (lambda distances: distances + 1j, "real numbers; got dtype complex128"),
        (lambda distances: np.ones(distances.shape, object), "real numbers; got dtype object"),
        (lambda distances: np.full(distances.shape, 5e-324 / 4), "getting zero weights"),
    ],
)
def test_weights_that_are_no_shares_of_votes(weights, message):
    knn = VectorizedKNNClassifier(2, weights=weights).fit(
        np.arange(4.0).reshape(4, 1), [0, 1, 2, 3]
    )
    for method in (knn.predict, knn.predict_proba):
        with pytest.raises(ValueError, match=message):
            method([[0.0], [5.0]])


def test_votes_by_distances_that_are_no_numbers():
    knn = VectorizedKNNClassifier(2, weights="distance", metric="nan_euclidean")
    knn.fit([[0.0, np.nan], [np.nan, 1], [1, 2]], [0, 1, 2])
    with pytest.raises(ValueError, match=r"got nan\. Correct .* distances are NaN"):
        knn.predict_proba([[np.nan, np.nan]])
    knn.set_params(metric=lambda one, other: -1.0).fit(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"got -1\.0\. Correct"):
        knn.predict_proba([[0, 0, 0]])


def test_images_without_a_common_pixel_have_no_distance():
    X = np.array([[1, np.nan], [3, np.nan], [np.nan, 5.0]])
    knn = VectorizedKNNClassifier(3, metric="nan_euclidean").fit(X, [0, 0, 1])
    for queries in (X[:1], [[np.nan, np.nan]]):
        reference = KNeighborsClassifier(3, metric="nan_euclidean", algorithm="brute")
        expected = reference.fit(X, [0, 0, 1]).kneighbors(queries)[0]
        assert_array_equal(knn.kneighbors(queries)[0], expected)
        assert np.isnan(expected).any()
    distances, _ = knn.kneighbors(n_neighbors=2)
    assert_array_equal(np.isnan(distances), [[False, True], [False, True], [True, True]])


@pytest.mark.parametrize(
    "parameters",
    [
        {"p": 3},
        {"p": 3, "algorithm": "ball_tree"},
        {"p": 1.5},
        {"metric_params": {"w": np.ones(4)}},
        {"metric": "seuclidean", "metric_params": {"V": np.ones(4)}},
    ],
)
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_roots_of_sums_that_overflow_in_scikit_learns_search_are_refused(parameters):
    X = np.random.default_rng(0).uniform(-1, 1, (10, 4))
    y = np.arange(10) % 2
    expected = VectorizedKNNClassifier(3, **parameters).fit(X, y).kneighbors(X)[0]
    small = VectorizedKNNClassifier(3, **parameters).fit(X * 1e90, y).kneighbors(X * 1e90)[0]
    assert_allclose(small, expected * 1e90)
    large = VectorizedKNNClassifier(3, **parameters).fit(X * 1.7e308, y)
    with pytest.raises(ValueError, match="distances that are too large or NaN"):
        large.kneighbors(X * -1.7e308)


def test_norms_of_sparse_rows_that_overflow_are_refused():
    X = sparse.csr_array(np.random.default_rng(0).uniform(0, 1, (10, 4)))
    knn = VectorizedKNNClassifier(metric="cosine").fit(X, np.arange(10) % 2)
    for call in (knn.predict, lambda X: knn.fit(X, np.arange(10) % 2)):
        with pytest.raises(ValueError, match=r"finite squared norms .* up to .* Scale"):
            call(X * 1e200)
