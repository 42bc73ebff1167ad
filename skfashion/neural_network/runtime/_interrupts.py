"""Delayed handling of Ctrl-C, which TensorFlow and keras do not survive everywhere."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from skfashion._callers import callers, is_of

# Packages that call `fit`, directly or not, for results that they compare, combine or store.
_CALLERS_OF_MANY_FITS = {"dask", "joblib", "optuna", "sklearn"}
# Modules of scikit-learn that pass on a single call of `fit`. Those that fit several estimators,
# such as FeatureUnion in sklearn.pipeline, use joblib for it.
_CALLERS_OF_ONE_FIT = {"sklearn.base", "sklearn.callback", "sklearn.pipeline", "sklearn.utils"}


def is_one_of_many() -> bool:
    """Return whether the current fit is one of many, for example of a search or an ensemble.

    It is if a function of scikit-learn, joblib, dask or Optuna has called it, except a pipeline.
    A half-trained network would enter their results unnoticed.
    """
    return any(
        is_of(module, _CALLERS_OF_MANY_FITS) and not is_of(module, _CALLERS_OF_ONE_FIT)
        for module in callers()
    )


class DelayedInterrupts:
    """Signal handler that delays Ctrl-C until `answer` is called.

    A third Ctrl-C before that is answered at once, for users who do not want to wait and for code
    that hangs.

    Parameters
    ----------
    handler : callable
        The handler to call in the end.

    Attributes
    ----------
    has_cut_in : bool
        Whether a Ctrl-C was answered at once, wherever the code was.
    """

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.has_cut_in = False
        self._n_pressed = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._n_pressed += 1
        if self._n_pressed > 2:
            self._n_pressed, self.has_cut_in = 0, True
            self.handler(number, frame)

    def answer(self) -> None:
        if self._n_pressed:
            self._n_pressed = 0
            self.handler(signal.SIGINT, sys._getframe(1))


@contextmanager
def held_back() -> Iterator[DelayedInterrupts]:
    """Delay Ctrl-C to the end of the block, or to a call of `answer` in it.

    A KeyboardInterrupt within TensorFlow or keras leaves behind stacks of graphs and scopes,
    half-traced functions and half-imported modules, with which the process cannot train networks
    any more. It may also be lost, or replaced by another exception. The third Ctrl-C is
    nevertheless answered at once.

    Yields
    ------
    DelayedInterrupts
        The handler, which knows whether there was a third Ctrl-C.
    """
    handler = signal.getsignal(signal.SIGINT)
    if _is_main_thread() and isinstance(handler, DelayedInterrupts):
        yield handler
        return
    held = DelayedInterrupts(handler)
    if not _is_main_thread() or not callable(handler):
        yield held
        return
    signal.signal(signal.SIGINT, held)
    try:
        yield held
    finally:
        # Another handler may have been set since, for example by a callback of the user.
        if signal.getsignal(signal.SIGINT) is held:
            signal.signal(signal.SIGINT, handler)
        held.answer()


def answer() -> None:
    """Answer a delayed Ctrl-C. Call this where TensorFlow and keras are not running."""
    held = signal.getsignal(signal.SIGINT)
    if _is_main_thread() and isinstance(held, DelayedInterrupts):
        held.answer()


def _is_main_thread() -> bool:
    """Return whether this is the main thread, the only one that receives signals."""
    return threading.current_thread() is threading.main_thread()
