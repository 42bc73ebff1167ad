"""The file of a checkpoint: what is written, what is read back, and what is refused."""

import errno
import json
import os
import re
import zipfile
from types import SimpleNamespace
from unittest import mock

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion.neural_network.runtime._models import values
from skfashion.neural_network.training import _checkpoint
from skfashion.neural_network.training._checkpoint import Checkpoint, checkpoint_path

HISTORY = {"loss": [0.5, 0.25], "val_loss": [1.5]}
STOPPING = {"best": 0.75, "best_epoch": 1, "wait": 2, "stopped_epoch": 0}


def network(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def state(model):
    return [*values(model), *values(model.optimizer)]


def checkpoint(path, model, *, best=None, history=None):
    made = Checkpoint(path, SimpleNamespace(history=history or {}), best)
    made.set_model(model)
    made.set_params({"epochs": 3})
    return made


@pytest.fixture
def written(tmp_path):
    """A checkpoint after two epochs of three, with the state of early stopping."""
    model = network(1)
    model.optimizer.iterations.assign(7)
    best = SimpleNamespace(**STOPPING, best_weights=[w + 1 for w in model.get_weights()])
    path = tmp_path / "folder" / "within" / "file.npz"
    checkpoint(path, model, best=best, history=HISTORY)._save()
    return path, model, best


def test_what_is_written_is_read_back(written):
    path, model, best = written
    other = network(2)
    empty = SimpleNamespace(best=None, best_weights=None)
    read = checkpoint(path, other, best=empty)
    assert read.load(other, epochs=3) == 2
    assert_array_equal(
        np.concatenate([*map(np.ravel, state(other))]),
        np.concatenate([*map(np.ravel, state(model))]),
    )
    assert read._recorder.history == HISTORY
    assert empty.best is None  # until training begins, which resets it
    read.on_train_begin()
    assert {name: getattr(empty, name) for name in STOPPING} == STOPPING
    for found, expected in zip(empty.best_weights, best.best_weights, strict=True):
        assert_array_equal(found, expected)


def test_early_stopping_without_best_weights_yet(tmp_path):
    model, path = network(), tmp_path / "file.npz"
    best = SimpleNamespace(**{**STOPPING, "best": None}, best_weights=None)
    checkpoint(path, model, best=best, history=HISTORY)._save()
    read = checkpoint(path, model, best=SimpleNamespace(best_weights=[1]))
    assert read.load(model, epochs=3) == 2
    read.on_train_begin()
    assert read._best.best is None
    assert read._best.best_weights is None


def test_no_file_is_no_epoch(tmp_path):
    model = network()
    before = state(model)
    read = checkpoint(tmp_path / "none.npz", model, history={"loss": []})
    assert read.load(model, epochs=3) == 0
    for found, expected in zip(state(model), before, strict=True):
        assert_array_equal(found, expected)


def rewritten(path, change):
    """Change the arrays of a file and write it again, as a whole archive."""
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)


def in_header(**changed):
    def change(arrays):
        arrays["header"] = json.dumps({**json.loads(str(arrays["header"])), **changed})

    return change


def in_stopping(**changed):
    return in_header(stopping={**STOPPING, **changed})


def put(**arrays):
    return lambda found: found.update({k.replace("_", "/"): v for k, v in arrays.items()})


DAMAGES = {
    "no history": in_header(history=None),
    "history of other types": in_header(history={"loss": "ab"}),
    "history of text": in_header(history={"loss": ["a", 1.0]}),
    "history of booleans": in_header(history={"loss": [True, 1.0]}),
    "as many losses as epochs": in_header(history={"loss": [1.0, 1.0, 1.0]}),
    "more values than losses": in_header(history={"loss": [1.0], "val_loss": [1.0, 2.0]}),
    "no state of early stopping": in_header(stopping=None),
    "less of it": lambda a: in_header(stopping={"best": 1.0, "wait": 1})(a),
    "more of it": in_stopping(more=1),
    "a best accuracy of text": in_stopping(best="0.5"),
    "a best accuracy of a boolean": in_stopping(best=True),
    "a wait that is no integer": in_stopping(wait=1.5),
    "an epoch that is a boolean": in_stopping(best_epoch=False),
    "a header of bytes": put(header=np.array(b"{}")),
    "several headers": put(header=np.array(["{}", "{}"])),
    "a header that is no JSON": put(header=np.array("{")),
    "no header": lambda arrays: arrays.pop("header"),
    "a surplus array": put(model_9=np.zeros(3)),
    "a missing array": lambda arrays: arrays.pop("model/0"),
    "another shape": put(model_1=np.zeros(4, np.float32)),
    "another type": put(model_1=np.zeros(3, np.float64)),
    "another best shape": put(best_1=np.zeros(4, np.float32)),
    "pickled objects": put(model_1=np.array([1, "a", None], dtype=object)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_structure_is_refused_and_changes_nothing(written, damage):
    path, *_ = written
    rewritten(path, DAMAGES[damage])
    other = network(2)
    before = state(other)
    read = checkpoint(path, other, best=SimpleNamespace())
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} cannot be read: it is damaged"):
        read.load(other, epochs=3)
    assert read._recorder.history == {}
    for found, expected in zip(state(other), before, strict=True):
        assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("damage", "explanation"),
    [
        (in_header(history=None), "expected history to be a dict of lists, got None"),
        (in_header(history={"loss": 3}), "expected history to be a dict of lists, got {'loss': 3}"),
        (in_header(stopping=3), "expected stopping to have"),
        (put(header=np.array(b"{}")), "expected one string as header, got ('bytes16', ())"),
        (put(header=np.array(["{}"])), "expected one string as header, got ('str64', (1,))"),
    ],
)
def test_damages_are_explained(written, damage, explanation):
    path, model, _ = written
    rewritten(path, damage)
    with pytest.raises(ValueError, match=re.escape(f"from the beginning. ({explanation}")):
        checkpoint(path, model, best=SimpleNamespace()).load(model, epochs=3)


