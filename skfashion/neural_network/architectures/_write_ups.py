"""The networks of the four write-ups, as plain functions that return a keras model."""

from numbers import Real

import numpy as np

from skfashion.neural_network.runtime._keras import load_keras

from ._checks import check_network
from ._resnet import small_resnet


def _rates(dropout, n_places):
    rates = tuple(dropout) if np.ndim(dropout) == 1 else (dropout,) * n_places
    if len(rates) != n_places or not all(isinstance(r, Real) and 0 <= r < 1 for r in rates):
        raise ValueError(
            "dropout must be one rate, or one for each convolution and hidden dense layer "
            f"({n_places} here), each at least 0 and below 1; got {dropout!r}."
        )
    return rates


def _check_image_size(input_shape, kernel_size, pooled, padded):
    smallest = 1
    for pool in reversed(pooled):
        smallest = smallest * (2 if pool else 1) + (0 if padded else kernel_size - 1)
    if any(1 < side < smallest for side in input_shape[:2]):
        height, width = input_shape[:2]
        raise ValueError(
            f"This architecture needs images of at least {smallest} x {smallest} pixels, got "
            f"{height} x {width}. Use larger images, fewer filters (one is one convolution), a "
            "smaller kernel_size or another architecture."
        )


def _convolutional_network(
    input_shape,
    n_classes,
    *,
    filters,
    kernel_size,
    dense_units,
    dropout,
    batch_normalization,
    shrink,
    padded,
    pool_last=True,
    own_rates=None,
):
    """Stack [convolution, pooling, dropout] blocks under a dense classifier.

    An axis of length 1 is no axis: kernels and pools have length 1 along it. Where `dropout` is
    None, `own_rates` are those after each block, after the last and after the dense layer.
    """
    keras = load_keras()
    layers = keras.layers
    check_network(input_shape, n_classes, filters)
    pooled = [pool_last or i < len(filters) - 1 for i in range(len(filters))]
    if not shrink:
        _check_image_size(input_shape, kernel_size, pooled, padded)
    if dropout is None and own_rates is not None:
        each, last, dense = own_rates
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
    input_shape,
    n_classes,
    *,
    filters=(32, 64, 64),
    kernel_size=3,
    dense_units=64,
    dropout=0.0,
    batch_normalization=False,
    shrink=False,
):
    """Three unpadded convolutions, the first two pooled, and a dense layer; no dropout.

    The network of write-up B, "Keras first steps": 93,322 parameters for 28 x 28 gray images of
    ten classes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64, 64)
        Filters of each convolution; its length is their number.
    kernel_size : int, default=3
        Side of the convolution kernels in pixels.
    dense_units : int, default=64
        Units of the hidden dense layer; 0 for none.
    dropout : float or sequence of float, default=0.0
        Rate, in [0, 1), after each block and after the hidden dense layer, or one rate for each.
    batch_normalization : bool, default=False
        Whether to normalize before each activation.
    shrink : bool, default=False
        Whether kernels and pools are cut to axes shorter than they are, so that any size works;
        an image too small is an error otherwise.

    Returns
    -------
    keras.Model
        Not compiled; its output is the softmax of the classes.

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
    input_shape,
    n_classes,
    *,
    filters=(32, 64, 128),
    kernel_size=3,
    dense_units=128,
    dropout=None,
    batch_normalization=False,
    shrink=False,
):
    """Three padded, pooled convolutions and a dense layer, with dropout after each.

    The network of write-up A, "three conv, dropout": 241,546 parameters for 28 x 28 gray images
    of ten classes. Its second regularizer is ``batch_normalization=True``.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64, 128)
        Filters of each convolution; its length is their number.
    kernel_size : int, default=3
        Side of the convolution kernels in pixels.
    dense_units : int, default=128
        Units of the hidden dense layer; 0 for none.
    dropout : float, sequence of float or None, default=None
        Rate, in [0, 1), after each block and after the hidden dense layer, or one rate for each.
        None: the write-up's, 0.25 after each block, 0.4 after the last, 0.3 after the dense layer.
    batch_normalization : bool, default=False
        Whether to normalize before each activation.
    shrink : bool, default=False
        Whether kernels and pools are cut to axes shorter than they are, so that any size works;
        an image too small is an error otherwise.

    Returns
    -------
    keras.Model
        Not compiled; its output is the softmax of the classes.

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
        own_rates=(0.25, 0.4, 0.3),
    )


def two_conv_dropout(
    input_shape,
    n_classes,
    *,
    filters=(32, 64),
    kernel_size=3,
    dense_units=0,
    dropout=0.25,
    batch_normalization=False,
    shrink=False,
):
    """Two padded, pooled convolutions with dropout, straight to the classes.

    The network of write-up C, "KNN against CNN", whose text leaves the numbers of filters and
    the rate open: 50,186 parameters for 28 x 28 gray images of ten classes with those chosen
    here.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(32, 64)
        Filters of each convolution; its length is their number.
    kernel_size : int, default=3
        Side of the convolution kernels in pixels.
    dense_units : int, default=0
        Units of the hidden dense layer; 0 for none.
    dropout : float or sequence of float, default=0.25
        Rate, in [0, 1), after each block and after the hidden dense layer, or one rate for each.
    batch_normalization : bool, default=False
        Whether to normalize before each activation.
    shrink : bool, default=False
        Whether kernels and pools are cut to axes shorter than they are, so that any size works;
        an image too small is an error otherwise.

    Returns
    -------
    keras.Model
        Not compiled; its output is the softmax of the classes.

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
    input_shape,
    n_classes,
    *,
    filters=(64,),
    kernel_size=3,
    dense_units=32,
    dropout=None,
    batch_normalization=False,
    shrink=False,
):
    """One unpadded, pooled convolution with dropout, and a dense layer.

    The network of write-up D, "five easy steps": 347,114 parameters for 28 x 28 gray images of
    ten classes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``. An axis of length 1 is neither convolved nor pooled.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(64,)
        Filters of each convolution; its length is their number.
    kernel_size : int, default=3
        Side of the convolution kernels in pixels.
    dense_units : int, default=32
        Units of the hidden dense layer; 0 for none.
    dropout : float, sequence of float or None, default=None
        Rate, in [0, 1), after each block and after the hidden dense layer, or one rate for each.
        None: the write-up's, 0.25 after each block, none after the dense layer.
    batch_normalization : bool, default=False
        Whether to normalize before each activation.
    shrink : bool, default=False
        Whether kernels and pools are cut to axes shorter than they are, so that any size works;
        an image too small is an error otherwise.

    Returns
    -------
    keras.Model
        Not compiled; its output is the softmax of the classes.

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
        own_rates=(0.25, 0.25, 0.0),
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
