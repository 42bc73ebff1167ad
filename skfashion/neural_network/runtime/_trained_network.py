"""The network of a classifier: its arrays, and a description of the model that runs them."""

import json
import threading
from contextlib import contextmanager
from numbers import Integral

import numpy as np

from ._interrupts import held_back
from ._keras import building, check_process
from ._model_pool import (
    PooledModel,
    give_back,
    has_idle,
    is_our_schedule,
    key_of,
    shared_on_error,
    take,
    traced_anew_if_interrupted,
)
from ._models import assign, compile_network, values
from ._precision import PRECISIONS
from ._serialization import check_can_be_made, deserialize, serialize

_STATE = (
    "_image_shape",
    "_n_classes",
    "precision",
    "_model",
    "_loss",
    "_optimizer",
    "_weights",
    "_state",
)


class TrainedNetwork:
    """A network and its optimizer, in one of two modes.

    With arrays only: it runs on a compiled model of the pool, which takes its weights and the
    state of its optimizer for as long as it runs.

    Live: it holds a model of its own. It is live from the time on that somebody asked for the
    model (`detach`) or a callback has changed more of it than weights; and so it is from the
    beginning where layers, loss or optimizer are the user's, as keras cannot tell then which
    networks can run on the same model.

    Parameters
    ----------
    model : keras.Model
        New, compiled.
    image_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    precision : str
        Of the arithmetic.
    """

    @held_back()
    def __init__(self, model, *, image_shape, n_classes, precision):
        self._image_shape = image_shape
        self._n_classes = n_classes
        self.precision = precision
        self._loss = serialize(model.loss)
        self._optimizer = serialize(model.optimizer)
        try:
            self._model = serialize(model)
        except (NotImplementedError, TypeError, ValueError):
            self._model = None  # what is wrong is said when it must be described: to be pickled
        self._weights = self._state = None
        self._begin()
        if self._key is None:
            self._hold(model)
            return
        self._weights = values(model)
        if not has_idle(self._key):
            give_back(self._key, PooledModel(model))

    def _begin(self):
        self._lock = threading.Lock()
        self._live = None  # what holds the model, once there is one
        self._contents = object()  # another one whenever the weights change
        self._key = key_of(self._model, self._loss, self._optimizer)  # of models in the pool

    @property
    def is_average(self):
        """Whether the optimizer leaves averages over its steps as weights."""
        return json.loads(self._optimizer)["config"]["use_ema"]

    @property
    def is_scheduled(self):
        """Whether the optimizer is at the end of a schedule that was made for one fit."""
        return is_our_schedule(json.loads(self._optimizer)["config"]["learning_rate"])

    @held_back()
    def detach(self):
        """Return the scikeras classifier that holds the model, which is live from now on."""
        with self._lock:
            return self._detach()

    def _detach(self):
        if self._live is None:
            model = self._make(self._optimizer)
            assign(model, self._weights)
            if self._state is not None:
                model.optimizer.build(model.trainable_variables)
                assign(model.optimizer, self._state)
            self._hold(model)
        return self._live

    def _hold(self, model):
        from ._scikeras import wrap_model  # which loads keras

        self._live = wrap_model(model, self._image_shape, self._n_classes)
        self._weights = self._state = self._key = None

    def _make(self, optimizer):
        with building(self.precision, seed=0):  # of no consequence: weights are put in
            model = deserialize(self._model, "model", self._weights)
            loss, optimizer = deserialize(self._loss, "loss"), deserialize(optimizer, "optimizer")
            compile_network(model, optimizer, loss)
        return model

    def _borrow(self, key, optimizer):
        pooled = take(key, self._contents) or PooledModel(self._make(optimizer))
        if pooled.holds is not self._contents:
            pooled.holds = None
            assign(pooled.model, self._weights)
            pooled.holds = self._contents
        return pooled

    @contextmanager
    def predicting(self):
        """Lend the model, with this network's weights, to one thread at a time."""
        check_process()
        with held_back() as held, self._lock:
            if self._key is None:
                with traced_anew_if_interrupted(self._detach().model_, held) as model:
                    yield model
                return
            pooled = self._borrow(self._key, self._optimizer)
            with shared_on_error(self._key, pooled, held) as model:
                yield model
            if not held.has_cut_in:
                give_back(self._key, pooled)

    @contextmanager
    def training(self, optimizer, to_others=False):
        """Lend the model to be trained; after an error, the network is as it was.

        Parameters
        ----------
        optimizer : keras.optimizers.Optimizer or None
            From here on; None to go on with the one that the network has.
        to_others : bool, default=False
            Whether the user's own code will see the model, and may make another one of it.
        """
        check_process()
        with held_back() as held, self._lock:
            described = self._optimizer if optimizer is None else serialize(optimizer)
            key = None if self._key is None else key_of(self._model, self._loss, described)
            if key is None:
                lent = self._training_live(held, optimizer)
            else:
                state = self._state if optimizer is None else None
                lent = self._training_shared(held, key, described, state, to_others)
            with lent as model:
                yield model
            self._optimizer = described

    @contextmanager
    def _training_live(self, held, optimizer):
        with (
            traced_anew_if_interrupted(self._detach().model_, held) as model,
            self._put_back_on_error(model),
        ):
            if optimizer is not None:
                self._compile(model, optimizer)
            yield model

    @contextmanager
    def _training_shared(self, held, key, optimizer, state, to_others):
        pooled = self._borrow(key, optimizer)
        pooled.load_optimizer(state, json.loads(optimizer)["config"]["learning_rate"])
        pooled.holds = None
        before = _identity(pooled.model) if to_others else None

        def is_alike():
            return not to_others or _identity(pooled.model) == before

        with shared_on_error(key, pooled, held, is_alike) as model:
            yield model
        if not is_alike():
            self._hold(model)
            return
        self._weights, self._state = values(model), values(model.optimizer)
        self._key = key
        pooled.holds = self._contents = object()
        if not held.has_cut_in and model.train_function is not None:
            give_back(key, pooled)

    def serialized(self, optimizer):
        """Return all that a training with `optimizer`, as in `training`, begins from."""
        return self._whole_state(), None if optimizer is None else serialize(optimizer)

    def model_and_weights(self):
        """Return the description of the model, and the values of all of its variables."""
        state = self._whole_state()
        return state["_model"], state["_weights"]

    def copy_of(self, model):
        """Return what this network were if the training of `model`, as lent, ended here."""
        state = {name: getattr(self, name) for name in _STATE}
        before = values(model)
        model.optimizer.finalize_variable_values(model.trainable_variables)
        state.update(_model=self._model or serialize(model), _weights=values(model), _state=None)
        assign(model, before)
        copy = object.__new__(type(self))
        copy.__setstate__(state)
        return copy

    def forget_optimizer(self):
        """Have the next training begin with a new optimizer."""
        if self._live is None:
            self._state = None
            return
        with building(self.precision, seed=0):  # of no consequence: nothing is drawn
            optimizer = deserialize(self._optimizer, "optimizer")
        self._compile(self._live.model_, optimizer)

    def _compile(self, model, optimizer):
        with building(self.precision, seed=0):  # of no consequence: nothing is drawn
            compile_network(model, optimizer, model.loss)

    @contextmanager
    def _put_back_on_error(self, model):
        """Put back the optimizer, its state, the weights and the masks' seeds on an error."""
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
        before = values(model), values(optimizer)
        try:
            yield model
        except BaseException:
            if model.optimizer is not optimizer:
                self._compile(model, optimizer)
            assign(model, before[0])
            assign(optimizer, before[1])
            raise

    def __getstate__(self):
        state = self._whole_state()
        for name in ("_model", "_loss", "_optimizer"):
            check_can_be_made(state[name])  # now, while what to do about it can be done
        return state

    def _whole_state(self):
        with self._lock:
            state = {name: getattr(self, name) for name in _STATE}
            if self._live is not None:
                model = self._live.model_
                optimizer = model.optimizer
                state["_model"] = _serialize_or_explain(model)
                state["_optimizer"] = serialize(optimizer)
                state["_weights"] = values(model)
                state["_state"] = values(optimizer) if int(optimizer.iterations) else None
        return state

    def __setstate__(self, state):
        if set(state) != set(_STATE):
            raise ValueError(
                "This network cannot be loaded: it is damaged, or of another version of skfashion. "
                f"Expected {sorted(_STATE)}, got {sorted(state)}."
            )
        for name, value in state.items():
            if not _is_whole(name, value):
                raise ValueError(
                    "This network cannot be loaded: it is damaged, or of another version of "
                    f"skfashion. Its {name} is {str(value)[:100]!r}."
                )
        vars(self).update(state)
        self._begin()


