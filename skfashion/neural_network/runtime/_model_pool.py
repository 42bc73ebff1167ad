"""Compiled models, kept for the next fit or prediction of a network alike.

keras traces the functions of each model anew, which takes longer than a short fit, and TensorFlow
never lets go of all that it traced. Here, networks that are alike run on the same compiled model,
one after the other, each with weights of its own.
"""

import hashlib
import json
import threading
from contextlib import contextmanager

from ._keras import forget_validation_images, schedule_of
from ._models import assign, forget_functions, values
from ._serialization import is_builtin

_KEPT = 8
_lock = threading.Lock()
_idle_models = []  # pairs of a key and a model, the last used one at the end


class PooledModel:
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

    def load_optimizer(self, state, rate):
        """Set the optimizer's state, None for a new one, and its rate, as keras describes it."""
        optimizer = self.model.optimizer
        assign(optimizer, self._new_state if state is None else state)
        if is_our_schedule(rate):
            schedule_of(optimizer).assign(**rate["config"])
        elif state is None and not isinstance(rate, dict):
            optimizer.learning_rate = rate


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
def shared_on_error(key, pooled, held, is_alike=lambda: True):
    """Use a pooled model in the block; let others have it after an error, if it `is_alike` still.

    After an interrupt it is not shared again: what was traced then may not be whole. Other errors
    come where keras and TensorFlow expect them, and one not shared would stay in memory for good.
    """
    try:
        yield pooled.model
    except Exception:
        forget_validation_images(pooled.model)  # which keras keeps until the next fit
        pooled.holds = None
        if not held.has_cut_in and is_alike():
            give_back(key, pooled)
        raise


def take(key, holding):
    """Return an idle model for `key`, if possible the one that holds `holding`; or None."""
    with _lock:
        alike = [place for place, (other, _) in enumerate(_idle_models) if other == key]
        if not alike:
            return None
        loaded = [place for place in alike if _idle_models[place][1].holds is holding]
        return _idle_models.pop((loaded or alike)[0])[1]


def has_idle(key):
    """Tell whether there is an idle model for `key`."""
    with _lock:
        return any(other == key for other, _ in _idle_models)


def give_back(key, pooled):
    """Let others have a pooled model."""
    with _lock:
        _idle_models.append((key, pooled))
        del _idle_models[:-_KEPT]


def is_our_schedule(rate):
    """Tell whether a learning rate, as optimizers describe theirs, is a schedule of this package.

    Its numbers are variables, which a compiled model takes from one network after the other.
    """
    return isinstance(rate, dict) and rate["registered_name"] == "skfashion>WarmupCosine"


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
    if not is_builtin([model, loss, optimizer]):
        return None
    optimizer = {**optimizer, "config": dict(optimizer["config"], name=None)}
    rate = optimizer["config"]["learning_rate"]
    if is_our_schedule(rate):
        optimizer["config"]["learning_rate"] = rate["registered_name"]
    elif not isinstance(rate, dict):
        optimizer["config"]["learning_rate"] = 0
    described = json.dumps([model, loss, optimizer], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()
