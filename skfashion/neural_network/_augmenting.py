"""What training images pass through, anew in each epoch, and what predictions average over."""

import numpy as np
from sklearn.base import clone

from ._keras import building, load_keras

_WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def _flip(images, random_state):
    """Mirror about half of the images left to right."""
    mirrored = random_state.random_sample(len(images)) < 0.5
    flipped = images.copy()  # three times as fast as a choice by np.where
    flipped[mirrored] = images[mirrored, :, ::-1]
    return flipped


def _own(augmenter, seed):
    """Return a function like `augmenter` that shares nothing with it and draws from `seed`."""
    keras = load_keras()
    if isinstance(augmenter, keras.layers.Layer):
        config = augmenter.get_config()
        if "seed" in config:
            config["seed"] = seed
        with building("float32", seed):  # layers within it draw their seeds while they are made
            try:
                layer = type(augmenter).from_config(config)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"augmenter cannot be used, as each fit takes a copy and {augmenter!r} cannot "
                    f"be made from its own get_config(): {error}"
                ) from error
        return lambda images: keras.ops.convert_to_numpy(layer(images, training=True))
    if isinstance(augmenter, type) or not hasattr(augmenter, "augment"):
        raise ValueError(
            "augmenter must be a RandomErasing, a keras preprocessing layer or a list of them, "
            f"got {augmenter!r}."
        )
    augmenter = clone(augmenter, safe=False)
    if hasattr(augmenter, "random_state"):
        augmenter.random_state = np.random.RandomState(seed)
    return augmenter.augment


def make_augment(augmenter, flips, random_state):
    """Make the function that batches of training images pass through.

    Parameters
    ----------
    augmenter : RandomErasing, keras.layers.Layer, list of them or None
        As the user gave it; copied, and left as it is.
    flips : bool
        Whether to mirror half of the images first.
    random_state : numpy.random.RandomState
        Draws the seeds.

    Returns
    -------
    callable or None
        From images to images of the same shape and type; None where there is nothing to do.

    Raises
    ------
    ValueError
        If something in `augmenter` cannot augment.
    """
    if augmenter is None:
        augmenter = []
    elif not isinstance(augmenter, list | tuple):
        augmenter = [augmenter]
    if not augmenter and not flips:
        return None
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(augmenter) + 1)
    steps = [_own(step, int(seed)) for step, seed in zip(augmenter, seeds[1:], strict=True)]
    if flips:
        drawing = np.random.RandomState(seeds[0])
        steps.insert(0, lambda images: _flip(images, drawing))

    def augment(images):
        augmented = images
        for step in steps:
            augmented = step(augmented)
        if np.shape(augmented) != images.shape:
            raise ValueError(
                f"augmenter must keep the shape of a batch, {images.shape}, but made a "
                f"{type(augmented).__name__} of shape {np.shape(augmented)}."
            )
        augmented = np.asarray(augmented, dtype=images.dtype)
        if not np.isfinite(augmented).all():
            raise ValueError("augmenter must make finite pixels, but made NaN or infinite ones.")
        return augmented

    return augment


def views(images, flips, shifts):
    """Go through what predictions are averaged over.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        To be predicted.
    flips : bool
        Whether to go through the mirror images too.
    shifts : int
        Greatest number of pixels to move by, up, down, left and right.

    Yields
    ------
    ndarray of shape (n, height, width, channels)
        The images themselves first.
    """
    height, width = images.shape[1:3]
    padded = images
    if shifts:  # else a copy for nothing, in every prediction
        padded = np.pad(images, ((0, 0), (shifts, shifts), (shifts, shifts), (0, 0)))
    ways = [(by * down, by * right) for by in range(1, shifts + 1) for down, right in _WAYS]
    for down, right in [(0, 0), *ways]:
        top, left = shifts - down, shifts - right
        view = padded[:, top : top + height, left : left + width]
        yield view
        if flips:
            yield view[:, :, ::-1]
