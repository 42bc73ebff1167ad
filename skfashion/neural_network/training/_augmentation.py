"""What training images pass through, anew in each epoch."""

import numpy as np
from sklearn.base import clone

from skfashion._pixel_scale import compare_range
from skfashion.neural_network.runtime._keras import all_layers, building, load_keras
from skfashion.preprocessing import RandomErasing

_MAX_SEED = np.iinfo(np.int32).max


def _flip(images, random_state):
    """Mirror about half of the images left to right."""
    mirrored = random_state.random_sample(len(images)) < 0.5
    flipped = images.copy()  # three times as fast as a choice by np.where
    flipped[mirrored] = images[mirrored, :, ::-1]
    return flipped


def _layer(augmenter):
    """Return what a layer like `augmenter` does to images, and what sets its seeds."""
    keras = load_keras()
    with building("float32", seed=0):  # of no consequence: each epoch begins with seeds
        try:
            layer = type(augmenter).from_config(augmenter.get_config())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"augmenter cannot be used, as each fit takes a copy and {augmenter!r} cannot "
                f"be made from its own get_config(): {error}"
            ) from error
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(
            f"augmenter must take images of shape (height, width, channels), but {augmenter!r} was "
            "made for the channels first: make it with data_format='channels_last'."
        )

    def start(random_state):
        weights = {id(weight) for weight in layer.weights}
        for variable in layer.variables:
            if id(variable) not in weights:
                variable.assign([random_state.randint(_MAX_SEED), 0])

    def augment(images):
        with building("float32", seed=0):  # layers draw numbers of the type in keras' settings
            return keras.ops.convert_to_numpy(layer(images, training=True))

    return augment, start


def _step(augmenter):
    """Return the same for anything that may be an augmenter."""
    if isinstance(augmenter, load_keras().layers.Layer):
        return _layer(augmenter)
    if isinstance(augmenter, type) or not hasattr(augmenter, "augment"):
        raise ValueError(
            "augmenter must be a RandomErasing, a keras preprocessing layer or a list of them, "
            f"got {augmenter!r}."
        )
    augmenter = clone(augmenter, safe=False)

    def start(random_state):
        if hasattr(augmenter, "random_state"):
            seed = random_state.randint(_MAX_SEED)
            augmenter.random_state = np.random.RandomState(seed)

    return lambda images: augmenter.augment(images), start


def _compare_ranges(augmenter, largest_pixel):
    if isinstance(augmenter, RandomErasing):
        compare_range("fill_range of RandomErasing", augmenter.fill_range, largest_pixel)
    if isinstance(augmenter, load_keras().layers.Layer):
        for layer in all_layers(augmenter):
            if hasattr(layer, "value_range"):
                compare_range(
                    f"value_range of {type(layer).__name__}", layer.value_range, largest_pixel
                )


class Augmentation:
    """What batches of training images pass through.

    Parameters
    ----------
    augmenter : RandomErasing, keras.layers.Layer, list of them or None
        As the user gave it; copied, and left as it is.
    horizontal_flip : bool
        Whether to mirror half of the images first.
    largest_pixel : float or None
        Of the training images, where it is known.

    Raises
    ------
    ValueError
        If something in `augmenter` cannot augment.

    Warns
    -----
    UserWarning
        If something in `augmenter` is made for pixels of another range.
    """

    def __init__(self, augmenter, horizontal_flip, largest_pixel):
        if augmenter is None:
            augmenter = []
        elif not isinstance(augmenter, list | tuple):
            augmenter = [augmenter]
        self._flips = horizontal_flip
        self._random_state = None
        self._steps = [_step(one) for one in augmenter]
        for one in augmenter:
            _compare_ranges(one, largest_pixel)

    def start(self, random_state):
        """Begin an epoch, whose draws come from `random_state`, whatever came before."""
        self._random_state = np.random.RandomState(random_state.randint(_MAX_SEED))
        for _, start in self._steps:
            start(random_state)

    def __call__(self, images):
        """Return images of the same shape and type."""
        augmented = _flip(images, self._random_state) if self._flips else images
        for augment, _ in self._steps:
            augmented = augment(augmented)
        if augmented is images:
            return images
        if np.shape(augmented) != images.shape:
            raise ValueError(
                f"augmenter must keep the shape of a batch, {images.shape}, but made a "
                f"{type(augmented).__name__} of shape {np.shape(augmented)}."
            )
        augmented = np.asarray(augmented, dtype=images.dtype)
        if not np.isfinite(augmented).all():
            raise ValueError("augmenter must make finite pixels, but made NaN or infinite ones.")
        return augmented
