"""Ctrl-C during training."""

import contextlib
import gc
import inspect
import os
import signal
import time
import warnings
from unittest import mock

import joblib
import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skfashion import KerasCNNClassifier, PixelScaler, RandomErasing, make_cnn_pipeline
from skfashion.neural_network.runtime import _model_pool

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 4, "random_state": 0}


def own_loss(true, predicted):
    return keras.losses.categorical_crossentropy(true, predicted)


class Points:
    """Where a training may be when something happens: the ends of blocks of TensorFlow's."""

    def __init__(self, monkeypatch):
        self.n, self.at, self.act = 0, None, None
        leave = contextlib._GeneratorContextManager.__exit__

        def count(manager, *error):
            if manager.gen.gi_code.co_filename.split("site-packages/")[-1].startswith("tensorflow"):
                self.n += 1
                if self.n == self.at:
                    self.act()
            return leave(manager, *error)

        monkeypatch.setattr(contextlib._GeneratorContextManager, "__exit__", count)

    def set(self, at, act):
        self.n, self.at, self.act = 0, at, act


@pytest.fixture
def points(monkeypatch):
    return Points(monkeypatch)


def press():
    signal.raise_signal(signal.SIGINT)


def tracing_anew(model, images, predict=keras.Model.predict_on_batch):
    model.predict_function = None
    return predict(model, images)


def of_a_kind(filters, **parameters):
    """Return a network that no other test has, so that nothing is compiled for it yet."""
    return KerasCNNClassifier(**{**SMALL, "filters": (filters,), "epochs": 2, **parameters})


class CtrlC(keras.callbacks.Callback):
    """Press Ctrl-C in the first batch of an epoch, counted over all fits."""

    begun = 0

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        CtrlC.begun += 1

    def on_train_batch_end(self, batch, logs=None):
        if CtrlC.begun == self.epoch:
            CtrlC.begun += 1
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def python_answers(ctrl_c, monkeypatch):
    monkeypatch.setattr(CtrlC, "begun", 0)


def interrupted(epoch=6, **parameters):
    return KerasCNNClassifier(**{**SMALL, "callbacks": [CtrlC(epoch)], **parameters})


