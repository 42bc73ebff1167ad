"""The network of a classifier: its weights, and the serialized model that they belong to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._interrupts import DelayedInterrupts, held_back
from ._keras import building, check_process
from ._model_pool import (
    PooledModel,
    give_back,
    has_idle,
    is_our_schedule,
    key_of,
    retraced_if_interrupted,
    shared_on_error,
    take,
)
from ._models import assign, compile_network, values
from ._precision import PRECISIONS
from ._serialization import check_can_be_made, deserialize, serialize

if TYPE_CHECKING:
    import keras

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
_DAMAGED = "This network cannot be loaded: it is damaged or of another version of skfashion."


class TrainedNetwork:
    """A network and its optimizer, in one of two modes.

    *Pooled*: it has only arrays. To run, it borrows a compiled model from the pool, which takes its
    weights and the state of its optimizer.

    *Live*: it has its own model. A network becomes live when the user asks for the model
    (`detach`), or when a callback has changed more of the model than its weights. It is live from
    the beginning if layers, loss or optimizer are of classes of the user, because their configs
    may not tell which networks can run on the same model.

    Parameters
    ----------
    model : keras.Model
        A new compiled model.
    image_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    precision : {"float32", "float64", "mixed_bfloat16"}
        Floating-point precision of the model.
    """

    @held_back()
    def __init__(
        self,
        model: keras.Model,
        *,
        image_shape: tuple[int, int, int],
        n_classes: int,
        precision: str,
    ) -> None:
        self._image_shape = image_shape
        self._n_classes = n_classes
        self.precision = precision
        self._loss = serialize(model.loss)
        self._optimizer = serialize(model.optimizer)
        try:
            self._model = serialize(model)
        except (NotImplementedError, TypeError, ValueError):
            # The error is raised when serialization is needed, for example by pickle.
            self._model = None
        self._weights: Any = None
        self._state: Any = None
        self._begin()
        if self._key is None:
            self._hold(model)
            return
        self._weights = values(model)
        if not has_idle(self._key):
            give_back(self._key, PooledModel(model))

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._live: Any = None  # The scikeras classifier with the model, in live mode.
        self._contents = object()  # Identifies the weights; replaced when they change.
        self._key = key_of(self._model, self._loss, self._optimizer)  # None in live mode.

    @property
    def is_average(self) -> bool:
        """Whether the optimizer replaces the weights by averages at the end of training."""
        return json.loads(self._optimizer)["config"]["use_ema"]

    @property
    def is_scheduled(self) -> bool:
        """Whether the optimizer has a schedule, which only fits the training that used it."""
        return is_our_schedule(json.loads(self._optimizer)["config"]["learning_rate"])

    @held_back()
    def detach(self) -> Any:
        """Make the network live, and return the scikeras classifier that holds its model."""
        with self._lock:
            return self._detach()

    def _detach(self) -> Any:
        if self._live is None:
            model = self._make(self._optimizer)
            assign(model, self._weights)
            if self._state is not None:
                model.optimizer.build(model.trainable_variables)
                assign(model.optimizer, self._state)
            self._hold(model)
        return self._live

    def _hold(self, model: keras.Model) -> None:
        # This import loads keras.
        from ._scikeras import wrap_model

        self._live = wrap_model(model, self._image_shape, self._n_classes)
        self._weights = self._state = self._key = None

    def _make(self, optimizer: Any) -> keras.Model:
        with building(self.precision, seed=0):  # The initial weights are overwritten.
            model = deserialize(self._model, "model", self._weights)
            loss, optimizer = deserialize(self._loss, "loss"), deserialize(optimizer, "optimizer")
            compile_network(model, optimizer, loss)
        return model

    def _borrow(self, key: str, optimizer: Any) -> PooledModel:
        pooled = take(key, self._contents) or PooledModel(self._make(optimizer))
        if pooled.holds is not self._contents:
            pooled.holds = None
            assign(pooled.model, self._weights)
            pooled.holds = self._contents
        return pooled

    @contextmanager
    def predicting(self) -> Iterator[keras.Model]:
        """Provide the model, with the weights of this network, to one thread at a time."""
        check_process()
        with held_back() as held, self._lock:
            if self._key is None:
                with retraced_if_interrupted(self._detach().model_, held) as model:
                    yield model
                return
            pooled = self._borrow(self._key, self._optimizer)
            with shared_on_error(self._key, pooled, held) as model:
                yield model
            if not held.has_cut_in:
                give_back(self._key, pooled)

    @contextmanager
    def training(
        self, optimizer: keras.optimizers.Optimizer | None, has_callbacks: bool = False
    ) -> Iterator[keras.Model]:
        """Provide the model for training; after an error, the network is unchanged.

        Parameters
        ----------
        optimizer : keras.optimizers.Optimizer or None
            New optimizer, or None to continue with the current one.
        has_callbacks : bool, default=False
            Whether callbacks of the user receive the model and may change its structure.

        Yields
        ------
        keras.Model
            The compiled model.
        """
        check_process()
        with held_back() as held, self._lock:
            serialized = self._optimizer if optimizer is None else serialize(optimizer)
            key = None if self._key is None else key_of(self._model, self._loss, serialized)
            if key is None:
                lent = self._training_live(held, optimizer)
            else:
                state = self._state if optimizer is None else None
                lent = self._training_pooled(held, key, serialized, state, has_callbacks)
            with lent as model:
                yield model
            self._optimizer = serialized

    @contextmanager
    def _training_live(
        self, held: DelayedInterrupts, optimizer: keras.optimizers.Optimizer | None
    ) -> Iterator[keras.Model]:
        with (
            retraced_if_interrupted(self._detach().model_, held) as model,
            self._restored_on_error(model),
        ):
            if optimizer is not None:
                self._compile(model, optimizer)
            yield model

    @contextmanager
    def _training_pooled(
        self,
        held: DelayedInterrupts,
        key: str,
        optimizer: str,
        state: list[NDArray] | None,
        has_callbacks: bool,
    ) -> Iterator[keras.Model]:
        pooled = self._borrow(key, optimizer)
        pooled.load_optimizer(state, json.loads(optimizer)["config"]["learning_rate"])
        pooled.holds = None
        before = _structure(pooled.model) if has_callbacks else None

        def is_unchanged():
            return not has_callbacks or _structure(pooled.model) == before

        with shared_on_error(key, pooled, held, is_unchanged) as model:
            yield model
        if not is_unchanged():
            self._hold(model)
            return
        self._weights, self._state = values(model), values(model.optimizer)
        self._key = key
        pooled.holds = self._contents = object()
        if not held.has_cut_in and model.train_function is not None:
            give_back(key, pooled)

    def serialized(self, optimizer: keras.optimizers.Optimizer | None) -> tuple[Any, Any]:
        """Return the state on which a training depends; `optimizer` is that of `training`."""
        return self._whole_state(), None if optimizer is None else serialize(optimizer)

    def model_and_weights(self) -> tuple[str, list[NDArray]]:
        """Return the serialized model and the values of all of its variables."""
        state = self._whole_state()
        return state["_model"], state["_weights"]

    def copy_of(self, model: keras.Model) -> TrainedNetwork:
        """Return a copy of the network as if training of `model`, from `training`, ended now."""
        state = {name: getattr(self, name) for name in _STATE}
        before = values(model)
        model.optimizer.finalize_variable_values(model.trainable_variables)
        state.update(_model=self._model or serialize(model), _weights=values(model), _state=None)
        assign(model, before)
        copy = object.__new__(type(self))
        copy.__setstate__(state)
        return copy

    def forget_optimizer(self) -> None:
        """Reset the optimizer, so that the next training starts with a new one."""
        if self._live is None:
            self._state = None
            return
        with building(self.precision, seed=0):  # Nothing is drawn.
            optimizer = deserialize(self._optimizer, "optimizer")
        self._compile(self._live.model_, optimizer)

    def _compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        with building(self.precision, seed=0):  # Nothing is drawn.
            compile_network(model, optimizer, model.loss)

    @contextmanager
    def _restored_on_error(self, model: keras.Model) -> Iterator[keras.Model]:
        """Restore the optimizer, its state, the weights and the seeds of dropout on an error."""
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

    def __getstate__(self) -> dict[str, Any]:
        state = self._whole_state()
        for name in ("_model", "_loss", "_optimizer"):
            # Report now what could not be loaded, while the user can still change it.
            check_can_be_made(state[name])
        return state

    def _whole_state(self) -> dict[str, Any]:
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        if set(state) != set(_STATE):
            raise ValueError(f"{_DAMAGED} Expected {sorted(_STATE)}, got {sorted(state)}.")
        for name, value in state.items():
            if not _is_valid(name, value):
                raise ValueError(f"{_DAMAGED} Its {name} is {str(value)[:100]!r}.")
        vars(self).update(state)
        self._begin()


def _is_valid(name: str, value: Any) -> bool:
    """Return whether a part of the state of a network has the expected type."""
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
        parsed = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return False
    config = parsed.get("config") if isinstance(parsed, dict) else None
    needed: set[str] = {"learning_rate", "use_ema"} if name == "_optimizer" else set()
    return isinstance(config, dict) and needed <= set(config)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def _is_numbers(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiub"


def _serialize_or_explain(model: keras.Model) -> str:
    try:
        return serialize(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"keras cannot serialize the network {model.name!r}, a {type(model).__name__}, so that "
            "it can be neither copied nor saved. Give its class, and those of its layers, a method "
            "get_config that returns the arguments of __init__. "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0]})"
        ) from error


def _structure(model: keras.Model) -> tuple[list[Any], int, int]:
    """Return a value that differs if a callback has changed more of a model than its weights."""
    # Layer by layer, because the config of a model includes that of its optimizer.
    return [serialize(layer) for layer in model.layers], id(model.optimizer), id(model.loss)
