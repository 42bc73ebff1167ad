"""Training a compiled network on batches, until its epochs are done or somebody stops it."""

import copy
import warnings
from contextlib import contextmanager

import numpy as np

from ._keras import load_keras, new_networks_expected

keras = load_keras()


def _copies(callbacks):
    """Return copies of the user's callbacks, so that no two fits share one."""
    callbacks = list(callbacks or [])
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                f"callbacks must be keras.callbacks.Callback objects, got {callback!r}."
            )
    try:
        return copy.deepcopy(callbacks)
    except TypeError as error:
        raise ValueError(
            f"callbacks must be objects that can be copied, as each fit copies them: {error}."
        ) from error


def compile_network(model, optimizer, loss):
    """Compile a network to be trained by weighted losses, or compile it anew."""
    model.compile(optimizer, loss, weighted_metrics=["accuracy"])


@contextmanager
def _restored_on_error(model):
    """Put back the optimizer, its state, the weights and the masks' seeds if the block raises."""
    optimizer = model.optimizer
    variables = [*model.variables, *optimizer.variables]
    before = [np.array(variable.numpy()) for variable in variables]
    try:
        yield
    except BaseException:
        if model.optimizer is not optimizer:
            compile_network(model, optimizer, model.loss)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        raise


def train(model, training, validation, *, optimizer, done, epochs, patience, callbacks, verbose):
    """Train a network.

    Parameters
    ----------
    model : keras.Model
        Compiled; trained in place.
    training, validation : Batches or None
        The latter is evaluated after each epoch.
    optimizer : keras.optimizers.Optimizer or None
        From here on; None to go on with the one that the network has.
    done : int
        Number of epochs that the network was trained for before.
    epochs : int
        Number of epochs to train.
    patience : int or None
        Number of epochs without a better accuracy on `validation` after which training stops and
        the best weights are put back; None for no such stop.
    callbacks : list of keras.callbacks.Callback or None
        The user's; copies of them are called.
    verbose : int or bool
        Whether to show a progress bar for each epoch.

    Returns
    -------
    history : dict of lists
        Of the epochs completed.
    best_epoch : int or None
        Counted from the first epoch ever; None without `patience`, or if no epoch was completed.

    Raises
    ------
    ValueError
        If the weights are not finite in the end. After any error, the network is as it was.

    Warns
    -----
    UserWarning
        If training was interrupted (Ctrl-C).
    """
    recorder = keras.callbacks.History()
    callbacks = [*_copies(callbacks), recorder]
    best = None
    if patience is not None:
        best = keras.callbacks.EarlyStopping(
            "val_accuracy", mode="max", patience=patience, restore_best_weights=True
        )
        callbacks.append(best)
    with _restored_on_error(model):
        if optimizer is not None:
            compile_network(model, optimizer, model.loss)
        try:
            with new_networks_expected():
                model.fit(
                    training.dataset(),
                    initial_epoch=done,
                    epochs=done + epochs,
                    validation_data=None if validation is None else validation.dataset(),
                    callbacks=callbacks,
                    shuffle=False,  # each epoch comes in an order of its own
                    verbose=int(bool(verbose)),
                )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
            # As keras does at the end: where weights are averaged, the average is what is kept.
            model.optimizer.finalize_variable_values(model.trainable_variables)
            if best is not None:
                best.on_train_end()
        except Exception as error:
            # TensorFlow turns what is raised while it asks for a batch into an error of its own.
            if training.error not in (None, error):
                raise training.error from None
            raise
        finally:
            training.release()
            if validation is not None:
                validation.release()
        losses = recorder.history.get("loss", [])
        if not all(np.isfinite(weight).all() for weight in model.get_weights()):
            raise ValueError(
                "Training diverged: the network's weights are no longer finite, after losses of "
                f"{losses[-3:]}. Lower learning_rate, or scale the pixels first (PixelScaler)."
            )
    return recorder.history, best.best_epoch if best is not None and losses else None
