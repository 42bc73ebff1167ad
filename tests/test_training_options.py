"""Augmentation, precision, schedules and what else KerasCNNClassifier trains with."""

import pickle
import random

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state

from skfashion import KerasCNNClassifier, RandomErasing, make_cnn_pipeline
from skfashion.neural_network.runtime import _precision
from skfashion.neural_network.runtime._precision import choose_precision, has_bfloat16
from skfashion.neural_network.training._augmentation import Augmentation
from skfashion.neural_network.training._settings import effective_batch_size

SMALL = {
    "architecture": "two_conv_dropout",
    "filters": (4,),
    "random_state": 0,
    "precision": "float32",
}

WAYS = [(1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (-2, 0), (0, 2), (0, -2)]


class Recording(BaseEstimator):
    """An augmenter that keeps what it is given, for all its copies together."""

    seen = []

    def augment(self, images):
        self.seen.append(images.copy())
        return images


@pytest.fixture
def recording():
    Recording.seen.clear()
    return Recording()


@pytest.mark.slow
def test_only_training_images_pass_through_the_augmenter(scaled, recording):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=3, batch_size=100, augmenter=recording, **SMALL)
    cnn.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert len(recording.seen) == 3  # once an epoch, as so few images go through together
    training = {image.tobytes() for image in X[:200]}
    assert {image.tobytes() for batch in recording.seen for image in batch} == training
    recording.seen.clear()
    cnn.predict(X)
    assert not recording.seen


def begun(augmenter, horizontal_flip, seed):
    augmentation = Augmentation(augmenter, horizontal_flip, None)
    augmentation.start(np.random.RandomState(seed))
    return augmentation


def test_erasing_is_drawn_anew_in_each_epoch_and_repeats_with_the_seed():
    images = np.zeros((50, 8, 8, 1), dtype=np.float32)
    erasing = RandomErasing(0.5, fill_range=(0.5, 1), random_state=7)
    augment = begun(erasing, False, 0)
    first, second = augment(images), augment(images)
    assert (first != second).any()
    again = begun(erasing, False, 0)
    assert_array_equal(again(images), first)
    assert_array_equal(again(images), second)
    assert erasing.random_state == 7
    assert not images.any()


def test_an_object_of_ones_own_draws_from_the_seed_too():
    class Noise:
        random_state = None

        def augment(self, images):
            return images + check_random_state(self.random_state).random_sample(images.shape)

    noise, images = Noise(), np.zeros((5, 4, 4, 1))
    first, again, other = (begun(noise, False, seed)(images) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert (first != other).all()
    assert noise.random_state is None


def test_keras_layers_and_lists(scaled):

    flip = keras.layers.RandomFlip("horizontal")
    images = np.zeros((40, 6, 6, 1))
    images[:, 2, 1] = 1
    steps = [flip, RandomErasing(1, area_range=(0, 0), aspect_range=(1, 1), fill_range=(5, 5))]
    augmented = begun(steps, False, 0)(images)
    assert augmented.dtype == images.dtype
    assert ((augmented == 5).sum(axis=(1, 2, 3)) == 1).all()
    assert 5 < (augmented[:, 2, 4] == 1).sum() < 35
    again = begun(steps, False, 0)(images)
    assert_array_equal(again, augmented)

    X, y = scaled
    shift = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")
    cnn = KerasCNNClassifier(epochs=2, augmenter=[shift, RandomErasing(fill_range=(0, 1))], **SMALL)
    first = cnn.fit(X, y).predict_proba(X)
    assert_array_equal(clone(cnn).fit(X, y).predict_proba(X), first)
    assert_array_equal(pickle.loads(pickle.dumps(cnn)).predict_proba(X), first)
    assert not np.array_equal(clone(cnn).set_params(augmenter=None).fit(X, y).predict(X), first)


def test_layers_within_a_layer_repeat_with_the_seed_too():

    images = np.random.RandomState(0).rand(20, 6, 6, 1).astype(np.float32)
    nested = keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomTranslation(0.2, 0.2)])
    state = random.getstate()
    first, second = (begun(nested, False, 0)(images) for _ in range(2))
    assert_array_equal(first, second)
    assert (first != images).any()
    assert random.getstate() == state


