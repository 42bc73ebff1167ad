"""Data augmentation of the training images, drawn again in each epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skfashion._pixel_scale import compare_range
from skfashion.neural_network.runtime._keras import all_layers, building, load_keras
from skfashion.preprocessing import RandomErasing

_MAX_SEED = np.iinfo(np.int32).max

# A step augments a batch of images. Before each epoch, its other function seeds it.
_Step = tuple[Callable[[NDArray], Any], Callable[[np.random.RandomState], None]]


def _flip(images: NDArray, random_state: np.random.RandomState) -> NDArray:
    """Flip about half of the images left to right."""
    mirrored = random_state.random_sample(len(images)) < 0.5
    # Copying first is three times as fast as np.where.
    flipped = images.copy()
    flipped[mirrored] = images[mirrored, :, ::-1]
    return flipped


def _layer_step(augmenter: Any) -> _Step:
    """Return the step of a copy of a keras layer."""
    keras = load_keras()
    # This seed has no effect, because each epoch sets the seeds.
    with building("float32", seed=0):
        try:
            layer = type(augmenter).from_config(augmenter.get_config())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"augmenter cannot be used: each fit copies it, but {augmenter!r} cannot be "
                f"created from its own get_config(): {error}"
            ) from error
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(
            f"augmenter must take images of shape (height, width, channels), but {augmenter!r} "
            "expects the channels first. Create it with data_format='channels_last'."
        )

    def start(random_state):
        weights = {id(weight) for weight in layer.weights}
        for variable in layer.variables:
            if id(variable) not in weights:
                variable.assign([random_state.randint(_MAX_SEED), 0])

    def augment(images):
        # Layers draw numbers of the dtype in keras' global settings.
        with building("float32", seed=0):
            return keras.ops.convert_to_numpy(layer(images, training=True))

    return augment, start


def _step(augmenter: Any) -> _Step:
    """Return the step of a copy of an augmenter."""
    if isinstance(augmenter, load_keras().layers.Layer):
        return _layer_step(augmenter)
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


def _compare_ranges(augmenter: Any, largest_pixel: float | None) -> None:
    if isinstance(augmenter, RandomErasing):
        compare_range("fill_range of RandomErasing", augmenter.fill_range, largest_pixel)
    if isinstance(augmenter, load_keras().layers.Layer):
        for layer in all_layers(augmenter):
            if hasattr(layer, "value_range"):
                compare_range(
                    f"value_range of {type(layer).__name__}", layer.value_range, largest_pixel
                )


class Augmentation:
    """Augmentation of batches of training images.

    Parameters
    ----------
    augmenter : RandomErasing, keras.layers.Layer, list of them or None
        The parameter of the classifier. It is copied, not changed.
    horizontal_flip : bool
        Whether to flip half of the images before `augmenter` is applied.
    largest_pixel : float or None
        Largest pixel of the training images, if known.

    Raises
    ------
    ValueError
        If `augmenter` contains something other than an augmenter.

    Warns
    -----
    UserWarning
        If an augmenter expects pixels of another range.
    """

    def __init__(self, augmenter: Any, horizontal_flip: bool, largest_pixel: float | None) -> None:
        if augmenter is None:
            augmenter = []
        elif not isinstance(augmenter, list | tuple):
            augmenter = [augmenter]
        self._flips = horizontal_flip
        self._steps = [_step(one) for one in augmenter]
        for one in augmenter:
            _compare_ranges(one, largest_pixel)

    def start(self, random_state: np.random.RandomState) -> None:
        """Begin an epoch: seed all steps from `random_state`, regardless of earlier epochs."""
        self._random_state = np.random.RandomState(random_state.randint(_MAX_SEED))
        for _, start in self._steps:
            start(random_state)

    def __call__(self, images: NDArray) -> NDArray:
        """Return augmented images, of the same shape and dtype as `images`."""
        augmented = _flip(images, self._random_state) if self._flips else images
        for augment, _ in self._steps:
            augmented = augment(augmented)
        if augmented is images:
            return images
        if np.shape(augmented) != images.shape:
            raise ValueError(
                f"augmenter must keep the shape of a batch, {images.shape}, but returned a "
                f"{type(augmented).__name__} of shape {np.shape(augmented)}."
            )
        augmented = np.asarray(augmented, dtype=images.dtype)
        if not np.isfinite(augmented).all():
            raise ValueError("augmenter must return finite pixels, but returned NaN or infinity.")
        return augmented
