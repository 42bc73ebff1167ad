"""Architectures of the four write-ups: functions that return a keras model."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from skfashion.neural_network.runtime._keras import load_keras

from ._checks import check_network
from ._resnet import small_resnet

if TYPE_CHECKING:
    import keras


def _rates(dropout: Any, n_layers: int) -> tuple[float, ...]:
    rates: tuple[float, ...] = tuple(dropout) if np.ndim(dropout) == 1 else (dropout,) * n_layers
    if len(rates) != n_layers or not all(isinstance(r, Real) and 0 <= r < 1 for r in rates):
        raise ValueError(
            "dropout must be one rate, or one for each convolution and hidden dense layer "
            f"({n_layers} here), each in [0, 1); got {dropout!r}."
        )
    return rates


def _check_image_size(
    input_shape: tuple[int, int, int], kernel_size: int, pooled: Sequence[bool], padded: bool
) -> None:
    smallest = 1
    for pool in reversed(pooled):
        smallest = smallest * (2 if pool else 1) + (0 if padded else kernel_size - 1)
    if any(1 < side < smallest for side in input_shape[:2]):
        height, width = input_shape[:2]
        raise ValueError(
            f"This architecture needs images of at least {smallest} x {smallest} pixels, got "
            f"{height} x {width}. Use larger images, fewer convolutions (a shorter sequence of "
            "filters), a smaller kernel_size or another architecture."
        )


def _convolutional_network(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int],
    kernel_size: int,
    dense_units: int,
    dropout: float | Sequence[float] | None,
    batch_normalization: bool,
    shrink: bool,
    padded: bool,
    pool_last: bool = True,
    default_rates: tuple[float, float, float] | None = None,
) -> keras.Model:
    """Build blocks of convolution, pooling and dropout, followed by dense layers.

    Kernels and pools have length 1 along an axis of length 1. `default_rates` are the dropout
    rates if `dropout` is None: after each block, after the last block, after the dense layer.
    """
    keras = load_keras()
    layers = keras.layers
    check_network(input_shape, n_classes, filters)
    pooled = [pool_last or i < len(filters) - 1 for i in range(len(filters))]
    if not shrink:
        _check_image_size(input_shape, kernel_size, pooled, padded)
    if dropout is None and default_rates is not None:
        each, last, dense = default_rates
        dropout = [each] * (len(filters) - 1) + [last] + [dense] * bool(dense_units)
    rates = _rates(dropout, len(filters) + bool(dense_units))

    def cut(size, x):
        return tuple(min(size, side) for side in x.shape[1:3])

    def activated(layer, x):
        x = layer(x)
        if batch_normalization:
            x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x)

    def dropped(rate, x):
        return layers.Dropout(rate)(x) if rate else x

    inputs = x = keras.Input(input_shape)
    for n_filters, pool, rate in zip(filters, pooled, rates, strict=False):
        padding = "same" if padded else "valid"
        x = activated(layers.Conv2D(n_filters, cut(kernel_size, x), padding=padding), x)
        if pool:
            x = layers.MaxPooling2D(cut(2, x))(x)
        x = dropped(rate, x)
    x = layers.Flatten()(x)
    if dense_units:
        x = dropped(rates[-1], activated(layers.Dense(dense_units), x))
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x))


def three_conv(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 64),
    kernel_size: int = 3,
    dense_units: int = 64,
    dropout: float | Sequence[float] = 0.0,
    batch_normalization: bool = False,
    shrink: bool = False,
) -> keras.Model:
    """Three unpadded convolutions, max pooling after the first two, and a dense layer.

    This is the network of write-up B, "Keras first steps". It has no dropout by default, and
    93,322 parameters for 28 x 28 gray images of ten classes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64, 64)
        Number of filters of each convolution. The length is the number of convolutions.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    dense_units : int, default=64
        Number of units of the hidden dense layer; 0 for none.
    dropout : float or sequence of float, default=0.0
        Dropout rate, in [0, 1), after each block and after the hidden dense layer, or one rate
        for each of them.
    batch_normalization : bool, default=False
        Whether to apply batch normalization before each activation.
    shrink : bool, default=False
        Whether to shrink kernels and pools that are larger than their input to its size, so that
        images of any size are possible. Otherwise, images that are too small are an error.

    Returns
    -------
    keras.Model
        The model, not compiled. Its output is a softmax over the classes.

    Raises
    ------
    ValueError
        If the images are too small, or an option is out of range.

    Examples
    --------
    >>> from skfashion.neural_network import three_conv
    >>> three_conv((28, 28, 1), 10).count_params()
    93322
    """
    return _convolutional_network(
        input_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        dense_units=dense_units,
        dropout=dropout,
        batch_normalization=batch_normalization,
        shrink=shrink,
        padded=False,
        pool_last=False,
    )


def three_conv_dropout(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    kernel_size: int = 3,
    dense_units: int = 128,
    dropout: float | Sequence[float] | None = None,
    batch_normalization: bool = False,
    shrink: bool = False,
) -> keras.Model:
    """Three padded convolutions with max pooling, and a dense layer, with dropout after each.

    This is the network of write-up A, "three conv, dropout". It has 241,546 parameters for
    28 x 28 gray images of ten classes. The second regularizer of the write-up is
    ``batch_normalization=True``.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64, 128)
        Number of filters of each convolution. The length is the number of convolutions.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    dense_units : int, default=128
        Number of units of the hidden dense layer; 0 for none.
    dropout : float, sequence of float or None, default=None
        Dropout rate, in [0, 1), after each block and after the hidden dense layer, or one rate
        for each of them. None means the rates of the write-up: 0.4 after the last block, 0.25
        after the other blocks, 0.3 after the dense layer.
    batch_normalization : bool, default=False
        Whether to apply batch normalization before each activation.
    shrink : bool, default=False
        Whether to shrink kernels and pools that are larger than their input to its size, so that
        images of any size are possible. Otherwise, images that are too small are an error.

    Returns
    -------
    keras.Model
        The model, not compiled. Its output is a softmax over the classes.

    Raises
    ------
    ValueError
        If the images are too small, or an option is out of range.

    Examples
    --------
    >>> from skfashion.neural_network import three_conv_dropout
    >>> three_conv_dropout((28, 28, 1), 10).count_params()
    241546
    """
    return _convolutional_network(
        input_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        dense_units=dense_units,
        dropout=dropout,
        batch_normalization=batch_normalization,
        shrink=shrink,
        padded=True,
        default_rates=(0.25, 0.4, 0.3),
    )


def two_conv_dropout(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    dense_units: int = 0,
    dropout: float | Sequence[float] = 0.25,
    batch_normalization: bool = False,
    shrink: bool = False,
) -> keras.Model:
    """Two padded convolutions with max pooling and dropout, and no hidden dense layer.

    This is the network of write-up C, "KNN against CNN". The write-up does not state the numbers
    of filters and the dropout rate. With the defaults chosen here, the network has 50,186
    parameters for 28 x 28 gray images of ten classes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64)
        Number of filters of each convolution. The length is the number of convolutions.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    dense_units : int, default=0
        Number of units of the hidden dense layer; 0 for none.
    dropout : float or sequence of float, default=0.25
        Dropout rate, in [0, 1), after each block and after the hidden dense layer, or one rate
        for each of them.
    batch_normalization : bool, default=False
        Whether to apply batch normalization before each activation.
    shrink : bool, default=False
        Whether to shrink kernels and pools that are larger than their input to its size, so that
        images of any size are possible. Otherwise, images that are too small are an error.

    Returns
    -------
    keras.Model
        The model, not compiled. Its output is a softmax over the classes.

    Raises
    ------
    ValueError
        If the images are too small, or an option is out of range.

    Examples
    --------
    >>> from skfashion.neural_network import two_conv_dropout
    >>> two_conv_dropout((28, 28, 1), 10).count_params()
    50186
    """
    return _convolutional_network(
        input_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        dense_units=dense_units,
        dropout=dropout,
        batch_normalization=batch_normalization,
        shrink=shrink,
        padded=True,
    )


def one_conv_dropout(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    filters: Sequence[int] = (64,),
    kernel_size: int = 3,
    dense_units: int = 32,
    dropout: float | Sequence[float] | None = None,
    batch_normalization: bool = False,
    shrink: bool = False,
) -> keras.Model:
    """One unpadded convolution with max pooling and dropout, and a dense layer.

    This is the network of write-up D, "five easy steps". It has 347,114 parameters for 28 x 28
    gray images of ten classes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(64,)
        Number of filters of each convolution. The length is the number of convolutions.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    dense_units : int, default=32
        Number of units of the hidden dense layer; 0 for none.
    dropout : float, sequence of float or None, default=None
        Dropout rate, in [0, 1), after each block and after the hidden dense layer, or one rate
        for each of them. None means the rates of the write-up: 0.25 after each block, 0 after
        the dense layer.
    batch_normalization : bool, default=False
        Whether to apply batch normalization before each activation.
    shrink : bool, default=False
        Whether to shrink kernels and pools that are larger than their input to its size, so that
        images of any size are possible. Otherwise, images that are too small are an error.

    Returns
    -------
    keras.Model
        The model, not compiled. Its output is a softmax over the classes.

    Raises
    ------
    ValueError
        If the images are too small, or an option is out of range.

    Examples
    --------
    >>> from skfashion.neural_network import one_conv_dropout
    >>> one_conv_dropout((28, 28, 1), 10).count_params()
    347114
    """
    return _convolutional_network(
        input_shape,
        n_classes,
        filters=filters,
        kernel_size=kernel_size,
        dense_units=dense_units,
        dropout=dropout,
        batch_normalization=batch_normalization,
        shrink=shrink,
        padded=False,
        default_rates=(0.25, 0.25, 0.0),
    )


ARCHITECTURES = {
    function.__name__: function
    for function in (
        one_conv_dropout,
        small_resnet,
        three_conv,
        three_conv_dropout,
        two_conv_dropout,
    )
}
