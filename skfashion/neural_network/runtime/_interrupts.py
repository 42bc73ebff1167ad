"""Ctrl-C while TensorFlow is at work: when it is answered, and whose code waits for what comes."""

import signal
import sys
import threading
from contextlib import contextmanager

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


class _Held:
    """Takes the place of what answers Ctrl-C, and keeps two of them for later.

    Attributes
    ----------
    has_cut_in : bool
        Whether a third one was answered at once, wherever that was.
    """

    def __init__(self, handler):
        self.handler = handler
        self.has_cut_in = False
        self._n_pressed = 0

    def __call__(self, number, frame):
        self._n_pressed += 1
        if self._n_pressed > 2:  # somebody who cannot wait, or code of the user's that hangs
            self._n_pressed, self.has_cut_in = 0, True
            self.handler(number, frame)

    def answer(self):
        if self._n_pressed:
            self._n_pressed = 0
            self.handler(signal.SIGINT, sys._getframe(1))


@contextmanager
def held_back():
    """Hold Ctrl-C back to the end of the block, or to where it calls `answer`.

    An exception in the midst of TensorFlow or keras leaves stacks of graphs and scopes, half traced
    functions and half imported modules, with which nothing can be trained in the process any more;
    or it is lost, or turned into another. The third Ctrl-C is answered at once nevertheless.

    Yields
    ------
    _Held
        Tells whether there was such a third one.
    """
    handler = signal.getsignal(signal.SIGINT)
    if _is_main_thread() and isinstance(handler, _Held):
        yield handler
        return
    held = _Held(handler)
    if not _is_main_thread() or not callable(handler):
        yield held
        return
    signal.signal(signal.SIGINT, held)
    try:
        yield held
    finally:
        if signal.getsignal(signal.SIGINT) is held:  # no other, of a callback of the user's, say
            signal.signal(signal.SIGINT, handler)
        held.answer()


def answer():
    """Answer a Ctrl-C that is held back: TensorFlow is not at work here."""
    held = signal.getsignal(signal.SIGINT)
    if _is_main_thread() and isinstance(held, _Held):
        held.answer()


def _is_main_thread():  # the only one that signals go to
    return threading.current_thread() is threading.main_thread()
