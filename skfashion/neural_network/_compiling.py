"""Names and keras objects from the constructor to what a network is compiled with."""

import inspect
from numbers import Real


def _loss_classes(keras):
    """Map both names of each loss, `CategoricalHinge` and `categorical_hinge`, to its class."""
    classes = {}
    for class_name, value in vars(keras.losses).items():
        if inspect.isclass(value) and issubclass(value, keras.losses.Loss):
            default = inspect.signature(value).parameters.get("name")
            if default is not None and isinstance(default.default, str):
                classes[class_name] = classes[default.default] = value
    return classes


def _no_smoothing(loss):
    return ValueError(
        "label_smoothing needs the loss 'sparse_categorical_crossentropy' or "
        f"'categorical_crossentropy', got {loss!r}: leave label_smoothing at 0."
    )


def _smoothed(keras, loss, config):
    """Return the loss on one-hot rows that `config` is meant for."""
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        # The same loss; smooth labels are no integers, and keras smooths in the other class only.
        if config.pop("ignore_class", None) is not None:
            raise _no_smoothing(loss)
        config.pop("axis", None)
        config["name"] = "categorical_crossentropy"
        return keras.losses.CategoricalCrossentropy()
    if not isinstance(loss, keras.losses.CategoricalCrossentropy):
        raise _no_smoothing(loss)
    return loss


def make_loss(keras, loss, label_smoothing):
    """Return a new loss, and whether it takes integer codes.

    Parameters
    ----------
    keras : module
        Loaded keras.
    loss : str, keras.losses.Loss or callable
        A loss whose name begins with "sparse" takes integer codes, any other one-hot rows.
    label_smoothing : float
        In [0, 1). Above 0, the loss must be one of the two categorical cross-entropies.

    Returns
    -------
    loss : keras.losses.Loss or callable
        Of floatx, so to be called where a network is built.
    sparse : bool
        Whether it takes integer codes.
    """
    classes = _loss_classes(keras)
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError as error:
            raise ValueError(
                f"loss must be a keras loss or the name of one, got {loss!r}. The names are: "
                f"{', '.join(sorted(name for name in classes if name.islower()))}."
            ) from error
    name = getattr(loss, "__name__", None)
    if name in classes:
        loss = classes[name]()
    if isinstance(loss, keras.losses.Loss):
        config = loss.get_config()
        if label_smoothing:
            config["label_smoothing"] = label_smoothing
            loss = _smoothed(keras, loss, config)
        loss = type(loss).from_config(config)
        name = loss.name
    elif label_smoothing:
        raise _no_smoothing(loss)
    return loss, str(name).lower().startswith("sparse")


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
