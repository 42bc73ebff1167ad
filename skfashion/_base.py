"""The base class of the estimators."""

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skfashion import __version__
from skfashion._sklearn import CallbackSupportMixin


class Estimator(CallbackSupportMixin, BaseEstimator):
    """An estimator that supports callbacks and whose pickles contain the version of skfashion.

    In a notebook, its diagram links to its page in the documentation.
    """

    _doc_link_module = "skfashion"
    _doc_link_template = (
        "https://skfashion.github.io/skfashion/generated/{estimator_module}.{estimator_name}.html"
    )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skfashion_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_skfashion_version", "unknown")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
