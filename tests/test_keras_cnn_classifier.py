import gc
import io
import random
import threading
import weakref
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skfashion import KerasCNNClassifier

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "random_state": 0}


@pytest.mark.slow
def test_it_learns(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=30, batch_size=32, random_state=0).fit(X[:200], y[:200])
    assert cnn.score(X[:200], y[:200]) > 0.9
    assert cnn.score(X[200:], y[200:]) > 0.6


@pytest.mark.slow
def test_rows_and_images_are_the_same(scaled):
    X, y = scaled
    forms = [X, X.reshape(-1, 20, 20), X.reshape(-1, 20, 20, 1)]
    models = [KerasCNNClassifier(epochs=1, **SMALL).fit(form, y) for form in forms]
    expected = models[0].predict_proba(X)
    for model in models:
        assert model.n_features_in_ == 400
        assert model.image_shape_ == (20, 20, 1)
        for form in forms:
            assert_array_equal(model.predict_proba(form), expected)


@pytest.mark.slow
def test_colour_images(scaled):
    X, y = scaled
    coloured = np.repeat(X.reshape(-1, 20, 20, 1), 3, axis=3)
    cnn = KerasCNNClassifier(epochs=1, **SMALL).fit(coloured, y)
    assert cnn.model_.input_shape == (None, 20, 20, 3)
    assert_array_equal(cnn.predict(coloured), cnn.predict(coloured.reshape(len(y), -1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given_as", "trained_in"),
    [
        ("float64", "float64"),
        ("float32", "float32"),
        ("float16", "float32"),
        ("uint8", "float32"),
        ("int64", "float32"),
        ("bool", "float32"),
    ],
)
def test_type_of_the_arithmetic(scaled, given_as, trained_in, monkeypatch):
    import keras

    from skfashion.neural_network.runtime import _precision

    monkeypatch.setattr(_precision, "has_bfloat16", lambda: False)
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=1, **SMALL).fit(X.astype(given_as), y)
    assert cnn.precision_ == trained_in
    assert {weight.dtype.name for weight in cnn.model_.get_weights()} == {trained_in}
    assert {layer.compute_dtype for layer in cnn.model_.layers} == {trained_in}
    assert cnn.predict_proba(X).dtype == trained_in
    assert keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    "labels",
    [np.arange(10) - 5, np.array(list("abcdefghij")), np.array(list("jihgfedcba"), dtype=object)],
)
def test_labels_of_any_kind(scaled, labels):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=1, **SMALL).fit(X, labels[y])
    assert_array_equal(cnn.classes_, np.unique(labels))
    assert cnn.n_classes_ == 10
    predicted = cnn.predict(X)
    assert predicted.dtype == cnn.classes_.dtype
    assert_array_equal(predicted, cnn.classes_[cnn.predict_proba(X).argmax(axis=1)])


