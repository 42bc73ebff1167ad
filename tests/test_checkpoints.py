import errno
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import joblib
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from tqdm import tqdm

from skfashion import KerasCNNClassifier, RandomErasing
from skfashion.neural_network.training._checkpoint import Checkpoint

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 5, "random_state": 0}
ERASING = RandomErasing(fill_range=(0, 1))


class StoppedError(Exception):
    pass


@contextmanager
def stopped_after(n_files):
    """Have training stop once it has written so many checkpoints."""
    write, written = Checkpoint._save, []

    def save(self):
        write(self)
        written.append(self)
        if len(written) == n_files:
            raise StoppedError

    with mock.patch.object(Checkpoint, "_save", save), pytest.raises(StoppedError):
        yield


@contextmanager
def interrupted_after(n_files):
    """Press Ctrl-C once training has written so many checkpoints."""
    write, written = Checkpoint._save, []

    def save(self):
        write(self)
        written.append(self)
        if len(written) == n_files:
            signal.raise_signal(signal.SIGINT)

    with mock.patch.object(Checkpoint, "_save", save):
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "conv_muon", "architecture": "small_resnet", "filters": (8,), "epochs": 4},
        {"learning_rate_schedule": "cosine", "ema_momentum": 0.9},
        {"early_stopping": True, "n_iter_no_change": 2, "epochs": 8, "learning_rate": 0.01},
        {"augmenter": ERASING, "horizontal_flip": True},
        {"augmenter": [keras.layers.RandomTranslation(0.1, 0.1), ERASING]},
        {"class_weight": "balanced", "batch_size": "auto", "optimizer": keras.optimizers.SGD(0.1)},
    ],
    ids="-".join,
)
def test_training_goes_on_to_the_same_weights(scaled, tmp_path, settings):
    X, y = scaled
    undisturbed = KerasCNNClassifier(**{**SMALL, **settings}).fit(X, y)
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path / "new", **{**SMALL, **settings})
    for n_files in (3, 1):  # the first file is written before the first epoch
        with stopped_after(n_files):
            cnn.fit(X, y)
        assert not hasattr(cnn, "classes_")
        assert len(os.listdir(tmp_path / "new")) == 1
    epochs = []
    with mock.patch.object(Checkpoint, "load", noting(epochs)):
        cnn.fit(X, y)
    assert epochs == [3]
    assert cnn.history_ == undisturbed.history_
    assert cnn.n_iter_ == undisturbed.n_iter_
    assert_array_equal(cnn.predict_proba(X), undisturbed.predict_proba(X))
    assert os.listdir(tmp_path / "new") == []


def noting(epochs):
    load = Checkpoint.load

    def load_and_note(self, model, n_epochs):
        epochs.append(load(self, model, n_epochs))
        return epochs[-1]

    return load_and_note


@pytest.mark.slow
def test_each_training_has_a_file_of_its_own(scaled, tmp_path):
    X, y = scaled
    others = [
        (X, y, {"random_state": 1}),
        (X, y, {"epochs": 6}),
        (X, y, {"learning_rate": 0.1}),
        (X, y, {"augmenter": RandomErasing(0.3, fill_range=(0, 1))}),
        (X, y, {"horizontal_flip": True}),
        (X, y, {"batch_size": 64}),
        (X, y, {"dropout": 0.3}),
        (X, y[::-1], {}),
        (np.nextafter(X, 2), y, {}),
        (X, y, {"class_weight": "balanced"}),
    ]
    for n_files, (X_one, y_one, settings) in enumerate([(X, y, {}), *others], start=1):
        cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **{**SMALL, **settings})
        with stopped_after(1):
            cnn.fit(X_one, y_one)
        assert len(os.listdir(tmp_path)) == n_files