def test_flips_mirror_training_images_and_average_predictions(scaled):
    X, y = scaled
    mirrored = X.reshape(-1, 20, 20)[:, :, ::-1].reshape(len(X), -1)
    plain = KerasCNNClassifier(epochs=1, **SMALL).fit(X, y)
    both = (plain.predict_proba(X) + plain.predict_proba(mirrored)) / 2
    assert_allclose(plain.set_params(horizontal_flip=True).predict_proba(X), both, rtol=1e-6)
    flipping = KerasCNNClassifier(epochs=1, horizontal_flip=True, **SMALL).fit(X, y)
    assert_allclose(flipping.predict_proba(X), flipping.predict_proba(mirrored), rtol=1e-6)
    images = X.reshape(-1, 20, 20, 1)
    augmented = begun(None, True, 0)(images)
    is_mirrored = (augmented == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 80 < is_mirrored.sum() < 160
    assert_array_equal(augmented[~is_mirrored], images[~is_mirrored])


@pytest.mark.parametrize("horizontal_flip", [False, True])
def test_shifts_average_predictions(scaled, horizontal_flip):
    X, y = scaled
    images = X.reshape(-1, 20, 20)
    plain = KerasCNNClassifier(epochs=1, horizontal_flip=horizontal_flip, **SMALL).fit(X, y)
    moved = [images] + [ndimage.shift(images, (0, *way), order=0) for way in WAYS]
    expected = np.mean([plain.predict_proba(view) for view in moved], axis=0)
    assert_allclose(plain.set_params(tta_shifts=2).predict_proba(X), expected, rtol=1e-5)
    moving = clone(plain).fit(X, y)
    assert_array_equal(moving.model_.get_weights()[0], plain.model_.get_weights()[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tta_shifts": -1}, "'tta_shifts' parameter .* must be an int in the range"),
        ({"tta_shifts": 1.5}, "'tta_shifts' parameter .* must be an int in the range"),
        (
            {"tta_shifts": 20},
            "tta_shifts must be less than the sides of the images, 20 x 20 .*got 20",
        ),
        ({"horizontal_flip": "no"}, "'horizontal_flip' parameter .* must be an instance of"),
    ],
)
def test_what_predictions_cannot_average_over_is_named(scaled, settings, message):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=1, **SMALL)
    with pytest.raises(ValueError, match=message):
        clone(cnn).set_params(**settings).fit(X, y)
    cnn.fit(X, y).set_params(**settings)
    with pytest.raises(ValueError, match=message):
        cnn.predict(X)


@pytest.mark.slow
def test_rows_that_are_no_images_are_neither_mirrored_nor_moved():
    X = np.random.RandomState(0).rand(60, 5)
    y = np.arange(60) % 2
    cnn = KerasCNNClassifier(epochs=1, random_state=0)
    expected = cnn.fit(X, y).predict_proba(X)
    cnn.set_params(horizontal_flip=True, tta_shifts=1)
    assert_array_equal(cnn.fit(X, y).predict_proba(X), expected)


def wider(images):
    return np.concatenate([images, images], axis=2)


def not_a_number(images):
    return np.full_like(images, np.nan)


def an_augmenter(augment):
    return type("Augmenter", (), {"augment": staticmethod(augment)})()


@pytest.mark.parametrize(
    ("augmenter", "message"),
    [
        (["flip"], "augmenter must be a RandomErasing, a keras preprocessing layer.*'flip'"),
        (an_augmenter(wider), "^augmenter must keep the shape of a batch"),
        (an_augmenter(not_a_number), "^augmenter must return finite pixels"),
        (RandomErasing, "augmenter must be a RandomErasing"),
    ],
)
def test_augmenters_that_cannot_augment(scaled, augmenter, message):
    X, y = scaled
    cnn = KerasCNNClassifier(augmenter=augmenter, **SMALL)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X, y)
    assert not hasattr(cnn, "classes_")