@pytest.mark.slow
def test_two_classes_have_two_columns_and_one_image_one_row(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=1, **SMALL).fit(X, y > 4)
    assert cnn.classes_.dtype == bool
    assert cnn.predict_proba(X[:1]).shape == (1, 2)
    assert_allclose(cnn.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


def test_data_frames(scaled):
    X, y = scaled
    frame = pd.DataFrame(X, columns=[f"pixel{i + 1}" for i in range(400)])
    labels = pd.Series(y).map(lambda label: f"class {label}")
    cnn = KerasCNNClassifier(epochs=1, **SMALL).fit(frame, labels)
    assert list(cnn.feature_names_in_) == list(frame.columns)
    assert cnn.score(frame, labels) >= 0
    with pytest.raises(ValueError, match="feature names"):
        cnn.predict(frame.rename(columns={"pixel1": "first"}))


def draw_from_global_generators():
    import keras

    numbers = np.random.rand(), np.asarray(keras.random.normal((2,))).tolist()  # noqa: NPY002
    return random.random(), *numbers


@pytest.mark.slow
def test_same_seed_same_predictions_and_global_generators_untouched(scaled):
    import keras

    X, y = scaled
    cnn = KerasCNNClassifier("three_conv_dropout", epochs=2, batch_size=50, random_state=3)
    keras.utils.set_random_seed(17)
    expected = draw_from_global_generators()
    keras.utils.set_random_seed(17)
    first = cnn.fit(X, y).predict_proba(X)
    assert draw_from_global_generators() == expected
    assert_array_equal(clone(cnn).fit(X, y).predict_proba(X), first)
    assert not np.array_equal(clone(cnn).set_params(random_state=4).fit(X, y).predict(X), first)


@pytest.mark.slow
def test_the_seed_holds_in_another_process(scaled, run_python, tmp_path):
    X, y = scaled
    np.savez(tmp_path / "data.npz", X=X, y=y)
    code = """
import sys, numpy as np
from skfashion import KerasCNNClassifier
data = np.load(sys.argv[1])
cnn = KerasCNNClassifier("three_conv_dropout", epochs=2, batch_size=50, random_state=3)
cnn.fit(data["X"], data["y"])
print(cnn.predict_proba(data["X"][:3]).tolist())
"""
    there, _ = run_python(code, tmp_path / "data.npz")
    cnn = KerasCNNClassifier("three_conv_dropout", epochs=2, batch_size=50, random_state=3)
    assert str(cnn.fit(X, y).predict_proba(X[:3]).tolist()) == there.strip()


@pytest.mark.slow
def test_without_a_seed_numpys_global_one_decides(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(**{**SMALL, "random_state": None}, epochs=1)
    fits = []
    for seed in (5, 5, 6):
        np.random.seed(seed)  # noqa: NPY002
        fits.append(cnn.fit(X, y).predict_proba(X))
    assert np.array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


@pytest.mark.slow
def test_history(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=3, **SMALL).fit(X, y)
    assert {name: len(values) for name, values in cnn.history_.items()} == {
        "loss": 3,
        "accuracy": 3,
    }
    assert cnn.n_iter_ == 3
    assert not hasattr(cnn, "best_epoch_")
    cnn.fit(X, y, X_val=X[:50].reshape(-1, 20, 20), y_val=y[:50])
    assert len(cnn.history_["val_accuracy"]) == 3
    cnn.set_params(epochs=1).fit(X, y, X_val=X, y_val=y)
    probability = cnn.predict_proba(X)[np.arange(len(y)), y]
    assert cnn.history_["val_loss"][-1] == pytest.approx(-np.log(probability).mean(), rel=1e-4)
    assert cnn.history_["val_accuracy"][-1] == pytest.approx(cnn.score(X, y), rel=1e-6)


@pytest.mark.slow
def test_early_stopping_goes_back_to_the_best_epoch(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        epochs=60, early_stopping=True, n_iter_no_change=2, learning_rate=0.01, **SMALL
    )
    cnn.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    accuracies = cnn.history_["val_accuracy"]
    assert cnn.n_iter_ == len(accuracies) < 60
    assert cnn.best_epoch_ == np.argmax(accuracies) == cnn.n_iter_ - 3
    assert cnn.score(X[120:], y[120:]) == pytest.approx(max(accuracies), rel=1e-6)


def test_without_a_limit_early_stopping_trains_to_the_end_and_goes_back_to_the_best(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        epochs=5, early_stopping=True, n_iter_no_change=np.inf, learning_rate=0.3, **SMALL
    )
    cnn.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert cnn.n_iter_ == 5
    assert cnn.score(X[120:], y[120:]) == pytest.approx(max(cnn.history_["val_accuracy"]), rel=1e-6)


@pytest.mark.filterwarnings("ignore:X has pixels of:UserWarning")
def test_logarithms_of_probabilities(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=2, **SMALL).fit(X, y)
    expected = np.log(cnn.predict_proba(X).astype(float))
    np.testing.assert_allclose(cnn.predict_log_proba(X), expected, rtol=1e-5)
    certain = cnn.predict_log_proba(1e4 * X)  # probabilities of 0, and no warning
    assert certain.min() == -np.inf
    assert certain.max() <= 0


def test_early_stopping_at_the_last_epoch_keeps_the_best_too(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=4, early_stopping=True, learning_rate=0.3, **SMALL)
    cnn.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert cnn.n_iter_ == 4
    assert cnn.score(X[120:], y[120:]) == pytest.approx(max(cnn.history_["val_accuracy"]), rel=1e-6)


@pytest.mark.slow
def test_the_validation_split_is_stratified(monkeypatch, clothes):
    from skfashion.neural_network.training import _trainer

    X, y = clothes
    seen = []
    train = _trainer.train
    monkeypatch.setattr(
        _trainer,
        "train",
        lambda model, *batches_and_settings, **kwargs: (
            seen.extend(batches.samples for batches in batches_and_settings[:2])
            or train(model, *batches_and_settings, **kwargs)
        ),
    )
    rare = np.where(np.isin(y, [0, 1, 2]), y, 3)  # 24, 24, 24 and 168 images
    cnn = KerasCNNClassifier(early_stopping=True, validation_fraction=0.25, epochs=1, **SMALL)
    cnn.fit(X, rare)
    training, validation = (samples.indices for samples in seen)
    assert seen[0].rows is X  # bytes are cast batch by batch, never copied as a whole
    assert_array_equal(np.bincount(rare[validation]), [6, 6, 6, 42])
    assert_array_equal(np.sort([*training, *validation]), np.arange(240))


@pytest.mark.slow
def test_weights_are_repetitions_in_full_batches(scaled):
    X, y = scaled[0][:60].astype(np.float64), scaled[1][:60]
    weights = np.random.RandomState(0).randint(0, 3, size=60)
    cnn = KerasCNNClassifier(filters=(4, 4), epochs=3, batch_size=200, random_state=0)
    weighted = clone(cnn).fit(X, y, sample_weight=weights).predict_proba(X)
    repeated = clone(cnn).fit(X.repeat(weights, axis=0), y.repeat(weights)).predict_proba(X)
    assert_allclose(weighted, repeated, rtol=1e-7)


@pytest.mark.slow
def test_weights_are_proportions_over_all_images_not_within_a_batch(scaled):
    from skfashion.neural_network.training._batches import Batches
    from skfashion.neural_network.training._samples import Samples

    rows, weights = np.zeros((6, 4), np.uint8), np.array([1e-6, 1e-6, 1e-6, 9, 3, 3], np.float32)
    layout = {"image_shape": (2, 2, 1), "dtype": "float32", "batch_size": 2}
    samples = Samples(rows, np.zeros(6, int), weights, np.array([0, 1, 3, 5]))
    batches = Batches(samples, **layout)
    drawn = [batch[2] for batch in batches.epoch(0)]
    assert_allclose(drawn, [[1e-6 / 3, 1e-6 / 3], [3, 1]], rtol=1e-6)
    assert drawn[0].dtype == np.float32
    assert weights[3] == 9

    X, y = scaled
    cnn, weights = KerasCNNClassifier(epochs=2, batch_size=30, **SMALL), np.linspace(1, 2, len(y))
    first = clone(cnn).fit(X, y, sample_weight=weights, X_val=X, y_val=y, sample_weight_val=weights)
    scaled_up = clone(cnn).fit(
        X, y, sample_weight=1024 * weights, X_val=X, y_val=y, sample_weight_val=weights
    )
    assert_array_equal(scaled_up.predict_proba(X), first.predict_proba(X))
    assert scaled_up.history_ == first.history_
    with pytest.raises(ValueError, match="is invalid: Sample weights"):
        cnn.fit(X, y, X_val=X, y_val=y, sample_weight_val=0 * weights)


def test_class_weight_multiplies_sample_weight_and_changes_neither(scaled):
    X, y = scaled
    class_weight = {0: 3.0, 5: 0.0}
    weights = np.linspace(0.5, 1, len(y)).astype(np.float32)
    before = weights.copy()
    cnn = KerasCNNClassifier(epochs=1, class_weight=class_weight, **SMALL)
    by_class = clone(cnn).fit(X, y, sample_weight=weights).predict_proba(X)
    by_hand = weights * np.where(y == 0, 3, np.where(y == 5, 0, 1)).astype(np.float32)
    plain = clone(cnn).set_params(class_weight=None).fit(X, y, sample_weight=by_hand)
    assert_allclose(by_class, plain.predict_proba(X), rtol=1e-5)
    assert_array_equal(weights, before)
    assert class_weight == {0: 3.0, 5: 0.0}


def test_class_weight_balanced(scaled):
    X, y = scaled
    few = np.flatnonzero((y < 2) & ((y == 0) | (np.arange(len(y)) % 4 == 0)))
    cnn = KerasCNNClassifier(epochs=1, class_weight="balanced", **SMALL).fit(X[few], y[few])
    n = np.bincount(y[few])
    by_hand = clone(cnn).set_params(class_weight={0: len(few) / 2 / n[0], 1: len(few) / 2 / n[1]})
    assert_allclose(cnn.predict_proba(X), by_hand.fit(X[few], y[few]).predict_proba(X), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "CategoricalCrossentropy", "object"])
def test_losses_of_codes_and_of_one_hot_rows_agree(scaled, loss):
    import keras

    X, y = scaled
    loss = keras.losses.CategoricalCrossentropy() if loss == "object" else loss
    weights = np.linspace(0, 1, len(y))
    cnn = KerasCNNClassifier(epochs=2, **SMALL)
    codes = clone(cnn).fit(X, y, sample_weight=weights).predict_proba(X)
    one_hot = clone(cnn).set_params(loss=loss).fit(X, y, sample_weight=weights).predict_proba(X)
    assert_allclose(codes, one_hot, rtol=1e-4)


@pytest.mark.slow
def test_optimizers_and_learning_rates(scaled):
    import keras

    X, y = scaled

    def trained(optimizer, learning_rate=None):
        cnn = KerasCNNClassifier(
            epochs=2, optimizer=optimizer, learning_rate=learning_rate, warm_start=True, **SMALL
        )
        return clone(cnn).fit(X, y)

    by_name = trained("sgd", 0.1)
    sgd = keras.optimizers.SGD(0.1)
    assert_array_equal(trained(sgd).predict_proba(X), by_name.predict_proba(X))
    assert_array_equal(trained(sgd).predict_proba(X), by_name.predict_proba(X))
    assert sgd.iterations == 0  # each fit has taken a new one like it
    schedule = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=2)
    assert float(trained("sgd", schedule).model_.optimizer.learning_rate) == 0
    assert float(trained("adam", np.float32(0.02)).model_.optimizer.learning_rate) == pytest.approx(
        0.02
    )
    assert float(trained(sgd, 0.02).model_.optimizer.learning_rate) == pytest.approx(0.02)