@pytest.mark.slow
def test_the_fits_of_a_search_share_a_folder(scaled, tmp_path):
    cnn = KerasCNNClassifier(**SMALL)
    grid = {"learning_rate": [0.001, 0.01]}
    alone = GridSearchCV(cnn, grid, cv=2).fit(*scaled)
    cnn.set_params(checkpoint_dir=str(tmp_path))
    with stopped_after(8):
        GridSearchCV(cnn, grid, cv=2, error_score="raise").fit(*scaled)
    search = GridSearchCV(cnn, grid, cv=2).fit(*scaled)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_ctrl_c_ends_a_search_that_can_go_on(scaled, tmp_path, ctrl_c):
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **SMALL)
    search = GridSearchCV(cnn, {"learning_rate": [0.001, 0.01]}, cv=2)
    with interrupted_after(7), pytest.raises(KeyboardInterrupt):
        search.fit(*scaled)
    assert len(os.listdir(tmp_path)) == 1
    search.fit(*scaled)
    cnn.set_params(checkpoint_dir=None)
    alone = GridSearchCV(cnn, {"learning_rate": [0.001, 0.01]}, cv=2).fit(*scaled)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


@pytest.mark.slow
def test_ctrl_c_leaves_a_fitted_classifier_as_it_was(scaled, tmp_path, ctrl_c):
    X, y = scaled
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, warm_start=True, **SMALL).fit(X, y)
    before = cnn.predict_proba(X)
    with interrupted_after(2), pytest.raises(KeyboardInterrupt):
        cnn.fit(X, y)
    assert cnn.n_iter_ == 5
    assert_array_equal(cnn.predict_proba(X), before)
    assert cnn.fit(X, y).n_iter_ == 10
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_two_fits_of_the_same_training_do_not_disturb_each_other(scaled, tmp_path):
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **{**SMALL, "epochs": 20})
    expected = clone(cnn).set_params(checkpoint_dir=None).fit(*scaled).history_
    with joblib.parallel_config(backend="threading"):
        fits = joblib.Parallel(4)(joblib.delayed(clone(cnn).fit)(*scaled) for _ in range(8))
    for fitted in fits:
        assert_allclose(fitted.history_["loss"], expected["loss"], rtol=1e-4)
    assert os.listdir(tmp_path) == []


def rate_of(factor):
    def schedule(epoch, rate):
        return rate * factor

    return keras.callbacks.LearningRateScheduler(schedule)


def network_of(factor):
    layers = keras.layers  # a module

    class Rows(layers.Flatten):
        pass

    def activation(x):
        return keras.ops.tanh(x) * factor

    def architecture(input_shape, n_classes):
        images = layers.Input(input_shape)
        units = layers.Dense(4, activation)(Rows()(images))
        return keras.Model(images, layers.Dense(n_classes, "softmax")(units))

    return architecture


def loss_of(factor):
    def loss(true, predicted):
        return factor * keras.losses.categorical_crossentropy(true, predicted)

    return loss


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("callbacks", [[rate_of(1)], [rate_of(0.5)], None]),
        ("architecture", [network_of(1), network_of(2)]),
        ("loss", [loss_of(1), loss_of(2)]),
    ],
)
def test_functions_count_by_what_they_do(scaled, tmp_path, parameter, values):
    settings = {**SMALL, "checkpoint_dir": tmp_path}
    if parameter == "architecture":
        del settings["filters"]
    cnn = KerasCNNClassifier(**settings)
    for n_files, value in enumerate(values, 1):
        with stopped_after(1):
            cnn.set_params(**{parameter: value}).fit(*scaled)
        assert len(os.listdir(tmp_path)) == n_files
    again = {"callbacks": None, "architecture": network_of(2), "loss": loss_of(2)}[parameter]
    with stopped_after(1):
        cnn.set_params(**{parameter: again}).fit(*scaled)
    assert len(os.listdir(tmp_path)) == len(values)


@pytest.mark.slow
def test_a_disk_that_fills_up_does_not_end_training(scaled, tmp_path):
    write, written = np.savez, []

    def savez(*args, **kwargs):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(1)
        write(*args, **kwargs)

    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **SMALL)
    with (
        mock.patch("numpy.savez", savez),
        pytest.warns(UserWarning, match=r"checkpoint_dir.*No space left.*continues without"),
    ):
        cnn.fit(*scaled)
    assert cnn.n_iter_ == 5


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "other", "empty", "unknown"])
def test_a_damaged_file_is_an_error(scaled, tmp_path, harm):
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **SMALL)
    with stopped_after(2):
        cnn.fit(*scaled)
    (path,) = tmp_path.iterdir()
    if harm == "other":
        np.savez(path, header="{}")
    elif harm == "unknown":  # a way of compression that nobody knows
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\1\2") + 10] = 77
        path.write_bytes(content)
    else:
        path.write_bytes(path.read_bytes()[: 1000 if harm == "cut" else 0])
    with pytest.raises(ValueError, match=r"checkpoint .*npz cannot be read: .* Remove it"):
        cnn.fit(*scaled)
    path.unlink()
    assert cnn.fit(*scaled).n_iter_ == 5


