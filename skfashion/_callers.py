"""Whose code is calling, and warnings that point at it."""

import sys
import warnings

# Whose lines no warning of ours points at.
_LIBRARIES = {"contextlib", "joblib", "keras", "skfashion", "sklearn"}


def callers():
    """Go through the names of the modules whose functions have called, from within."""
    frame = sys._getframe(1)
    while frame is not None:
        yield frame.f_globals.get("__name__") or ""
        frame = frame.f_back


def is_of(module, packages):
    """Tell whether a module, by its name, is in one of some packages."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def warn_user(message):
    """Warn at the line of the user's that has called, directly or through scikit-learn."""
    for level, module in enumerate(callers(), 1):  # noqa: B007 (the outermost, if all are theirs)
        if not is_of(module, _LIBRARIES):
            break
    warnings.warn(message, stacklevel=level)
