"""The one door to what scikit-learn does not promise to keep.

That is: its private parts, which ruff bars elsewhere, and callbacks, which it has since 1.9.
"""

from functools import wraps

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
        """Stands for scikit-learn's, where there are no callbacks."""

    def with_callbacks(method):
        """Return the method: no callbacks are to be torn down."""
        return method


def begin_fit(estimator, n_steps):
    """Tell the callbacks set on an estimator that `fit` begins.

    Parameters
    ----------
    estimator : CallbackSupportMixin
        Its `fit` is decorated by `with_callbacks`.
    n_steps : int
        Number of steps at most.

    Returns
    -------
    sklearn.callback.CallbackContext or None
        For steps to begin in; None where no callbacks are set.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    context = estimator._init_callback_context(max_subtasks=n_steps)
    return context if getattr(estimator, "_skl_callbacks", None) else None


def as_one_task(fit):
    """Return a method `fit` of one step, of which callbacks are told as a whole."""

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
