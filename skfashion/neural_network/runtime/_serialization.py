"""Models, layers, optimizers and losses as JSON, from which keras makes them again."""

import json
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from math import inf, prod

import numpy as np

from ._keras import building, load_keras
from ._trusted_classes import LITERALS, TRUSTED

_OUR_MODULES = sorted({module for module, _ in TRUSTED if module.startswith("skfashion.")})
_SPARE = 2**20  # numbers that layers may keep to themselves


def serialize(thing):
    """Return what keras makes a model, a layer, an optimizer or a loss from, as JSON.

    A function is returned as it is.
    """
    if not hasattr(thing, "get_config"):
        return thing
    described = load_keras().saving.serialize_keras_object(thing)
    described.pop("compile_config", None)
    return json.dumps(described)


def deserialize(described, kind, weights=None):
    """Return a new object from its description, or the function that there was.

    Parameters
    ----------
    described : str or callable
        As of `serialize`.
    kind : str
        Of the object: one of the names in `_kinds`.
    weights : list of ndarray or None, default=None
        For all variables of a model, which may have few others: before memory is taken for them,
        it is known to be damaged.

    Raises
    ------
    ValueError
        If it names anything that is neither on the list of classes to trust nor registered with
        keras under this very name, as that could run code; if it is damaged.
    """
    if not isinstance(described, str):
        return described
    keras = load_keras()
    for module in _OUR_MODULES:  # which tell keras of their classes
        import_module(module)

    try:
        described = json.loads(described)
        _check_trusted(described)
        with _few_variables(keras, weights):
            made = keras.saving.deserialize_keras_object(described)
        if not isinstance(made, _kinds(keras)[kind]):
            raise ValueError(f"{made!r} is no {kind}")
        return made
    except _NotTrustedError:
        raise
    except Exception as error:  # keras raises errors of many kinds for what it did not write
        raise ValueError(
            f"The {kind} of this network cannot be made: its description is damaged, or of another "
            f"version of keras or skfashion. ({type(error).__name__}: {str(error)[:500]})"
        ) from error


def _kinds(keras):
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


def check_can_be_made(described):
    """Raise a ValueError if `deserialize` would refuse what is described, as of `serialize`."""
    if isinstance(described, str):
        _check_trusted(json.loads(described))


def _check_trusted(described):
    parts = list(_not_trusted(described))
    if parts:
        keras = load_keras()
        for part in parts:
            _check_registered(keras, part)


def _check_registered(keras, part):
    """Raise an error unless keras will make of a description what is registered with it."""
    name, key = _names_of(part)
    if name == "__lambda__":
        raise _NotTrustedError(
            "The network holds a lambda, which a file would have to hold as code that could run "
            "code of anyone's. Write a function, and register it "
            "(keras.saving.register_keras_serializable), or a layer of your own."
        )
    registered = keras.saving.get_registered_object(key)
    if part["class_name"] == "function":
        is_it = callable(registered) and not isinstance(registered, type)
    else:  # keras reads what has no module otherwise
        is_it = "module" in part and getattr(registered, "__name__", None) == name
    if not is_it:
        raise _NotTrustedError(
            f"The network holds {key!r} (of the module {part.get('module')!r}), which is neither "
            "among the classes of keras that a file may name nor registered with keras: loading "
            "it could run code. If it is yours, register it where it is defined "
            "(keras.saving.register_keras_serializable), and import that module before the network "
            "is pickled or loaded. If it is keras' own, and you trust whoever wrote the file: "
            f"keras.saving.get_custom_objects()[{key!r}] = ..."
        )


@contextmanager
def _few_variables(keras, weights):
    """Refuse to make many more variables in the block, in this thread, than `weights` are for."""
    of_class, thread = keras.Variable.__init__, threading.get_ident()
    left = inf if weights is None else _SPARE + sum(weight.size for weight in weights)

    def __init__(self, initializer, shape=None, *args, **kwargs):  # noqa: N807 (keras' own)
        nonlocal left
        if threading.get_ident() == thread:
            left -= np.size(initializer) if shape is None else prod(np.atleast_1d(shape).tolist())
            if left < 0:
                raise ValueError("it has more variables than there are weights for")
        of_class(self, initializer, shape, *args, **kwargs)

    keras.Variable.__init__ = __init__
    try:
        yield
    finally:
        keras.Variable.__init__ = of_class


def is_builtin(described):
    """Tell whether everything in a description, read from its JSON, is keras' own or ours."""
    return not any(_not_trusted(described))


def _not_trusted(described):
    """Go through the descriptions of all that is not on the list."""
    if isinstance(described, list | dict):
        for part in described.values() if isinstance(described, dict) else described:
            yield from _not_trusted(part)
    if isinstance(described, dict) and "class_name" in described:
        name, _ = _names_of(described)
        if name not in LITERALS and (str(described.get("module")), name) not in TRUSTED:
            yield described


def _names_of(described):
    """Return a name in its module, and that under which keras first looks for it."""
    name = str(described["class_name"])
    if name == "function":
        return str(described.get("config")), str(described.get("config"))
    return name, str(described.get("registered_name") or name)


class Serialized:
    """A keras object among an estimator's parameters, as pickles have it.

    keras' own pickles of layers go through all that a layer refers to.

    Parameters
    ----------
    json : str
        As of `serialize`.
    """

    def __init__(self, json):
        self.json = json


def pack_parameters(value):
    """Return a parameter to be pickled, with keras' own objects and ours described."""
    if "keras" not in sys.modules:  # then there are none of its objects, and no need to load it
        return value
    if _is_several(value):
        return type(value)(map(pack_parameters, value))
    keras = load_keras()
    if not isinstance(value, _kinds(keras)["parameter"]):
        return value
    described = serialize(value)
    return Serialized(described) if is_builtin(json.loads(described)) else value


def _unpack_parameters(value):
    if _is_several(value):
        return type(value)(map(_unpack_parameters, value))
    return deserialize(value.json, "parameter") if isinstance(value, Serialized) else value


class MayBePacked:
    """A parameter that is unpacked when it is first read.

    So an estimator is loaded, and predicts, without its keras objects; loading keras for them would
    keep processes that are forked afterwards from loading it themselves.
    """

    def __set_name__(self, owner, name):
        self._name = name
        self.__doc__ = None  # which the class that has the parameter documents

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self
        try:
            value = vars(estimator)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        if any(isinstance(one, Serialized) for one in (value if _is_several(value) else [value])):
            with building("float32", seed=0):  # of no consequence: each fit sets the seeds
                value = vars(estimator)[self._name] = _unpack_parameters(value)
        return value

    def __set__(self, estimator, value):
        vars(estimator)[self._name] = value


def _is_several(value):
    return isinstance(value, list | tuple)
