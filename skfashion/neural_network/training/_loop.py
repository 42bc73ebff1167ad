"""Training a compiled network on batches, until its epochs are done or somebody stops it."""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from skfashion._callers import warn_user
from skfashion.neural_network.runtime._interrupts import answer, is_one_of_many
from skfashion.neural_network.runtime._keras import building, load_keras, running
from skfashion.neural_network.runtime._models import forget_functions

from ._batches import feed
from ._checkpoint import Checkpoint
from ._keras_callbacks import for_one_fit

keras = load_keras()


class BetweenSteps(keras.callbacks.Callback):
    """Answer Ctrl-C, and tell of a model compiled anew; called after the user's callbacks."""

    # At the beginning of steps, not their end, for which keras would wait for each one's losses.
    def on_train_batch_begin(self, batch, logs=None):
        """Go on only with the model as it was compiled."""
        answer()
        if self.model.train_function is None:
            raise ValueError(
                "A callback has compiled the network anew, but a training that is under way cannot "
                "go on with another optimizer, loss or metrics. Have it set "
                "self.model.optimizer.learning_rate instead, or call model_.compile between two "
                "calls of fit with warm_start=True."
            )

    def on_test_batch_begin(self, batch, logs=None):
        """Answer Ctrl-C."""
        answer()

    def on_epoch_begin(self, epoch, logs=None):
        """Answer Ctrl-C."""
        answer()

    def on_epoch_end(self, epoch, logs=None):
        """Answer Ctrl-C."""
        answer()


def _build_compiled(model, batches, n_classes):
    """Have keras make losses and metrics here, where the type of its numbers is known.

    Left alone, it makes them when it first trains, of whatever type its settings name then.
    """
    codes = batches.samples.codes
    true = np.zeros((1, *codes.shape[1:]), codes.dtype)
    with building(batches.dtype.name, seed=0):  # of no consequence: nothing is drawn
        predicted = np.full((1, n_classes), 1 / n_classes, batches.dtype)
        model.compute_loss(y=true, y_pred=predicted)
        model.compute_metrics(None, true, predicted, None)
        model.reset_metrics()


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training.

    Attributes
    ----------
    history : dict of lists
        Of the epochs completed.
    best_epoch : int or None
        Counted from the first epoch ever; None without early stopping, or if no epoch was
        completed.
    n_steps : int
        Number of steps of the optimizer, those before a checkpoint included.
    """

    history: dict
    best_epoch: int | None
    n_steps: int


def train(model, training, validation, settings, *, epoch_tasks, path):
    """Train a network.

    Parameters
    ----------
    model : keras.Model
        Compiled; trained in place.
    training, validation : Batches or None
        The latter is evaluated after each epoch.
    settings : TrainingSettings
        Of this training.
    epoch_tasks : EpochTasks or None
        What tells scikit-learn's callbacks of each epoch.
    path : pathlib.Path or None
        File to go on from if it is there, written after each epoch, removed after the last.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If a callback cannot be used, the file cannot be read, or the weights are not finite in
        the end.

    KeyboardInterrupt
        If training was interrupted (Ctrl-C) and can go on from the file, before the end of the
        first epoch, or within a search or the like.

    Warns
    -----
    UserWarning
        If training was interrupted otherwise, and is taken for finished.
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
            print(f"Going on after {first - before} of {epochs} epochs, from {path}.")
    _build_compiled(model, training, settings.n_classes)
    with ExitStack() as feeds:
        dataset = feeds.enter_context(feed(training, range(first, last)))
        held_out = {}
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
                    shuffle=False,  # each epoch comes in an order of its own
                    verbose=int(bool(verbose)),
                )
                answer()
        except KeyboardInterrupt:
            n_done = len(recorder.history.get("loss", []))
            message = f"Training interrupted by user, after {n_done} of {epochs} epochs"
            if path is not None and path.exists():
                raise KeyboardInterrupt(
                    f"{message}. They are kept in {path}: to go on, call fit again with the same "
                    "parameters and data."
                ) from None
            if not n_done or is_one_of_many():
                advice = (
                    " With checkpoint_dir and random_state set, fit goes on from the last epoch."
                )
                raise KeyboardInterrupt(
                    f"{message}, which are lost.{advice if epochs > 1 else ''}"
                ) from None
            warn_user(f"{message}: the network stays as it is now.")
            forget_functions(model)
            # As keras does at the end: where weights are averaged, the average is what is kept.
            model.optimizer.finalize_variable_values(model.trainable_variables)
            if best is not None:
                best.on_train_end()
        except Exception as error:
            # TensorFlow turns what is raised while it asks for a batch into an error of its own.
            if training.error not in (None, error):
                try:
                    raise training.error from None
                finally:
                    training.error = None  # its frames hold what reads batches, and its threads
            raise
    if checkpoint is not None:
        checkpoint.remove()
    losses = recorder.history.get("loss", [])
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ValueError(
            "Training diverged: the network's weights are no longer finite, after losses of "
            f"{losses[-3:]}. Lower learning_rate, or scale the pixels first (PixelScaler)."
        )
    best_epoch = best.best_epoch if best is not None and losses else None
    n_steps = int(model.optimizer.iterations) - steps_before
    return TrainingResult(recorder.history, best_epoch, n_steps)
