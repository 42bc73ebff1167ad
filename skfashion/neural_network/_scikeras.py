"""The one module that knows scikeras.

A ``scikeras.wrappers.KerasClassifier`` builds, compiles and holds the network. Training and
prediction go to its keras model directly: scikeras' own ``fit`` takes whole arrays only, reseeds
the global generators and shares callbacks between fits, and its ``predict_proba`` drops an axis.
"""

import pickle
import warnings
from functools import partial

import numpy as np

from ._keras import building
from ._training import compile_network


def _build(make_model, compile_kwargs):
    model = make_model()
    compile_network(model, compile_kwargs["optimizer"], compile_kwargs["loss"])
    return model


def _hold(model, image_shape, n_classes, **compile_params):
    # Here, where `building` has loaded keras before, quietly.
    from scikeras.wrappers import KerasClassifier

    wrapper = KerasClassifier(model=model, verbose=0, **compile_params)
    images = np.zeros((n_classes, *image_shape), dtype=np.float32)
    return wrapper.initialize(images, np.arange(n_classes))


def build(make_model, *, image_shape, n_classes, loss, optimizer):
    """Build and compile a network, held by a scikeras classifier.

    Parameters
    ----------
    make_model : callable
        Called without arguments, returns a keras model.
    image_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes; the labels that the network knows are 0 to ``n_classes - 1``.
    loss : keras.losses.Loss or callable
        What to compile the model with.
    optimizer : keras.optimizers.Optimizer
        What to compile the model with.

    Returns
    -------
    scikeras.wrappers.KerasClassifier
        Initialized, not trained; its ``model_`` is the network.
    """
    model = partial(_build, make_model)
    return _hold(model, image_shape, n_classes, loss=loss, optimizer=optimizer)


def _seed_states(model):
    """Return the variables that dropout layers count their masks in, which keras does not save."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def pack(wrapper):
    """Return the network of a wrapper as bytes, with all that training goes on from."""
    model = wrapper.model_
    with warnings.catch_warnings():
        # keras' own, with NumPy 2.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        return pickle.dumps((model, [np.array(state.numpy()) for state in _seed_states(model)]))


def unpack(packed, *, image_shape, n_classes, precision):
    """Return a wrapper that holds the network of :func:`pack`."""
    # Known to keras from their import on.
    from . import _layers, _muon  # noqa: F401

    with building(precision, seed=0):  # the seed is of no consequence: the states are put back
        model, states = pickle.loads(packed)
    for state, value in zip(_seed_states(model), states, strict=True):
        state.assign(value)
    return _hold(model, image_shape, n_classes)