def test_without_a_seed_there_is_no_going_on(scaled, tmp_path):
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="checkpoint_dir requires random_state"):
        cnn.fit(*scaled)


def test_a_folder_that_cannot_be_written_is_an_error_before_training(scaled, tmp_path):
    (tmp_path / "file").write_text("")
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path / "file", **SMALL)
    with pytest.raises(NotADirectoryError, match=r"checkpoint_dir must be a writable folder.*file"):
        cnn.fit(*scaled)
    cnn.set_params(checkpoint_dir=tmp_path / "file" / "below")
    with pytest.raises(NotADirectoryError, match="checkpoint_dir must be a writable folder"):
        cnn.fit(*scaled)


KILLED = """
import sys
import numpy as np
from skfashion import KerasCNNClassifier
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(240, image_size=20, random_state=0, return_X_y=True)
cnn = KerasCNNClassifier(
    "two_conv_dropout", filters=(4,), epochs=30, random_state=0, checkpoint_dir=sys.argv[1]
)
np.save(sys.argv[2], cnn.fit(X / np.float32(255), y).predict_proba(X / np.float32(255)))
"""


@pytest.mark.slow
def test_a_killed_training_comes_to_the_same_weights(tmp_path):
    rng = random.Random(0)
    command = [sys.executable, "-c", KILLED, tmp_path / "killed"]
    subprocess.run(
        [*command[:3], tmp_path / "other", tmp_path / "undisturbed.npy"], check=True, timeout=300
    )

    def written():
        return [file.stat() for file in tmp_path.glob("killed/*.npz")]

    for _ in range(2):
        before = written()
        with subprocess.Popen([*command, tmp_path / "all.npy"]) as process:
            while process.poll() is None and written() == before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
    subprocess.run([*command, tmp_path / "all.npy"], check=True, timeout=300)
    assert_array_equal(np.load(tmp_path / "all.npy"), np.load(tmp_path / "undisturbed.npy"))
    assert os.listdir(tmp_path / "killed") == []


@pytest.mark.slow
def test_functions_that_make_callbacks_count_by_what_they_do(scaled, tmp_path):
    def making(patience, bar):
        def make():
            bar.update()
            return keras.callbacks.EarlyStopping("loss", patience=patience)

        return make

    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **SMALL)
    for n_files, patience in ((1, 8), (1, 8), (2, 9)):  # a bar of the process is no setting
        with stopped_after(1):
            cnn.set_params(callbacks=[making(patience, tqdm(file=io.StringIO()))]).fit(*scaled)
        assert len(os.listdir(tmp_path)) == n_files


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_removed_undoes_no_training(scaled, tmp_path, monkeypatch):
    unlink = Path.unlink

    def refused(self, missing_ok=False):
        if self.parent == tmp_path and not self.name.startswith("."):
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(self, missing_ok)

    X, y = scaled
    expected = KerasCNNClassifier(**SMALL).fit(X, y).predict_proba(X)
    monkeypatch.setattr(Path, "unlink", refused)
    cnn = KerasCNNClassifier(**SMALL, checkpoint_dir=tmp_path)
    with pytest.warns(UserWarning, match=r"Training is done.*\.npz.*Read-only.*Remove it yourself"):
        cnn.fit(X, y)
    assert_array_equal(cnn.predict_proba(X), expected)
    assert cnn.n_iter_ == SMALL["epochs"]