class Command:
    def __reduce__(self):
        return os.mkdir, ("run",)


def test_no_code_runs(written, monkeypatch, tmp_path):
    path, model, _ = written
    monkeypatch.chdir(tmp_path)
    header = np.array(None, dtype=object)
    header[()] = Command()
    rewritten(path, put(header=header))
    with pytest.raises(ValueError, match="cannot be read: it is damaged"):
        checkpoint(path, model, best=SimpleNamespace()).load(model, epochs=3)
    assert not (tmp_path / "run").exists()


def test_sizes_of_members_are_limited_before_they_are_read(written, monkeypatch):
    path, model, _ = written
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("header.npy").file_size
    read = checkpoint(path, model, best=SimpleNamespace())
    monkeypatch.setattr(_checkpoint, "_MAX_HEADER_BYTES", size)
    assert read.load(model, epochs=3) == 2
    monkeypatch.setattr(_checkpoint, "_MAX_HEADER_BYTES", size - 1)
    with pytest.raises(ValueError, match=f"header of at most {size - 1} bytes, got {size}"):
        read.load(model, epochs=3)
    monkeypatch.undo()
    rewritten(path, put(model_0=np.zeros((2, 1000), np.float32)))
    with pytest.raises(ValueError, match="model/0 of at most 1048 bytes, got 8128"):
        read.load(model, epochs=3)


def test_long_explanations_are_cut(written):
    path, model, _ = written
    rewritten(path, in_header(history={"loss": ["a" * 5000]}))
    with pytest.raises(ValueError, match="cannot be read") as raised:
        checkpoint(path, model, best=SimpleNamespace()).load(model, epochs=3)
    explained = str(raised.value).partition("from the beginning. (")[2]
    assert len(explained) == 301


@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", os.mkdir)])
def test_what_is_no_file_is_damaged(tmp_path, make):
    make(tmp_path / "file.npz")
    words = r"file\.npz cannot be read.*\((Is a directory|it is no regular file|.*FIFO)"
    with pytest.raises(ValueError, match=words):
        checkpoint(tmp_path / "file.npz", network()).load(network(), epochs=3)


def test_files_that_cannot_be_opened_or_written_name_the_folder(tmp_path):
    model = network()
    made = checkpoint(tmp_path / "file.npz", model)
    error = PermissionError(errno.EACCES, "Permission denied")
    folder = re.escape(str(tmp_path))
    words = rf"checkpoint_dir must be a writable folder, got '{folder}': Permission denied\."
    with (
        mock.patch.object(_checkpoint, "open_regular", side_effect=error),
        pytest.raises(PermissionError, match=words) as raised,
    ):
        made.load(model, epochs=3)
    assert raised.value.errno == errno.EACCES
    with mock.patch.object(np, "savez", side_effect=error):
        with pytest.raises(PermissionError, match=words):
            made.on_train_begin()
        with pytest.warns(UserWarning, match=words + " Training continues without checkpoints"):
            made.on_epoch_end(0)


def test_a_file_is_written_before_and_after_each_epoch_but_the_last(tmp_path):
    model = network()
    made = checkpoint(tmp_path / "file.npz", model, history=HISTORY)
    made.on_train_begin()
    before = (tmp_path / "file.npz").stat().st_ino
    made.on_train_begin()  # of a training that goes on
    assert (tmp_path / "file.npz").stat().st_ino == before
    for epoch, is_written in ((0, True), (1, True), (2, False)):
        (tmp_path / "file.npz").unlink(missing_ok=True)
        made.on_epoch_end(epoch)
        assert (tmp_path / "file.npz").exists() == is_written
    model.stop_training = True
    made.on_epoch_end(0)
    assert not (tmp_path / "file.npz").exists()


def test_the_file_and_what_a_kill_left_are_removed_in_the_end(tmp_path):
    made = checkpoint(tmp_path / "file.npz", network())
    made.on_train_begin()
    with mock.patch.object(_checkpoint, "remove_unfinished") as tidied:
        made.remove()
        assert os.listdir(tmp_path) == []
        made.remove()  # once is enough
    tidied.assert_called_with(tmp_path)
    (tmp_path / "file.npz").mkdir()
    with pytest.warns(UserWarning, match=r"file\.npz' cannot be removed: .*Remove it yourself"):
        made.remove()


def test_the_path_is_absolute_and_known_by_versions_and_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = checkpoint_path("folder", 1, "a")
    assert path.parent == tmp_path / "folder"
    assert path.suffix == ".npz"
    assert checkpoint_path("~/folder", 1, "a") == path
    others = {checkpoint_path("folder", 1, "b"), checkpoint_path("folder", 1)}
    others.add(checkpoint_path("folder", 1, "a", callbacks=[print]))
    monkeypatch.setattr(_checkpoint, "__version__", "other")
    others.add(checkpoint_path("folder", 1, "a"))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras, "__version__", "other")
    others.add(checkpoint_path("folder", 1, "a"))
    assert len(others - {path}) == 5
