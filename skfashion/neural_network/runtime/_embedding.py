"""The part of a network that computes embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ._keras import building, load_keras, origin

if TYPE_CHECKING:
    import keras

# Embedding model of each network, so that keras traces none twice.
_embeddings: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def embedding_of(model: keras.Model) -> keras.Model:
    """Return the part of a network from the images to the input of the final dense layer.

    Parameters
    ----------
    model : keras.Model
        The network.

    Returns
    -------
    keras.Model
        Model with an output of shape (n, n_features_out). It shares its layers and weights with
        `model`.

    Raises
    ------
    ValueError
        If `model` is not a functional or sequential model that ends in a dense layer, which an
        activation may follow.
    """
    if model not in _embeddings:
        embedding = _input_of_final_dense_layer(model)
        with building(model.dtype_policy.name, seed=0) as keras:  # Nothing is drawn.
            _embeddings[model] = keras.Model(model.inputs, embedding)
    return _embeddings[model]


def _input_of_final_dense_layer(model: keras.Model) -> Any:
    layers = load_keras().layers
    outputs = getattr(model, "outputs", None) or []
    tensor = outputs[0] if len(outputs) == 1 else None
    while tensor is not None:
        layer, _ = origin(tensor)
        layer_input: Any = getattr(layer, "input", None)  # A list if there are several.
        if isinstance(layer, layers.Dense):
            if len(layer_input.shape) == 2:
                return layer_input
            break
        is_activation = isinstance(layer, layers.Activation | layers.Softmax)
        tensor = layer_input if is_activation else None
    raise ValueError(
        f"transform returns the input of the final dense layer, but the network {model.name!r} "
        "does not end in one. Build a functional or sequential model that ends in "
        "keras.layers.Dense."
    )
