"""The user's keras callbacks: copies of them, or new ones, for each fit."""

import copy
import inspect
import threading

from skfashion.neural_network.runtime._keras import load_keras

_LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.Condition)


def for_one_fit(callbacks):
    """Return callbacks that no other fit has.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback or callable, or None
        As the user gave them. Callbacks are copied, others are called to make one.

    Returns
    -------
    list of keras.callbacks.Callback

    Raises
    ------
    ValueError
        If one is neither, cannot be copied, or would work on copies of what must be shared.
    """
    keras = load_keras()
    return [_for_one_fit(keras.callbacks.Callback, callback) for callback in callbacks or []]


def _for_one_fit(kind, callback):
    if isinstance(callback, kind):
        copied, why_not = copy_unless_shared(callback)
        if why_not is not None:
            name = type(callback).__name__
            raise ValueError(
                "Each fit copies its callbacks, so that no two fits share one, but this "
                f"{name} {why_not}. Pass a function without arguments that returns a new {name}, "
                f"such as `lambda: {name}(...)`, which each fit calls; what it refers to is not "
                "copied."
            )
        return copied
    if not callable(callback):
        raise ValueError(
            "callbacks must be keras.callbacks.Callback objects, or functions that return a new "
            f"one, got {callback!r}."
        )
    try:
        inspect.signature(callback).bind()
    except TypeError as error:
        raise ValueError(
            f"Functions among callbacks are called without arguments, but {callback!r} has "
            f"others: {error}."
        ) from error
    except ValueError:  # of C, which tell no signature
        pass
    made = callback()
    if not isinstance(made, kind):
        raise ValueError(
            f"Functions among callbacks must return a keras.callbacks.Callback, but {callback!r} "
            f"returned {made!r}."
        )
    return made


def copy_unless_shared(value):
    """Copy an object, or tell why it must not be.

    Returns
    -------
    copied : object
        None where there is a reason not to copy it.
    why_not : str or None
        What comes after its name.
    """
    memo = {}
    try:
        copied = copy.deepcopy(value, memo)
    except Exception as error:  # noqa: BLE001 (of any kind: the class is somebody else's)
        return None, f"cannot be copied ({type(error).__name__}: {str(error)[:200]})"
    # deepcopy keeps all that it has copied alive in its memo, under the memo's own id. An object
    # with a lock is used from several places, which would not see what a copy of it is told.
    for part in memo.get(id(memo), []):
        if any(isinstance(one, _LOCKS) for one in getattr(part, "__dict__", {}).values()):
            return None, (
                f"holds a {type(part).__name__} that others use too, as its lock tells, and that "
                "would not see what a copy is told"
            )
    return copied, None