class Runs:
    """Something that a pickle makes a file with."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def changed_header(change):
    def harm(arrays, tmp_path):
        header = json.loads(str(arrays["header"]))
        change(header)
        arrays["header"] = np.array(json.dumps(header))

    return harm


def changed_array(name, change):
    def harm(arrays, tmp_path):
        arrays[name] = change(arrays.get(name))

    return harm


def without(name):
    return lambda arrays, tmp_path: arrays.pop(name)


def code(arrays, tmp_path):
    arrays["header"] = np.array([Runs(tmp_path / "ran")], dtype=object)


HARMED = {
    "history of another type": changed_header(lambda header: header.update(history=[1])),
    "history of one number": changed_header(lambda header: header["history"].update(loss=1)),
    "history of words": changed_header(lambda header: header["history"].update(loss=["a", "b"])),
    "history of other lengths": changed_header(lambda h: h["history"].update(accuracy=[1] * 3)),
    "history without losses": changed_header(lambda header: header["history"].pop("loss")),
    "more epochs than there are": changed_header(
        lambda header: header.update(history={"loss": [1.0] * 99})
    ),
    "as many epochs as there are": changed_header(
        lambda header: header.update(history={"loss": [1.0] * 5})
    ),
    "no history": changed_header(lambda header: header.pop("history")),
    "no state of early stopping": changed_header(lambda header: header.update(stopping=None)),
    "part of its state": changed_header(lambda header: header["stopping"].pop("wait")),
    "more than its state": changed_header(lambda header: header["stopping"].update(model=1)),
    "state of another type": changed_header(lambda header: header["stopping"].update(wait="1")),
    "surplus weights": changed_array("model/99", lambda _: np.zeros(3)),
    "surplus arrays": changed_array("others", lambda _: np.zeros(3)),
    "missing weights": without("model/0"),
    "part of the best weights": without("best/0"),
    "weights of another type": changed_array("model/0", lambda old: old.astype("float64")),
    "weights of another shape": changed_array("model/0", lambda old: old[..., :1]),
    "best weights of another shape": changed_array("best/0", lambda old: old[..., :1]),
    "endless weights": changed_array("model/0", lambda _: np.zeros(2**22, np.float32)),
    "code": code,
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMED)
def test_a_file_of_another_structure_is_an_error(scaled, tmp_path, harm):
    X, y = scaled[0][:60], scaled[1][:60]
    settings = {**SMALL, "early_stopping": True, "validation_fraction": 0.4}
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path / "files", **settings)
    with stopped_after(3):
        cnn.fit(X, y)
    (path,) = (tmp_path / "files").iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    HARMED[harm](arrays, tmp_path)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"checkpoint .*npz cannot be read: .* Remove it"):
        cnn.fit(X, y)
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_an_error(scaled, tmp_path, make):
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **SMALL)
    with stopped_after(1):
        cnn.fit(*scaled)
    (path,) = tmp_path.iterdir()
    path.unlink()
    make(path)
    with pytest.raises(
        ValueError, match=r"npz cannot be read: .*\((Is a directory|Expected a regular)"
    ):
        cnn.fit(*scaled)


@pytest.mark.slow
def test_early_stopping_goes_on_where_it_was(scaled, tmp_path):
    settings = {**SMALL, "early_stopping": True, "n_iter_no_change": 4, "learning_rate": 1e-30}
    cnn = KerasCNNClassifier(**{**settings, "epochs": 20})
    alone = clone(cnn).fit(*scaled)
    cnn.set_params(checkpoint_dir=tmp_path)
    with stopped_after(4):
        cnn.fit(*scaled)
    cnn.fit(*scaled)
    assert (cnn.n_iter_, cnn.best_epoch_) == (alone.n_iter_, alone.best_epoch_) == (5, 0)


@pytest.mark.slow
def test_trainings_that_stop_elsewhere_have_files_of_their_own(scaled, tmp_path):
    X, y = scaled
    stopping = {"early_stopping": True, "n_iter_no_change": 3}
    first = {"X_val": X[:50], "y_val": y[:50]}
    trainings = [
        ({}, {}),
        ({}, first),
        ({}, {"X_val": X[:50], "y_val": y[50:100]}),
        ({}, {"X_val": X[50:100], "y_val": y[50:100]}),
        ({}, {**first, "sample_weight_val": np.arange(50)}),
        ({"n_iter_no_change": 3}, first),
        (stopping, first),
        (stopping, {}),
        ({**stopping, "n_iter_no_change": 4}, first),
        ({**stopping, "validation_fraction": 0.2}, {}),
    ]
    for n_files, (settings, held_out) in enumerate(trainings, start=1):
        cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **{**SMALL, **settings})
        with stopped_after(1):
            cnn.fit(X, y, **held_out)
        assert len(os.listdir(tmp_path)) == n_files


SCALES = np.ones(10)


def loss_by_array(true, predicted):
    return keras.losses.categorical_crossentropy(true, predicted * SCALES)


def loss_by_inner(true, predicted):
    def scaled(rows):
        return rows * SCALES[0]

    return keras.losses.categorical_crossentropy(true, scaled(predicted))


def loss_by_another(true, predicted):
    return loss_by_array(true, predicted)


def loss_by_method(true, predicted):
    return Losses().of(true, predicted)


class Losses:
    def of(self, true, predicted):
        return loss_by_array(true, predicted)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [loss_by_array, loss_by_inner, loss_by_another, loss_by_method])
def test_functions_count_by_what_they_read(scaled, tmp_path, monkeypatch, loss):
    assert numbers_of_files(
        scaled,
        tmp_path,
        [
            {"loss": loss},
            {"loss": loss},
            lambda: monkeypatch.setattr(sys.modules[__name__], "SCALES", np.full(10, 0.5)),
            {"loss": loss},
        ],
    ) == [1, 1, 2]


def numbers_of_files(scaled, tmp_path, steps):
    """Return the number of files after each of some trainings, between which others act."""
    numbers = []
    for step in steps:
        if callable(step):
            step()
            continue
        with stopped_after(1):
            KerasCNNClassifier(checkpoint_dir=tmp_path, **{**SMALL, **step}).fit(*scaled)
        numbers.append(len(os.listdir(tmp_path)))
    return numbers


OF_USERS = """
import keras

