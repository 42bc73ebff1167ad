"""Helpers for keras models: compiling, and variables as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


def compile_network(model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Any) -> None:
    """Compile or recompile a network, with weighted losses and accuracies."""
    model.compile(optimizer, loss, weighted_metrics=["accuracy"])


def values(owner: keras.Model | keras.optimizers.Optimizer) -> list[NDArray]:
    """Return copies of the variables of a model or an optimizer."""
    return [np.array(variable.numpy()) for variable in owner.variables]


def assign(owner: keras.Model | keras.optimizers.Optimizer, arrays: Sequence[NDArray]) -> None:
    """Set the variables of a model or an optimizer.

    Raises
    ------
    ValueError
        If the shapes of the variables and the arrays differ.
    """
    expected = [tuple(variable.shape) for variable in owner.variables]
    if [np.shape(array) for array in arrays] != expected:
        raise ValueError(
            f"These weights do not fit: {type(owner).__name__} has variables of shapes {expected}, "
            f"got {[np.shape(array) for array in arrays]}. The file with these weights is damaged."
        )
    for variable, array in zip(owner.variables, arrays, strict=True):
        variable.assign(array)


def forget_functions(model: keras.Model) -> None:
    """Make keras trace a model again, because an interrupted trace may be incomplete."""
    model.train_function = model.test_function = model.predict_function = None
