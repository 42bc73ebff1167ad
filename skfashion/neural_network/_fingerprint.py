"""What tells one training from another."""

import inspect
import pickle
from functools import partial

import joblib

from ._keras import load_keras
from ._keras_callbacks import copy_unless_shared

keras = load_keras()


def fingerprint(*values, callbacks=None):
    """Return a digest of values of any kind, the same in another process.

    Functions count by their code and what it refers to, layers by their configuration, callbacks
    by their attributes. What a function among `callbacks` refers to counts by its type where it is
    shared with others, such as a progress bar or a study.

    Raises
    ------
    ValueError
        If something cannot be pickled, so that it cannot be known again.
    """
    try:
        known = [_known(value, ()) for value in values]
        for callback in callbacks or []:
            made = isinstance(callback, keras.callbacks.Callback)
            known.append(_known(callback, (), may_be_shared=not made))
        return joblib.hash(known, coerce_mmap=True)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise ValueError(
            "checkpoint_dir needs parameters that can be pickled, to know this training by when it "
            f"goes on: {str(error.args[0])[:200]}"
        ) from error


def _known(value, within, may_be_shared=False):
    """Return what stands for `value`, which is part of the values `within`, in a digest."""
    if any(value is outer for outer in within):  # a function that calls itself
        return "itself"
    within = (*within, value)

    def known(part):
        return _known(part, within, may_be_shared)

    if isinstance(value, list | tuple):
        return [known(part) for part in value]
    if isinstance(value, dict):
        return [(known(key), known(part)) for key, part in value.items()]
    if isinstance(value, keras.callbacks.Callback):
        return _of_callback(value, known)
    if isinstance(value, keras.layers.Layer):
        # Not its name, which tells how many there were before.
        return type(value).__name__, {**value.get_config(), "name": None}
    if isinstance(value, partial):
        return [known(part) for part in (value.func, value.args, value.keywords)]
    if inspect.ismethod(value):
        return known(value.__func__), known(value.__self__)
    if inspect.isfunction(value):
        return _of_function(value, known)
    if inspect.ismodule(value):
        return value.__name__
    if inspect.isclass(value):
        return value.__module__, value.__qualname__
    if may_be_shared and copy_unless_shared(value)[1] is not None:
        return known(type(value))
    return value


def _of_function(function, known):
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    used = [
        function.__globals__[name]
        for name in function.__code__.co_names
        if isinstance(function.__globals__.get(name), int | float | str | tuple)
    ]
    return [
        (function.__module__, function.__qualname__),
        _of_code(function.__code__),
        [known(part) for part in (function.__defaults__, function.__kwdefaults__, cells, used)],
    ]


def _of_code(code):
    constants = [
        _of_code(constant) if inspect.iscode(constant) else repr(constant)
        for constant in code.co_consts
    ]
    return code.co_code, code.co_names, constants


def _of_callback(callback, known):
    kind = type(callback)
    found = [(kind.__module__, kind.__qualname__)]
    for name, value in sorted(vars(callback).items()):
        try:
            found.append((name, joblib.hash(known(value))))
        except (AttributeError, TypeError, pickle.PicklingError):
            found.append((name, type(value).__name__))  # an open file, say, is no setting
    return found
