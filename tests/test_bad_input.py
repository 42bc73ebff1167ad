"""Bad input: an error that says what was expected, and nothing changed by it."""

import os
import pickle
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skfashion import KerasCNNClassifier, make_cnn_pipeline
from skfashion.datasets import read_fashion_csv, read_idx

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 1, "random_state": 0}


def pixels(n=24, side=20):
    return np.random.RandomState(0).randint(0, 256, (n, side * side)).astype(np.float32)


def with_value(value):
    X = pixels()
    X[3, 5] = value
    return X


LABELS = np.arange(24) % 3
BAD_TRAINING = {
    "NaN": (with_value(np.nan), LABELS, {}, "NaN"),
    "infinity": (with_value(np.inf), LABELS, {}, "infinity"),
    "complex": (pixels() + 1j, LABELS, {}, "Complex data not supported"),
    "strings": (pixels().astype("U5"), LABELS, {}, "numbers, got strings"),
    "lists of strings": (pixels().astype("U5").tolist(), LABELS, {}, "numbers, got strings"),
    "object": (np.full((24, 400), "pixel", dtype=object), LABELS, {}, "could not convert string"),
    "sparse": (sparse.csr_array(pixels()), LABELS, {}, "[Ss]parse data was passed.*dense"),
    "one dimension": (np.arange(24.0), LABELS, {}, "Expected 2D array"),
    "five dimensions": (np.zeros((24, 1, 2, 2, 1)), LABELS, {}, r"\(n, height, width, channels\)"),
    "one class": (pixels(), np.zeros(24), {}, "at least 2 classes.* got 1 class"),
    "lengths": (pixels(), LABELS[:20], {}, r"inconsistent numbers of samples: \[24, 20\]"),
    "no labels": (pixels(), None, {}, "requires y to be passed"),
    "continuous labels": (pixels(), LABELS + 0.5, {}, "Unknown label type: continuous"),
    "missing labels": (pixels(), np.where(LABELS == 1, np.nan, LABELS), {}, "contains NaN"),
    "negative weights": (pixels(), LABELS, {"sample_weight": -np.ones(24)}, "Negative values"),
    "zero weights": (
        pixels(),
        LABELS,
        {"sample_weight": np.zeros(24)},
        "zero.*weight|weight.*zero",
    ),
    "weights of one class": (pixels(), LABELS, {"sample_weight": LABELS == 1}, "got 1 class: "),
    "one-hot labels": (pixels(), np.eye(3)[LABELS], {}, r"y\.argmax\(axis=1\)"),
    "number of weights": (pixels(), LABELS, {"sample_weight": np.ones(23)}, "sample_weight.shape"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_TRAINING)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_fit_refuses_and_changes_nothing(case, in_pipeline):
    X, y, fit_params, message = BAD_TRAINING[case]
    if in_pipeline:
        estimator = make_cnn_pipeline(**SMALL)
        fit_params = {f"cnn__{name}": value for name, value in fit_params.items()}
    else:
        estimator = KerasCNNClassifier(**SMALL)
    cnn = estimator[-1] if in_pipeline else estimator
    good = pixels()
    before = pickle.dumps((X, y, fit_params))
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, y, **fit_params)
    assert vars(cnn) == cnn.get_params()  # nothing learned, no trace
    with pytest.raises(NotFittedError):
        cnn.predict(good)
    frame = pd.DataFrame(good, columns=[f"pixel{i}" for i in range(400)])
    cnn.fit(frame, LABELS)
    fitted, expected = dict(vars(cnn)), cnn.predict_proba(frame)
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, y, **fit_params)
    assert vars(cnn) == fitted
    assert_array_equal(cnn.predict_proba(frame), expected)
    assert pickle.dumps((X, y, fit_params)) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": "resnet"}, "'three_conv'.* or a callable. Got 'resnet'"),
        ({"architecture": 3}, "'architecture' parameter"),
        ({"epochs": 0}, "'epochs' parameter .* Got 0"),
        ({"epochs": 2.5}, "'epochs' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"dropout": 1}, "'dropout' parameter"),
        ({"learning_rate": 0}, "'learning_rate' parameter"),
        ({"learning_rate": 1e30, "batch_size": 4}, "Training diverged.* Lower learning_rate"),
        ({"loss": "crossentropy"}, "'crossentropy'.* sparse_categorical_crossentropy"),
        ({"optimizer": "adamant"}, "such as 'adam', .* got 'adamant'"),
        (
            {"callbacks": ["stop"]},
            "keras.callbacks.Callback objects, or functions .* one, got 'stop'",
        ),
        ({"class_weight": "unbalanced"}, "'class_weight' parameter"),
        ({"class_weight": {0: -1.0}}, "must be finite, not negative"),
        ({"class_weight": {0: np.nan}}, "must be finite"),
        ({"class_weight": {0: 2.0, "T-shirt": 3.0}}, r"labels that are not in y: \['T-shirt'\]"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
        (
            {"early_stopping": True, "validation_fraction": 0.01},
            "validation_fraction=0.01 of 24 samples.*test_size = 1 .*pass X_val",
        ),
    ],
)
def test_bad_parameters_are_named_and_leave_no_trace(parameters, message):
    cnn = KerasCNNClassifier(**{**SMALL, **parameters})
    with pytest.raises((ValueError, TypeError), match=message):
        cnn.fit(pixels() / 255, LABELS)
    assert vars(cnn) == cnn.get_params()


