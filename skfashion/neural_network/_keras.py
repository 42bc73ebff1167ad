"""Loading keras quietly, and its process-wide settings put back after use."""

import logging
import os
import random
import re
import sys
import tempfile
import threading
from contextlib import contextmanager

# What TensorFlow's libraries write while they load: absl's own lines, whatever their severity
# ("E0000 ... cuInit" tells of no more than a machine without a GPU), and the continuation of one.
_START_UP_LINE = re.compile(
    rb"[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl"
    rb"|To enable the following instructions"
)
_NUMBERS = "object_name_uids"
_lock = threading.RLock()
_process = {"is_watched": False, "is_fork": False}


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


def _take_share_of_cores(tf):
    """Have TensorFlow use as many threads as joblib or dask allow each of their workers."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    if share.isdecimal() and int(share) and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(int(share))
        tf.config.threading.set_inter_op_parallelism_threads(int(share))


def load_keras():
    """Import keras, without TensorFlow's start-up messages, and return it."""
    with _lock:
        if not _process["is_watched"] and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _process.update(is_fork=True))
        _process["is_watched"] = True
        if "keras" not in sys.modules:
            # Start-up over, errors are still shown; a level set by the user stays.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            with _start_up_lines_dropped():
                import keras

                if keras.backend.backend() == "tensorflow":
                    import tensorflow as tf

                    _take_share_of_cores(tf)
                    tf.config.list_physical_devices()  # its first call tells of missing GPUs
    import keras

    return keras


def check_process():
    """Raise an error where TensorFlow would wait for threads that only another process has."""
    if _process["is_fork"]:
        raise RuntimeError(
            "This process was forked from one that had loaded TensorFlow, which does not work in "
            "both. Start processes by 'spawn' or 'forkserver' "
            "(multiprocessing.get_context('spawn')), or use joblib's default backend, 'loky'."
        )


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

    The type of a network comes from global settings, and the seeds of initializers and dropout
    layers from Python's global generator; keras has no other way to tell them. So the settings are
    changed here, for as long as a network is built, by one thread at a time, and keras draws from
    a generator of its own, as other threads may draw from the global one. The layers' names are
    numbered from the beginning, as in a new process: TensorFlow keeps something for each new name
    of a variable, for good.

    Parameters
    ----------
    precision : {"float32", "float64", "mixed_bfloat16"}
        Of the arithmetic; weights are in float64 in the second case, else in float32.
    seed : int
        Seed, in [0, 2**32).
    """
    check_process()
    keras = load_keras()
    from keras.src.backend.common import global_state  # neither has a public name
    from keras.src.random import seed_generator

    with _lock:
        numbers = global_state.get_global_attribute(_NUMBERS)
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        generator = seed_generator.python_random
        try:
            global_state.set_global_attribute(_NUMBERS, None)
            seed_generator.python_random = random.Random(seed)
            keras.config.set_floatx("float64" if precision == "float64" else "float32")
            keras.config.set_dtype_policy(precision)
            yield keras
        finally:
            global_state.set_global_attribute(_NUMBERS, numbers)
            keras.config.set_dtype_policy(policy)
            keras.config.set_floatx(floatx)
            seed_generator.python_random = generator
