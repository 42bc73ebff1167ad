"""Ctrl-C while a network trains: whose code waits for it."""

from skfashion._callers import callers, is_of

# Packages whose functions call `fit`, or a function that does, for results that they compare, put
# together or store.
_OF_MANY_FITS = {"dask", "joblib", "optuna", "sklearn"}
# Modules of scikit-learn that hand a call of the user's on. (What fits several estimators, such as
# the FeatureUnion among them, does so by joblib.)
_HANDING_ON = {"sklearn.base", "sklearn.callback", "sklearn.pipeline", "sklearn.utils"}


def is_one_of_many():
    """Tell whether the fit that is under way is one of a search, an ensemble or the like.

    It is where any function of scikit-learn's, joblib's, dask's or Optuna's is waiting for it,
    but for a pipeline's: what is half trained would enter their results without a trace.
    """
    return any(
        is_of(module, _OF_MANY_FITS) and not is_of(module, _HANDING_ON) for module in callers()
    )
