"""Calling an architecture, and checking the model that it returns."""

import inspect
from contextlib import contextmanager

import numpy as np

from skfashion.neural_network.runtime._keras import all_layers, origin

_PROBES = 8  # images that a new model is tried on
_HALF = ("bfloat16", "float16")
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
    """The probabilities of a model have fewer bits than single precision."""


@contextmanager
def _new_layers_and_variables(keras):
    """Yield two lists, of what the block makes and of the layers that it calls.

    Variables are drawn in float32.

    An initializer draws other numbers in float64 than in float32 from the same seed. Drawn in
    float32 alike, initial weights do not depend on the type of the images.
    """
    made, called = [], []
    of_class = keras.Variable.__init__

    def in_single_precision(initializer):
        def draw(shape, dtype=None, **kwargs):
            single = "float32" if dtype == "float64" else dtype
            return keras.ops.cast(initializer(shape, dtype=single, **kwargs), dtype)

        return draw

    def __init__(self, initializer, *args, **kwargs):  # noqa: N807 (takes the place of keras' own)
        made.append(self)
        if isinstance(initializer, str):
            initializer = keras.initializers.get(initializer)
        if callable(initializer) and hasattr(initializer, "seed"):  # draws; constants keep digits
            initializer = in_single_precision(initializer)
        of_class(self, initializer, *args, **kwargs)

    of_layer, call_layer = keras.Layer.__init__, keras.Layer.__call__

    def begin_layer(self, *args, **kwargs):
        made.append(self)
        of_layer(self, *args, **kwargs)

    def __call__(self, *args, **kwargs):  # noqa: N807
        called.append(self)
        return call_layer(self, *args, **kwargs)

    keras.Variable.__init__ = __init__
    keras.Layer.__init__, keras.Layer.__call__ = begin_layer, __call__
    try:
        yield made, called
    finally:
        keras.Variable.__init__ = of_class
        keras.Layer.__init__, keras.Layer.__call__ = of_layer, call_layer


def _float32_output(keras, tensors):
    """Have the layers that end in `tensors`, back to the last with weights, compute in float32.

    Eight bits of a probability are too few: many images would have several classes alike.
    """
    for tensor in tensors:
        operation, inputs = origin(tensor)
        if isinstance(operation, keras.Model):
            _float32_output(keras, operation.outputs)
        elif getattr(operation, "compute_dtype", None) in _HALF:
            operation.dtype_policy = "float32"
        if not getattr(operation, "weights", None):
            _float32_output(keras, inputs)


def _float32_where_images_get_narrow(keras, model):
    """Have the convolutions with strides, to images of width 1 or from them, compute in float32.

    In bfloat16, TensorFlow (oneDNN) leaves memory uninitialized in their outputs or gradients.
    """
    convolutions = tuple(getattr(keras.layers, name) for name in _CONVOLUTIONS)
    for layer in all_layers(model):
        if not isinstance(layer, convolutions) or layer.compute_dtype not in _HALF:
            continue
        shape = layer.get_build_config()["input_shape"]
        widths = shape[-2], layer.compute_output_shape(shape)[-2]
        if max(layer.strides) > 1 and 1 in widths:
            layer.dtype_policy = "float32"


def _check_new(name, model, made, called):
    """Raise a ValueError if layers with variables, or variables, existed before the call."""
    made = {id(thing) for thing in made}
    # A layer that is called by another one need not be among its layers.
    layers = [layer for layer in (*all_layers(model), *called) if layer.variables]
    before = [layer.name for layer in layers if id(layer) not in made]
    before += [variable.path for variable in model.variables if id(variable) not in made]
    if before:
        raise ValueError(
            f"The architecture {name} must make all layers of its network when it is called, but "
            f"{before[0]} existed before: what one fit learns would go into the next. Make the "
            "layers inside the function; for a pretrained model, load it there, or copy it there "
            "by keras.models.clone_model and set_weights."
        )


def _shapes_of(outputs):
    """Return the shape of what a model gives, or the shapes where it gives several."""
    if isinstance(outputs, dict):
        return {name: _shapes_of(output) for name, output in outputs.items()}
    if isinstance(outputs, list | tuple):
        return [_shapes_of(output) for output in outputs]
    return tuple(outputs.shape)


def _check_probabilities(keras, name, outputs, n_classes):
    """Raise a ValueError unless a network gives one probability a class, in whole precision."""
    if _shapes_of(outputs) != (_PROBES, n_classes):
        raise ValueError(
            f"The architecture {name} must have one output a class, of shape (n, {n_classes}) for "
            f"n images, got {_shapes_of(outputs)} for {_PROBES} images."
        )
    probabilities = keras.ops.convert_to_numpy(outputs).astype(float)
    errors = np.abs(probabilities.sum(axis=1) - 1)
    if np.any(probabilities < 0) or not errors.max() < 5e-3:
        raise ValueError(
            f"The architecture {name} must end in a softmax: its outputs for one image must be "
            f"probabilities that sum to 1, got {probabilities[0].tolist()}."
        )
    if keras.backend.standardize_dtype(outputs.dtype) in _HALF or errors.max() > 1e-5:
        raise HalfPrecisionError(
            f"The probabilities of the architecture {name} have 16 bits, too few to sum to 1 and "
            "to tell classes apart. Make its last layers, from the last with weights on, with "
            "dtype='float32', or set precision='float32'."
        )


def make_model(keras, architecture, input_shape, n_classes, options):
    """Call an architecture and check what it returns.

    Parameters
    ----------
    keras : module
        Loaded keras.
    architecture : callable
        ``(input_shape, n_classes, **options) -> keras.Model``.
    input_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    options : dict
        Those that the user set.

    Returns
    -------
    keras.Model
        Its layers from the last with weights on compute in float32 at least, where they are a
        graph, and convolutions with strides to images of width 1.

    Raises
    ------
    ValueError
        If the architecture does not take an option, cannot be built for such images, or returns
        no model with one probability a class, or one with variables that existed before.
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
            f"The architecture {name} was asked for with input_shape, n_classes and the options "
            f"{options}, which its signature does not take: {error}."
        ) from error
    images = np.random.RandomState(0).uniform(-1, 1, (_PROBES, *input_shape)).astype(np.float32)
    with _new_layers_and_variables(keras) as (made, called):
        try:
            model = architecture(input_shape, n_classes, **options)
        except ValueError as error:
            # Names are numbered from the beginning in each call.
            outside = " Make all layers inside the function." if "unique" in str(error) else ""
            raise ValueError(
                f"The architecture {name} cannot be built for images of shape {input_shape} "
                f"(height, width, channels) and {n_classes} classes: {error}{outside}"
            ) from error
        if not isinstance(model, keras.Model):
            raise ValueError(f"The architecture {name} must return a keras.Model, got {model!r}.")
        try:
            model(images, training=False)  # builds it, if nothing has yet
        except ValueError as error:
            raise ValueError(
                f"The network of the architecture {name} must take one batch of images of shape "
                f"{input_shape} (height, width, channels): {error}"
            ) from error
    _check_new(name, model, made, called)
    _float32_where_images_get_narrow(keras, model)
    _float32_output(keras, getattr(model, "outputs", None) or [])
    _check_probabilities(keras, name, model(images, training=False), n_classes)
    return model
