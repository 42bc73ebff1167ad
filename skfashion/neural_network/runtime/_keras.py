"""Access to keras: quiet loading, temporary global settings, and private attributes."""

import logging
import os
import random
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ._interrupts import held_back

# Lines that TensorFlow's libraries write while they load: those of absl of any severity ("E0000 ...
# cuInit" only means that there is no GPU), and the continuation of one of them.
_START_UP_LINE = re.compile(
    rb"[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl"
    rb"|To enable the following instructions"
)
_GLOBAL_ATTRIBUTES = ("object_name_uids", "dtype_policy")
_DATA_FORMAT = "channels_last"
_EPSILON = 1e-7
_lock = threading.RLock()
_process = {"has_loaded": False, "is_fork": False}
_running: dict[str, Any] = {"count": 0, "epsilon": None}


def _note_fork() -> None:
    """Note, in a forked process, whether TensorFlow was in use in its parent process.

    If other code than skfashion has loaded TensorFlow, this is the case after its first operation,
    which starts its threads. TensorFlow has no public function for this.
    """
    eager = sys.modules.get("tensorflow.python.eager.context")
    context = None if eager is None else eager.context_safe()
    in_use = context is not None and getattr(context, "_initialized", True)
    _process["is_fork"] = _process["is_fork"] or _process["has_loaded"] or in_use


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def _start_up_lines_dropped() -> Iterator[None]:
    """Suppress TensorFlow's messages on standard error within the block.

    TensorFlow writes them from C++, before its log level can be set, so that only a redirection of
    the file descriptor catches them. All other lines are written after the block.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # pythonw has no standard error.
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


def _limit_threads(tf: ModuleType) -> None:
    """Limit TensorFlow to the number of threads that joblib or dask allow each worker."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    if share.isdecimal() and int(share) and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(int(share))
        tf.config.threading.set_inter_op_parallelism_threads(int(share))


def load_keras() -> ModuleType:
    """Import keras without TensorFlow's start-up messages, and return it.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it cannot be imported. After an interrupted import, it cannot in the same process.
    """
    with held_back(), _lock:
        _process["has_loaded"] = True
        if "keras" not in sys.modules:
            # This level still shows errors after start-up. A level set by the user is kept.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            if os.path.expanduser("~") == "~":
                # Without a home folder, TensorFlow would create "~" in the working directory. keras
                # itself uses the temporary folder then.
                folder = os.path.join(tempfile.gettempdir(), ".keras")
                os.environ.setdefault("KERAS_HOME", folder)
            try:
                with _start_up_lines_dropped():
                    _import_keras()
            except ModuleNotFoundError:
                raise
            except Exception as error:  # A half-loaded TensorFlow raises many types of errors.
                raise ImportError(
                    f"keras and TensorFlow cannot be loaded ({type(error).__name__}: {error}). If "
                    "loading them was interrupted before (Ctrl-C), restart Python: a process "
                    "cannot recover from modules that are half loaded."
                ) from error
    import keras

    return keras


def _import_keras() -> None:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        _limit_threads(tf)
        # The first call writes messages about missing GPUs.
        tf.config.list_physical_devices()


def check_process() -> None:
    """Raise a RuntimeError if TensorFlow cannot run networks in this process or scope.

    This is so in a forked process, whose parent has TensorFlow's threads, with another backend of
    keras, without eager execution, and in the scope of a strategy for several devices.
    """
    if _process["is_fork"]:
        raise RuntimeError(
            "This process was forked from one that had loaded TensorFlow, which does not work in "
            "forked processes. Start processes with 'spawn' or 'forkserver' "
            "(multiprocessing.get_context('spawn')), or use joblib's default backend, 'loky'."
        )
    keras = load_keras()
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "Networks need the tensorflow backend of keras, but keras was loaded with "
            f"{keras.backend.backend()}. Set the environment variable KERAS_BACKEND=tensorflow, or "
            "unset it, before Python starts."
        )
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise RuntimeError(
            "TensorFlow's eager execution is off, because of "
            "tf.compat.v1.disable_eager_execution() or a surrounding tf.Graph, but keras needs it. "
            "Call skfashion outside of graphs, in a process with eager execution. If TensorFlow "
            "was interrupted before, restart Python."
        )
    strategy = tf.distribute.get_strategy()
    if tf.distribute.has_strategy() and not isinstance(strategy, tf.distribute.OneDeviceStrategy):
        raise RuntimeError(
            "Networks train and predict on one device, but this call is in the scope of a "
            f"{type(strategy).__name__}. Call skfashion outside of strategy.scope()."
        )


@contextmanager
def running() -> Iterator[None]:
    """Run networks in the block with the default epsilon of keras.

    keras reads its epsilon, at which losses clip probabilities, when a network first runs. Several
    threads may run networks at once. The last one to finish restores the user's epsilon.

    TensorFlow's warning about frequent retracing is suppressed, because each new network must be
    traced.
    """

    # A new function for each call, so that threads do not remove each other's filter.
    def keep(record):
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
def building(precision: str, seed: int) -> Iterator[ModuleType]:
    """Set the global settings of keras for building a network, and restore them after the block.

    keras takes the precision of a network and the order of the axes of images only from global
    settings. One thread at a time may change them. Layer names are numbered from the start, as in
    a new process, because TensorFlow never frees what it stores for each new name of a variable.

    Parameters
    ----------
    precision : {"float32", "float64", "mixed_bfloat16"}
        Precision of the computations. Weights are float64 for "float64", else float32.
    seed : int
        Seed of layers and initializers, in [0, 2**32).

    Yields
    ------
    module
        The loaded keras.
    """
    check_process()
    keras = load_keras()
    # These two modules have no public names.
    from keras.src.backend.common import global_state
    from keras.src.random import seed_generator

    with held_back(), _lock, running():
        # Read as stored: keras.config.dtype_policy() would set a policy that is not set yet.
        kept = {name: global_state.get_global_attribute(name) for name in _GLOBAL_ATTRIBUTES}
        floatx = keras.config.floatx()
        data_format = keras.config.image_data_format()
        generator = seed_generator.python_random
        try:
            # keras draws the seeds of layers and initializers from this generator.
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


def all_layers(layer: Any) -> list[Any]:
    """Return a layer or model and all layers within it."""
    return list(layer._flatten_layers())


def origin(tensor: Any) -> tuple[Any, Sequence[Any]]:
    """Return the layer that has produced a symbolic tensor, and the inputs of its call."""
    layer, node, _ = tensor._keras_history
    return layer, layer._inbound_nodes[node].input_tensors


def schedule_of(optimizer: Any) -> Any:
    """Return the learning rate of an optimizer, or its schedule if it has one."""
    return optimizer._learning_rate


def forget_validation_images(model: Any) -> None:
    """Free the images on which a model was last evaluated, and the threads that read them."""
    vars(model).pop("_eval_epoch_iterator", None)
