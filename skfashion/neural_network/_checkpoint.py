"""Where training stands after each epoch, in a file from which it can go on."""

import json
from pathlib import Path

import numpy as np

from skfashion import __version__
from skfashion._callers import warn_user
from skfashion._files import replacing, unfinished_files

from ._engines import assign, values
from ._fingerprint import fingerprint
from ._keras import load_keras

keras = load_keras()

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
    name = fingerprint(__version__, *what, callbacks=callbacks)
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

    def load(self, model):
        """Bring `model` to where training stopped, if the file is there.

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
            opened = open(self._path, "rb")  # noqa: SIM115 (closed below)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._unusable(error) from error
        try:
            # numpy does not close what it opens itself if it is no archive.
            with opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(str(arrays["header"]))
            history, stopping = header["history"], header["stopping"]
            assign(model, _section(arrays, "model"))
            assign(model.optimizer, _section(arrays, "optimizer"))
        except Exception as error:  # a damaged archive raises errors of many kinds
            raise ValueError(
                f"The checkpoint {self._path} cannot be read: it is damaged, or of another version "
                f"of skfashion. Remove it, to train from the beginning. ({error})"
            ) from error
        if self._best is not None:
            self._stopping = {**stopping, "best_weights": _section(arrays, "best") or None}
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

        What cannot be removed is told in a warning: the training is no worse for it.
        """
        try:
            left = unfinished_files(self._path)
        except OSError:  # a folder that cannot be listed: the kill's files are nobody's loss
            left = []
        for path in (self._path, *left):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                warn_user(
                    f"{path} could not be removed at the end of training: {error.strerror}. "
                    "Training is done; remove it yourself."
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
        named = {
            f"{section}/{number}": array
            for section, several in arrays.items()
            for number, array in enumerate(several)
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as unfinished:
            np.savez(unfinished, header=json.dumps(header), **named)


def _section(arrays, section):
    return [array for name, array in arrays.items() if name.startswith(f"{section}/")]
