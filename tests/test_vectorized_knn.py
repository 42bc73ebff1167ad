"""VectorizedKNNClassifier beside scikit-learn's KNeighborsClassifier, and in its tools."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils._param_validation import InvalidParameterError

from skfashion import VectorizedKNNClassifier, make_knn_pipeline


@pytest.fixture
def data(clothes):
    X, y = clothes
    return X[:180], y[:180], X[180:], y[180:]


def both(parameters, X, y):
    ours = VectorizedKNNClassifier(**parameters).fit(X, y)
    return ours, KNeighborsClassifier(algorithm="brute", **parameters).fit(X.astype(float), y)


def inverse_square(distances):
    return 1 / (1 + distances**2)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("weights", ["uniform", "distance", inverse_square])
@pytest.mark.parametrize("n_neighbors", [1, 5, 180])
def test_votes_are_those_of_scikit_learn(data, metric, weights, n_neighbors):
    X, y, queries, labels = data
    parameters = {"n_neighbors": n_neighbors, "weights": weights, "metric": metric}
    ours, theirs = both(parameters, X, y)
    probabilities = ours.predict_proba(queries)
    assert_allclose(probabilities, theirs.predict_proba(queries.astype(float)), atol=1e-9)
    assert_array_equal(ours.predict(queries), ours.classes_[probabilities.argmax(axis=1)])
    assert ours.score(queries, labels) == (ours.predict(queries) == labels).mean()
    # Training images are their own nearest neighbours, at distance 0.
    if weights == "distance":
        assert_array_equal(ours.predict(X), y)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_several_outputs_are_those_of_scikit_learn(data, weights):
    X, y, queries, _ = data
    outputs = np.column_stack([y, y % 2, np.where(y > 4, "upper", "lower")]).astype(object)
    outputs[:, :2] = outputs[:, :2].astype(int)
    ours, theirs = both({"weights": weights}, X, outputs[:, :2].astype(int))
    assert ours.outputs_2d_
    assert_array_equal(ours.predict(queries), theirs.predict(queries.astype(float)))
    for a, b in zip(
        ours.predict_proba(queries), theirs.predict_proba(queries.astype(float)), strict=True
    ):
        assert_allclose(a, b, atol=1e-9)
    strings = VectorizedKNNClassifier(1).fit(X, outputs[:, 2:].repeat(2, axis=1).astype(str))
    assert strings.predict(X).tolist() == outputs[:, 2:].repeat(2, axis=1).tolist()


def test_multi_label_targets_and_their_accuracy(data):
    X, y, queries, _ = data
    labels = np.column_stack([y < 5, y % 2]).astype(int)
    ours, theirs = both({}, X, labels)
    expected = theirs.predict(queries.astype(float))
    assert ours.score(queries, expected) == 1


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("own", [False, True])
def test_graphs_are_those_of_scikit_learn(data, mode, own):
    X, y, queries, _ = data
    ours, theirs = both({}, X, y)
    graph = ours.kneighbors_graph(None if own else queries, 3, mode=mode)
    expected = theirs.kneighbors_graph(None if own else queries.astype(float), 3, mode=mode)
    assert sparse.issparse(graph)
    assert graph.shape == expected.shape
    assert_allclose(graph.toarray(), expected.toarray(), rtol=1e-9)


def test_predicting_the_training_images_without_themselves(data):
    X, y, _, _ = data
    ours, theirs = both({"weights": "distance"}, X, y)
    assert_allclose(ours.predict_proba(None), theirs.predict_proba(None), atol=1e-9)
    assert ours.score(None, y) == theirs.score(None, y)


def test_ties_in_votes_go_to_the_lower_class():
    X = np.array([[0], [2], [4], [6]], np.uint8)
    knn = VectorizedKNNClassifier(2).fit(X, ["trousers", "bag", "shirt", "coat"])
    assert knn.predict([[1], [3], [5]]).tolist() == ["bag", "bag", "coat"]
    assert knn.predict_proba([[1]]).tolist() == [[0.5, 0, 0, 0.5]]


def test_images_and_rows_are_the_same(data):
    X, y, queries, _ = data
    by_rows = VectorizedKNNClassifier().fit(X, y)
    assert by_rows.image_shape_ is None
    for shape in ((20, 20), (20, 20, 1)):
        images = VectorizedKNNClassifier().fit(X.reshape(-1, *shape), y)
        assert images.image_shape_ == (20, 20, 1)
        assert images.n_features_in_ == 400
        assert_array_equal(images.predict(queries), by_rows.predict(queries))
        assert_array_equal(by_rows.predict(queries.reshape(-1, *shape)), by_rows.predict(queries))
        assert_array_equal(
            images.kneighbors(queries.reshape(-1, *shape)), by_rows.kneighbors(queries)
        )
        with pytest.raises(ValueError, match=r"images of shape \(40, 10, 1\).*\(20, 20, 1\)"):
            images.predict(queries.reshape(-1, 40, 10))


def test_data_frames_and_their_names(data):
    X, y, queries, _ = data
    names = [f"pixel{i}" for i in range(400)]
    frame = pd.DataFrame(X, columns=names)
    knn = VectorizedKNNClassifier().fit(frame, pd.Series(y))
    assert knn.feature_names_in_.tolist() == names
    expected = VectorizedKNNClassifier().fit(X, y).predict(queries)
    assert_array_equal(knn.predict(pd.DataFrame(queries, columns=names)), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        knn.predict(pd.DataFrame(queries, columns=names[::-1]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int16])
def test_training_data_are_kept_without_a_copy_and_unchanged(data, dtype):
    X, y, queries, _ = data
    X, queries = X.astype(dtype), queries.astype(dtype)
    before = X.copy(), queries.copy()
    for metric in ("euclidean", "cosine"):
        knn = VectorizedKNNClassifier(metric=metric).fit(X, y)
        knn.predict(queries)
        assert np.shares_memory(knn._search.rows, X)
    assert_array_equal(X, before[0])
    assert_array_equal(queries, before[1])
    assert X.flags.writeable


def test_read_only_and_strided_input(data):
    X, y, queries, _ = data
    expected = VectorizedKNNClassifier().fit(X, y).kneighbors(queries)
    wide = np.zeros((180, 800), np.uint8)
    wide[:, ::2] = X
    X.flags.writeable = False
    for rows in (X, np.asfortranarray(X), wide[:, ::2], X.tolist()):
        got = VectorizedKNNClassifier().fit(rows, y).kneighbors(queries[::-1])
        assert_array_equal(got[0], expected[0][::-1])
        assert_array_equal(got[1], expected[1][::-1])
    X.flags.writeable = True


@pytest.mark.slow
def test_the_index_takes_at_most_a_fifth_of_the_data_in_single_precision():
    for n_features in (10, 59, 60, 64, 100, 345, 346, 784, 3072):
        X = np.random.RandomState(0).randint(0, 256, (1_500, n_features), np.uint8)
        knn = VectorizedKNNClassifier().fit(X, X[:, 0] % 2)
        assert (
            knn._search.index().coarse.nbytes + knn._search.index().fine.nbytes
        ) <= X.size * 4 / 5
        assert (knn._search.index().coarse.size > 0) == (n_features >= 60)


def test_refitting_forgets_what_was_fitted(data):
    X, y, queries, _ = data
    knn = VectorizedKNNClassifier(metric="cosine").fit(X.reshape(-1, 20, 20), np.c_[y, y])
    knn.set_params(metric="euclidean").fit(X[:, :50], y)
    assert knn.image_shape_ is None
    assert not knn.outputs_2d_
    expected = VectorizedKNNClassifier().fit(X[:, :50], y).predict_proba(queries[:, :50])
    assert_array_equal(knn.predict_proba(queries[:, :50]), expected)


def test_parameters_that_search_alone_uses_can_change_after_the_fit(data):
    X, y, queries, _ = data
    knn = VectorizedKNNClassifier().fit(X, y).set_params(n_neighbors=3, weights="distance")
    expected = VectorizedKNNClassifier(3, weights="distance").fit(X, y).predict_proba(queries)
    assert_array_equal(knn.predict_proba(queries), expected)


def test_a_metric_changed_after_the_fit_is_not_half_used(data):
    X, y, queries, _ = data
    knn = VectorizedKNNClassifier().fit(X, y)
    expected = knn.kneighbors(queries)
    knn.set_params(metric="cosine")
    assert_array_equal(knn.kneighbors(queries), expected)


# Model selection and persistence


@pytest.mark.slow
def test_grid_search_and_cross_validation_over_the_pipeline(data):
    X, y, queries, labels = data
    grid = {
        "knn__n_neighbors": [1, 5],
        "knn__weights": ["uniform", "distance"],
        "knn__metric": ["euclidean", "cosine"],
        "sqrt": ["passthrough", make_knn_pipeline()["sqrt"]],
    }
    search = GridSearchCV(make_knn_pipeline(), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 16
    best = make_knn_pipeline().set_params(**search.best_params_)
    assert cross_val_score(best, X, y, cv=2).mean() == search.best_score_
    assert search.score(queries, labels) > 0.7


def test_the_pipeline_takes_roots_of_pixels_in_0_1(data):
    X, y, queries, _ = data
    pipeline = make_knn_pipeline(n_neighbors=3).fit(X, y)
    root = np.sqrt((X / 255).astype(np.float32))
    assert_allclose(pipeline[:-1].transform(X), root, rtol=1e-6)
    expected = VectorizedKNNClassifier(3).fit(root, y)
    assert_array_equal(
        pipeline.predict(queries), expected.predict(np.sqrt((queries / 255).astype(np.float32)))
    )
    with pytest.raises(ValueError, match="pixel_range"):
        make_knn_pipeline().fit(-X.astype(float), y)


@pytest.mark.slow
@pytest.mark.parametrize("module", [pickle, joblib], ids=["pickle", "joblib"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_pickle_answers_alike_in_another_process(data, module, metric, run_python, tmp_path):
    X, y, queries, _ = data
    knn = VectorizedKNNClassifier(weights="distance", metric=metric).fit(X, y)
    with open(tmp_path / "model", "wb") as file:
        module.dump(knn, file)
    np.save(tmp_path / "queries.npy", queries)
    code = f"""
