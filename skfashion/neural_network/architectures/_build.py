"""Build a network from an architecture and check it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from skfashion.neural_network.runtime._keras import all_layers, origin

if TYPE_CHECKING:
    import keras

_N_TEST_IMAGES = 8
_HALF_PRECISION = ("bfloat16", "float16")
_CONVOLUTIONS = (
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
)


class HalfPrecisionError(ValueError):
    """The probabilities of a model have fewer bits than float32."""


@contextmanager
def _new_layers_and_variables(keras: ModuleType) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield a list of the objects that the block creates, and a list of the layers that it calls.

    Other threads, which may train or predict meanwhile, do not count.

    Random initial weights are drawn in float32 and then cast. In float64, an initializer draws
    other numbers from the same seed, so that the weights would depend on the dtype of the images.
    """
    created: list[Any] = []
    called: list[Any] = []
    init_variable, thread = keras.Variable.__init__, threading.get_ident()

    def in_single_precision(initializer):
        def draw(shape, dtype=None, **kwargs):
            single = "float32" if dtype == "float64" else dtype
            return keras.ops.cast(initializer(shape, dtype=single, **kwargs), dtype)

        return draw

    def __init__(self, initializer, *args, **kwargs):  # noqa: N807 (replaces the method of keras)
        if threading.get_ident() == thread:
            created.append(self)
            if isinstance(initializer, str):
                initializer = keras.initializers.get(initializer)
            # Constant initializers, which have no seed, must not lose digits.
            if callable(initializer) and hasattr(initializer, "seed"):
                initializer = in_single_precision(initializer)
        init_variable(self, initializer, *args, **kwargs)

    init_layer, call_layer = keras.Layer.__init__, keras.Layer.__call__

    def begin_layer(self, *args, **kwargs):
        if threading.get_ident() == thread:
            created.append(self)
        init_layer(self, *args, **kwargs)

    def __call__(self, *args, **kwargs):  # noqa: N807
        if threading.get_ident() == thread:
            called.append(self)
        return call_layer(self, *args, **kwargs)

    keras.Variable.__init__ = __init__
    keras.Layer.__init__, keras.Layer.__call__ = begin_layer, __call__
    try:
        yield created, called
    finally:
        keras.Variable.__init__ = init_variable
        keras.Layer.__init__, keras.Layer.__call__ = init_layer, call_layer


def _float32_output(keras: ModuleType, tensors: Sequence[Any]) -> None:
    """Make the layers that produce `tensors`, back to the last with weights, compute in float32.

    Eight bits are too few for a probability: in many images, several classes would be tied.
    """
    for tensor in tensors:
        operation, inputs = origin(tensor)
        if isinstance(operation, keras.Model):
            _float32_output(keras, operation.outputs)
        elif getattr(operation, "compute_dtype", None) in _HALF_PRECISION:
            operation.dtype_policy = "float32"
        if not getattr(operation, "weights", None):
            _float32_output(keras, inputs)


def _float32_narrow_convolutions(keras: ModuleType, model: keras.Model) -> None:
    """Make strided convolutions with an input or output of width 1 compute in float32.

    In bfloat16, TensorFlow (oneDNN) leaves memory uninitialized in their outputs or gradients.
    """
    convolutions = tuple(getattr(keras.layers, name) for name in _CONVOLUTIONS)
    for layer in all_layers(model):
        if not isinstance(layer, convolutions) or layer.compute_dtype not in _HALF_PRECISION:
            continue
        shape = layer.get_build_config()["input_shape"]
        widths = shape[-2], layer.compute_output_shape(shape)[-2]
        if max(layer.strides) > 1 and 1 in widths:
            layer.dtype_policy = "float32"


def _check_new(name: str, model: keras.Model, created: list[Any], called: list[Any]) -> None:
    """Raise a ValueError if the model uses weights that existed before the architecture's call."""
    created_ids = {id(thing) for thing in created}
    # A model does not list every layer that its own layers call.
    layers = [layer for layer in (*all_layers(model), *called) if layer.variables]
    before = [layer.name for layer in layers if id(layer) not in created_ids]
    before += [variable.path for variable in model.variables if id(variable) not in created_ids]
    if before:
        raise ValueError(
            f"The architecture {name} must create all layers of its network each time it is "
            f"called, but {before[0]} existed before: one fit would start from the weights of "
            "another. Create the layers inside the function. A pretrained model can be loaded "
            "there, or copied with keras.models.clone_model and set_weights."
        )


