"""The pipeline inside scikit-learn's tools."""

import io
import os
import pickle
import re
import shutil
from math import ceil
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline

from skfashion import (
    FashionMNISTLoader,
    ImageLoader,
    ImageReshaper,
    KerasCNNClassifier,
    PixelScaler,
    VectorizedKNNClassifier,
    make_cnn_pipeline,
    make_knn_pipeline,
)
from skfashion.neural_network.training._settings import count_epochs, effective_batch_size


@pytest.fixture
def pipeline():
    return make_cnn_pipeline(
        architecture="two_conv_dropout", filters=(8,), epochs=2, batch_size=32, random_state=0
    )


def test_what_the_factory_builds(tmp_path):
    built = make_cnn_pipeline(
        architecture="one_conv_dropout", image_shape=(14, 56), memory=str(tmp_path), epochs=3
    )
    assert type(built) is Pipeline
    assert built.memory == str(tmp_path)
    assert list(built.named_steps) == ["scaler", "reshaper", "cnn"]
    assert [type(step) for step in built.named_steps.values()] == [
        PixelScaler,
        ImageReshaper,
        KerasCNNClassifier,
    ]
    assert built["reshaper"].image_shape == (14, 56)
    assert built["cnn"].architecture == "one_conv_dropout"
    assert built["cnn"].epochs == 3
    named = make_cnn_pipeline(architecture="three_conv")["cnn"].get_params()
    assert named == KerasCNNClassifier().get_params()
    with pytest.raises(TypeError, match="epoch"):
        make_cnn_pipeline(epoch=3)


@pytest.mark.slow
@pytest.mark.parametrize("given_as", ["rows", "images", "images with a channel"])
def test_rows_and_images_train_in_float32_whatever_the_array(pipeline, clothes, given_as):
    X, y = clothes
    shape = {"rows": (400,), "images": (20, 20)}.get(given_as, (20, 20, 1))
    X = X.reshape(-1, *shape).astype(np.float64)
    before = X.copy()
    pipeline.fit(X, y)
    assert pipeline["cnn"].model_.dtype == "float32"
    assert pipeline.predict_proba(X).shape == (len(X), 10)
    assert_array_equal(X, before)


@pytest.mark.slow
def test_a_pipeline_transforms_the_validation_images(clothes):
    X, y = clothes
    X, X_val, y, y_val = X[:160], X[160:], y[:160], y[160:]
    pipeline = make_cnn_pipeline("fast", filters=(4, 4), epochs=2, random_state=0)
    by_hand = clone(pipeline)
    scaled = by_hand[:-1].fit(X).transform(X_val)
    by_hand.fit(X, y, cnn__X_val=scaled, cnn__y_val=y_val, cnn__sample_weight_val=np.arange(80))
    with config_context(enable_metadata_routing=True):
        pipeline.set_params(transform_input=["X_val"])
        pipeline["cnn"].set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipeline.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=np.arange(80))
    assert pipeline["cnn"].history_ == by_hand["cnn"].history_
    assert len(pipeline["cnn"].history_["val_accuracy"]) == pipeline["cnn"].n_iter_


@pytest.mark.slow
def test_memory_caches_the_first_steps(pipeline, clothes, tmp_path):
    X, y = clothes
    cached = clone(pipeline).set_params(memory=joblib.Memory(tmp_path, verbose=0))
    expected = pipeline.fit(X, y).predict_proba(X)
    for _ in range(2):
        assert_array_equal(clone(cached).fit(X, y).predict_proba(X), expected)