def test_callbacks_are_copied(scaled):
    import keras

    class Counter(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1
            self.model.stop_training = True

    counter = Counter()
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=5, callbacks=[counter], **SMALL).fit(X, y)
    assert cnn.n_iter_ == 1
    assert counter.epochs == 0
    assert counter.model is None


@pytest.mark.slow
def test_warm_start_goes_on_and_a_cold_start_does_not(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=2, warm_start=True, **SMALL).fit(X, y)
    model = cnn.model_
    cnn.fit(X, y)
    assert cnn.model_ is model
    assert cnn.n_iter_ == len(cnn.history_["loss"]) == 4
    assert cnn.history_["loss"][3] < cnn.history_["loss"][0]
    with pytest.raises(ValueError, match="can only continue with the same classes"):
        cnn.fit(X, y + 1)
    cnn.set_params(warm_start=False).fit(X, y)
    assert cnn.model_ is not model
    assert cnn.n_iter_ == 2


@pytest.mark.slow
def test_partial_fit_learns_one_epoch_a_call_with_a_new_order(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(batch_size=32, **SMALL)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        cnn.partial_fit(X, y)
    cnn.partial_fit(X[y < 5], y[y < 5], classes=np.arange(10))
    for _ in range(9):
        cnn.partial_fit(X, y)
    assert cnn.n_iter_ == 10
    assert cnn.history_["loss"][9] < cnn.history_["loss"][1]
    whole = KerasCNNClassifier(batch_size=32, epochs=3, **SMALL).fit(X, y)
    parts = KerasCNNClassifier(batch_size=32, **SMALL)
    for _ in range(3):
        parts.partial_fit(X, y, classes=np.arange(10))
    # One epoch is one epoch; after that an order of its own follows, not the first one again.
    assert parts.history_["loss"][0] == whole.history_["loss"][0]
    with pytest.raises(ValueError, match="Expected labels among the classes"):
        cnn.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="with the same classes"):
        cnn.partial_fit(X, y, classes=np.arange(11))


