"""Compiled models, kept for the next fit or prediction of a network alike.

keras traces the functions of each model anew, which takes longer than a short fit, and TensorFlow
never lets go of all that it traced. Here, networks that are alike run on the same compiled model,
one after the other, each with weights of its own.
"""

import hashlib
import json
import threading
from contextlib import contextmanager

from ._keras import forget_validation_images, load_keras
from ._models import assign, forget_functions, values
from ._serialization import is_ours

_KEPT = 8
_RATES = ("initial_learning_rate", "decay_steps", "warmup_target", "warmup_steps")
_lock = threading.Lock()
_idle = []  # pairs of a key and an engine, the last used one at the end


class Engine:
    """A compiled model that takes the weights of any network alike.

    Parameters
    ----------
    model : keras.Model
        Compiled.

    Attributes
    ----------
    model : keras.Model
        As given.
    holds : object
        Whose weights the model has at present.
    """

    def __init__(self, model):
        self.model = model
        self.holds = None
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
        self._new_state = values(optimizer)
        self._schedule = None
        rate = optimizer.get_config()["learning_rate"]
        if _is_cosine(rate):
            keras = load_keras()
            # Its numbers as variables, so that they too can be those of another network.
            self._schedule = keras.optimizers.schedules.deserialize(rate)
            for name in _RATES:
                if rate["config"][name] is not None:
                    number = keras.Variable(rate["config"][name], dtype="float32", trainable=False)
                    setattr(self._schedule, name, number)
            optimizer.learning_rate = self._schedule

    def load_optimizer(self, state, rate):
        """Set the optimizer's state, None for a new one, and its rate, as keras describes it."""
        optimizer = self.model.optimizer
        assign(optimizer, self._new_state if state is None else state)
        if self._schedule is not None:
            for name in _RATES:
                if rate["config"][name] is not None:
                    getattr(self._schedule, name).assign(rate["config"][name])
        elif state is None and not isinstance(rate, dict):
            optimizer.learning_rate = rate

    def release(self):
        """Make the model an ordinary one, as it will not be shared any more."""
        if self._schedule is not None:
            for name in _RATES:
                if (number := getattr(self._schedule, name)) is not None:
                    setattr(self._schedule, name, float(number))


@contextmanager
def traced_anew_if_interrupted(model, held):
    """Use a model that is not shared in the block, and whose Ctrl-C is `held` back."""
    is_whole = False
    try:
        yield model
        is_whole = True
    except Exception:
        is_whole = True
        raise
    finally:
        if held.has_cut_in or not is_whole:
            forget_functions(model)


@contextmanager
def shared_on_error(key, engine, held, is_alike=lambda: True):
    """Use an engine in the block; let others have it after an error, if it `is_alike` still.

    After an interrupt it is not shared again: what was traced then may not be whole. Other errors
    come where keras and TensorFlow expect them, and one not shared would stay in memory for good.
    """
    try:
        yield engine.model
    except Exception:
        forget_validation_images(engine.model)  # which keras keeps until the next fit
        engine.holds = None
        if not held.has_cut_in and is_alike():
            give_back(key, engine)
        raise


def take(key, holding):
    """Return an idle engine for `key`, if possible that which holds `holding`; None if none is."""
    with _lock:
        alike = [place for place, (other, _) in enumerate(_idle) if other == key]
        if not alike:
            return None
        loaded = [place for place in alike if _idle[place][1].holds is holding]
        return _idle.pop((loaded or alike)[0])[1]


def has_idle(key):
    """Tell whether there is an engine for `key`."""
    with _lock:
        return any(other == key for other, _ in _idle)


def give_back(key, engine):
    """Let others have an engine."""
    with _lock:
        _idle.append((key, engine))
        del _idle[:-_KEPT]


def _is_cosine(rate):
    """Tell whether a learning rate, as optimizers describe theirs, is keras' cosine schedule."""
    return isinstance(rate, dict) and rate["class_name"] == "CosineDecay"


def key_of(model, loss, optimizer):
    """Return what networks that can run on the same compiled model have in common.

    Parameters
    ----------
    model, loss, optimizer : str
        As keras describes them, in JSON; anything else, such as functions, is not known to it.

    Returns
    -------
    str or None
        None if one of them is not all keras' own or ours: what others do where they are called,
        their descriptions need not tell.
    """
    if not all(isinstance(described, str) for described in (model, loss, optimizer)):
        return None
    model, loss, optimizer = map(json.loads, (model, loss, optimizer))
    if not is_ours([model, loss, optimizer]):
        return None
    optimizer = {**optimizer, "config": dict(optimizer["config"], name=None)}
    rate = optimizer["config"]["learning_rate"]
    if _is_cosine(rate):
        numbers = {name: None if rate["config"][name] is None else 0 for name in _RATES}
        optimizer["config"]["learning_rate"] = {**rate, "config": {**rate["config"], **numbers}}
    elif not isinstance(rate, dict):
        optimizer["config"]["learning_rate"] = 0
    described = json.dumps([_unnamed(model, _names(model)), loss, optimizer], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()


def _names(described):
    """Map the names of layers, which keras numbers on and on, to their places."""
    names = {}

    def collect(part):
        if isinstance(part, dict):
            is_policy = str(part.get("class_name")).endswith("DTypePolicy")
            if isinstance(part.get("config"), dict) and not is_policy:
                name = part["config"].get("name")
                if isinstance(name, str):
                    names.setdefault(name, f"layer {len(names)}")
            part = list(part.values())
        if isinstance(part, list | tuple):
            for inner in part:
                collect(inner)

    collect(described)
    return names


def _unnamed(described, names):
    if isinstance(described, dict):
        return {name: _unnamed(part, names) for name, part in described.items()}
    if isinstance(described, list | tuple):
        return [_unnamed(part, names) for part in described]
    return names.get(described, described) if isinstance(described, str) else described
