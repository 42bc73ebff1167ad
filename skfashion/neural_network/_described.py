"""Models, layers, optimizers and losses as JSON, from which keras makes them again."""

import json
import sys

from ._keras import building, load_keras


def describe(thing):
    """Return what keras makes a model, a layer, an optimizer or a loss from, as JSON.

    A function is returned as it is.
    """
    if not hasattr(thing, "get_config"):
        return thing
    described = load_keras().saving.serialize_keras_object(thing)
    described.pop("compile_config", None)
    return json.dumps(described)


def revive(described):
    """Return a new object from its description, or the function that there was.

    Raises
    ------
    ValueError
        If a class in it is neither keras' own nor registered: none is looked for elsewhere, as that
        would run code that a file names.
    """
    if not isinstance(described, str):
        return described
    keras = load_keras()
    from . import _layers, _muon  # noqa: F401 (keras is told of their classes)

    described = json.loads(described)
    for name in _foreign(described):
        if keras.saving.get_registered_object(name) is None:
            raise ValueError(
                f"{name} is not a class of keras, nor one that keras was told of. Before a network "
                "with it is loaded, import the module that registers it under this name "
                "(keras.saving.register_keras_serializable), or tell keras of the class: "
                f"keras.saving.get_custom_objects()[{name!r}] = ..."
            )
    return keras.saving.deserialize_keras_object(described)


def is_ours(described):
    """Tell whether everything in a description, read from its JSON, is keras' own or ours."""
    return all(name.startswith("skfashion>") for name in _foreign(described))


def _foreign(described):
    """Go through the names, as registered, of what is not in keras itself."""
    if isinstance(described, list):
        for part in described:
            yield from _foreign(part)
    if not isinstance(described, dict):
        return
    if "class_name" in described and "config" in described:
        module = described.get("module") or "keras"
        is_function = described["class_name"] in ("function", "__lambda__")
        if is_function or module.split(".")[0] not in ("keras", "builtins"):
            yield described.get("registered_name") or str(described["class_name"])
    for part in described.values():
        yield from _foreign(part)


class Described:
    """A keras object among an estimator's parameters, as pickles have it.

    keras' own pickles of layers go through all that a layer refers to.

    Parameters
    ----------
    json : str
        As of `describe`.
    """

    def __init__(self, json):
        self.json = json


def pack(value):
    """Return a parameter to be pickled, with keras' own objects and ours described."""
    if "keras" not in sys.modules:  # then there are none of its objects, and no need to load it
        return value
    if _is_several(value):
        return type(value)(map(pack, value))
    keras = load_keras()
    kinds = (
        keras.layers.Layer,
        keras.losses.Loss,
        keras.optimizers.Optimizer,
        keras.optimizers.schedules.LearningRateSchedule,
    )
    if not isinstance(value, kinds):
        return value
    described = describe(value)
    return Described(described) if is_ours(json.loads(described)) else value


def _unpack(value):
    if _is_several(value):
        return type(value)(map(_unpack, value))
    return revive(value.json) if isinstance(value, Described) else value


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
        if any(isinstance(one, Described) for one in (value if _is_several(value) else [value])):
            with building("float32", seed=0):  # of no consequence: each fit sets the seeds
                value = vars(estimator)[self._name] = _unpack(value)
        return value

    def __set__(self, estimator, value):
        vars(estimator)[self._name] = value


def _is_several(value):
    return isinstance(value, list | tuple)
