"""Copies of the user's keras callbacks for each fit."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skfashion.neural_network.runtime._keras import load_keras

if TYPE_CHECKING:
    import keras

_LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.Condition)


def for_one_fit(callbacks: Iterable[Any] | None) -> list[keras.callbacks.Callback]:
    """Return callbacks for one fit, which no other fit uses.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback or callable, or None
        The parameter of the classifier. Callbacks are copied; functions are called to create one.

    Returns
    -------
    list of keras.callbacks.Callback

    Raises
    ------
    ValueError
        If an element is not a callback or such a function, or is a callback that cannot be copied
        or that holds an object that must be shared.
    """
    callback_class = load_keras().callbacks.Callback
    return [_for_one_fit(callback_class, callback) for callback in callbacks or []]


def _for_one_fit(callback_class: type, callback: Any) -> Any:
    if isinstance(callback, callback_class):
        copied, obstacle = copy_unless_shared(callback)
        if obstacle is not None:
            name = type(callback).__name__
            raise ValueError(
                "Each fit copies its callbacks, so that no two fits share one, but this "
                f"{name} {obstacle}. Pass a function without arguments that returns a new {name}, "
                f"such as `lambda: {name}(...)`. Each fit calls it, and objects that it refers to "
                "are not copied."
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
            f"Functions among callbacks are called without arguments, but {callback!r} requires "
            f"some: {error}."
        ) from error
    except ValueError:
        # Functions written in C may have no signature.
        pass
    created = callback()
    if not isinstance(created, callback_class):
        raise ValueError(
            f"Functions among callbacks must return a keras.callbacks.Callback, but {callback!r} "
            f"returned {created!r}."
        )
    return created


def copy_unless_shared(value: Any) -> tuple[Any, str | None]:
    """Copy an object unless it must be shared.

    Parameters
    ----------
    value : object
        The object.

    Returns
    -------
    copied : object
        The copy, or None if the object cannot or must not be copied.
    obstacle : str or None
        The reason for that, as the predicate of a sentence about the object.
    """
    memo: dict[int, Any] = {}
    try:
        copied = copy.deepcopy(value, memo)
    except Exception as error:  # noqa: BLE001 (code of any class may run here)
        return None, f"cannot be copied ({type(error).__name__}: {str(error)[:200]})"
    # deepcopy lists the originals of everything that it has copied in its memo, under the memo's
    # own id. An object with a lock is used from several places, which would not see its copy.
    for part in memo.get(id(memo), []):
        if any(isinstance(one, _LOCKS) for one in getattr(part, "__dict__", {}).values()):
            return None, (
                f"holds a {type(part).__name__} whose lock shows that other code uses it too, and "
                "that would not see what happens to a copy"
            )
    return copied, None