@pytest.mark.slow
def test_cross_val_score_beats_chance(pipeline, clothes):
    X, y = clothes
    scores = cross_val_score(pipeline.set_params(cnn__epochs=15), X, y, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.3


@pytest.mark.slow
def test_folds_are_stratified(pipeline, clothes):
    X, y = clothes
    assert is_classifier(pipeline)
    assert isinstance(check_cv(5, y, classifier=is_classifier(pipeline)), StratifiedKFold)
    order = np.argsort(y, kind="stable")  # in plain thirds, each fold would miss classes
    results = cross_validate(pipeline, X[order], y[order], cv=3, return_estimator=True)
    for fitted in results["estimator"]:
        assert_array_equal(fitted.classes_, np.arange(10))


def test_presets():
    def settings(*args, **kwargs):
        params = make_cnn_pipeline(*args, **kwargs)["cnn"].get_params(deep=False)
        return params | {"augmenter": re.sub("name=[^ ,]*", "", repr(params["augmenter"]))}

    assert settings() == settings("fast") == settings(preset="fast")
    assert settings("balanced") != settings("fast")
    assert settings("best", epochs=3) == settings("best") | {"epochs": 3}
    erased = settings("fast", random_erasing=0.15)
    assert erased["augmenter"] == "RandomErasing(fill_range=(0, 1), p=0.15)"
    moving, erasing = make_cnn_pipeline("balanced", random_erasing=0.15)["cnn"].augmenter
    assert (type(moving).__name__, erasing.p) == ("RandomTranslation", 0.15)
    for wrong in ("quick", []):
        with pytest.raises(ValueError, match=r"'preset' parameter .* must be a str among .*'fast'"):
            make_cnn_pipeline(wrong)
    with pytest.raises(ValueError, match=r"'random_erasing' parameter .*range \[0\.0, 1\.0\]"):
        make_cnn_pipeline(random_erasing=2)
    with pytest.raises(ValueError, match=r"random_erasing must be a probability.*got True"):
        make_cnn_pipeline(random_erasing=True)
    with pytest.raises(ValueError, match="preset and architecture cannot be combined"):
        make_cnn_pipeline("fast", architecture="three_conv")
    with pytest.raises(ValueError, match="random_erasing and augmenter cannot be combined"):
        make_cnn_pipeline(random_erasing=0.1, augmenter=None)


@pytest.mark.parametrize("preset", [None, "fast", "balanced", "best"])
def test_presets_take_enough_steps_where_images_are_few(preset):
    cnn = make_cnn_pipeline(preset)["cnn"]
    n_photographs = 3068  # as in the data set of clothing photographs, from which 32 steps make one
    steps_an_epoch = ceil(n_photographs / effective_batch_size(cnn.batch_size, n_photographs))
    assert count_epochs(cnn.epochs, steps_an_epoch) >= 25
    of_fashion_mnist = ceil(60_000 / effective_batch_size(cnn.batch_size, 60_000))
    assert count_epochs(cnn.epochs, of_fashion_mnist) == cnn.epochs[0]


@pytest.mark.slow
def test_a_fitted_preset_tells_how_many_steps_it_took(clothes):
    X, y = (part[:96] for part in clothes)
    cnn = make_cnn_pipeline(filters=(2,), random_state=0).fit(X, y)["cnn"]
    assert cnn.n_steps_ >= cnn.epochs[1]
    assert cnn.n_iter_ == len(cnn.history_["loss"]) == cnn.n_steps_ // 6
    asked = make_cnn_pipeline(filters=(2,), epochs=2, random_state=0).fit(X, y)["cnn"]
    assert (asked.n_iter_, asked.n_steps_) == (2, 12)


@pytest.mark.slow
def test_the_default_pipeline_learns(clothes):
    X, y = clothes
    pipeline = make_cnn_pipeline(batch_size=32, epochs=4, random_state=0).fit(X[:200], y[:200])
    assert pipeline.score(X[200:], y[200:]) > 0.6


def grid_search(pipeline, n_jobs):
    grid = {
        "cnn__architecture": ["one_conv_dropout", "two_conv_dropout"],
        "cnn__learning_rate": [1e-9, 0.003],
        "cnn__dropout": [0.4],
    }
    pipeline = clone(pipeline).set_params(cnn__epochs=3)
    return GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise")


@pytest.mark.slow
def test_grid_search_with_one_process_and_with_two(pipeline, clothes):
    X, y = clothes
    alone = grid_search(pipeline, 1).fit(X, y)
    together = grid_search(pipeline, 2).fit(X, y)
    assert alone.best_params_["cnn__learning_rate"] == 0.003
    assert together.best_params_ == alone.best_params_
    assert_allclose(
        together.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], atol=0.05
    )
    assert len(set(alone.cv_results_["mean_test_score"])) > 2
    best = alone.best_estimator_["cnn"]
    rates = [layer.rate for layer in best.model_.layers if hasattr(layer, "rate")]
    assert set(rates) <= {alone.best_params_["cnn__dropout"]}
    assert_array_equal(together.predict(X), together.best_estimator_.predict(X))


