"""Checkpoint files, from which an interrupted training resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skfashion import __version__
from skfashion._callers import warn_user
from skfashion._files import NotRegularError, open_regular, remove_unfinished, replacing
from skfashion.neural_network.runtime._keras import load_keras
from skfashion.neural_network.runtime._models import assign, values

from ._fingerprint import fingerprint

if TYPE_CHECKING:
    import keras

    from ._settings import TrainingSettings
else:
    keras = load_keras()

# Parameters that do not affect the trained weights, and callbacks, which have their own rules in a
# fingerprint.
WITHOUT_EFFECT = ("callbacks", "checkpoint_dir", "tta_shifts", "verbose")
_MAX_HEADER_BYTES = 64_000_000  # Enough for a million epochs.
_STOPPING = ("best", "best_epoch", "wait", "stopped_epoch")


def identity(settings: TrainingSettings) -> dict[str, Any]:
    """Return all settings of a training that identify its checkpoint, except callbacks."""
    parameters = {
        name: value for name, value in settings.parameters.items() if name not in WITHOUT_EFFECT
    }
    return {**vars(settings), "parameters": parameters}


def checkpoint_path(
    folder: str | os.PathLike[str], *dependencies: Any, callbacks: Iterable[Any] | None = None
) -> Path:
    """Return the path of the checkpoint file of a training.

    Parameters
    ----------
    folder : str or os.PathLike
        Folder of the checkpoints.
    *dependencies
        Everything that the training depends on: arrays and objects of any kind.
    callbacks : list or None, default=None
        The user's callbacks.

    Returns
    -------
    pathlib.Path
        Path in `folder`, named by a fingerprint of the training.

    Raises
    ------
    ValueError
        If an object cannot be pickled, and so not be identified later.
    """
    name = fingerprint(__version__, keras.__version__, *dependencies, callbacks=callbacks)
    return Path(folder).expanduser().absolute() / f"{name}.npz"


class Checkpoint(keras.callbacks.Callback):
    """Save the state of training after each epoch but the last, and restore it.

    Parameters
    ----------
    path : pathlib.Path
        Path of the file. Its folder is created if it does not exist.
    recorder : keras.callbacks.History
        History of the training. Keras must call it before this callback.
    best : keras.callbacks.EarlyStopping or None
        Early stopping, if any. Keras must call it before this callback.
    """

    def __init__(
        self,
        path: Path,
        recorder: keras.callbacks.History,
        best: keras.callbacks.EarlyStopping | None,
    ) -> None:
        super().__init__()
        self._path = path
        self._recorder = recorder
        self._best = best
        self._stopping: dict[str, Any] | None = None

    def load(self, model: keras.Model, epochs: int) -> int:
        """Restore the state of an interrupted training, if the file exists.

        Parameters
        ----------
        model : keras.Model
            Compiled model, whose weights and optimizer state are set.
        epochs : int
            Number of epochs of the whole training.

        Returns
        -------
        int
            Number of completed epochs.

        Raises
        ------
        ValueError
            If the file is damaged.
        OSError
            If the file cannot be opened.
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
        except Exception as error:  # A damaged archive raises many types of errors.
            raise self._damaged(error) from error
        assign(model, found["model"])
        assign(model.optimizer, found["optimizer"])
        if stopping is not None:
            self._stopping = {**stopping, "best_weights": found["best"] or None}
        self._recorder.history = history
        return len(history.get("loss", []))

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Restore the state of early stopping, which keras has reset, and write a first file.

        Missing disk space or permissions are thus reported at once, not after the first epoch.
        """
        if self._stopping is not None:
            vars(self._best).update(self._stopping)
        if not self._path.exists():
            try:
                self._save()
            except OSError as error:
                raise self._unusable(error) from error

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the file, unless training ends here. A failure is only a warning."""
        if not self.model.stop_training and epoch + 1 < self.params["epochs"]:
            try:
                self._save()
            except OSError as error:
                warn_user(f"{self._unusable(error)} Training continues without checkpoints.")

    def remove(self) -> None:
        """Remove the file of a completed training, and unfinished files of killed processes.

        A failure is only a warning, because the network is already trained.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            warn_user(
                f"Training is done, but its checkpoint {str(self._path)!r} cannot be removed: "
                f"{error.strerror}. Remove it yourself. Otherwise, fit with the same parameters "
                "and data will resume from it."
            )
        remove_unfinished(self._path.parent)

    def _damaged(self, reason: object) -> ValueError:
        return ValueError(
            f"The checkpoint {self._path} cannot be read: it is damaged or of another version of "
            f"skfashion. Remove it to train from the beginning. ({str(reason)[:300]})"
        )

    def _unusable(self, error: OSError) -> OSError:
        return type(error)(
            error.errno,
            f"checkpoint_dir must be a writable folder, got {str(self._path.parent)!r}: "
            f"{error.strerror}.",
        )

    def _save(self) -> None:
        arrays = {"model": values(self.model), "optimizer": values(self.model.optimizer)}
        header: dict[str, Any] = {"history": self._recorder.history, "stopping": None}
        if self._best is not None:
            header["stopping"] = {name: getattr(self._best, name) for name in _STOPPING}
            arrays["best"] = self._best.best_weights or []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as unfinished:
            np.savez(unfinished, header=json.dumps(header), **_named(arrays))


def _named(sections: Mapping[str, Iterable[NDArray]]) -> dict[str, Any]:
    return {
        f"{section}/{number}": array
        for section, arrays in sections.items()
        for number, array in enumerate(arrays)
    }


def _read(
    opened: BinaryIO, sections: Mapping[str, list[NDArray]]
) -> tuple[dict[str, Any], dict[str, list[NDArray]]]:
    """Return the header of a file, and arrays with the dtypes and shapes of those in `sections`."""
    expected = _named(sections)
    without_best = {name for name in expected if not name.startswith("best/")}
    with np.load(opened, allow_pickle=False) as file:
        names = sorted(file.zip.namelist())
        if names not in (_members(expected), _members(without_best)):
            raise ValueError(f"expected the arrays {_members(expected)}, got {names}")
        # NumPy would allocate whatever size the file declares.
        for member in file.zip.infolist():
            name = member.filename.removesuffix(".npy")
            limit = expected[name].nbytes + 1024 if name in expected else _MAX_HEADER_BYTES
            if member.file_size > limit:
                raise ValueError(
                    f"expected {name} of at most {limit} bytes, got {member.file_size}"
                )
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if name != "header" and _form(array) != _form(expected[name]):
            raise ValueError(f"expected {name} to be {_form(expected[name])}, got {_form(array)}")
    if arrays["header"].dtype.kind != "U" or arrays["header"].shape:
        raise ValueError(f"expected one string as header, got {_form(arrays['header'])}")
    found = {
        section: [arrays[name] for name in _named({section: several}) if name in arrays]
        for section, several in sections.items()
    }
    return json.loads(str(arrays["header"])), found


def _members(names: Iterable[str]) -> list[str]:
    return sorted(f"{name}.npy" for name in [*names, "header"])


def _form(array: NDArray) -> tuple[str, tuple[int, ...]]:
    return array.dtype.name, array.shape


def _checked_history(history: Any, epochs: int) -> dict[str, list[float]]:
    """Return the history, or raise a ValueError if it is not one of fewer than `epochs` epochs."""
    if not isinstance(history, dict) or not all(isinstance(one, list) for one in history.values()):
        raise ValueError(f"expected history to be a dict of lists, got {history!r}")
    n_done = len(history.get("loss", []))
    for name, recorded in history.items():
        if len(recorded) > n_done or n_done >= epochs or not all(map(_is_number, recorded)):
            raise ValueError(
                f"expected history to have one number for each of {n_done} of {epochs} epochs, "
                f"got {name}: {recorded!r}"
            )
    return history


def _checked_stopping(stopping: Any) -> dict[str, Any]:
    """Return the state of early stopping, or raise a ValueError if it is not complete."""
    if (
        not isinstance(stopping, dict)
        or sorted(stopping) != sorted(_STOPPING)
        or not (stopping["best"] is None or _is_number(stopping["best"]))
        or not all(type(stopping[name]) is int for name in _STOPPING if name != "best")
    ):
        raise ValueError(f"expected stopping to have {list(_STOPPING)}, got {stopping!r}")
    return stopping


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