def test_partial_fit_takes_one_class_at_a_time_as_mlp_does(scaled):
    X, y = scaled
    ours = KerasCNNClassifier(**SMALL)
    theirs = MLPClassifier((4,))
    for label in (3, 7):
        for classifier in (ours, theirs):
            classifier.partial_fit(X[y == label], y[y == label], classes=[3, 7])
    assert_array_equal(ours.classes_, theirs.classes_)


def test_orders_differ_from_epoch_to_epoch_and_hold_every_image_once():
    from skfashion.neural_network.training._batches import Batches
    from skfashion.neural_network.training._samples import Samples

    rows = np.arange(20, dtype=np.uint8).reshape(10, 2)
    batches = Batches(
        Samples(rows, np.arange(10), None, np.arange(1, 10)),
        image_shape=(1, 2, 1),
        dtype="float32",
        batch_size=4,
        seed=0,
    )
    epochs = []
    for number in range(3):
        images, codes = zip(*batches.epoch(number), strict=True)
        assert [len(part) for part in codes] == [4, 4, 1]
        assert all(part.dtype == np.float32 and part.shape[1:] == (1, 2, 1) for part in images)
        codes = np.concatenate(codes)
        assert_array_equal(np.concatenate(images).reshape(-1, 2), rows[codes])
        assert_array_equal(np.sort(codes), np.arange(1, 10))
        epochs.append(codes.tolist())
    assert len({tuple(order) for order in epochs}) == 3


