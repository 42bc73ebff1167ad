"""Imports of those parts of scikit-learn that not all versions have.

These are private functions and classes, which ruff bars elsewhere, and callbacks, new in 1.9.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replacement for versions without callbacks."""

    def with_callbacks(method):
        """Return the method unchanged."""
        return method


def begin_fit(estimator: Any, n_steps: int | None) -> Any:
    """Begin a fit of an estimator with callbacks.

    Parameters
    ----------
    estimator : CallbackSupportMixin
        Estimator whose `fit` is decorated with `with_callbacks`.
    n_steps : int or None
        Maximum number of steps, or None if it is not known.

    Returns
    -------
    sklearn.callback.CallbackContext or None
        Parent context of the steps, or None without callbacks.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    context = estimator._init_callback_context(max_subtasks=n_steps)
    return context if getattr(estimator, "_skl_callbacks", None) else None


def as_one_task(fit: Callable) -> Callable:
    """Decorate a method `fit` without steps, so that it runs callbacks at its begin and end."""

    @with_callbacks
    @wraps(fit)
    def fit_as_one_task(self, X, y=None):
        context = begin_fit(self, 0)
        if context is None:
            return fit(self, X, y)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fit(self, X, y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    return fit_as_one_task