def test_layers_that_cannot_be_copied_say_so(scaled):

    class Shift(keras.layers.Layer):
        def __init__(self, by):
            super().__init__()
            self.by = by

    X, y = scaled
    with pytest.raises(ValueError, match=r"augmenter cannot be used.*Shift.*get_config"):
        KerasCNNClassifier(augmenter=Shift(1), **SMALL).fit(X, y)


@pytest.mark.slow
def test_a_search_reaches_the_augmenters_parameters(clothes):
    X, y = clothes
    pipeline = make_cnn_pipeline(
        architecture="two_conv_dropout", filters=(4,), random_erasing=0.15, epochs=1, random_state=0
    )
    assert pipeline["cnn"].augmenter.p == 0.15
    assert pipeline["cnn"].augmenter.fill_range == (0, 1)
    grid = {"cnn__augmenter__p": [0, 0.5], "cnn__dropout": [0, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_["cnn"].augmenter.p in (0, 0.5)
    assert pipeline["cnn"].augmenter.p == 0.15


@pytest.mark.slow
def test_precision(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=3, **SMALL).set_params(precision="mixed_bfloat16").fit(X, y)
    assert cnn.precision_ == "mixed_bfloat16"
    assert {weight.dtype.name for weight in cnn.model_.get_weights()} == {"float32"}
    *hidden, last = (layer.compute_dtype for layer in cnn.model_.layers)
    assert set(hidden) == {"bfloat16"}
    assert last == "float32"
    probabilities = cnn.predict_proba(X)
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert len(np.unique(probabilities)) > 1000  # as whole as single precision has them
    assert_array_equal(pickle.loads(pickle.dumps(cnn)).predict_proba(X), probabilities)
    single = clone(cnn).set_params(precision="float32").fit(X, y)
    assert_allclose(probabilities, single.predict_proba(X), atol=0.05)
    double = clone(cnn).set_params(precision="float64").fit(X, y)
    assert double.predict_proba(X).dtype == np.float64
    assert {layer.compute_dtype for layer in double.model_.layers} == {"float64"}


def test_auto_precision_goes_by_the_images_and_the_processor(monkeypatch):
    for has, chosen in ((True, "mixed_bfloat16"), (False, "float32")):
        monkeypatch.setattr(_precision, "has_bfloat16", lambda has=has: has)
        assert choose_precision("auto", np.dtype("u1")) == chosen
        assert choose_precision("auto", np.dtype("f4")) == chosen
        assert choose_precision("auto", np.dtype("f8")) == "float64"
        assert choose_precision("float32", np.dtype("f8")) == "float32"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", True),
        ("processor : 0\nflags\t\t: fpu avx512f\nbugs : avx512_bf16\n", False),
        ("processor : 0\nFeatures\t: fp asimd bf16\n", True),
        (None, False),
    ],
)
def test_what_linux_says_of_the_processor(monkeypatch, tmp_path, cpuinfo, expected):
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(_precision, "Path", lambda path: tmp_path / "cpuinfo")
    assert has_bfloat16.__wrapped__() is expected


def rates_of(cnn, X, y):
    """The learning rate of each step."""

    rates = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    cnn.set_params(callbacks=[Watch()]).fit(X, y)
    return np.array(rates)


@pytest.mark.slow
def test_cosine_schedule_rises_and_goes_down_to_nothing(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        epochs=5, batch_size=60, learning_rate=0.4, learning_rate_schedule="cosine", **SMALL
    )
    rates = rates_of(cnn.set_params(warmup_fraction=0.25, warm_start=True), X, y)
    assert len(rates) == 20
    assert_allclose(rates[:6], [0.08, 0.144, 0.208, 0.272, 0.336, 0.4], rtol=1e-5)
    assert_allclose(rates[5:], 0.2 * (1 + np.cos(np.pi * np.arange(15) / 15)), rtol=1e-4)
    assert float(cnn.model_.optimizer.learning_rate) == pytest.approx(0, abs=1e-7)
    rates = rates_of(cnn.set_params(warmup_fraction=0, warm_start=False), X, y)
    assert_allclose(rates, 0.2 * (1 + np.cos(np.pi * np.arange(20) / 20)), rtol=1e-4)
    default = clone(cnn).set_params(learning_rate=None, optimizer="sgd")
    assert rates_of(default, X, y)[0] == pytest.approx(0.01)


