"""What is asked of a keras model everywhere: to be compiled, and for its variables as arrays."""

import numpy as np


def compile_network(model, optimizer, loss):
    """Compile a network to be trained by weighted losses, or compile it anew."""
    model.compile(optimizer, loss, weighted_metrics=["accuracy"])


def values(owner):
    """Return copies of the variables of a model or an optimizer."""
    return [np.array(variable.numpy()) for variable in owner.variables]


def assign(owner, arrays):
    """Set the variables of a model or an optimizer, or raise a ValueError if there are others."""
    expected = [tuple(variable.shape) for variable in owner.variables]
    if [np.shape(array) for array in arrays] != expected:
        raise ValueError(
            f"These weights do not fit: {type(owner).__name__} has variables of shapes {expected}, "
            f"got {[np.shape(array) for array in arrays]}. The file that they are from is damaged."
        )
    for variable, array in zip(owner.variables, arrays, strict=True):
        variable.assign(array)


def forget_functions(model):
    """Have keras trace a model anew, as what was traced may not be whole."""
    model.train_function = model.test_function = model.predict_function = None
