"""Residual networks for small images, designed for CPUs."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING

from skfashion.neural_network.runtime._keras import load_keras

from ._checks import check_network

if TYPE_CHECKING:
    import keras


def _check_options(blocks_per_stage: int, dropout: float) -> None:
    if not isinstance(blocks_per_stage, Integral) or blocks_per_stage < 0:
        raise ValueError(
            f"blocks_per_stage must be an integer of at least 0, got {blocks_per_stage!r}."
        )
    if not isinstance(dropout, Real) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be one rate in [0, 1), got {dropout!r}.")


def small_resnet(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int] = (16, 64, 128),
    blocks_per_stage: int = 1,
    dropout: float = 0.0,
    batch_normalization: bool = True,
    shrink: bool = False,
) -> keras.Model:
    """Residual network for small images, with most layers at half their size or less.

    Each stage is a convolution followed by residual blocks of two convolutions (He et al., "Deep
    residual learning for image recognition", 2016). The first stage works at the size of the
    images. Each further stage halves the size with a convolution of stride 2. All convolutions
    are 3 x 3, padded and normalized. Global average pooling and a dense layer follow the last
    stage.

    The network has 460,000 parameters and 38 million multiply-adds for 28 x 28 gray images of ten
    classes. On CPUs, a filter at full size costs four times as much as after one halving, mostly
    because of memory traffic. The first stage therefore has few filters and at most one block.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. Any size is possible.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(16, 64, 128)
        Number of filters of each stage. The length is the number of stages.
    blocks_per_stage : int, default=1
        Number of residual blocks in each stage. The first stage has at most one.
    dropout : float, default=0.0
        Dropout rate, in [0, 1), before the final dense layer.
    batch_normalization : bool, default=True
        Whether to apply batch normalization after each convolution. Without it, the last
        convolution of each block is initialized to zeros, so that blocks start as identities.
    shrink : bool, default=False
        Whether to shrink kernels that are larger than their input to its size.

    Returns
    -------
    keras.Model
        The model, not compiled. Its output is a softmax over the classes.

    Raises
    ------
    ValueError
        If an option is out of range.

    Examples
    --------
    >>> from skfashion.neural_network import small_resnet
    >>> small_resnet((28, 28, 1), 10).count_params()
    460122
    """
    check_network(input_shape, n_classes, filters)
    _check_options(blocks_per_stage, dropout)
    layers = load_keras().layers
    from ._layers import BatchNormalization

    def convolved(x, n_filters, *, strides=1, first=True):
        # He initialization is the one for the relu that follows.
        starts_at_zero = not (first or batch_normalization)
        x = layers.Conv2D(
            n_filters,
            [min(3, side) if shrink else 3 for side in x.shape[1:3]],
            strides=strides,
            padding="same",
            use_bias=not batch_normalization,
            kernel_initializer="zeros" if starts_at_zero else "he_normal",
        )(x)
        return BatchNormalization(momentum=0.9)(x) if batch_normalization else x

    def activated(x):
        return layers.Activation("relu")(x)

    x = inputs = load_keras().Input(input_shape)
    for stage, n_filters in enumerate(filters):
        x = activated(convolved(x, n_filters, strides=2 if stage else 1))
        for _ in range(blocks_per_stage if stage else min(blocks_per_stage, 1)):
            branch = convolved(activated(convolved(x, n_filters)), n_filters, first=False)
            x = activated(layers.Add()([x, branch]))
    x = layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    # Starting from zeros, a few steps are enough to follow the weights of rare classes.
    outputs = layers.Dense(n_classes, activation="softmax", kernel_initializer="zeros")(x)
    return load_keras().Model(inputs, outputs)