SEARCHED = {
    "search": lambda cnn, X, y: GridSearchCV(cnn, {"dropout": [0, 0.1]}, cv=2).fit(X, y),
    "search over pipelines": lambda cnn, X, y: GridSearchCV(
        make_pipeline(PixelScaler((0, 1)), cnn), {"kerascnnclassifier__dropout": [0, 0.1]}, cv=2
    ).fit(X, y),
    "cross-validation": lambda cnn, X, y: cross_val_score(cnn, X, y, cv=2),
    "bagging": lambda cnn, X, y: BaggingClassifier(cnn, 2).fit(X, y),
    "voting": lambda cnn, X, y: VotingClassifier([("a", cnn), ("b", clone(cnn))]).fit(X, y),
    "joblib": lambda cnn, X, y: joblib.Parallel()(
        joblib.delayed(clone(cnn).fit)(X, y) for _ in range(2)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("searched", SEARCHED)
def test_it_ends_what_goes_by_several_fits(scaled, searched):
    with pytest.raises(KeyboardInterrupt, match=r"after 1 of 4 epochs.*With checkpoint_dir"):
        SEARCHED[searched](interrupted(), *scaled)
    assert CtrlC.begun == 7  # so no further fit began


@pytest.mark.slow
def test_it_ends_a_search_that_fits_the_best_again(scaled):
    search = GridSearchCV(interrupted(epoch=10), {"dropout": [0]}, cv=2)
    with pytest.raises(KeyboardInterrupt, match="after 1 of 4 epochs"):
        search.fit(*scaled)
    assert not hasattr(search, "cv_results_")


@pytest.mark.slow
def test_it_ends_an_estimator_that_fits_another(scaled):
    X, y = scaled
    threshold = FixedThresholdClassifier(interrupted(epoch=2))
    with pytest.raises(KeyboardInterrupt):
        threshold.fit(X, y > 4)
    assert not hasattr(threshold, "estimator_")


def fit(estimator, X, y):
    return estimator.fit(X, y)


@pytest.mark.slow
def test_a_fit_of_ones_own_keeps_what_it_has_learned(clothes):
    X, y = clothes
    alone = interrupted(epoch=3)
    scaler = make_pipeline(PixelScaler(), alone)
    for estimator in (scaler, make_pipeline(scaler), alone):
        CtrlC.begun = 0
        with pytest.warns(UserWarning, match="interrupted by user, after 2 of 4 epochs") as warned:
            fit(estimator, X, y)
        assert warned[0].filename == __file__
        assert warned[0].lineno == inspect.getsourcelines(fit)[1] + 1
        last = estimator if estimator is alone else estimator[-1]
        last = last if last is alone else last[-1]
        assert last.n_iter_ == len(last.history_["loss"]) == 2
        assert estimator.predict(X).shape == y.shape


@pytest.mark.slow
def test_what_one_learns_step_by_step_is_kept_as_it_was(scaled):
    X, y = scaled
    cnn = interrupted(epoch=3).partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
    before = cnn.predict_proba(X)
    with pytest.raises(KeyboardInterrupt, match="after 0 of 1 epochs"):
        cnn.partial_fit(X, y)
    assert_array_equal(cnn.predict_proba(X), before)
    assert cnn.n_iter_ == 2


def test_less_than_an_epoch_is_no_training(scaled):
    X, y = scaled
    cnn = interrupted(epoch=1)
    with pytest.raises(KeyboardInterrupt, match="after 0 of 4 epochs"):
        cnn.fit(X, y)
    with pytest.raises(NotFittedError):
        cnn.predict(X)


@pytest.mark.slow
def test_the_message_tells_how_to_go_on(clothes, tmp_path):
    pipeline = make_cnn_pipeline(**SMALL, checkpoint_dir=tmp_path, callbacks=[CtrlC(3)])
    with pytest.raises(KeyboardInterrupt) as interrupt:
        pipeline.fit(*clothes)
    (path,) = tmp_path.iterdir()
    message = str(interrupt.value)
    assert f"after 2 of 4 epochs, which are saved in {path}. To resume, call fit again" in message
    CtrlC.begun = 99
    assert pipeline.fit(*clothes)["cnn"].n_iter_ == 4


def test_what_is_half_trained_is_not_cached(clothes, tmp_path):
    X, y = clothes
    similar = make_pipeline(interrupted(epoch=2), "passthrough", memory=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        similar.fit(X, y)
    assert not list(tmp_path.rglob("output.pkl"))


class Hangs(keras.callbacks.Callback):
    """Press Ctrl-C three times while the user's own code runs."""

    def on_train_batch_end(self, batch, logs=None):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_the_third_one_is_answered_at_once(scaled, monkeypatch):
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    cnn = of_a_kind(30, callbacks=[Hangs()])
    with pytest.raises(KeyboardInterrupt) as interrupt:
        cnn.fit(*scaled)
    assert "after 0 of 2 epochs" in str(interrupt.value)
    assert _model_pool._idle_models == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Stop(keras.callbacks.Callback):
    """Raise something at the end of an epoch, counted over all fits."""

    begun = 0

    def __init__(self, epoch, error):
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_begin(self, epoch, logs=None):
        Stop.begun += 1

    def on_test_batch_end(self, batch, logs=None):
        if Stop.begun == self.epoch:
            raise self.error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch", "error", "is_shared"),
    [(1, KeyboardInterrupt, False), (2, KeyboardInterrupt, False), (2, OSError, True)],
)
def test_what_was_interrupted_is_not_shared_again(scaled, monkeypatch, epoch, error, is_shared):
    X, y = scaled
    monkeypatch.setattr(Stop, "begun", 0)
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    settings = {"callbacks": [Stop(epoch, error)], "early_stopping": True}
    cnn = KerasCNNClassifier(**{**SMALL, **settings})
    with contextlib.suppress(error), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cnn.fit(X, y)
    shared = [engine for _, engine in _model_pool._idle_models]
    assert len(shared) == is_shared
    other = X[::-1], y[::-1]
    again = cnn.set_params(callbacks=None).fit(*other)
    assert [engine for _, engine in _model_pool._idle_models][: len(shared)] == shared
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    expected = clone(cnn).fit(*other)
    assert again.history_ == expected.history_
    assert_array_equal(again.predict_proba(X), expected.predict_proba(X))


@pytest.mark.slow
def test_predictions_that_were_interrupted_leave_no_model_to_others(scaled, monkeypatch):
    X, y = scaled
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    shared, own = of_a_kind(31).fit(X, y), of_a_kind(31, loss=own_loss).fit(X, y)
    expected = shared.predict_proba(X), own.predict_proba(X)
    for cnn, probabilities in zip((shared, own), expected, strict=True):
        n_models = len(_model_pool._idle_models)
        with (
            mock.patch("keras.layers.Dense.call", side_effect=KeyboardInterrupt),
            mock.patch.object(keras.Model, "predict_on_batch", tracing_anew),
            pytest.raises(KeyboardInterrupt),
        ):
            cnn.predict(X)
        assert len(_model_pool._idle_models) == n_models - (cnn is shared)
        assert_array_equal(cnn.predict_proba(X), probabilities)


@pytest.mark.slow
def test_failing_trainings_leave_nothing_in_memory(scaled, monkeypatch):
    X, y = scaled
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    diverging = of_a_kind(32, optimizer="sgd", learning_rate=1e30)
    stopped = of_a_kind(33, callbacks=[Stop(0, OSError)], early_stopping=True)
    failing = of_a_kind(34, augmenter=RandomErasing(fill_range=(0, 1)))

    def graphs():
        gc.collect()
        return sum(type(one).__name__ == "FuncGraph" for one in gc.get_objects())

    def fit():
        for cnn, error in ((diverging, ValueError), (stopped, OSError), (failing, OSError)):
            Stop.begun = -1
            with (
                mock.patch.object(RandomErasing, "augment", side_effect=OSError),
                pytest.raises(error),
            ):
                clone(cnn).fit(X, y)

    for _ in range(2):  # TensorFlow adds threads to its pools when they are busy
        fit()
    before, n_threads = graphs(), len(os.listdir("/proc/self/task"))
    gc.disable()
    try:
        for _ in range(3):
            fit()
        stop = time.monotonic() + 30  # threads that are told to end take a moment
        while len(os.listdir("/proc/self/task")) > n_threads + 4 and time.monotonic() < stop:
            time.sleep(0.1)
        assert len(os.listdir("/proc/self/task")) <= n_threads + 4  # of the last one
    finally:
        gc.enable()
    assert graphs() == before


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", own_loss])
def test_it_does_no_harm_wherever_tensorflow_is(scaled, points, loss):
    X, y = scaled[0][:64], scaled[1][:64]
    of_a_kind(40, loss=loss).fit(X, y)
    n_points = points.n
    assert n_points > 300
    for filters, at in enumerate(range(5, n_points, n_points // 3), start=41):
        cnn = of_a_kind(filters, loss=loss)
        points.set(at, press)
        with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a training kept as it was after an epoch
            cnn.fit(X, y)
        points.set(None, None)
        again = cnn.fit(X, y)
        assert cnn.n_iter_ == 2
        assert_array_equal(clone(cnn).fit(X, y).predict_proba(X), again.predict_proba(X))


@pytest.mark.slow
def test_images_of_a_failed_fit_validate_no_other(scaled, monkeypatch):
    X, y = scaled
    monkeypatch.setattr(Stop, "begun", 0)
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    cnn = of_a_kind(35, callbacks=[Stop(2, OSError("no more"))])
    with pytest.raises(OSError, match="no more"):
        cnn.fit(X, y, X_val=X[:50], y_val=y[:50], sample_weight_val=np.arange(50))
    assert len(_model_pool._idle_models) == 1
    again = cnn.set_params(callbacks=None).fit(X, y, X_val=X, y_val=y)
    monkeypatch.setattr(_model_pool, "_idle_models", [])
    assert again.history_ == clone(cnn).fit(X, y, X_val=X, y_val=y).history_