def test_clone_takes_parameters_and_nothing_learned(pipeline, clothes):
    copied = clone(pipeline.fit(*clothes))
    assert not hasattr(copied["cnn"], "model_")
    assert copied["cnn"].get_params() == pipeline["cnn"].get_params()


@pytest.mark.slow
def test_calibrated_classifier(pipeline, clothes):
    X, y = clothes
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(X, y)
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_classifier(pipeline, clothes, voting):
    X, y = clothes
    other = clone(pipeline).set_params(cnn__architecture="one_conv_dropout")
    vote = VotingClassifier([("a", pipeline), ("b", other)], voting=voting).fit(X, y)
    if voting == "soft":
        mean = np.mean([fitted.predict_proba(X) for fitted in vote.estimators_], axis=0)
        assert_allclose(vote.predict_proba(X), mean)
    assert vote.predict(X).shape == (len(X),)


def test_cross_val_predict_of_probabilities(pipeline, clothes):
    X, y = clothes
    probabilities = cross_val_predict(pipeline, X, y, cv=2, method="predict_proba")
    assert probabilities.shape == (len(X), 10)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_metadata_routing_of_sample_weight(pipeline, clothes):
    X, y = clothes
    weights = np.where(y < 5, 1.0, 1e-6)
    expected = clone(pipeline).fit(X, y, cnn__sample_weight=weights).predict_proba(X)
    assert not np.allclose(clone(pipeline).fit(X, y).predict_proba(X), expected)
    with config_context(enable_metadata_routing=True):
        routed = clone(pipeline)
        routed["cnn"].set_fit_request(sample_weight=True)
        accuracy = get_scorer("accuracy").set_score_request(sample_weight=True)
        assert_array_equal(
            clone(routed).fit(X, y, sample_weight=weights).predict_proba(X), expected
        )
        weighted = cross_val_score(
            routed, X, y, cv=2, scoring=accuracy, params={"sample_weight": weights}
        )
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            clone(pipeline).fit(X, y, sample_weight=weights)
    assert not np.allclose(weighted, cross_val_score(pipeline, X, y, cv=2))