def _shapes_of(outputs: Any) -> Any:
    """Return the shape of an output, or the nested shapes of several outputs."""
    if isinstance(outputs, dict):
        return {name: _shapes_of(output) for name, output in outputs.items()}
    if isinstance(outputs, list | tuple):
        return [_shapes_of(output) for output in outputs]
    return tuple(outputs.shape)


def _check_probabilities(keras: ModuleType, name: str, outputs: Any, n_classes: int) -> None:
    """Raise a ValueError unless the outputs are class probabilities of at least 32 bits."""
    if _shapes_of(outputs) != (_N_TEST_IMAGES, n_classes):
        raise ValueError(
            f"The architecture {name} must have one output per class, of shape (n, {n_classes}) "
            f"for n images; got {_shapes_of(outputs)} for {_N_TEST_IMAGES} images."
        )
    probabilities = keras.ops.convert_to_numpy(outputs).astype(float)
    errors = np.abs(probabilities.sum(axis=1) - 1)
    if np.any(probabilities < 0) or not errors.max() < 5e-3:
        raise ValueError(
            f"The architecture {name} must end in a softmax: its outputs for one image must be "
            f"probabilities that sum to 1, got {probabilities[0].tolist()}."
        )
    if keras.backend.standardize_dtype(outputs.dtype) in _HALF_PRECISION or errors.max() > 1e-5:
        raise HalfPrecisionError(
            f"The probabilities of the architecture {name} have 16 bits, too few to sum to 1 and "
            "to distinguish classes. Give the last layers, from the last one with weights on, "
            "dtype='float32', or set precision='float32'."
        )


def make_model(
    keras: ModuleType,
    architecture: Callable[..., keras.Model],
    input_shape: tuple[int, int, int],
    n_classes: int,
    options: Mapping[str, Any],
) -> keras.Model:
    """Call an architecture and check the model that it returns.

    Parameters
    ----------
    keras : module
        The loaded keras.
    architecture : callable
        ``(input_shape, n_classes, **options) -> keras.Model``.
    input_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    options : dict
        Options of the architecture that the user has set.

    Returns
    -------
    keras.Model
        The model, built but not compiled. Two kinds of layers compute in at least float32: those
        of a functional or sequential model from the last one with weights on, and strided
        convolutions with an input or output of width 1.

    Raises
    ------
    ValueError
        If the architecture does not take an option, cannot be built for such images, or does not
        return a model with one probability per class whose variables are all new.
    HalfPrecisionError
        If the probabilities have fewer bits than float32.
    """
    if isinstance(architecture, keras.Model):
        raise ValueError(
            "architecture must be a function that builds a new network for each fit, "
            f"(input_shape, n_classes, **options) -> keras.Model, got the network {architecture!r}."
        )
    name = getattr(architecture, "__name__", repr(architecture))
    try:
        inspect.signature(architecture).bind(input_shape, n_classes, **options)
    except TypeError as error:
        raise ValueError(
            f"The architecture {name} is called with input_shape, n_classes and the options "
            f"{options}, but its signature does not take these: {error}."
        ) from error
    images = np.random.RandomState(0).uniform(-1, 1, (_N_TEST_IMAGES, *input_shape))
    images = images.astype(np.float32)
    with _new_layers_and_variables(keras) as (created, called):
        try:
            model = architecture(input_shape, n_classes, **options)
        except ValueError as error:
            # Layer names are numbered from the start in each call, so that a layer created
            # outside may have the same name as one created inside.
            outside = " Create all layers inside the function." if "unique" in str(error) else ""
            raise ValueError(
                f"The architecture {name} cannot be built for images of shape {input_shape} "
                f"(height, width, channels) and {n_classes} classes: {error}{outside}"
            ) from error
        if not isinstance(model, keras.Model):
            raise ValueError(f"The architecture {name} must return a keras.Model, got {model!r}.")
        try:
            # The call builds models that are not built yet.
            model(images, training=False)
        except ValueError as error:
            raise ValueError(
                f"The network of the architecture {name} must take one batch of images of shape "
                f"{input_shape} (height, width, channels): {error}"
            ) from error
    _check_new(name, model, created, called)
    _float32_narrow_convolutions(keras, model)
    _float32_output(keras, getattr(model, "outputs", None) or [])
    _check_probabilities(keras, name, model(images, training=False), n_classes)
    return model
