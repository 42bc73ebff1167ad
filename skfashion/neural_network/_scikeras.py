"""The one module that knows scikeras.

A ``scikeras.wrappers.KerasClassifier`` builds, compiles and holds the network. Training and
prediction go to its keras model directly: scikeras' own ``fit`` takes whole arrays only, reseeds
the global generators and shares callbacks between fits, and its ``predict_proba`` drops an axis.
"""

from functools import partial

import numpy as np

from ._training import compile_network


def _build(make_model, compile_kwargs):
    model = make_model()
    compile_network(model, compile_kwargs["optimizer"], compile_kwargs["loss"])
    return model


def hold(model, image_shape, n_classes, **compile_params):
    """Return a scikeras classifier that holds a network, its classes known as 0, 1, ..."""
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
    return hold(model, image_shape, n_classes, loss=loss, optimizer=optimizer)
