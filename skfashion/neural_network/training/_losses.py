"""Create the loss of a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def _loss_classes(keras: ModuleType) -> dict[str, type]:
    """Map both names of each loss, `CategoricalHinge` and `categorical_hinge`, to its class."""
    classes: dict[str, type] = {}
    for class_name, value in vars(keras.losses).items():
        if inspect.isclass(value) and issubclass(value, keras.losses.Loss):
            default = inspect.signature(value).parameters.get("name")
            if default is not None and isinstance(default.default, str):
                classes[class_name] = classes[default.default] = value
    return classes


def _no_smoothing(loss: Any) -> ValueError:
    return ValueError(
        "label_smoothing needs the loss 'sparse_categorical_crossentropy' or "
        f"'categorical_crossentropy', got {loss!r}. Set label_smoothing=0 for this loss."
    )


def _smoothed(
    keras: ModuleType, loss: Any, config: dict[str, Any]
) -> keras.losses.CategoricalCrossentropy:
    """Return an instance of the loss class that smooths labels, and adapt `config` to it."""
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        # The sparse loss takes integers, so keras has label smoothing in the other class only.
        if config.pop("ignore_class", None) is not None:
            raise _no_smoothing(loss)
        config.pop("axis", None)
        config["name"] = "categorical_crossentropy"
        return keras.losses.CategoricalCrossentropy()
    if not isinstance(loss, keras.losses.CategoricalCrossentropy):
        raise _no_smoothing(loss)
    return loss


def make_loss(
    keras: ModuleType, loss: Any, label_smoothing: float
) -> keras.losses.Loss | Callable[..., Any]:
    """Return a new loss, so that no two fits share one.

    Parameters
    ----------
    keras : module
        The loaded keras.
    loss : str, keras.losses.Loss or callable
        The parameter of the classifier.
    label_smoothing : float
        Label smoothing in [0, 1). A value above 0 needs one of the two categorical
        cross-entropies.

    Returns
    -------
    keras.losses.Loss or callable
        Its dtype is the current ``keras.config.floatx()``, so call this function within
        `building`.

    Raises
    ------
    ValueError
        If keras has no such loss, or it does not support label smoothing.
    """
    classes = _loss_classes(keras)
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError as error:
            raise ValueError(
                f"loss must be a keras loss or the name of one, got {loss!r}. The names are "
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


def takes_codes(loss: Any) -> bool:
    """Return whether a loss takes integer codes: whether its name starts with "sparse"."""
    name = getattr(loss, "name", getattr(loss, "__name__", loss))
    return str(name).lower().startswith("sparse")
