"""Pretrained networks without their classifiers, from pixels to features."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from ..runtime._keras import building, load_keras
from ._efficientnet_lite import efficientnet_lite0_features
from ._pretrained_weights import load_imagenet_weights

if TYPE_CHECKING:
    import keras

_lock = threading.Lock()
_N_KEPT = 4


class Backbone(NamedTuple):
    """A network that is ready to run.

    Attributes
    ----------
    run : callable
        From pixels (n, size, size, 3) of uint8 or float32 in [0, 255] to a tensor of features
        (n, n_features) of float32.
    n_features : int
        Number of features.
    """

    run: Callable
    n_features: int


def load_backbone(model: str | keras.Model, size: int, precision: str) -> Backbone:
    """Return a network without its classifier, from a cache if it was used before.

    Parameters
    ----------
    model : str or keras.Model
        "efficientnet_lite0", the name of a function of `keras.applications`, or a model.
    size : int
        Height and width of the images.
    precision : {"float32", "mixed_bfloat16"}
        Precision of the computations. A model has its own.

    Returns
    -------
    Backbone

    Raises
    ------
    ImportError
        If the package with the weights is not installed.
    ValueError
        If there is no network of that name, or it cannot take such images.
    """
    with _lock:  # A network is built once, even if several threads ask for it.
        return _load(model, size, precision)


@lru_cache(maxsize=_N_KEPT)
def _load(model: str | keras.Model, size: int, precision: str) -> Backbone:
    with building(precision, seed=0) as keras:  # Nothing is drawn.
        inputs = keras.Input((size, size, 3))
        if model == "efficientnet_lite0":
            scaled = keras.layers.Rescaling(1 / 128, -127 / 128)(inputs)
            weights = load_imagenet_weights(model)
            features = efficientnet_lite0_features((size, size, 3), weights, fold=True)(scaled)
        elif isinstance(model, str):
            features = _application(model, size, inputs)
        else:
            features = _features_of(model, inputs, size)
        outputs = keras.layers.Activation("linear", dtype="float32")(features)
        network = keras.Model(inputs, outputs)
    return Backbone(_compiled(network, size), outputs.shape[-1])


def _application(name: str, size: int, inputs: keras.KerasTensor) -> keras.KerasTensor:
    applications = load_keras().applications
    make = getattr(applications, name, None)
    if not callable(make) or name.startswith("_"):
        known = [known_name for known_name in dir(applications) if known_name[0].isupper()]
        raise ValueError(
            "model must be 'efficientnet_lite0', a keras model, or the name of a function of "
            f"keras.applications, {', '.join(known)}; got {name!r}."
        )
    # Each network has its own scale of pixels, in the public module of its family.
    family = getattr(applications, make.__module__.rpartition(".")[2])
    network = make(
        include_top=False, weights="imagenet", input_shape=(size, size, 3), pooling="avg"
    )
    return network(family.preprocess_input(inputs))


def _features_of(model: keras.Model, inputs: keras.KerasTensor, size: int) -> keras.KerasTensor:
    try:
        features = model(inputs)
    except ValueError as error:
        raise ValueError(
            f"model must take images of shape (n, {size}, {size}, 3), as image_size={size}: {error}"
        ) from error
    if getattr(features, "ndim", None) != 2 or features.shape[1] is None:
        raise ValueError(
            "model must return features of shape (n, n_features), got "
            f"{getattr(features, 'shape', type(features).__name__)}. End it in a pooling layer, "
            "such as keras.layers.GlobalAveragePooling2D."
        )
    return features


def _compiled(network: keras.Model, size: int) -> Callable:
    import tensorflow as tf

    def run(pixels):
        return network(tf.cast(pixels, tf.float32), training=False)

    by_dtype = {
        dtype: tf.function(run, input_signature=[tf.TensorSpec((None, size, size, 3), dtype)])
        for dtype in (tf.uint8, tf.float32)
    }

    def run_any(pixels: NDArray) -> Any:
        return by_dtype[tf.as_dtype(pixels.dtype)](pixels)

    return run_any
