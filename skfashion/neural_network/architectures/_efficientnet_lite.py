"""EfficientNet-Lite, a small network for photographs, with weights trained on ImageNet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..runtime._keras import load_keras

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras
    from numpy.typing import NDArray

# (kernel size, stride, expansion, filters, repeats) of the blocks of EfficientNet-Lite0.
_LITE0 = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_EPSILON = 1e-3
_NORMALIZATION = ("weight", "bias", "running_mean", "running_var")


def efficientnet_lite0_features(
    input_shape: tuple[int | None, int | None, int],
    weights: Mapping[str, NDArray],
    *,
    fold: bool = False,
) -> keras.Model:
    """Build EfficientNet-Lite0 without its classifier.

    Parameters
    ----------
    input_shape : tuple of (int or None, int or None, int)
        Height, width and channels. Channels are red, green and blue, scaled by ``(x - 127) / 128``.
    weights : mapping of str to ndarray
        Parameters by their names in PyTorch.
    fold : bool, default=False
        Whether batch normalization becomes part of the convolutions. This is faster, but such a
        network should not be trained.

    Returns
    -------
    keras.Model
        Model from images to features of shape (n, 1280).
    """
    layers = load_keras().layers
    of_layers: dict[str, list[NDArray]] = {}  # Weights by the names of layers.

    def convolve(x, make_layer, kernel_size, stride, name, normalization, *, relu=True):
        is_depthwise = make_layer is layers.DepthwiseConv2D
        kernel = _kernel(weights, name, is_depthwise)
        statistics = [weights[f"{_torch_name(normalization)}.{key}"] for key in _NORMALIZATION]
        x = make_layer(kernel_size, stride, padding="same", use_bias=fold, name=name)(x)
        if fold:
            of_layers[name] = _fold(kernel, is_depthwise, *statistics)
        else:
            x = layers.BatchNormalization(epsilon=_EPSILON, name=normalization)(x)
            of_layers[name], of_layers[normalization] = [kernel], statistics
        return layers.ReLU(6.0, name=f"{normalization}_relu")(x) if relu else x

    def conv2d(filters):
        return partial(layers.Conv2D, filters)

    inputs = layers.Input(input_shape)
    x = convolve(inputs, conv2d(32), 3, 2, "conv_stem", "bn0")
    n_blocks = 0
    for kernel_size, first_stride, expansion, filters, repeats in _LITE0:
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            block, n_blocks, shortcut = f"blocks_{n_blocks}", n_blocks + 1, x
            if expansion > 1:
                expand = conv2d(expansion * x.shape[-1])
                x = convolve(x, expand, 1, 1, f"{block}_expand_conv", f"{block}_bn0")
            x = convolve(
                x,
                layers.DepthwiseConv2D,
                kernel_size,
                stride,
                f"{block}_depthwise_conv",
                f"{block}_bn1",
            )
            project = conv2d(filters)
            x = convolve(x, project, 1, 1, f"{block}_project_conv", f"{block}_bn2", relu=False)
            if repeat:
                x = layers.Add(name=f"{block}_add")([x, shortcut])
    x = convolve(x, conv2d(1280), 1, 1, "conv_head", "bn1")
    model = load_keras().Model(inputs, layers.GlobalAveragePooling2D()(x))
    for name, arrays in of_layers.items():
        model.get_layer(name).set_weights(arrays)
    return model


def _torch_name(name: str) -> str:
    """Return the name in PyTorch of a layer: "_blocks.3._bn1" of "blocks_3_bn1"."""
    if not name.startswith("blocks_"):
        return f"_{name}"
    _, number, part = name.split("_", 2)
    return f"_blocks.{number}._{part}"


def _kernel(weights: Mapping[str, NDArray], name: str, is_depthwise: bool) -> NDArray:
    """Return a kernel in the layout of keras: height, width, input and output channels."""
    axes = (2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0)
    return weights[f"{_torch_name(name)}.weight"].transpose(axes)


def _fold(
    kernel: NDArray,
    is_depthwise: bool,
    scale: NDArray,
    offset: NDArray,
    mean: NDArray,
    variance: NDArray,
) -> list[NDArray]:
    """Return the kernel and the bias of a convolution with its batch normalization."""
    factor = scale / np.sqrt(variance + _EPSILON)
    # The third axis of a depthwise kernel has the channels. Its fourth has length 1.
    kernel = kernel * (factor[:, np.newaxis] if is_depthwise else factor)
    return [kernel, offset - mean * factor]