def test_an_image_too_small_for_the_architecture():
    cnn = KerasCNNClassifier("three_conv")
    with pytest.raises(ValueError, match=r"three_conv .*at least 18 x 18 pixels, got 5 x 5"):
        cnn.fit(pixels(side=5).reshape(-1, 5, 5), LABELS)
    with pytest.raises(ValueError, match="at least 18 x 18 pixels, got 5 x 5"):
        make_cnn_pipeline(architecture="three_conv").fit(pixels(side=5), LABELS)
    assert vars(cnn) == cnn.get_params()


@pytest.mark.parametrize(
    ("validation_set", "message"),
    [
        ((pixels(),), "needs both X_val and y_val; y_val is missing"),
        ((None, LABELS), "needs both X_val and y_val; X_val is missing"),
        ((None, None, np.ones(24)), "needs both X_val and y_val; X_val is missing"),
        ((with_value(np.nan), LABELS), "is invalid: .*NaN"),
        ((pixels(), LABELS + 7), r"among the classes \[0, 1, 2\], got \[7, 8, 9\]"),
        ((pixels(side=5), LABELS), "X has 25 features, but .* expecting 400"),
        ((pixels(), LABELS[:3]), "inconsistent numbers of samples"),
        ((pixels(), LABELS, -np.ones(24)), "Negative values"),
    ],
)
def test_bad_validation_sets(validation_set, message):
    cnn = KerasCNNClassifier(**SMALL)
    with pytest.raises((ValueError, TypeError), match=message):
        cnn.fit(
            pixels(),
            LABELS,
            **dict(zip(("X_val", "y_val", "sample_weight_val"), validation_set, strict=False)),
        )
    assert vars(cnn) == cnn.get_params()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
