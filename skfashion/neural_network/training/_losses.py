"""From the parameters `loss` and `label_smoothing` to what a network is compiled with."""

import inspect


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
    """Return a new loss, so that no two fits share one.

    Parameters
    ----------
    keras : module
        Loaded keras.
    loss : str, keras.losses.Loss or callable
        The user's.
    label_smoothing : float
        In [0, 1). Above 0, the loss must be one of the two categorical cross-entropies.

    Returns
    -------
    keras.losses.Loss or callable
        Of floatx, so to be called where a network is built.
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
        return type(loss).from_config(config)
    if label_smoothing:
        raise _no_smoothing(loss)
    return loss


def takes_codes(loss):
    """Tell whether a loss takes integer codes, as its name begins with "sparse"."""
    name = getattr(loss, "name", getattr(loss, "__name__", loss))
    return str(name).lower().startswith("sparse")
