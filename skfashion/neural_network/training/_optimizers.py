"""From the parameters of the optimizer to a new one."""

from numbers import Real


def _cosine(keras, peak, n_steps, n_warmup_steps):
    schedule = keras.optimizers.schedules.CosineDecay
    if not n_warmup_steps:
        return schedule(peak, n_steps)
    return schedule(
        peak / n_warmup_steps,
        n_steps - n_warmup_steps,
        warmup_target=peak,
        warmup_steps=n_warmup_steps,
    )


def make_optimizer(keras, optimizer, learning_rate, *, n_steps, warmup, weight_decay, ema_momentum):
    """Return a new optimizer, so that no two fits share one.

    Parameters
    ----------
    keras : module
        Loaded keras.
    optimizer : str or keras.optimizers.Optimizer
        Name of a keras optimizer, or one to take class and settings from.
    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None
        None leaves the optimizer's own.
    n_steps : int or None
        Number of steps in which the rate goes down to 0 along a cosine; None keeps the rate.
    warmup : float
        Part of these steps in which the rate first rises to `learning_rate`.
    weight_decay, ema_momentum : float or None
        None leaves the optimizer's own.

    Returns
    -------
    keras.optimizers.Optimizer
    """
    if optimizer == "conv_muon":
        from ._muon import ConvMuon

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
        config["learning_rate"] = _cosine(
            keras, config["learning_rate"], n_steps, int(warmup * n_steps)
        )
    if weight_decay is not None:
        config["weight_decay"] = weight_decay
    if ema_momentum is not None:
        config.update(use_ema=True, ema_momentum=ema_momentum)
    return type(optimizer).from_config(config)