@keras.saving.register_keras_serializable("{name}")
class Noise(keras.layers.Layer):
    def call(self, images, training=None):
        return images * {number}

class Note(keras.callbacks.Callback):
    factor = 2

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = {number}

class Augmenter(keras.layers.Layer):
    factor = {number}

    def call(self, images, training=None):
        return images * self.factor

@keras.saving.register_keras_serializable("{name}")
def inner(images):
    table = {{"a", "b", "c", "d"}}
    def scaled(images):
        return images * {number} if "a" in table else images in {{"a", "b", "c"}}
    return scaled(images)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        lambda module: {"augmenter": module["Noise"]()},
        lambda module: {"augmenter": module["Augmenter"]()},
        lambda module: {"callbacks": [module["Note"]()]},
        lambda module: {"callbacks": [module["Note"]]},
        lambda module: {"augmenter": keras.layers.Lambda(module["inner"])},
    ],
)
def test_classes_count_by_their_code(scaled, tmp_path, settings):
    def written(number):
        module = {"__name__": "written_by_users"}
        exec(OF_USERS.format(number=number, name="written"), module)
        return settings(module)

    users = mock.Mock(__file__=str(tmp_path / "written_by_users.py"))
    with mock.patch.dict(sys.modules, written_by_users=users):
        steps = [written(0.5), written(0.5), written(0.25)]
        assert numbers_of_files(scaled, tmp_path / "files", steps) == [1, 1, 2]


@pytest.mark.slow
def test_a_training_has_the_same_file_in_another_process(tmp_path, run_python):
    code = """
import sys, types, keras
sys.modules["written_by_users"] = module = types.ModuleType("written_by_users")
module.__file__ = "written_by_users.py"
exec(sys.argv[1], vars(module))
from skfashion.neural_network.training._fingerprint import fingerprint
loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
print(fingerprint(module.inner, module.Noise(), loss, {"b", "a"}, callbacks=[module.Note()]))
"""
    users = OF_USERS.format(number=0.5, name="written")
    first, second = (run_python(code, users, PYTHONHASHSEED=seed)[0] for seed in "12")
    assert first == second


def test_what_cannot_be_known_again_is_an_error(scaled, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SCALES", threading.Lock())
    cnn = KerasCNNClassifier(checkpoint_dir=tmp_path, **{**SMALL, "loss": loss_by_array})
    with pytest.raises(
        ValueError, match=r"functions .* refer to, must be picklable.*'_thread.lock'"
    ):
        cnn.fit(*scaled)
