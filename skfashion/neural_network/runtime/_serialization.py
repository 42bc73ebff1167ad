"""Serialization of models, layers, optimizers and losses to JSON, and safe deserialization."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import inf, prod
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._keras import building, load_keras
from ._trusted_classes import LITERALS, TRUSTED

_OUR_MODULES = sorted({module for module, _ in TRUSTED if module.startswith("skfashion.")})
# Numbers in variables that are not among the weights.
_MAX_OTHER_NUMBERS = 1_000_000


def serialize(thing: Any) -> Any:
    """Serialize a model, layer, optimizer or loss to JSON; return a function unchanged.

    Parameters
    ----------
    thing : keras object or callable
        The object.

    Returns
    -------
    str or callable
    """
    if not hasattr(thing, "get_config"):
        return thing
    config = load_keras().saving.serialize_keras_object(thing)
    config.pop("compile_config", None)
    return json.dumps(config)


def deserialize(serialized: Any, kind: str, weights: Sequence[NDArray] | None = None) -> Any:
    """Create an object from the result of `serialize`.

    Parameters
    ----------
    serialized : str or callable
        Result of `serialize`.
    kind : {"model", "loss", "optimizer", "parameter"}
        Expected kind of the object.
    weights : list of ndarray or None, default=None
        Values of all variables of a model. A damaged model with many more variables is refused
        before memory is allocated for them.

    Returns
    -------
    keras object or callable

    Raises
    ------
    ValueError
        If the JSON is damaged, or contains a class that is neither trusted nor registered with
        keras under its name. Creating it could run code.
    """
    if not isinstance(serialized, str):
        return serialized
    keras = load_keras()
    for module in _OUR_MODULES:  # Importing them registers their classes with keras.
        import_module(module)

    try:
        config = json.loads(serialized)
        _check_trusted(config)
        with _limited_variables(keras, weights):
            created = keras.saving.deserialize_keras_object(config)
        if not isinstance(created, _kinds(keras)[kind]):
            raise ValueError(f"expected a {kind}, got {created!r}")
        return created
    except _NotTrustedError:
        raise
    except Exception as error:  # keras raises many types of errors for damaged configs.
        raise ValueError(
            f"The {kind} of this network cannot be created: its config is damaged or of another "
            f"version of keras or skfashion. ({type(error).__name__}: {str(error)[:500]})"
        ) from error


def _kinds(keras: ModuleType) -> dict[str, Any]:
    layer, loss, optimizer = keras.layers.Layer, keras.losses.Loss, keras.optimizers.Optimizer
    schedule = keras.optimizers.schedules.LearningRateSchedule
    return {
        "model": keras.Model,
        "loss": loss,
        "optimizer": optimizer,
        "parameter": (layer, loss, optimizer, schedule),
    }


class _NotTrustedError(ValueError):
    pass


def check_can_be_made(serialized: Any) -> None:
    """Raise a ValueError if `deserialize` would refuse a result of `serialize`."""
    if isinstance(serialized, str):
        _check_trusted(json.loads(serialized))


def _check_trusted(config: Any) -> None:
    parts = list(_not_trusted(config))
    if parts:
        keras = load_keras()
        for part in parts:
            _check_registered(keras, part)


def _check_registered(keras: ModuleType, part: dict[str, Any]) -> None:
    """Raise an error unless keras would create a config from a registered class or function."""
    name, key = _names_of(part)
    if name == "__lambda__":
        raise _NotTrustedError(
            "The network contains a lambda, which can only be saved as code: loading it could run "
            "code of anyone. Use a function registered with "
            "keras.saving.register_keras_serializable, or a layer of your own, instead."
        )
    registered = keras.saving.get_registered_object(key)
    if part["class_name"] == "function":
        is_it = callable(registered) and not isinstance(registered, type)
    else:  # keras looks up a class without a module in other places.
        is_it = "module" in part and getattr(registered, "__name__", None) == name
    if not is_it:
        raise _NotTrustedError(
            f"The network contains {key!r} (of the module {part.get('module')!r}), which is "
            "neither one of the classes of keras that a file may contain nor registered with "
            "keras: loading it could run code. If it is your own, register it where it is defined "
            "(keras.saving.register_keras_serializable), and import that module before the network "
            "is pickled or loaded. If it is a class of keras and you trust the author of the file, "
            f"set keras.saving.get_custom_objects()[{key!r}] = ..."
        )


@contextmanager
def _limited_variables(keras: ModuleType, weights: Sequence[NDArray] | None) -> Iterator[None]:
    """Raise an error if this thread creates many more variables in the block than in `weights`."""
    init_variable, thread = keras.Variable.__init__, threading.get_ident()
    left: float = inf
    if weights is not None:
        left = _MAX_OTHER_NUMBERS + sum(weight.size for weight in weights)

    def __init__(self, initializer, shape=None, *args, **kwargs):  # noqa: N807 (method of keras)
        nonlocal left
        if threading.get_ident() == thread:
            left -= np.size(initializer) if shape is None else prod(np.atleast_1d(shape).tolist())
            if left < 0:
                raise ValueError("it has more variables than there are weights for")
        init_variable(self, initializer, shape, *args, **kwargs)

    keras.Variable.__init__ = __init__
    try:
        yield
    finally:
        keras.Variable.__init__ = init_variable


def is_builtin(config: Any) -> bool:
    """Return whether all classes in a config are of keras or skfashion, and trusted."""
    return not any(_not_trusted(config))


def _not_trusted(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the config of each object that is not of a trusted class."""
    if isinstance(config, list | dict):
        for part in config.values() if isinstance(config, dict) else config:
            yield from _not_trusted(part)
    if isinstance(config, dict) and "class_name" in config:
        name, _ = _names_of(config)
        if name not in LITERALS and (str(config.get("module")), name) not in TRUSTED:
            yield config


