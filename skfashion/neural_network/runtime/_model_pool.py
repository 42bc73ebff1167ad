"""A pool of compiled models, which networks of the same structure share.

keras traces the functions of each new model, which takes longer than a short fit, and TensorFlow
never frees all of what was traced. Networks of the same structure therefore run on the same
compiled model, one after the other, each with its own weights.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ._interrupts import DelayedInterrupts
from ._keras import forget_validation_images, schedule_of
from ._models import assign, forget_functions, values
from ._serialization import is_builtin

if TYPE_CHECKING:
    import keras

_KEPT = 8
_lock = threading.Lock()
# Pairs of a key and a model. The most recently used one is the last.
_idle_models: list[tuple[str, PooledModel]] = []


class PooledModel:
    """A compiled model for the weights of any network of the same structure.

    Parameters
    ----------
    model : keras.Model
        The compiled model.

    Attributes
    ----------
    model : keras.Model
        The compiled model.
    holds : object
        Identifies the weights that the model has now. None if they are unknown.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.holds: object = None
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
        self._new_state = values(optimizer)

    def load_optimizer(self, state: Sequence[NDArray] | None, learning_rate: Any) -> None:
        """Set the state of the optimizer and its learning rate.

        Parameters
        ----------
        state : list of ndarray or None
            Values of the variables of the optimizer, or None to reset them.
        learning_rate : float or dict
            Learning rate, or serialized schedule, in the config of the optimizer.
        """
        optimizer = self.model.optimizer
        assign(optimizer, self._new_state if state is None else state)
        if is_our_schedule(learning_rate):
            schedule_of(optimizer).assign(**learning_rate["config"])
        elif state is None and not isinstance(learning_rate, dict):
            optimizer.learning_rate = learning_rate


@contextmanager
def retraced_if_interrupted(model: keras.Model, held: DelayedInterrupts) -> Iterator[keras.Model]:
    """Use a model that is not in the pool; after an interrupt in the block, keras traces it again.

    Parameters
    ----------
    model : keras.Model
        The model.
    held : DelayedInterrupts
        Handler that delays Ctrl-C in the block.
    """
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
def shared_on_error(
    key: str,
    pooled: PooledModel,
    held: DelayedInterrupts,
    is_unchanged: Callable[[], bool] = lambda: True,
) -> Iterator[keras.Model]:
    """Use a pooled model in the block; after an error, return it to the pool.

    After an interrupt it is not returned, because an interrupted trace may be incomplete. keras and
    TensorFlow can handle other errors, and a model that is not returned would never be freed.

    Parameters
    ----------
    key : str
        Key of the model.
    pooled : PooledModel
        Model taken from the pool.
    held : DelayedInterrupts
        Handler that delays Ctrl-C in the block.
    is_unchanged : callable, default=lambda: True
        Function that returns whether the model still has the structure that `key` stands for.
    """
    try:
        yield pooled.model
    except Exception:
        forget_validation_images(pooled.model)  # keras would keep them until the next fit.
        pooled.holds = None
        if not held.has_cut_in and is_unchanged():
            give_back(key, pooled)
        raise


def take(key: str, contents: object) -> PooledModel | None:
    """Take an idle model for `key`, preferably the one that holds `contents`, or return None."""
    with _lock:
        found = [i for i, (other, _) in enumerate(_idle_models) if other == key]
        if not found:
            return None
        loaded = [i for i in found if _idle_models[i][1].holds is contents]
        return _idle_models.pop((loaded or found)[0])[1]


def has_idle(key: str) -> bool:
    """Return whether there is an idle model for `key`."""
    with _lock:
        return any(other == key for other, _ in _idle_models)


def give_back(key: str, pooled: PooledModel) -> None:
    """Return a model to the pool, which keeps the last few."""
    with _lock:
        _idle_models.append((key, pooled))
        del _idle_models[:-_KEPT]


def is_our_schedule(learning_rate: Any) -> bool:
    """Return whether the learning rate in the config of an optimizer is a WarmupCosine.

    Its numbers are variables, so that a compiled model can take those of another network.
    """
    return (
        isinstance(learning_rate, dict)
        and learning_rate["registered_name"] == "skfashion>WarmupCosine"
    )


def key_of(model: Any, loss: Any, optimizer: Any) -> str | None:
    """Return a key that networks which can run on the same compiled model have in common.

    Parameters
    ----------
    model, loss, optimizer : str or object
        Results of `serialize`.

    Returns
    -------
    str or None
        None if one of them could not be serialized, such as a function, or contains classes that
        are neither of keras nor of skfashion. What such classes do may not be in their configs.
    """
    if not all(isinstance(serialized, str) for serialized in (model, loss, optimizer)):
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
    structure = json.dumps([model, loss, optimizer], sort_keys=True)
    return hashlib.sha256(structure.encode()).hexdigest()