@pytest.mark.slow
def test_training_is_that_of_plain_keras(scaled):
    from skfashion.neural_network import three_conv_dropout
    from skfashion.neural_network.runtime._keras import building

    X, y = scaled
    cnn = KerasCNNClassifier(
        "three_conv_dropout", epochs=1, batch_size=50, precision="float32", random_state=0
    )
    cnn.fit(X, y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    with building("float32", seed):
        plain = three_conv_dropout((20, 20, 1), 10)
    plain.compile("adam", "sparse_categorical_crossentropy")
    order = np.random.RandomState([seed, 0]).permutation(len(y))
    images = X.reshape(-1, 20, 20, 1)[order]
    plain.fit(images, y[order], batch_size=50, shuffle=False, verbose=0)
    for ours, theirs in zip(cnn.model_.get_weights(), plain.get_weights(), strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_training_images_are_let_go(scaled):
    X, y = scaled[0].copy(), scaled[1]
    held = weakref.ref(X)
    cnn = KerasCNNClassifier(epochs=2, early_stopping=True, validation_fraction=0.3, **SMALL)
    cnn.fit(X, y)
    del X
    gc.collect()
    assert held() is None


def test_verbose_shows_a_bar_for_each_epoch(scaled, capsys):
    X, y = scaled
    KerasCNNClassifier(epochs=2, verbose=1, **SMALL).fit(X, y)
    assert "Epoch 2/2" in capsys.readouterr().out


def test_the_held_scikeras_classifier_predicts_the_same(scaled):
    from scikeras.wrappers import KerasClassifier

    X, y = scaled
    cnn = KerasCNNClassifier(epochs=2, **SMALL).fit(X, np.array(list("abcdefghij"))[y])
    held = cnn.keras_classifier_
    assert type(held) is KerasClassifier
    assert held.model_ is cnn.model_
    codes = held.predict(X.reshape(-1, 20, 20, 1))
    assert_array_equal(cnn.classes_[codes], cnn.predict(X))


class Study:
    """What many trials report to, as Optuna's in memory: it can be copied, without its lock."""

    def __init__(self):
        self.reported = []
        self._lock = threading.Lock()

    def __getstate__(self):
        return {"reported": self.reported}

    def __setstate__(self, state):
        vars(self).update(state, _lock=threading.Lock())


def reporting_to(study):
    import keras

    class Reporting(keras.callbacks.Callback):
        def __init__(self, study):
            super().__init__()
            self.study = study

        def on_epoch_end(self, epoch, logs=None):
            self.study.reported.append(epoch)
            self.model.stop_training = epoch == 1

    return Reporting(study)


@pytest.mark.slow
def test_functions_make_callbacks_that_share_what_is_live(scaled, tmp_path):
    X, y = scaled
    for make in (lambda study: lambda: reporting_to(study), lambda s: partial(reporting_to, s)):
        study = Study()
        cnn = KerasCNNClassifier(epochs=5, callbacks=[make(study)], **SMALL)
        cnn.set_params(checkpoint_dir=tmp_path)
        assert cnn.fit(X, y).n_iter_ == 2
        assert clone(clone(cnn)).fit(X, y).n_iter_ == 2
        GridSearchCV(cnn, {"dropout": [0.1]}, cv=2, refit=False).fit(X, y)
        assert study.reported == [0, 1] * 4
    grid = {"callbacks": [[lambda: reporting_to(study)], None]}
    GridSearchCV(cnn.set_params(callbacks=None), grid, cv=2, refit=False).fit(X, y)
    assert study.reported == [0, 1] * 6


def test_a_class_of_callbacks_makes_one_for_each_fit(scaled):
    import keras

    made = []

    class Noting(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            made.append(self)

    cnn = KerasCNNClassifier(epochs=1, callbacks=[Noting], **SMALL)
    clone(cnn.fit(*scaled)).fit(*scaled)
    assert len(made) == 2


def test_callbacks_that_copies_would_make_deaf_are_refused_by_name(scaled):
    from tqdm.keras import TqdmCallback

    for callback, message in [
        (reporting_to(Study()), r"this Reporting holds a Study .*lambda: Reporting\(\.\.\.\)"),
        (TqdmCallback(file=io.StringIO()), r"this TqdmCallback cannot be copied \(RecursionError"),
        (
            lambda: "stop",
            r"must return a keras\.callbacks\.Callback, but .*lambda.* returned 'stop'",
        ),
    ]:
        cnn = KerasCNNClassifier(epochs=1, callbacks=[callback], **SMALL)
        for one in (cnn, clone(cnn)):
            with pytest.raises(ValueError, match=message):
                one.fit(*scaled)
    bar = io.StringIO()
    cnn.set_params(callbacks=[lambda: TqdmCallback(file=bar, verbose=0)])
    clone(cnn).fit(*scaled)
    assert "1/1" in bar.getvalue()
