"""The modules in the call stack, and messages for the user."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType

# Warnings do not point at the code of these packages.
_LIBRARIES = {"contextlib", "joblib", "keras", "skfashion", "sklearn"}
_MAX_NAMES = 5


def callers() -> Iterator[str]:
    """Yield the names of the modules in the call stack, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_globals.get("__name__") or ""
        frame = frame.f_back


def is_of(module: str, packages: Iterable[str]) -> bool:
    """Return whether a module, given by its name, belongs to one of the packages."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def first_names(names: Sequence[str]) -> str:
    """Return the first five names as a text for a message, with dots if there are more."""
    return ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")


def warn_user(message: str) -> None:
    """Issue a UserWarning that points at the line of the user's code in the call stack."""
    for level, module in enumerate(callers(), 1):  # noqa: B007 (the outermost if none is found)
        if not is_of(module, _LIBRARIES):
            break
    warnings.warn(message, stacklevel=level)
