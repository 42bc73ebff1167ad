"""The training loop of a compiled network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skfashion._callers import warn_user
from skfashion.neural_network.runtime._interrupts import answer, is_one_of_many
from skfashion.neural_network.runtime._keras import building, load_keras, running
from skfashion.neural_network.runtime._models import forget_functions

from ._batches import Batches, feed
from ._checkpoint import Checkpoint
from ._settings import TrainingSettings
from ._sklearn_callbacks import EpochTasks
from ._user_callbacks import for_one_fit

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()


class BetweenSteps(keras.callbacks.Callback):
    """Answer Ctrl-C between steps, and refuse a model that a user's callback has recompiled.

    keras must call it after the user's callbacks.
    """

    # At the end of each step, keras would wait for the losses.
    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Answer Ctrl-C, and raise a ValueError if the model was recompiled."""
        answer()
        if self.model.train_function is None:
            raise ValueError(
                "A callback has recompiled the network, but its optimizer, loss and metrics cannot "
                "change during training. Set self.model.optimizer.learning_rate in the callback "
                "instead, or call model_.compile between two calls of fit with warm_start=True."
            )

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Answer Ctrl-C."""
        answer()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Answer Ctrl-C."""
        answer()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Answer Ctrl-C."""
        answer()


def _build_losses_and_metrics(model: keras.Model, batches: Batches, n_classes: int) -> None:
    """Make keras create the losses and metrics in the right floating-point type.

    Otherwise keras creates them in the first step, in the type of its global settings.
    """
    codes = batches.samples.codes
    true = np.zeros((1, *codes.shape[1:]), codes.dtype)
    with building(batches.dtype.name, seed=0):  # Nothing is drawn.
        predicted = np.full((1, n_classes), 1 / n_classes, batches.dtype)
        model.compute_loss(y=true, y_pred=predicted)
        model.compute_metrics(None, true, predicted, None)
        model.reset_metrics()


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes
    ----------
    history : dict of lists
        Losses and metrics of each completed epoch.
    best_epoch : int or None
        Index of the epoch with the best weights, counted from the first epoch of the first fit.
        None without early stopping, or if no epoch was completed.
    n_steps : int
        Number of optimizer steps, including those before a resumed checkpoint.
    """

    history: dict[str, list[float]]
    best_epoch: int | None
    n_steps: int


def train(
    model: keras.Model,
    training: Batches,
    validation: Batches | None,
    settings: TrainingSettings,
    *,
    epoch_tasks: EpochTasks | None,
    path: Path | None,
) -> TrainingResult:
    """Train a network.

    Parameters
    ----------
    model : keras.Model
        Compiled model, trained in place.
    training : Batches
        Training set.
    validation : Batches or None
        Validation set, evaluated after each epoch.
    settings : TrainingSettings
        Settings of the training.
    epoch_tasks : EpochTasks or None
        Callback that runs scikit-learn's callbacks.
    path : pathlib.Path or None
        Checkpoint file. Training resumes from it if it exists. It is written after each epoch and
        removed after the last one. None for no checkpoint.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If a callback cannot be used, the checkpoint is damaged, or training diverges.
    KeyboardInterrupt
        If training was interrupted by Ctrl-C and can resume from the checkpoint, has not completed
        an epoch, or is one of many fits, for example of a search.

    Warns
    -----
    UserWarning
        If training was interrupted by Ctrl-C in any other case. The result is that of the
        completed epochs.
    """
    epochs, verbose = settings.epochs, settings.parameters["verbose"]
    recorder = keras.callbacks.History()
    callbacks = [*for_one_fit(settings.parameters["callbacks"]), BetweenSteps(), recorder]
    best = None
    if settings.patience is not None:
        best = keras.callbacks.EarlyStopping(
            "val_accuracy", mode="max", patience=settings.patience, restore_best_weights=True
        )
        callbacks.append(best)
    if epoch_tasks is not None:
        callbacks.append(epoch_tasks)
    before = settings.n_epochs_before
    first, last = before, before + epochs
    steps_before = int(model.optimizer.iterations)
    checkpoint = None
    if path is not None:
        checkpoint = Checkpoint(path, recorder, best)
        callbacks.append(checkpoint)
        first += checkpoint.load(model, epochs)
        if verbose and first > before:
            print(f"Resuming after {first - before} of {epochs} epochs, from {path}.")
    _build_losses_and_metrics(model, training, settings.n_classes)
    with ExitStack() as feeds:
        dataset = feeds.enter_context(feed(training, range(first, last)))
        held_out: dict[str, object] = {}
        if validation is not None:
            held_out["validation_data"] = feeds.enter_context(feed(validation, repeat(0)))
            held_out["validation_steps"] = len(validation)
        try:
            with running():
                model.fit(
                    dataset,
                    steps_per_epoch=len(training),
                    initial_epoch=first,
                    epochs=last,
                    **held_out,
                    callbacks=callbacks,
                    shuffle=False,  # The batches of each epoch are shuffled already.
                    verbose=int(bool(verbose)),
                )
                answer()
        except KeyboardInterrupt:
            n_done = len(recorder.history.get("loss", []))
            message = f"Training interrupted by user, after {n_done} of {epochs} epochs"
            if path is not None and path.exists():
                raise KeyboardInterrupt(
                    f"{message}, which are saved in {path}. To resume, call fit again with the "
                    "same parameters and data."
                ) from None
            if not n_done or is_one_of_many():
                advice = (
                    " With checkpoint_dir and random_state, fit can resume after the last epoch."
                )
                raise KeyboardInterrupt(
                    f"{message}, which are lost.{advice if epochs > 1 else ''}"
                ) from None
            warn_user(f"{message}. The network keeps the weights learned so far.")
            forget_functions(model)
            # As at the end of keras' fit, averages replace the weights if the optimizer has any.
            model.optimizer.finalize_variable_values(model.trainable_variables)
            if best is not None:
                best.on_train_end()
        except Exception as error:
            # TensorFlow replaces exceptions of the generator of batches by its own.
            if training.error not in (None, error):
                try:
                    raise training.error from None
                finally:
                    training.error = None  # Its traceback keeps the dataset and threads alive.
            raise
    if checkpoint is not None:
        checkpoint.remove()
    losses = recorder.history.get("loss", [])
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(
            "Training diverged: the weights of the network are no longer finite, after losses of "
            f"{losses[-3:]}. Lower learning_rate, or scale the pixels first (PixelScaler)."
        )
    best_epoch = best.best_epoch if best is not None and losses else None
    n_steps = int(model.optimizer.iterations) - steps_before
    return TrainingResult(recorder.history, best_epoch, n_steps)
