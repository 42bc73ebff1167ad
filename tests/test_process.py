"""What skfashion shares with others in its process: settings, generators, threads."""

import copy
import inspect
import pickle
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators

from skfashion import KerasCNNClassifier, export_onnx, make_cnn_pipeline, make_knn_pipeline
from skfashion.neural_network.runtime import _model_pool

SMALL = {"filters": (4, 4), "epochs": 2, "random_state": 0}
SETTINGS = {
    "floatx": "float16",
    "epsilon": 0.5,
    "image_data_format": "channels_first",
    "dtype_policy": "mixed_float16",
}


@pytest.fixture
def other_settings():
    """Set all that keras has one of for a process to something else, and no network is compiled."""

    def changed():
        _model_pool._idle_models.clear()
        for name, value in SETTINGS.items():
            getattr(keras.config, f"set_{name}")(value)

    before = {name: getattr(keras.config, name)() for name in SETTINGS}
    yield changed
    _model_pool._idle_models.clear()
    for name, value in before.items():
        getattr(keras.config, f"set_{name}")(value)


def read_settings():
    found = {name: getattr(keras.config, name)() for name in SETTINGS}
    return {**found, "dtype_policy": found["dtype_policy"].name}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_settings_of_keras_make_no_difference(clothes, other_settings, precision):
    X, y = clothes

    def trained():
        pipeline = make_cnn_pipeline("balanced", early_stopping=True, precision=precision, **SMALL)
        return pipeline.fit(X, y)

    expected = trained()
    pickled = pickle.dumps(expected)
    other_settings()
    got, copied = trained(), pickle.loads(pickled)
    assert got["cnn"].history_ == expected["cnn"].history_
    for one in (got, copied):
        assert_array_equal(one.predict_proba(X), expected.predict_proba(X))
        assert_array_equal(one[:-1].transform(X), expected[:-1].transform(X))
        images = one[:-1].transform(X)
        assert_array_equal(one["cnn"].transform(images), expected["cnn"].transform(images))
    assert read_settings() == SETTINGS


@pytest.mark.slow
def test_training_that_goes_on_is_the_same_under_other_settings(scaled, other_settings):
    X, y = scaled
    cnn = KerasCNNClassifier(
        "two_conv_dropout", learning_rate_schedule="cosine", warm_start=True, **SMALL
    )
    cnn.set_params(filters=(4,)).fit(X, y)
    cnn.model_  # noqa: B018 (its own from here on, in the copies too)
    here, there = copy.deepcopy(cnn).fit(X, y), copy.deepcopy(cnn)
    other_settings()
    assert there.fit(X, y).history_ == here.history_
    assert_array_equal(there.predict_proba(X), here.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_reading_the_model_changes_nothing_else(scaled, schedule):
    X, y = scaled
    cnn = KerasCNNClassifier(learning_rate_schedule=schedule, warm_start=True, **SMALL).fit(X, y)
    read = copy.deepcopy(cnn)
    before = pickle.dumps(read._network)
    weights = read.model_.get_weights()
    assert pickle.dumps(read._network) == before
    assert_array_equal(read.predict_proba(X), cnn.predict_proba(X))
    assert read.fit(X, y).history_ == cnn.fit(X, y).history_
    assert_array_equal(read.predict_proba(X), cnn.predict_proba(X))
    assert not np.array_equal(read.model_.get_weights()[0], weights[0])


@pytest.mark.slow
def test_a_policy_that_was_never_set_stays_unset(scaled, run_python):
    code = """
import keras
from skfashion.neural_network.runtime._keras import building
with building("float32", 0):
    pass
keras.config.set_floatx("float64")
assert keras.config.dtype_policy().name == "float64"
"""
    run_python(code)


def test_a_layer_of_channels_first_is_refused(scaled):
    layer = keras.layers.RandomTranslation(0.1, 0.1, data_format="channels_first")
    with pytest.raises(ValueError, match=r"augmenter must take .*data_format='channels_last'"):
        KerasCNNClassifier(augmenter=layer).fit(*scaled)


@pytest.mark.slow
def test_graphs_and_several_devices_are_refused(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=1).fit(X, y)
    calls = [lambda: cnn.predict(X), lambda: clone(cnn).fit(X, y), lambda: cnn.partial_fit(X, y)]
    for call in calls:
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match="eager execution is off"):
            call()
    for strategy in (tf.distribute.MirroredStrategy(["CPU:0"]), tf.distribute.MirroredStrategy()):
        for call in calls:
            with (
                strategy.scope(),
                pytest.raises(RuntimeError, match=r"one device, .* outside of strategy\.scope"),
            ):
                call()
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        for call in calls:
            call()