@pytest.mark.slow
def test_training_goes_on_with_a_schedule_anew_or_a_constant_rate(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        epochs=2, batch_size=60, learning_rate=0.01, learning_rate_schedule="cosine", **SMALL
    )
    cnn.set_params(warm_start=True)
    first = rates_of(cnn, X, y)
    assert_allclose(rates_of(cnn, X, y), first)
    assert cnn.n_iter_ == 4
    before = cnn.model_.get_weights()
    cnn.set_params(callbacks=None).partial_fit(X, y)
    assert cnn.n_iter_ == 5
    assert float(cnn.model_.optimizer.learning_rate) == pytest.approx(0.01)
    assert any((a != b).any() for a, b in zip(before, cnn.model_.get_weights(), strict=True))
    optimizer = cnn.model_.optimizer
    cnn.partial_fit(X, y)
    assert cnn.model_.optimizer is optimizer


@pytest.mark.slow
def test_an_error_puts_the_optimizer_back(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=1, learning_rate_schedule="cosine", warm_start=True, **SMALL)
    optimizer = cnn.fit(X, y).model_.optimizer
    expected = cnn.predict_proba(X)
    cnn.set_params(learning_rate=1e30)
    with pytest.raises(ValueError, match="Training diverged"):
        cnn.fit(X, y)
    assert cnn.model_.optimizer is optimizer
    assert_array_equal(cnn.predict_proba(X), expected)
    assert cnn.set_params(learning_rate=0.01).fit(X, y).n_iter_ == 2


