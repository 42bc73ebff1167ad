"""The part of a network that comes before its classes."""

from weakref import WeakKeyDictionary

from ._keras import building, load_keras, origin

_embeddings = WeakKeyDictionary()  # of models, so that none is traced twice


def embedding_of(model):
    """Return the model from images to what the dense layer of the classes is given.

    Parameters
    ----------
    model : keras.Model
        A network; the layers are shared with it, and so are the weights.

    Returns
    -------
    keras.Model
        Its output is of shape (n, n_features_out).

    Raises
    ------
    ValueError
        If `model` is not a graph of layers that ends in a dense one, with or without an
        activation after it.
    """
    if model not in _embeddings:
        given = _before_the_classes(model)
        with building(model.dtype_policy.name, seed=0) as keras:  # nothing is drawn
            _embeddings[model] = keras.Model(model.inputs, given)
    return _embeddings[model]


def _before_the_classes(model):
    layers = load_keras().layers
    outputs = getattr(model, "outputs", None) or []
    tensor = outputs[0] if len(outputs) == 1 else None
    while tensor is not None:
        layer, _ = origin(tensor)
        given = getattr(layer, "input", None)  # a list, where there are several
        if isinstance(layer, layers.Dense):
            if len(given.shape) == 2:
                return given
            break
        is_activation = isinstance(layer, layers.Activation | layers.Softmax)
        tensor = given if is_activation else None
    raise ValueError(
        "transform returns what the dense layer of the classes is given, but the network "
        f"{model.name!r} does not end in one: build it from layers (a functional or sequential "
        "model) that end in keras.layers.Dense."
    )