import sys, numpy as np, {module.__name__}
queries = np.load(sys.argv[1] + "/queries.npy")
with open(sys.argv[1] + "/model", "rb") as file:
    knn = {module.__name__}.load(file)
np.savez(sys.argv[1] + "/answer.npz", p=knn.predict_proba(queries), i=knn.kneighbors(queries)[1])
"""
    assert run_python(code, tmp_path) == ("", "")
    with np.load(tmp_path / "answer.npz") as answer:
        assert_array_equal(answer["p"], knn.predict_proba(queries))
        assert_array_equal(answer["i"], knn.kneighbors(queries)[1])
    assert_array_equal(clone(knn).fit(X, y).predict(queries), knn.predict(queries))


# Bad input


SMALL = np.arange(12, dtype=np.float64).reshape(6, 2)
LABELS = [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"n_neighbors": -1}, "n_neighbors"),
        ({"n_neighbors": 2.5}, "n_neighbors"),
        ({"n_neighbors": None}, "n_neighbors"),
        ({"weights": "squared"}, "weights"),
        ({"algorithm": "hnsw"}, "algorithm"),
        ({"leaf_size": 0}, "leaf_size"),
        ({"p": 0}, "p"),
        ({"metric": "hellinger"}, "metric"),
        ({"metric_params": [2]}, "metric_params"),
        ({"n_jobs": 1.5}, "n_jobs"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        VectorizedKNNClassifier(**parameters).fit(SMALL, LABELS)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.where(SMALL == 3, np.nan, SMALL), LABELS, "NaN"),
        (np.where(SMALL == 3, np.inf, SMALL), LABELS, "infinity"),
        (sparse.csr_array(np.where(SMALL == 3, np.nan, SMALL)), LABELS, "NaN"),
        (SMALL + 1j, LABELS, "Complex data not supported"),
        (SMALL, LABELS[:5], "inconsistent numbers of samples"),
        (SMALL.astype(str), LABELS, "got strings"),
        (SMALL.astype(bytes), LABELS, "got strings"),
        (np.full((6, 2), "pixel", object), LABELS, "could not convert string"),
        (SMALL[:0], [], "0 sample"),
        (SMALL[:, :0], LABELS, "0 feature"),
        (SMALL[0], LABELS, "Expected 2D array"),
        (SMALL, SMALL[:, 0] + 0.5, "Unknown label type: continuous"),
        (SMALL, None, "requires y to be passed"),
        (SMALL, sparse.csr_array(np.eye(6, dtype=int)), "y to be a dense array"),
        (np.where(SMALL == 3, 1e300, SMALL), LABELS, "finite squared norms"),
    ],
)
def test_bad_training_data(X, y, message):
    knn = VectorizedKNNClassifier(metric="cosine")
    with pytest.raises((ValueError, TypeError), match=message):
        knn.fit(X, y)
    assert not [name for name in vars(knn) if name.endswith("_")]
    fitted = VectorizedKNNClassifier(1, metric="cosine").fit(SMALL, LABELS)
    with pytest.raises((ValueError, TypeError), match=message):
        fitted.fit(X, y)
    assert_array_equal(fitted.predict(SMALL[:2]), [0, 1])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((1, 2), np.nan), "NaN"),
        (sparse.csr_array(np.full((1, 2), np.nan)), "NaN"),
        (sparse.csr_array(np.ones((1, 3))), "X has 3 features"),
        (np.zeros((1, 3)), "X has 3 features, but VectorizedKNNClassifier is expecting 2"),
        (SMALL[:0], "0 sample"),
    ],
)
@pytest.mark.parametrize("method", ["kneighbors", "kneighbors_graph", "predict", "predict_proba"])
def test_bad_queries(X, message, method):
    knn = VectorizedKNNClassifier(1).fit(SMALL, LABELS)
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(knn, method)(X)


def test_more_neighbours_than_training_images_as_scikit_learn_says_it():
    ours, theirs = both({"n_neighbors": 7}, SMALL, LABELS)
    for model in (ours, theirs):
        with pytest.raises(ValueError, match=r"Expected n_neighbors <= n_samples_fit, but n_nei"):
            model.predict(SMALL)
        with pytest.raises(ValueError, match="n_neighbors = 6, n_samples_fit = 6, n_samples = 6"):
            model.kneighbors(None, 6)
        with pytest.raises(ValueError, match=r"Expected n_neighbors > 0. Got 0"):
            model.kneighbors(SMALL, 0)
        with pytest.raises(TypeError, match=r"n_neighbors does not take .* value, enter integer"):
            model.kneighbors(SMALL, 1.5)
    assert ours.kneighbors(SMALL, 6)[1].shape == (6, 6)


def test_a_number_of_neighbours_set_after_the_fit_is_checked_too():
    knn = VectorizedKNNClassifier(1).fit(SMALL, LABELS)
    for wrong, error in ((0, ValueError), (-3, ValueError), (2.7, TypeError), (None, TypeError)):
        for method in ("kneighbors", "predict", "predict_proba"):
            with pytest.raises(error, match="n_neighbors"):
                getattr(knn.set_params(n_neighbors=wrong), method)(SMALL)


def test_other_mistakes():
    knn = VectorizedKNNClassifier(2)
    for method in ("kneighbors", "kneighbors_graph", "predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(knn, method)(SMALL)
    knn.fit(SMALL, LABELS)
    with pytest.raises(ValueError, match='"connectivity", or "distance" but got "weights"'):
        knn.kneighbors_graph(SMALL, mode="weights")
    knn.weights = np.zeros_like
    with pytest.raises(ValueError, match="getting zero weights"):
        knn.predict(SMALL)
    knn.weights = np.sum
    with pytest.raises(ValueError, match=r"array of the shape of the distances, \(6, 2\); got"):
        knn.predict(SMALL)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        knn.fit(SMALL, np.reshape(LABELS, (6, 1)))
    assert not knn.outputs_2d_
