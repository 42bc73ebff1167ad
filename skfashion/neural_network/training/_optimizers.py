"""Create the optimizer of a network."""

from __future__ import annotations

from numbers import Real
from types import ModuleType
from typing import TYPE_CHECKING

from ._muon import ConvMuon
from ._schedules import WarmupCosine
from ._settings import TrainingSettings

if TYPE_CHECKING:
    import keras


def make_optimizer(keras: ModuleType, settings: TrainingSettings) -> keras.optimizers.Optimizer:
    """Return a new optimizer, so that no two fits share one.

    Parameters
    ----------
    keras : module
        The loaded keras.
    settings : TrainingSettings
        Settings of the training.

    Returns
    -------
    keras.optimizers.Optimizer

    Raises
    ------
    ValueError
        If keras has no such optimizer, or it has a schedule that "cosine" would replace.
    """
    parameters, n_steps = settings.parameters, settings.n_schedule_steps
    optimizer, learning_rate = parameters["optimizer"], parameters["learning_rate"]
    if optimizer == "conv_muon":
        optimizer = ConvMuon()
    if isinstance(optimizer, str):
        try:
            optimizer = keras.optimizers.get(optimizer)
        except ValueError as error:
            raise ValueError(
                "optimizer must be a keras optimizer or the name of one, such as 'adam', 'sgd' or "
                f"'rmsprop', or 'conv_muon', got {optimizer!r}."
            ) from error
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"optimizer must be a keras optimizer or the name of one, got {optimizer!r}."
        )
    config = optimizer.get_config()
    if learning_rate is not None:
        # keras accepts only Python floats, not those of NumPy.
        is_number = isinstance(learning_rate, Real)
        config["learning_rate"] = float(learning_rate) if is_number else learning_rate
    if n_steps is not None:
        if not isinstance(config["learning_rate"], Real):
            raise ValueError(
                "learning_rate_schedule='cosine' needs a number as the peak of the learning rate, "
                "but the learning rate is a schedule itself. Pass learning_rate as a number, or "
                "set learning_rate_schedule='constant'."
            )
        n_warmup_steps = int(parameters["warmup_fraction"] * n_steps)
        peak = float(config["learning_rate"])
        config["learning_rate"] = WarmupCosine(peak, n_steps, n_warmup_steps)
    if parameters["weight_decay"] is not None:
        config["weight_decay"] = parameters["weight_decay"]
    if parameters["ema_momentum"] is not None:
        config.update(use_ema=True, ema_momentum=parameters["ema_momentum"])
    return type(optimizer).from_config(config)


def check_average(settings: TrainingSettings) -> None:
    """Raise a ValueError if the training does not support an average of the weights."""
    momentum = settings.parameters["ema_momentum"]
    average = (
        f"ema_momentum={momentum!r}" if momentum is not None else "an optimizer with use_ema=True"
    )
    if settings.is_partial or settings.parameters["warm_start"]:
        raise ValueError(
            f"{average} cannot be combined with partial_fit or warm_start: averaging replaces the "
            "weights at the end of each fit."
        )
    if settings.patience is not None:
        raise ValueError(
            f"{average} cannot be combined with early_stopping=True: one averages over all "
            "epochs, the other restores the weights of a single epoch."
        )
