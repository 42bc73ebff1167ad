"""What tells one training from another."""

import inspect
import pickle
import sys
import sysconfig
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, MethodType

import joblib
import numpy as np

import skfashion
from skfashion.neural_network.runtime._keras import load_keras

from ._keras_callbacks import copy_unless_shared

keras = load_keras()

# Whose code is known by the names of its functions and classes.
_LIBRARIES = (
    *map(sysconfig.get_path, ("stdlib", "platstdlib")),
    str(Path(skfashion.__file__).parent),
)
_UNKNOWN = (AttributeError, TypeError, pickle.PicklingError)
_INSTALLED = {"site-packages", "dist-packages"}
_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.ndarray, np.generic, np.dtype)
# What classes have that is not what their author wrote.
_OF_EVERY_CLASS = {
    "__annotations__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__slotnames__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}


def fingerprint(*values, callbacks=None):
    """Return a digest of values of any kind, the same in another process.

    Functions and classes of the user's count by their code and all that it refers to by name,
    layers by their configuration and weights, other objects by their attributes. What a function
    among `callbacks` refers to counts by its type where it is shared with others, such as a
    progress bar or a study. Code of installed libraries counts by its name.

    Raises
    ------
    ValueError
        If something cannot be pickled, so that it cannot be known again.
    """
    try:
        known = [_Known().of(value) for value in values]
        for callback in callbacks or []:
            made = isinstance(callback, keras.callbacks.Callback)
            known.append(_Known(may_be_shared=not made).of(callback))
        return joblib.hash(known, coerce_mmap=True)
    except (*_UNKNOWN, NotImplementedError, RecursionError) as error:
        raise ValueError(
            "checkpoint_dir needs parameters that can be pickled, and functions and classes that "
            "refer to nothing else, to know this training by when it goes on: "
            f"{str(error.args[0])[:200]}"
        ) from error


class _Known:
    """What stands for values in a digest; each object once, by its number after that."""

    def __init__(self, may_be_shared=False):
        self._may_be_shared = may_be_shared
        self._seen = {}
        self._alive = []  # as the numbers of others that are gone would be given again

    def of(self, value):
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, list | tuple):
            return [self.of(part) for part in value]
        if isinstance(value, set | frozenset):
            return sorted(joblib.hash(self.of(part)) for part in value)
        if inspect.ismodule(value):
            return value.__name__
        if id(value) in self._seen:
            return "the same", self._seen[id(value)]
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        if isinstance(value, dict):
            return [(self.of(key), self.of(part)) for key, part in value.items()]
        if inspect.isclass(value):
            return self._of_class(value)
        if inspect.isfunction(value):
            return self._of_function(value)
        if isinstance(value, MethodType):
            return self.of(value.__func__), self.of(value.__self__)
        if isinstance(value, partial):
            return [self.of(part) for part in (value.func, value.args, value.keywords)]
        return self._of_object(value)

    def _of_object(self, value):
        kind = self.of(type(value))
        if isinstance(value, keras.callbacks.Callback):
            return kind, self._of_attributes(value)
        if _is_of_keras(value):  # whose pickles tell the time
            # Not its name, which tells how many there were before.
            config = self.of({**value.get_config(), "name": None})
            if not isinstance(value, keras.layers.Layer):
                return kind, config
            # A config has functions by their names.
            functions = [one for _, one in sorted(vars(value).items()) if inspect.isfunction(one)]
            return kind, config, self.of(functions), value.get_weights()
        if self._may_be_shared and copy_unless_shared(value)[1] is not None:
            return kind
        if isinstance(value, BuiltinFunctionType | np.ufunc):
            return value
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):  # something that there is one of, by its name
            return kind, reduced
        make, arguments, *state = reduced
        return (
            kind,
            self.of(make),
            self.of(arguments),
            [self.of(list(part) if hasattr(part, "__next__") else part) for part in state],
        )

    def _of_attributes(self, callback):
        found = []
        for name, value in sorted(vars(callback).items()):
            try:
                found.append((name, joblib.hash(self.of(value))))
            except _UNKNOWN:
                found.append((name, type(value).__name__))  # an open file, say, is no setting
        return found

    def _of_class(self, kind):
        name = kind.__module__, kind.__qualname__
        if _is_library(kind.__module__):
            return name
        attributes = {
            attribute: self._of_attribute(value)
            for attribute, value in sorted(vars(kind).items())
            if attribute not in _OF_EVERY_CLASS
        }
        return name, [self.of(base) for base in kind.__bases__], list(attributes.items())

    def _of_attribute(self, value):
        if isinstance(value, staticmethod | classmethod):
            return self.of(value.__func__)
        if isinstance(value, property):
            return [self.of(part) for part in (value.fget, value.fset, value.fdel)]
        if inspect.ismemberdescriptor(value) or inspect.isgetsetdescriptor(value):
            return value.__name__
        return self.of(value)

    def _of_function(self, function):
        name = function.__module__, function.__qualname__
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        if _is_library(function.__module__):
            made_by_another = "<locals>" in function.__qualname__
            return name, [self.of(cell) for cell in cells if made_by_another]
        names = _names_in(function.__code__)
        used = [
            (used_name, self._of_global(function.__globals__[used_name], names))
            for used_name in names
            if used_name in function.__globals__
        ]
        rest = (function.__defaults__, function.__kwdefaults__, cells, vars(function))
        return [name, _of_code(function.__code__), used, [self.of(part) for part in rest]]

    def _of_global(self, value, names):
        """Return what stands for a global, and for what the code may read of a module."""
        if not inspect.ismodule(value) or _is_library(value.__name__):
            return self.of(value)
        read = [(name, self.of(vars(value)[name])) for name in names if name in vars(value)]
        return value.__name__, read


def _is_library(module):
    """Tell whether a module, by its name, is Python's, this library or an installed one."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if file is None:
        spec = getattr(found, "__spec__", None)
        return spec is not None and spec.origin in ("built-in", "frozen")
    path = Path(file)
    return bool(_INSTALLED & set(path.parts)) or any(map(path.is_relative_to, _LIBRARIES))


def _is_of_keras(value):
    modules = {kind.__module__.split(".")[0] for kind in type(value).__mro__}
    return "keras" in modules and hasattr(value, "get_config")


def _names_in(code):
    """Return the names of globals and attributes that code uses, in functions within it too."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if inspect.iscode(constant):
            names.update(_names_in(constant))
    return sorted(names)


def _of_code(code):
    return code.co_code, code.co_names, [_of_constant(constant) for constant in code.co_consts]


def _of_constant(constant):
    if inspect.iscode(constant):
        return _of_code(constant)
    if isinstance(constant, frozenset):  # in another order in each process
        return sorted(map(repr, constant))
    return repr(constant)
