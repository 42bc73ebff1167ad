"""From the parameters of the optimizer to a new one."""

from numbers import Real

from ._muon import ConvMuon
from ._schedules import WarmupCosine


def make_optimizer(keras, settings):
    """Return a new optimizer, so that no two fits share one.

    Parameters
    ----------
    keras : module
        Loaded keras.
    settings : TrainingSettings
        Of the training.

    Returns
    -------
    keras.optimizers.Optimizer
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
        # keras takes Python's own floats only.
        is_number = isinstance(learning_rate, Real)
        config["learning_rate"] = float(learning_rate) if is_number else learning_rate
    if n_steps is not None:
        if not isinstance(config["learning_rate"], Real):
            raise ValueError(
                "learning_rate_schedule='cosine' needs a number to go up to and down from, but "
                "the learning rate is a schedule itself: pass learning_rate as a number, or "
                "learning_rate_schedule='constant'."
            )
        n_warmup_steps = int(parameters["warmup_fraction"] * n_steps)
        config["learning_rate"] = WarmupCosine(config["learning_rate"], n_steps, n_warmup_steps)
    if parameters["weight_decay"] is not None:
        config["weight_decay"] = parameters["weight_decay"]
    if parameters["ema_momentum"] is not None:
        config.update(use_ema=True, ema_momentum=parameters["ema_momentum"])
    return type(optimizer).from_config(config)


def check_average(settings):
    """Raise an error if an average over all steps cannot take the place of the weights."""
    momentum = settings.parameters["ema_momentum"]
    average = (
        f"ema_momentum={momentum!r}" if momentum is not None else "an optimizer with use_ema=True"
    )
    if settings.is_partial or settings.parameters["warm_start"]:
        raise ValueError(
            f"{average} needs one fit from beginning to end, as the average takes the place of "
            "the weights then: train without it where partial_fit or warm_start goes on."
        )
    if settings.patience is not None:
        raise ValueError(
            f"early_stopping=True goes back to the weights of one epoch, {average} averages "
            "over all of them: set one of the two only."
        )