def test_prediction_refuses(method):
    arguments = (LABELS,) if method == "score" else ()
    cnn = KerasCNNClassifier(**SMALL)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(cnn, method)(pixels(), *arguments)
    cnn.fit(pixels(), LABELS)
    for X, message in [
        (pixels(side=19), "X has 361 features, but KerasCNNClassifier is expecting 400"),
        (pixels().reshape(24, 10, 40), r"\(10, 40, 1\), but .* expecting images of shape \(20, 20"),
        (with_value(np.nan), "NaN"),
        (pixels()[:0], "0 sample"),
        (sparse.csr_array(pixels()), "[Ss]parse"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            getattr(cnn, method)(X, *arguments)


def test_partial_fit_refuses_one_class_and_what_needs_all_images():
    with pytest.raises(ValueError, match=r"at least 2 classes.* got 1 class: 3"):
        KerasCNNClassifier(**SMALL).partial_fit(pixels(), np.full(24, 3), classes=[3])
    for parameters in ({"early_stopping": True}, {"class_weight": "balanced"}):
        cnn = KerasCNNClassifier(**SMALL, **parameters)
        with pytest.raises(ValueError, match="partial_fit does not support"):
            cnn.partial_fit(pixels(), LABELS, classes=[0, 1, 2])
        assert vars(cnn) == cnn.get_params()


class CallbackError(RuntimeError):
    pass


def boom():
    import keras

    def explode(batch, logs):
        if batch == 1:
            raise CallbackError

    return keras.callbacks.LambdaCallback(on_train_batch_end=explode)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "factor", "error"),
    [("fit", 1e35, ValueError), ("partial_fit", 1e30, ValueError), ("fit", 1, CallbackError)],
)
@pytest.mark.filterwarnings("ignore:X has pixels of:UserWarning")
def test_training_that_fails_when_going_on_takes_nothing_away(method, factor, error):
    X, y = pixels(60) / 255, np.arange(60) % 3
    small = {**SMALL, "epochs": 2, "batch_size": 20, "warm_start": True}
    cnn = KerasCNNClassifier(**small).fit(X, y)
    undisturbed = pickle.loads(pickle.dumps(cnn)).fit(X, y)
    expected, history = cnn.predict_proba(X), dict(cnn.history_)
    if error is CallbackError:
        cnn.set_params(callbacks=[boom()])
    with pytest.raises(error, match="diverged" if error is ValueError else None):
        getattr(cnn, method)(X * np.float32(factor), y)
    assert_array_equal(cnn.predict_proba(X), expected)
    assert cnn.history_ == history
    # Weights, the optimizer's state, dropout masks and the order of images: all as before.
    cnn.set_params(callbacks=None).fit(X, y)
    assert_array_equal(cnn.predict_proba(X), undisturbed.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_leaves_a_model_of_the_epochs_done(early_stopping, ctrl_c):
    import keras

    class Interrupt(keras.callbacks.Callback):
        """Ctrl-C in the second batch of the third epoch, from outside as a terminal does it."""

        def on_train_batch_end(self, batch, logs=None):
            if batch == 1 and self.params["epochs"] == 100 and self.epoch == 2:
                threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    X, y = pixels(600) / 255, np.arange(600) % 3
    cnn = KerasCNNClassifier(
        **{**SMALL, "epochs": 100},
        batch_size=4,
        callbacks=[Interrupt()],
        early_stopping=early_stopping,
        n_iter_no_change=100,
    )
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        cnn.fit(X, y)
    assert cnn.n_iter_ == len(cnn.history_["loss"]) == 2
    assert hasattr(cnn, "best_epoch_") == early_stopping
    expected = cnn.predict_proba(X)
    assert expected.shape == (600, 3)
    cnn.set_params(callbacks=None, epochs=1, warm_start=True)
    assert_array_equal(pickle.loads(pickle.dumps(cnn)).predict_proba(X), expected)
    cnn.fit(X, y)
    assert cnn.n_iter_ == 3


@pytest.mark.slow
def test_pixels_beyond_single_precision_are_refused():
    X, beyond = pixels(), pixels().astype(np.float64)
    beyond[3, 5] = -1e39
    cnn = KerasCNNClassifier(**SMALL).fit(X, LABELS)
    expected = cnn.predict_proba(X)
    message = r"Expected pixels up to 3.4e\+38, .* float32, got pixels up to 1e\+39. Scale X down"
    for method in (cnn.predict, cnn.predict_proba, cnn.transform):
        with pytest.raises(ValueError, match=message):
            method(beyond)
    with pytest.raises(ValueError, match=message):
        cnn.partial_fit(beyond, LABELS)
    with pytest.raises(ValueError, match=f"is invalid: {message}"):
        cnn.fit(X, LABELS, X_val=beyond, y_val=LABELS)
    with pytest.raises(ValueError, match=message):
        cnn.set_params(precision="float32").fit(beyond, LABELS)
    assert_array_equal(cnn.predict_proba(X), expected)
    in_double = KerasCNNClassifier(**SMALL, precision="float64").fit(X, LABELS)
    assert np.isfinite(in_double.predict_proba(beyond)).all()


def one_dense_layer(input_shape, n_classes):
    import keras

    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(n_classes, "softmax", kernel_initializer="ones"),
        ]
    )


def test_a_prediction_is_a_number_or_an_error():
    X = pixels() / 255
    cnn = KerasCNNClassifier(one_dense_layer, epochs=1, precision="float32").fit(X, LABELS)
    X[3] = np.finfo(np.float32).max  # whose sum is too large
    for method in (cnn.predict, cnn.predict_proba):
        with pytest.raises(ValueError, match=r"not finite. Scale X.* pixels go up to 3.4e\+38"):
            method(X)


@pytest.mark.parametrize("read", [read_fashion_csv, read_idx])
def test_what_is_no_path_is_named_as_it_was_given(read):
    with pytest.raises(FileNotFoundError, match=r"a URL: download it first: 'https://a\.b/c\.gz'"):
        read("https://a.b/c.gz")
    with pytest.raises(FileNotFoundError, match=r"got an empty string: ''"):
        read("")


@pytest.mark.parametrize("content", ["pixel1,pixel2\n1,2\n", "pixel1\n1\n"])
def test_a_csv_file_without_labels_says_so(tmp_path, content):
    path = tmp_path / "unlabelled.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"found pixels only.*pandas\.read_csv"):
        read_fashion_csv(path)
