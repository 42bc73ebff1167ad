"""Ctrl-C while a network trains: whose code waits for it, and what is said there."""

import sys
import warnings

# Packages whose functions call `fit`, or a function that does, for results that they compare, put
# together or store.
_OF_MANY_FITS = {"dask", "joblib", "optuna", "sklearn"}
# Modules of scikit-learn that hand a call of the user's on. (What fits several estimators, such as
# the FeatureUnion among them, does so by joblib.)
_HANDING_ON = {"sklearn.base", "sklearn.callback", "sklearn.pipeline", "sklearn.utils"}
# Whose lines no warning of ours points at.
_LIBRARIES = {"contextlib", "joblib", "keras", "skfashion", "sklearn"}


def _callers():
    """Go through the names of the modules whose functions have called, from within."""
    frame = sys._getframe(1)
    while frame is not None:
        yield frame.f_globals.get("__name__") or ""
        frame = frame.f_back


def _is_of(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def is_one_of_many():
    """Tell whether the fit that is under way is one of a search, an ensemble or the like.

    It is where any function of scikit-learn's, joblib's, dask's or Optuna's is waiting for it,
    but for a pipeline's: what is half trained would enter their results without a trace.
    """
    return any(
        _is_of(module, _OF_MANY_FITS) and not _is_of(module, _HANDING_ON) for module in _callers()
    )


def warn_user(message):
    """Warn at the line of the user's that has called, directly or through scikit-learn."""
    for level, module in enumerate(_callers(), 1):  # noqa: B007 (the outermost, if all are theirs)
        if not _is_of(module, _LIBRARIES):
            break
    warnings.warn(message, stacklevel=level)