@pytest.mark.parametrize(
    ("n_images", "steps"), [(1, 1), (16, 1), (300, 19), (640, 32), (8192, 32), (60_000, 235)]
)
def test_automatic_batches(n_images, steps):
    assert -(-n_images // effective_batch_size("auto", n_images)) == steps
    assert effective_batch_size(7, n_images) == 7


@pytest.mark.slow
def test_automatic_batches_go_by_the_images_trained_on(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        epochs=1, batch_size="auto", learning_rate_schedule="cosine", warm_start=True, **SMALL
    )

    def n_steps_of_schedule():
        return cnn.model_.optimizer.get_config()["learning_rate"]["config"]["n_steps"]

    cnn.fit(X, y)
    steps = -(-len(y) // 16)
    assert n_steps_of_schedule() == cnn.model_.optimizer.iterations == steps
    cnn.fit(X, y, sample_weight=np.arange(len(y)) < 48)
    assert n_steps_of_schedule() == cnn.model_.optimizer.iterations == 3


# Of 240 images, in batches of 64, and of 216 of them where some are set aside.
@pytest.mark.parametrize(
    ("epochs", "settings", "n_iter", "n_steps"),
    [
        (3, {}, 3, 12),
        ((1, 10), {}, 3, 12),
        ((1, 9), {"learning_rate_schedule": "cosine"}, 3, 12),
        ((5, 10), {}, 5, 20),
        ([2, 8], {}, 2, 8),
        ((1, 13), {"batch_size": 240}, 13, 13),
        ((1, 9), {"class_weight": {0: 0, 1: 0, 2: 0, 3: 0, 4: 0}}, 5, 10),
        ((3, 1), {"early_stopping": True, "n_iter_no_change": np.inf}, 3, 12),
    ],
)
def test_epochs_come_to_a_number_of_steps(scaled, epochs, settings, n_iter, n_steps):
    X, y = (part[:240] for part in scaled)
    cnn = KerasCNNClassifier(epochs=epochs, **{"batch_size": 64, **settings}, **SMALL).fit(X, y)
    assert (cnn.n_iter_, cnn.n_steps_) == (n_iter, n_steps)
    assert clone(cnn).epochs == epochs


@pytest.mark.slow
def test_steps_are_counted_on_and_on(scaled):
    X, y = scaled[0][:96], scaled[1][:96]
    settings = {"epochs": (1, 5), "batch_size": 32, "warm_start": True, **SMALL}
    for schedule in ("constant", "cosine"):
        cnn = KerasCNNClassifier(learning_rate_schedule=schedule, **settings)
        assert cnn.fit(X, y).n_steps_ == 6
        assert cnn.fit(X, y).n_steps_ == 12
        cnn.partial_fit(X, y)
        assert (cnn.n_iter_, cnn.n_steps_) == (5, 15)


@pytest.mark.parametrize("epochs", [(0, 9), (1,), (1, 2, 3), (1, 2.5), ("a", 1), ()])
def test_epochs_and_steps_are_two_integers(scaled, epochs):
    with pytest.raises(ValueError, match=r"epochs must be an integer above 0, or two of them"):
        KerasCNNClassifier(epochs=epochs, **SMALL).fit(*scaled)


def test_contradictions_say_so(scaled):

    X, y = scaled
    cnn = KerasCNNClassifier(learning_rate_schedule="cosine", **SMALL)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=2)
    with pytest.raises(ValueError, match="needs a number as the peak"):
        clone(cnn).set_params(learning_rate=schedule).fit(X, y)
    averages = [
        ({"ema_momentum": 0.9}, r"ema_momentum=0\.9"),
        ({"optimizer": keras.optimizers.SGD(use_ema=True)}, "an optimizer with use_ema=True"),
    ]
    for settings, name in averages:
        with pytest.raises(ValueError, match=f"{name} cannot be combined with early_stopping"):
            KerasCNNClassifier(early_stopping=True, **settings, **SMALL).fit(X, y)
        averaging = KerasCNNClassifier(**settings, **SMALL)
        with pytest.raises(ValueError, match=f"{name} cannot be combined with partial_fit"):
            averaging.partial_fit(X, y, classes=np.arange(10))
        with pytest.raises(ValueError, match=f"{name} cannot be combined with partial_fit"):
            averaging.set_params(warm_start=True).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weight_decay_shrinks_weights(scaled, optimizer):
    X, y = scaled
    cnn = KerasCNNClassifier(epochs=3, optimizer=optimizer, learning_rate=0.01, **SMALL)

    def size(cnn):
        return sum((weight**2).sum() for weight in cnn.fit(X, y).model_.get_weights())

    assert size(clone(cnn).set_params(weight_decay=1.0)) < 0.99 * size(cnn)
    assert size(clone(cnn).set_params(weight_decay=0)) == size(cnn)


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    ["sparse_categorical_crossentropy", "categorical_crossentropy", "CategoricalCrossentropy"],
)
def test_label_smoothing_is_that_of_keras(scaled, loss):

    X, y = scaled
    weights = np.linspace(0, 1, len(y))
    cnn = KerasCNNClassifier(epochs=2, loss=loss, label_smoothing=0.2, **SMALL)
    smoothed = cnn.fit(X, y, sample_weight=weights).predict_proba(X)
    plain = clone(cnn).set_params(label_smoothing=0)
    by_hand = clone(plain).set_params(
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
    )
    assert_allclose(smoothed, by_hand.fit(X, y, sample_weight=weights).predict_proba(X), rtol=1e-5)
    assert np.abs(smoothed - plain.fit(X, y, sample_weight=weights).predict_proba(X)).max() > 1e-3
    for other in ("categorical_hinge", keras.losses.kl_divergence):
        with pytest.raises(ValueError, match="label_smoothing needs the loss"):
            clone(cnn).set_params(loss=other).fit(X, y)


