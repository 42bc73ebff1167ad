"""The one door to keras: loaded quietly, its settings put back after use, its private parts."""

import logging
import os
import random
import re
import sys
import tempfile
import threading
from contextlib import contextmanager

from ._interrupts import held_back

# What TensorFlow's libraries write while they load: absl's own lines, whatever their severity
# ("E0000 ... cuInit" tells of no more than a machine without a GPU), and the continuation of one.
_START_UP_LINE = re.compile(
    rb"[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl"
    rb"|To enable the following instructions"
)
_KEPT = ("object_name_uids", "dtype_policy")
_DATA_FORMAT = "channels_last"  # of all images here
_EPSILON = 1e-7
_lock = threading.RLock()
_process = {"has_loaded": False, "is_fork": False}
_running = {"count": 0, "epsilon": None}


def _note_fork():
    """Note, in a process just forked, whether TensorFlow is at work in the one that it is of.

    Its threads begin with its first operation, where others load it too. (There is no public way to
    ask whether that was.)
    """
    eager = sys.modules.get("tensorflow.python.eager.context")
    context = None if eager is None else eager.context_safe()
    at_work = context is not None and getattr(context, "_initialized", True)
    _process["is_fork"] = _process["is_fork"] or _process["has_loaded"] or at_work


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


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
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            written.seek(0)
            kept = [line for line in written if not _START_UP_LINE.match(line)]
            if kept:
                os.write(2, b"".join(kept))


def _take_share_of_cores(tf):
    """Have TensorFlow use as many threads as joblib or dask allow each of their workers."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    if share.isdecimal() and int(share) and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(int(share))
        tf.config.threading.set_inter_op_parallelism_threads(int(share))


def load_keras():
    """Import keras, without TensorFlow's start-up messages, and return it.

    Raises
    ------
    ImportError
        If that fails, as it does for good once it was interrupted.
    """
    with held_back(), _lock:
        _process["has_loaded"] = True
        if "keras" not in sys.modules:
            # Start-up over, errors are still shown; a level set by the user stays.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            try:
                with _start_up_lines_dropped():
                    _import_keras()
            except ModuleNotFoundError:
                raise
            except Exception as error:  # of any kind, as half of TensorFlow may be there
                raise ImportError(
                    f"keras and TensorFlow cannot be loaded ({type(error).__name__}: {error}). If "
                    "loading them was interrupted before (Ctrl-C), restart Python: what is half "
                    "loaded stays so in a process."
                ) from error
    import keras

    return keras


def _import_keras():
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        _take_share_of_cores(tf)
        tf.config.list_physical_devices()  # its first call tells of missing GPUs


def check_process():
    """Raise an error where TensorFlow cannot run networks.

    That is, where keras has another backend, where it would wait for threads that only another
    process has, where its eager execution is off, and where variables are to be spread over
    devices.
    """
    if _process["is_fork"]:
        raise RuntimeError(
            "This process was forked from one that had loaded TensorFlow, which does not work in "
            "both. Start processes by 'spawn' or 'forkserver' "
            "(multiprocessing.get_context('spawn')), or use joblib's default backend, 'loky'."
        )
    keras = load_keras()
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "Networks need keras' backend tensorflow, but keras was loaded with "
            f"{keras.backend.backend()}. Set the environment variable KERAS_BACKEND=tensorflow "
            "before Python starts, or leave it out."
        )
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise RuntimeError(
            "TensorFlow's eager execution is off here, by tf.compat.v1.disable_eager_execution() "
            "or within a tf.Graph, but keras needs it. Call skfashion outside of graphs, in a "
            "process that leaves eager execution on; restart Python if TensorFlow was interrupted."
        )
    strategy = tf.distribute.get_strategy()
    if tf.distribute.has_strategy() and not isinstance(strategy, tf.distribute.OneDeviceStrategy):
        raise RuntimeError(
            "Networks train and predict on one device, but this is within the scope of a "
            f"{type(strategy).__name__}. Call skfashion outside of strategy.scope()."
        )


@contextmanager
def running():
    """Run networks in the block, whatever keras' epsilon is, and without needless advice.

    keras reads its epsilon, at which losses clip probabilities, when a network is first run.
    Several threads may run networks at once: the last one to end puts the user's epsilon back.
    TensorFlow's advice against tracing often is dropped: each new network is traced, as it must.
    """

    def keep(record):  # a function of its own for each use, as threads may use it at once
        return "triggered tf.function retracing" not in record.getMessage()

    keras = load_keras()
    logger = logging.getLogger("tensorflow")
    logger.addFilter(keep)
    with _lock:
        if not _running["count"]:
            _running["epsilon"] = keras.config.epsilon()
            keras.config.set_epsilon(_EPSILON)
        _running["count"] += 1
    try:
        yield
    finally:
        with _lock:
            _running["count"] -= 1
            if not _running["count"]:
                keras.config.set_epsilon(_running["epsilon"])
        logger.removeFilter(keep)


@contextmanager
def building(precision, seed):
    """Let keras build a network in `precision` and from `seed`, then put its settings back.

    The type of a network and the order of the axes of images come from global settings; keras has
    no other way to tell them. So they are changed here, for as long as a network is built, by one
    thread at a time. The layers' names are numbered from the beginning, as in a new process:
    TensorFlow keeps something for each new name of a variable, for good.

    Parameters
    ----------
    precision : {"float32", "float64", "mixed_bfloat16"}
        Of the arithmetic; weights are in float64 in the second case, else in float32.
    seed : int
        Seed, in [0, 2**32).
    """
    check_process()
    keras = load_keras()
    from keras.src.backend.common import global_state  # have no public names
    from keras.src.random import seed_generator

    with held_back(), _lock, running():
        # As they are kept: the policy is none of its own until it is first asked for.
        kept = {name: global_state.get_global_attribute(name) for name in _KEPT}
        floatx = keras.config.floatx()
        data_format = keras.config.image_data_format()
        generator = seed_generator.python_random
        try:
            # Which keras draws the seeds of layers and initializers from.
            seed_generator.python_random = random.Random(seed)
            global_state.set_global_attribute("object_name_uids", None)
            keras.config.set_floatx("float64" if precision == "float64" else "float32")
            keras.config.set_dtype_policy(precision)
            keras.config.set_image_data_format(_DATA_FORMAT)
            yield keras
        finally:
            for name, value in kept.items():
                global_state.set_global_attribute(name, value)
            keras.config.set_image_data_format(data_format)
            keras.config.set_floatx(floatx)
            seed_generator.python_random = generator


def all_layers(layer):
    """Return a layer, or a model, and all layers within it."""
    return list(layer._flatten_layers())


def origin(tensor):
    """Return the layer that a symbolic tensor comes from, and the tensors that it was called on."""
    layer, node, _ = tensor._keras_history
    return layer, layer._inbound_nodes[node].input_tensors


def schedule_of(optimizer):
    """Return the learning rate as an optimizer has it, a schedule where it is one."""
    return optimizer._learning_rate


def forget_validation_images(model):
    """Have a model let go of the images that it was last evaluated on, threads and all."""
    vars(model).pop("_eval_epoch_iterator", None)
