"""Loading keras quietly, and its process-wide settings put back after use."""

import logging
import os
import random
import re
import sys
import tempfile
import threading
from contextlib import contextmanager

import numpy as np

# What TensorFlow's libraries write while they load: absl's own lines, whatever their severity
# ("E0000 ... cuInit" tells of no more than a machine without a GPU), and the continuation of one.
_START_UP_LINE = re.compile(
    rb"[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl"
    rb"|To enable the following instructions"
)
_lock = threading.RLock()


@contextmanager
def _start_up_lines_dropped():
    """Hold back what the block writes to the file descriptor of standard error.

    TensorFlow writes there before its log level can be set, from C++, so that no Python stream
    catches it. Lines that are not TensorFlow's are written after the block.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # no standard error at all, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held_back.seek(0)
            kept = [line for line in held_back if not _START_UP_LINE.match(line)]
            if kept:
                os.write(2, b"".join(kept))


def load_keras():
    """Import keras, without TensorFlow's start-up messages, and return it."""
    with _lock:
        if "keras" not in sys.modules:
            # Start-up over, errors are still shown; a level set by the user stays.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            with _start_up_lines_dropped():
                import keras

                if keras.backend.backend() == "tensorflow":
                    import tensorflow as tf

                    tf.config.list_physical_devices()  # its first call tells of missing GPUs
    import keras

    return keras


@contextmanager
def new_networks_expected():
    """Drop TensorFlow's advice against tracing often: each new network is traced, as it must."""

    def keep(record):  # a function of its own for each use, as threads may use it at once
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


@contextmanager
def building(precision, seed):
    """Let keras build a network in `precision` and from `seed`, then put its settings back.

    Initializers and dropout layers draw their seeds from Python's global generator, and the type
    of a network comes from global settings; keras has no other way to tell them. So they are set
    here, for as long as a network is built, by one thread at a time; training draws from
    generators of its own.

    Parameters
    ----------
    precision : {"float32", "float64", "mixed_bfloat16"}
        Of the arithmetic; weights are in float64 in the second case, else in float32.
    seed : int
        Seed, in [0, 2**32).
    """
    keras = load_keras()
    with _lock:
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002, for architectures that draw from it
            keras.config.set_floatx("float64" if precision == "float64" else "float32")
            keras.config.set_dtype_policy(precision)
            yield keras
        finally:
            keras.config.set_dtype_policy(policy)
            keras.config.set_floatx(floatx)
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