@pytest.mark.slow
def test_the_average_of_the_weights_is_kept(scaled):

    X, y = scaled
    steps = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append([weight.copy() for weight in self.model.get_weights()])

    cnn = KerasCNNClassifier(
        epochs=2, batch_size=60, ema_momentum=0.5, callbacks=[Watch()], **SMALL
    )
    cnn.fit(X, y)
    average = steps[0]
    for weights in steps[1:]:
        average = [0.5 * a + 0.5 * w for a, w in zip(average, weights, strict=True)]
    for kept, expected in zip(cnn.model_.get_weights(), average, strict=True):
        assert_allclose(kept, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_pickle_goes_on_training_as_the_original_does(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier(
        "small_resnet",
        filters=(4, 8),
        optimizer="conv_muon",
        learning_rate=0.03,
        weight_decay=0.1,
        precision="float32",
        random_state=0,
    )
    cnn.partial_fit(X, y, classes=np.arange(10))
    copied = pickle.loads(pickle.dumps(cnn))
    expected = cnn.partial_fit(X, y).predict_proba(X)
    assert_allclose(copied.partial_fit(X, y).predict_proba(X), expected, rtol=1e-5)


class Compiles(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            self.model.compile("sgd", self.model.loss)


@pytest.mark.slow
def test_a_callback_that_compiles_the_network_is_an_error(scaled):
    X, y = scaled
    cnn = KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=2, random_state=0)
    cnn.set_params(warm_start=True).fit(X, y)
    before = cnn.predict_proba(X)
    cnn.set_params(callbacks=[Compiles()], epochs=3)
    for has_own in (False, True):
        if has_own:
            cnn.model_  # noqa: B018 (its own from here on)
        with pytest.raises(ValueError, match=r"callback has recompiled the network.*learning_rate"):
            cnn.fit(X, y)
        assert_array_equal(cnn.predict_proba(X), before)
    assert cnn.set_params(callbacks=None).fit(X, y).n_iter_ == 5


def own_loss(true, predicted):
    return keras.losses.categorical_crossentropy(true, predicted)


class Fails(keras.callbacks.Callback):
    def __init__(self, compiles):
        super().__init__()
        self.compiles = compiles

    def on_epoch_end(self, epoch, logs=None):
        if self.compiles:
            self.model.compile("sgd", self.model.loss)
        raise OSError("no more of it")


@pytest.mark.slow
@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_optimizer_is_put_back_after_an_error(scaled, schedule, compiles):
    X, y = scaled
    settings = {"loss": own_loss, "warm_start": True, "learning_rate_schedule": schedule}
    cnn = KerasCNNClassifier(
        "two_conv_dropout", filters=(4,), epochs=2, random_state=0, **settings
    ).fit(X, y)
    alone = pickle.loads(pickle.dumps(cnn))
    optimizer = cnn.model_.optimizer
    before = [variable.numpy() for variable in optimizer.variables]
    with pytest.raises(OSError, match="no more of it"):
        cnn.set_params(callbacks=[Fails(compiles)]).fit(X, y)
    assert cnn.model_.optimizer is optimizer
    for variable, value in zip(optimizer.variables, before, strict=True):
        assert_array_equal(variable.numpy(), value)
    cnn.set_params(callbacks=None).fit(X, y)
    assert cnn.history_ == alone.fit(X, y).history_


@pytest.mark.parametrize(("n_steps", "n_warmup_steps"), [(1, 0), (16, 0), (3, 1), (23, 22)])
def test_the_schedule_is_that_of_keras_to_the_bit(n_steps, n_warmup_steps):
    from skfashion.neural_network.training._schedules import WarmupCosine

    peak, n_decay_steps = 0.03, n_steps - n_warmup_steps
    of_keras = keras.optimizers.schedules.CosineDecay
    if n_warmup_steps:
        start = peak / n_warmup_steps
        expected = of_keras(start, n_decay_steps, warmup_target=peak, warmup_steps=n_warmup_steps)
    else:
        expected = of_keras(peak, n_decay_steps)
    ours = WarmupCosine(0.5, 100, 3)
    ours.assign(peak, n_steps, n_warmup_steps)  # the numbers of another, as in the pool
    for step in range(n_steps + 2):
        assert float(ours(keras.ops.array(step))) == float(expected(keras.ops.array(step)))
    assert WarmupCosine.from_config(ours.get_config()).get_config() == ours.get_config()