def generators():
    """Return where each global generator is."""
    kind, numbers, *place = np.random.get_state()  # noqa: NPY002
    return (
        random.getstate(),
        (kind, numbers.tolist(), *place),
        tf.random.get_global_generator().state.numpy().tolist(),
        keras.src.random.seed_generator.global_seed_generator().state.numpy().tolist(),
    )


@pytest.mark.slow
def test_global_generators_stay_where_they_are(clothes, tmp_path):
    X, y = clothes
    layer = keras.layers.RandomFlip("horizontal")
    cnn = make_cnn_pipeline(architecture="two_conv_dropout", filters=(4,), epochs=1, random_state=0)
    cnn.set_params(cnn__augmenter=[layer], cnn__optimizer=keras.optimizers.SGD(0.1))
    cnn.fit(X, y)
    knn = make_knn_pipeline().fit(X, y)
    images = cnn[:-1].transform(X)
    pickled = pickle.dumps(cnn)
    done = {
        **{f"make {name}": lambda name=name: make_cnn_pipeline(name) for name in ("fast", "best")},
        "clone": lambda: clone(cnn),
        "clone of a clone": lambda: clone(clone(make_cnn_pipeline("balanced"))).get_params(),
        "copy": lambda: copy.deepcopy(cnn),
        "load": lambda: pickle.loads(pickled),
        "load and read": lambda: pickle.loads(pickled).get_params(),
        "load and print": lambda: repr(pickle.loads(pickled)),
        "load and predict": lambda: pickle.loads(pickled).predict(X),
        "load and fit": lambda: pickle.loads(pickled).fit(X, y),
        "fit": lambda: cnn.fit(X, y),
        "partial_fit": lambda: cnn["cnn"].partial_fit(images, y),
        "predict": lambda: cnn.predict(X),
        "transform": lambda: cnn["cnn"].transform(images),
        "model": lambda: cnn["cnn"].model_,
        "save": lambda: cnn["cnn"].save_model(tmp_path / "network.keras"),
        "export": lambda: export_onnx(cnn, tmp_path / "network.onnx"),
        "knn": lambda: clone(knn).fit(X, y).predict(X),
        "knn, loaded": lambda: pickle.loads(pickle.dumps(knn)).predict(X),
    }
    generators()  # the first look at keras' own makes it
    before = generators()
    moved = []
    for name, do in done.items():
        do()
        if generators() != before:
            moved.append(name)
            before = generators()
    assert moved == []


@pytest.mark.slow
def test_estimators_within_ours_are_not_seen_by_those_who_watch_fits(clothes, monkeypatch):
    X, y = clothes
    seen = []

    def watched(method):
        def noting(self, *args, **kwargs):
            seen.append(type(self).__name__)
            return method(self, *args, **kwargs)

        return noting

    for _, kind in [*all_estimators(), ("Pipeline", Pipeline)]:
        for name in ("fit", "fit_transform", "fit_predict"):
            method = vars(kind).get(name)
            if inspect.isfunction(method) and kind.__module__.startswith("sklearn."):
                monkeypatch.setattr(kind, name, watched(method))
    cnn = make_cnn_pipeline(
        architecture="two_conv_dropout", filters=(4,), epochs=1, early_stopping=True
    )
    for pipeline, named in [(cnn, ["Pipeline"]), (make_knn_pipeline(), None)]:
        seen.clear()
        pipeline.fit(X, y).predict(X)
        if named is None:
            named = ["Pipeline", "FunctionTransformer"]
        else:
            assert pipeline["cnn"].keras_classifier_.predict(pipeline[:-1].transform(X)).shape == (
                len(y),
            )
        assert set(seen) == set(named)