PREDICT = """
import pickle, sys, joblib, numpy as np
path = sys.argv[1]
pipeline = joblib.load(path) if path.endswith("joblib") else pickle.load(open(path, "rb"))
np.save(path + ".npy", pipeline.predict_proba(np.load(sys.argv[2])))
pipeline.set_params(cnn__warm_start=True, cnn__epochs=1)
pipeline.fit(np.load(sys.argv[2]), np.load(sys.argv[3]))
np.save(path + ".more.npy", pipeline.predict_proba(np.load(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "file"), [("float32", "pipeline.joblib"), ("float64", "pipeline.pickle")]
)
def test_a_pickle_predicts_and_trains_on_in_another_process(
    pipeline, clothes, run_python, tmp_path, file, dtype
):
    X, y = clothes
    X = X.astype(dtype)
    pipeline.set_params(scaler__dtype=None).fit(X, y)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    path = tmp_path / file
    if file.endswith("joblib"):
        joblib.dump(pipeline, path)
    else:
        path.write_bytes(pickle.dumps(pipeline))
    run_python(PREDICT, path, tmp_path / "X.npy", tmp_path / "y.npy")
    assert_array_equal(np.load(f"{path}.npy"), pipeline.predict_proba(X))
    # The optimizer's state and the generators of orders and dropout masks are in it too.
    pipeline.set_params(cnn__warm_start=True, cnn__epochs=1).fit(X, y)
    assert_array_equal(np.load(f"{path}.more.npy"), pipeline.predict_proba(X))


@pytest.fixture(scope="module")
def photographs(clothes, tmp_path_factory):
    """Paths of the clothes, dark on white and three times as large, and their labels."""
    X, y = clothes
    folder = tmp_path_factory.mktemp("photographs")
    paths = [str(folder / f"{i}.png") for i in range(len(X))]
    for path, image in zip(paths, X.reshape(-1, 20, 20), strict=True):
        Image.fromarray(255 - image).resize((60, 60)).save(path)
    return paths, y


def test_what_the_factories_build_for_files():
    cnn = make_cnn_pipeline(from_files=True)
    assert list(cnn.named_steps) == ["loader", "scaler", "reshaper", "cnn"]
    assert cnn["loader"].get_params() == ImageLoader().get_params()
    sized = make_cnn_pipeline(from_files=True, image_shape=(20, 24, 3))
    assert sized["loader"].image_shape == (20, 24, 3)
    assert sized["reshaper"].image_shape is None
    knn = make_knn_pipeline(from_files=True, n_neighbors=3)
    assert list(knn.named_steps) == ["loader", "scaler", "sqrt", "knn"]
    assert knn["loader"].get_params() == FashionMNISTLoader().get_params()
    for factory in (make_cnn_pipeline, make_knn_pipeline):
        with pytest.raises(ValueError, match="'from_files' parameter"):
            factory(from_files="yes")


def _replaced(paths, order):
    contents = [Path(path).read_bytes() for path in paths]
    for path, number in zip(paths, order, strict=True):
        Path(path).write_bytes(contents[number])


# Whoever has made the pipeline, and however it was copied.
@pytest.mark.parametrize(
    ("make", "is_kept"),
    [
        (lambda memory: make_knn_pipeline(from_files=True, memory=memory), True),
        (
            lambda memory: make_knn_pipeline(
                from_files=True, memory=joblib.Memory(memory, verbose=0)
            ),
            True,
        ),
        (lambda memory: clone(make_knn_pipeline(from_files=True, memory=memory)), True),
        (lambda memory: make_knn_pipeline(from_files=True).set_params(memory=memory), False),
        (
            lambda memory: make_pipeline(
                FashionMNISTLoader(), PixelScaler(), VectorizedKNNClassifier(), memory=memory
            ),
            False,
        ),
    ],
)
def test_memory_does_not_answer_from_files_that_were_replaced(
    photographs, tmp_path, monkeypatch, make, is_kept
):
    paths = [shutil.copy(path, tmp_path) for path in photographs[0][:20]]
    y = photographs[1][:20]
    read = []
    transform = FashionMNISTLoader.transform
    monkeypatch.setattr(
        FashionMNISTLoader, "transform", lambda self, X: read.extend(X) or transform(self, X)
    )

    def fitted():
        read.clear()
        rows = make(str(tmp_path / "memory")).fit(paths, y)[-1]._search.rows.copy()
        return rows, len(read)

    before, n_read = fitted()
    assert n_read == 20
    again, n_read = fitted()
    assert_array_equal(again, before)
    assert n_read == (0 if is_kept else 20)
    _replaced(paths, [*range(1, 20), 0])
    assert_array_equal(fitted()[0], np.roll(before, -1, axis=0))


def test_memory_tells_files_of_equal_size_and_times_apart(photographs, tmp_path, monkeypatch):
    paths, y = [shutil.copy(path, tmp_path) for path in photographs[0][:20]], photographs[1][:20]
    links = [tmp_path / f"link{i}" for i in range(20)]

    def rows(targets):
        for link, target in zip(links, targets, strict=True):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        pipeline = make_knn_pipeline(from_files=True, memory=str(tmp_path / "memory"))
        return pipeline.fit(links, y)[-1]._search.rows.copy()

    stat = os.stat

    def alike(path):
        found = stat(path)
        same = {"st_size": 1, "st_mtime_ns": 2, "st_ctime_ns": 3}
        return SimpleNamespace(st_dev=found.st_dev, st_ino=found.st_ino, **same)

    with monkeypatch.context() as patch:
        patch.setattr(
            "skfashion.preprocessing._file_memory.os",
            SimpleNamespace(stat=alike, fsdecode=os.fsdecode, path=os.path),
        )
        before = rows(paths)
        assert_array_equal(rows([*paths[1:], paths[0]]), np.roll(before, -1, axis=0))


def test_memory_refuses_open_files_and_knows_files_in_memory(photographs, tmp_path):
    contents = [Path(path).read_bytes() for path in photographs[0][:6]]
    y = photographs[1][:6]
    pipeline = make_knn_pipeline(from_files=True, n_neighbors=1, memory=str(tmp_path))
    refused = pytest.raises(ValueError, match=r"X\[1\] is an open file.* Pass its path")
    with open(photographs[0][0], "rb") as file, refused:
        pipeline.fit([photographs[0][0], file], y[:2])
    for order in (slice(None), slice(None, None, -1)):
        rows = pipeline.fit([io.BytesIO(content) for content in contents[order]], y)[-1]
        assert_array_equal(rows.kneighbors(return_distance=False).shape, (6, 1))
        loaded = pipeline[:-1].transform([io.BytesIO(content) for content in contents[order]])
        assert_array_equal(rows._search.rows, loaded.reshape(6, -1))
    with pytest.raises(FileNotFoundError, match=r"X\[1\] .*none\.png"):
        pipeline.fit([photographs[0][0], tmp_path / "none.png"], y[:2])


@pytest.mark.slow
def test_a_network_learns_from_files(photographs):
    paths, y = photographs
    pipeline = make_cnn_pipeline(
        from_files=True, image_shape=(20, 20), batch_size=32, epochs=4, random_state=0
    )
    pipeline.fit(paths[:200], y[:200])
    assert pipeline.score(paths[200:], y[200:]) > 0.6
    assert pipeline["reshaper"].image_shape_ == (20, 20, 1)
    probabilities = pipeline.predict_proba(paths[200:])
    copied = pickle.loads(pickle.dumps(pipeline))
    with Image.open(paths[200]) as image:
        assert_allclose(copied.predict_proba([image]), probabilities[:1], rtol=1e-5)
    in_memory = pipeline[1:].predict_proba(pipeline["loader"].transform(paths[200:]))
    assert_array_equal(in_memory, probabilities)


@pytest.mark.slow
@pytest.mark.parametrize("form", [list, pd.Series, np.array])
def test_searches_and_folds_over_files(photographs, form):
    paths, y = photographs
    X = form(paths)
    pipeline = make_knn_pipeline(from_files=True, n_neighbors=3)
    grid = {"loader__sharpen": [True, False], "knn__n_neighbors": [1, 100]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise", n_jobs=2).fit(X, y)
    assert search.best_params_["knn__n_neighbors"] == 1
    assert search.predict(X).shape == y.shape
    assert cross_val_score(pipeline, X, y, cv=2, error_score="raise").min() > 0.4


@pytest.mark.slow
def test_colour_photographs_of_two_kinds_of_input_train_alike(photographs):
    paths, y = photographs
    pipeline = make_cnn_pipeline(
        architecture="two_conv_dropout",
        from_files=True,
        image_shape=(16, 16, 3),
        filters=(4,),
        epochs=1,
        random_state=0,
    )
    of_files = pipeline.fit(paths[:40], y[:40]).predict_proba(paths[:40])
    assert pipeline["cnn"].model_.input_shape == (None, 16, 16, 3)
    of_arrays = [np.asarray(Image.open(path)) for path in paths[:40]]
    assert_array_equal(clone(pipeline).fit(of_arrays, y[:40]).predict_proba(of_arrays), of_files)


def test_missing_pixels_pass_a_pipeline_without_the_scaler():
    X = np.array([[0.2, np.nan], [0.3, np.nan], [np.nan, 0.9]])
    pipeline = make_knn_pipeline(metric="nan_euclidean", n_neighbors=1)
    with pytest.raises(ValueError, match="contains NaN"):
        pipeline.fit(X, [0, 0, 1])
    pipeline.set_params(scaler="passthrough").fit(X, [0, 0, 1])
    assert_array_equal(pipeline.predict(X), [0, 0, 1])
