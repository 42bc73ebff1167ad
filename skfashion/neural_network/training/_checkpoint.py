"""Where training stands after each epoch, in a file from which it can go on."""

import json
from pathlib import Path

import numpy as np

from skfashion import __version__
from skfashion._callers import warn_user
from skfashion._files import NotRegularError, open_regular, remove_unfinished, replacing
from skfashion.neural_network.runtime._keras import load_keras
from skfashion.neural_network.runtime._models import assign, values

from ._fingerprint import fingerprint

keras = load_keras()

_HEADER_BYTES = 2**26  # a million epochs
_STOPPING = ("best", "best_epoch", "wait", "stopped_epoch")


def checkpoint_path(folder, *what, callbacks=None):
    """Return the file for one training.

    Parameters
    ----------
    folder : str or os.PathLike
        Where the files are.
    *what
        All that the training begins from: arrays and values of any kind.
    callbacks : list or None
        The user's.

    Raises
    ------
    ValueError
        If something cannot be pickled, so that it cannot be known again.
    """
    name = fingerprint(__version__, keras.__version__, *what, callbacks=callbacks)
    return Path(folder).expanduser().absolute() / f"{name}.npz"


class Checkpoint(keras.callbacks.Callback):
    """Write where training stands after each epoch but the last, or go on from there.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder is made if there is none.
    recorder : keras.callbacks.History
        Called before this callback.
    best : keras.callbacks.EarlyStopping or None
        Called before this callback.
    """

    def __init__(self, path, recorder, best):
        super().__init__()
        self._path = path
        self._recorder = recorder
        self._best = best
        self._stopping = None

    def load(self, model, epochs):
        """Bring `model` to where training of so many `epochs` stopped, if the file is there.

        Returns
        -------
        int
            Number of epochs done.

        Raises
        ------
        ValueError
            If the file cannot be read.
        """
        try:
            opened = open_regular(self._path)
        except FileNotFoundError:
            return 0
        except (IsADirectoryError, NotRegularError) as error:
            raise self._damaged(error.strerror) from error
        except OSError as error:
            raise self._unusable(error) from error
        sections = {"model": values(model), "optimizer": values(model.optimizer)}
        if self._best is not None:
            sections["best"] = model.get_weights()
        try:
            with opened:
                header, found = _read(opened, sections)
            history = _checked_history(header["history"], epochs)
            stopping = None if self._best is None else _checked_stopping(header["stopping"])
        except Exception as error:  # a damaged archive raises errors of many kinds
            raise self._damaged(error) from error
        assign(model, found["model"])
        assign(model.optimizer, found["optimizer"])
        if stopping is not None:
            self._stopping = {**stopping, "best_weights": found["best"] or None}
        self._recorder.history = history
        return len(history.get("loss", []))

    def on_train_begin(self, logs=None):
        """Set what early stopping has forgotten by now, or write a first file.

        So that one who has no space left, or must not write there, hears of it at once.
        """
        if self._stopping is not None:
            vars(self._best).update(self._stopping)
        if not self._path.exists():
            try:
                self._save()
            except OSError as error:
                raise self._unusable(error) from error

    def on_epoch_end(self, epoch, logs=None):
        """Write the file, unless training ends here; what is learned is not lost if that fails."""
        if not self.model.stop_training and epoch + 1 < self.params["epochs"]:
            try:
                self._save()
            except OSError as error:
                warn_user(f"{self._unusable(error)} Training goes on without checkpoints.")

    def remove(self):
        """Remove the file, as training has come to its end, and what a kill left unfinished.

        What is learned is not lost if that fails.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            warn_user(
                f"Training is done, but its checkpoint {str(self._path)!r} cannot be removed: "
                f"{error.strerror}. Remove it yourself: else fit with the same parameters and "
                "data ends with what it holds."
            )
        remove_unfinished(self._path.parent)

    def _damaged(self, why):
        return ValueError(
            f"The checkpoint {self._path} cannot be read: it is damaged, or of another version of "
            f"skfashion. Remove it, to train from the beginning. ({str(why)[:300]})"
        )

    def _unusable(self, error):
        return type(error)(
            error.errno,
            f"checkpoint_dir must be a folder that can be written, got {str(self._path.parent)!r}: "
            f"{error.strerror}.",
        )

    def _save(self):
        arrays = {"model": values(self.model), "optimizer": values(self.model.optimizer)}
        header = {"history": self._recorder.history, "stopping": None}
        if self._best is not None:
            header["stopping"] = {name: getattr(self._best, name) for name in _STOPPING}
            arrays["best"] = self._best.best_weights or []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as unfinished:
            np.savez(unfinished, header=json.dumps(header), **_named(arrays))


def _named(sections):
    return {
        f"{section}/{number}": array
        for section, arrays in sections.items()
        for number, array in enumerate(arrays)
    }


def _read(opened, sections):
    """Return the header of a file, and arrays of the types and shapes of those in `sections`."""
    expected = _named(sections)
    without_best = {name for name in expected if not name.startswith("best/")}
    with np.load(opened, allow_pickle=False) as file:
        names = sorted(file.zip.namelist())
        if names not in (_members(expected), _members(without_best)):
            raise ValueError(f"it should hold {_members(expected)}, got {names}")
        for member in file.zip.infolist():  # of sizes that nothing else limits
            name = member.filename.removesuffix(".npy")
            limit = expected[name].nbytes + 1024 if name in expected else _HEADER_BYTES
            if member.file_size > limit:
                raise ValueError(f"{name} has {member.file_size} bytes, more than {limit}")
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if name != "header" and _form(array) != _form(expected[name]):
            raise ValueError(f"{name} should be {_form(expected[name])}, got {_form(array)}")
    if arrays["header"].dtype.kind != "U" or arrays["header"].shape:
        raise ValueError(f"header should be one string, got {_form(arrays['header'])}")
    found = {
        section: [arrays[name] for name in _named({section: several}) if name in arrays]
        for section, several in sections.items()
    }
    return json.loads(str(arrays["header"])), found


def _members(names):
    return sorted(f"{name}.npy" for name in [*names, "header"])


def _form(array):
    return array.dtype.name, array.shape


def _checked_history(history, epochs):
    """Return what was recorded, if it may be of some of `epochs`."""
    if not isinstance(history, dict) or not all(isinstance(one, list) for one in history.values()):
        raise ValueError(f"history should be lists by name, got {history!r}")
    n_done = len(history.get("loss", []))
    for name, recorded in history.items():
        if len(recorded) > n_done or n_done >= epochs or not all(map(_is_number, recorded)):
            raise ValueError(
                f"history should hold a number for each of {n_done} of {epochs} epochs, got "
                f"{name}: {recorded!r}"
            )
    return history


def _checked_stopping(stopping):
    """Return what early stopping goes by, if it is whole."""
    if (
        not isinstance(stopping, dict)
        or sorted(stopping) != sorted(_STOPPING)
        or not (stopping["best"] is None or _is_number(stopping["best"]))
        or not all(type(stopping[name]) is int for name in _STOPPING if name != "best")
    ):
        raise ValueError(f"stopping should hold the numbers {list(_STOPPING)}, got {stopping!r}")
    return stopping


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