def _is_whole(name, value):
    """Tell whether a part of a network's state is of the kind that it is written as."""
    if name == "_image_shape":
        return isinstance(value, tuple) and len(value) == 3 and all(map(_is_count, value))
    if name == "_n_classes":
        return _is_count(value)
    if name == "precision":
        return value in PRECISIONS
    if name in ("_weights", "_state"):
        is_list = isinstance(value, list) and all(_is_numbers(array) for array in value)
        return is_list or (name == "_state" and value is None)
    if name == "_loss" and callable(value):
        return True
    try:
        described = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return False
    config = described.get("config") if isinstance(described, dict) else None
    needed = {"learning_rate", "use_ema"} if name == "_optimizer" else set()
    return isinstance(config, dict) and needed <= set(config)


def _is_count(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _is_numbers(array):
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiub"


def _serialize_or_explain(model):
    try:
        return serialize(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"keras cannot describe the network {model.name!r}, a {type(model).__name__}, so that "
            "it can be neither copied nor written. Give its class, and those of its layers, a "
            "get_config that returns the arguments of __init__. "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0]})"
        ) from error


def _identity(model):
    """Return what tells whether a callback has changed more of a model than its weights."""
    # Of its layers, as a model's own description comes with its optimizer's.
    return [serialize(layer) for layer in model.layers], id(model.optimizer), id(model.loss)
