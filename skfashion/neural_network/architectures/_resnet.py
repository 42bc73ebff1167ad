"""A family of residual networks for small images, laid out for processors."""

from numbers import Integral, Real

from skfashion.neural_network.runtime._keras import load_keras

from ._checks import check_network


def _check_options(blocks_per_stage, dropout):
    if not isinstance(blocks_per_stage, Integral) or blocks_per_stage < 0:
        raise ValueError(
            f"blocks_per_stage must be an integer of at least 0, got {blocks_per_stage!r}."
        )
    if not isinstance(dropout, Real) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be one rate of at least 0 and below 1, got {dropout!r}.")


def small_resnet(
    input_shape,
    n_classes,
    *,
    filters=(16, 64, 128),
    blocks_per_stage=1,
    dropout=0.0,
    batch_normalization=True,
    shrink=False,
):
    """Residual network for small images, most of it at half their size or less.

    Stages of one convolution and some residual blocks of two convolutions each (He et al., "Deep
    residual learning for image recognition", 2016), the first at the size of the image, each
    further one at half the size of the one before, by a convolution of stride 2. All are 3 x 3,
    padded and normalized; the mean over the image of what is left goes to the classes. 460,000
    parameters and 38 million multiply-adds for 28 x 28 gray images of ten classes. At full size a
    filter costs processors four times as much as after one halving, mostly for going through
    memory, hence the few, and one block at most.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, of any size.
    n_classes : int
        Number of outputs.
    filters : sequence of int, default=(16, 64, 128)
        Filters of each stage; its length is the number of stages.
    blocks_per_stage : int, default=1
        Residual blocks in each stage; never more than one in the first.
    dropout : float, default=0.0
        Rate, in [0, 1), before the classes.
    batch_normalization : bool, default=True
        Whether to normalize after each convolution. Without, blocks begin as identities, their
        last convolution as zeros.
    shrink : bool, default=False
        Whether kernels are cut to axes shorter than they are.

    Returns
    -------
    keras.Model
        Not compiled; its output is the softmax of the classes.

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
        # He's initial weights, for the relu that follows.
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
    # From zeros on, so that a few steps are enough to go by the weights of rare classes.
    outputs = layers.Dense(n_classes, activation="softmax", kernel_initializer="zeros")(x)
    return load_keras().Model(inputs, outputs)
