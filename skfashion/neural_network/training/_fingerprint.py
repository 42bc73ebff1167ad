"""Fingerprints of everything that a training depends on."""

import inspect
import pickle
import sys
import sysconfig
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

import skfashion
from skfashion.neural_network.runtime._keras import load_keras

from ._user_callbacks import copy_unless_shared

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()

# Functions and classes in these folders are identified by their names, not by their code.
_LIBRARIES = (
    *map(sysconfig.get_path, ("stdlib", "platstdlib")),
    str(Path(skfashion.__file__).parent),
)
_PICKLING_ERRORS = (AttributeError, TypeError, pickle.PicklingError)
_INSTALLED = {"site-packages", "dist-packages"}
_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.ndarray, np.generic, np.dtype)
# Attributes that do not come from the body of a class, or do not affect what it does.
_IGNORED_ATTRIBUTES = {
    "__annotations__",
    "__doc__",
    "__firstlineno__",
    "__slotnames__",
    "__static_attributes__",
    "_abc_impl",
}


def fingerprint(*values: Any, callbacks: Iterable[Any] | None = None) -> str:
    """Return a hash of objects of any kind that is the same in other processes.

    The hash depends on

    - the code of the user's functions and classes, and everything it refers to by name,
    - the configuration and weights of layers,
    - the attributes of other objects,
    - only the names of functions and classes of installed libraries,
    - only the types of objects that functions among `callbacks` share with other code, such as a
      progress bar or a study.

    Parameters
    ----------
    *values
        Objects of any kind.
    callbacks : list or None, default=None
        The user's callbacks, or functions that return them.

    Returns
    -------
    str
        The hash, in hexadecimal.

    Raises
    ------
    ValueError
        If an object cannot be pickled, and so not be identified later.
    """
    try:
        described = [_Describer().describe(value) for value in values]
        for callback in callbacks or []:
            is_callback = isinstance(callback, keras.callbacks.Callback)
            described.append(_Describer(may_be_shared=not is_callback).describe(callback))
        return joblib.hash(described, coerce_mmap=True)
    except (*_PICKLING_ERRORS, NotImplementedError, RecursionError) as error:
        raise ValueError(
            "checkpoint_dir identifies a training by its parameters. They, and everything that "
            "the functions and classes among them refer to, must be picklable: "
            f"{str(error.args[0])[:200]}"
        ) from error


class _Describer:
    """Describes objects by hashable values.

    Each object is described once. After that, its number stands for it.
    """

    def __init__(self, may_be_shared: bool = False) -> None:
        self._may_be_shared = may_be_shared
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # Python reuses the ids of objects that are freed.

    def describe(self, value: Any) -> Any:
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, list | tuple):
            return [self.describe(part) for part in value]
        if isinstance(value, set | frozenset):
            return sorted(joblib.hash(self.describe(part)) for part in value)
        if inspect.ismodule(value):
            return value.__name__
        if id(value) in self._seen:
            return "the same", self._seen[id(value)]
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        if isinstance(value, dict):
            return [(self.describe(key), self.describe(part)) for key, part in value.items()]
        if inspect.isclass(value):
            return self._describe_class(value)
        if inspect.isfunction(value):
            return self._describe_function(value)
        if isinstance(value, MethodType):
            return self.describe(value.__func__), self.describe(value.__self__)
        if isinstance(value, partial):
            return [self.describe(part) for part in (value.func, value.args, value.keywords)]
        return self._describe_object(value)

    def _describe_object(self, value: Any) -> Any:
        kind = self.describe(type(value))
        if isinstance(value, keras.callbacks.Callback):
            return kind, self._describe_attributes(value)
        if _is_keras_object(value):  # Their pickles contain the time.
            # The default name depends on how many objects were created before.
            config = self.describe({**value.get_config(), "name": None})
            if not isinstance(value, keras.layers.Layer):
                return kind, config
            # Functions are only names in a config.
            functions = [one for _, one in sorted(vars(value).items()) if inspect.isfunction(one)]
            return kind, config, self.describe(functions), value.get_weights()
        if self._may_be_shared and copy_unless_shared(value)[1] is not None:
            return kind
        if isinstance(value, BuiltinFunctionType | np.ufunc):
            return value
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):  # A global object, pickled by its name.
            return kind, reduced
        return kind, [self.describe(part) for part in reduced]

    def _describe_attributes(self, callback: Any) -> Any:
        found = []
        for name, value in sorted(vars(callback).items()):
            try:
                found.append((name, joblib.hash(self.describe(value))))
            except _PICKLING_ERRORS:
                # Such a value, for example an open file, is not a setting.
                found.append((name, type(value).__name__))
        return found

    def _describe_class(self, kind: type) -> Any:
        name = kind.__module__, kind.__qualname__
        if _is_library(kind.__module__):
            return name
        attributes = {
            attribute: self._describe_attribute(value)
            for attribute, value in sorted(vars(kind).items())
            if attribute not in _IGNORED_ATTRIBUTES
        }
        return name, [self.describe(base) for base in kind.__bases__], list(attributes.items())

    def _describe_attribute(self, value: Any) -> Any:
        if isinstance(value, staticmethod | classmethod):
            return self.describe(value.__func__)
        if isinstance(value, property):
            return [self.describe(part) for part in (value.fget, value.fset, value.fdel)]
        if inspect.ismemberdescriptor(value) or inspect.isgetsetdescriptor(value):
            return value.__name__
        return self.describe(value)

    def _describe_function(self, function: FunctionType) -> Any:
        name = function.__module__, function.__qualname__
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        if _is_library(function.__module__):
            is_nested = "<locals>" in function.__qualname__
            return name, [self.describe(cell) for cell in cells if is_nested]
        names = _names_in(function.__code__)
        used = [
            (used_name, self._describe_global(function.__globals__[used_name], names))
            for used_name in names
            if used_name in function.__globals__
        ]
        rest = (function.__defaults__, function.__kwdefaults__, cells, vars(function))
        return [
            name,
            _describe_code(function.__code__),
            used,
            [self.describe(part) for part in rest],
        ]

    def _describe_global(self, value: Any, names: Iterable[str]) -> Any:
        """Describe a global; for a module, also its attributes that the code may read."""
        if not inspect.ismodule(value) or _is_library(value.__name__):
            return self.describe(value)
        read = [(name, self.describe(vars(value)[name])) for name in names if name in vars(value)]
        return value.__name__, read


def _is_library(module: str) -> bool:
    """Return whether a module is part of Python, of skfashion or of an installed library."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if file is None:
        spec = getattr(found, "__spec__", None)
        return spec is not None and spec.origin in ("built-in", "frozen")
    path = Path(file)
    return bool(_INSTALLED & set(path.parts)) or any(map(path.is_relative_to, _LIBRARIES))


def _is_keras_object(value: Any) -> bool:
    modules = {kind.__module__.split(".")[0] for kind in type(value).__mro__}
    return "keras" in modules and hasattr(value, "get_config")


def _names_in(code: CodeType) -> list[str]:
    """Return the names of globals and attributes that code uses, also in nested functions."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if inspect.iscode(constant):
            names.update(_names_in(constant))
    return sorted(names)


def _describe_code(code: CodeType) -> Any:
    return (
        code.co_code,
        code.co_names,
        [_describe_constant(constant) for constant in code.co_consts],
    )


def _describe_constant(constant: Any) -> Any:
    if inspect.iscode(constant):
        return _describe_code(constant)
    if isinstance(constant, frozenset):  # The order of strings differs between processes.
        return sorted(map(repr, constant))
    return repr(constant)
