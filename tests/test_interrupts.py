"""Ctrl-C during training."""

import inspect
import signal
from functools import wraps
from pathlib import Path

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

from skfashion import KerasCNNClassifier, PixelScaler, make_cnn_pipeline
from skfashion.neural_network import _engines

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 4, "random_state": 0}


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


@pytest.mark.parametrize("searched", SEARCHED)
def test_it_ends_what_goes_by_several_fits(scaled, searched):
    with pytest.raises(KeyboardInterrupt, match=r"after 1 of 4 epochs.*With checkpoint_dir"):
        SEARCHED[searched](interrupted(), *scaled)
    assert CtrlC.begun == 7  # so no further fit began


def test_it_ends_a_search_that_fits_the_best_again(scaled):
    search = GridSearchCV(interrupted(epoch=10), {"dropout": [0]}, cv=2)
    with pytest.raises(KeyboardInterrupt, match="after 1 of 4 epochs"):
        search.fit(*scaled)
    assert not hasattr(search, "cv_results_")


def test_it_ends_an_estimator_that_fits_another(scaled):
    X, y = scaled
    threshold = FixedThresholdClassifier(interrupted(epoch=2))
    with pytest.raises(KeyboardInterrupt):
        threshold.fit(X, y > 4)
    assert not hasattr(threshold, "estimator_")


def fit(estimator, X, y):
    return estimator.fit(X, y)


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


def test_the_message_tells_how_to_go_on(clothes, tmp_path):
    pipeline = make_cnn_pipeline(**SMALL, checkpoint_dir=tmp_path, callbacks=[CtrlC(3)])
    with pytest.raises(KeyboardInterrupt) as interrupt:
        pipeline.fit(*clothes)
    (path,) = tmp_path.iterdir()
    message = str(interrupt.value)
    assert f"after 2 of 4 epochs. They are kept in {path}: to go on, call fit again" in message
    CtrlC.begun = 99
    assert pipeline.fit(*clothes)["cnn"].n_iter_ == 4


def test_what_is_half_trained_is_not_cached(clothes, tmp_path):
    X, y = clothes
    similar = make_pipeline(interrupted(epoch=2), "passthrough", memory=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        similar.fit(X, y)
    assert not list(tmp_path.rglob("output.pkl"))


# What is interrupted while TensorFlow traces it, at any call of these, ends there: the same network
# is trained afterwards as if nothing had been.
TRACED = {
    "layers": (keras.layers.Dense, "call"),
    "optimizer": (keras.optimizers.Adam, "update_step"),
    "loss": (keras.Model, "compute_loss"),
    "metrics": (keras.Model, "compute_metrics"),
}


@pytest.mark.parametrize(
    ("traced", "searched"), [*((traced, False) for traced in TRACED), ("optimizer", True)]
)
def test_a_network_interrupted_while_it_is_traced_is_not_shared(
    scaled, monkeypatch, traced, searched
):
    owner, name = TRACED[traced]
    X, y = scaled
    monkeypatch.setattr(_engines, "_idle", [])
    cnn = KerasCNNClassifier("one_conv_dropout", filters=(3,), epochs=1, random_state=0)
    expected = None
    original = getattr(owner, name)
    for call in range(1, 4):
        calls = []

        @wraps(original)  # for keras, which reads the names of its arguments
        def interrupted(self, *args, calls=calls, call=call, **kwargs):
            calls.append(None)
            if len(calls) == call:
                raise KeyboardInterrupt
            return original(self, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            fitted = GridSearchCV(cnn, {"dropout": [0, 0.1]}, cv=2) if searched else clone(cnn)
            try:
                fitted.fit(X, y, validation_data=(X, y))
            except KeyboardInterrupt:
                pass
            else:
                assert len(calls) < call  # it is called less often
        for _ in range(2):
            got = clone(cnn).fit(X, y, validation_data=(X, y)).predict_proba(X)
            expected = got if expected is None else expected
            assert_array_equal(got, expected)


def test_a_network_whose_training_was_cut_short_runs_no_other(scaled, monkeypatch):
    monkeypatch.setattr(_engines, "_idle", [])
    cnn = interrupted(epoch=3)
    with pytest.warns(UserWarning, match="after 2 of 4 epochs"):
        cnn.fit(*scaled)
    assert _engines._idle == []
    cnn.set_params(callbacks=None).fit(*scaled)
    assert len(_engines._idle) == 1


class Failing(keras.callbacks.Callback):
    def __init__(self, when):
        super().__init__()
        self.when = when

    def on_epoch_end(self, epoch, logs=None):
        if self.when == "epoch":
            raise RuntimeError("pruned")

    def on_train_batch_end(self, batch, logs=None):
        if self.when == "batch":
            raise RuntimeError("pruned")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux does")
@pytest.mark.parametrize("failing", ["batch", "epoch", "diverges"])
def test_fits_that_fail_share_their_model_and_leave_no_threads(scaled, monkeypatch, failing):
    X, y = scaled
    monkeypatch.setattr(_engines, "_idle", [])
    good = KerasCNNClassifier(**SMALL).set_params(epochs=2, batch_size=64)
    expected = good.fit(X, y).predict_proba(X)
    ((_, engine),) = _engines._idle
    if failing == "diverges":
        bad = clone(good).set_params(learning_rate=1e30)
    else:
        bad = clone(good).set_params(callbacks=[Failing(failing)])
    threads = []
    for _ in range(6):
        with pytest.raises((RuntimeError, ValueError), match=r"pruned|Training diverged"):
            clone(bad).fit(X, y)
        threads.append(len(list(Path("/proc/self/task").iterdir())))
        ((_, shared),) = _engines._idle
        assert shared is engine
    assert max(threads) <= threads[0]
    assert_array_equal(clone(good).fit(X, y).predict_proba(X), expected)