def _names_of(config: dict[str, Any]) -> tuple[str, str]:
    """Return the name of a class or function in its module, and the name that keras looks up."""
    name = str(config["class_name"])
    if name == "function":
        return str(config.get("config")), str(config.get("config"))
    return name, str(config.get("registered_name") or name)


class Serialized:
    """A serialized keras object among the parameters of a pickled estimator.

    The pickles that keras makes of layers contain everything that a layer refers to.

    Parameters
    ----------
    json : str
        Result of `serialize`.
    """

    def __init__(self, json: str) -> None:
        self.json = json


def pack_parameters(value: Any) -> Any:
    """Return the value of a parameter with objects of keras and skfashion serialized."""
    if "keras" not in sys.modules:  # Then the value has no keras objects.
        return value
    if _is_sequence(value):
        return type(value)(map(pack_parameters, value))
    keras = load_keras()
    if not isinstance(value, _kinds(keras)["parameter"]):
        return value
    serialized = serialize(value)
    return Serialized(serialized) if is_builtin(json.loads(serialized)) else value


def _unpack_parameters(value: Any) -> Any:
    if _is_sequence(value):
        return type(value)(map(_unpack_parameters, value))
    return deserialize(value.json, "parameter") if isinstance(value, Serialized) else value


class MayBePacked:
    """Descriptor of a parameter that is deserialized when it is first read.

    An estimator can thus be loaded without loading keras. Processes that are forked afterwards can
    still load keras themselves.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self.__doc__ = None  # The class documents its parameters.

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        try:
            value = vars(estimator)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        if any(isinstance(one, Serialized) for one in (value if _is_sequence(value) else [value])):
            with building("float32", seed=0):  # Each fit sets the seeds.
                value = vars(estimator)[self._name] = _unpack_parameters(value)
        return value

    def __set__(self, estimator: Any, value: Any) -> None:
        vars(estimator)[self._name] = value


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)
