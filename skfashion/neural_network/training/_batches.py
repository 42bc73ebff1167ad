"""Shuffled, augmented batches of images, and TensorFlow datasets of them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._augmentation import Augmentation
from ._samples import Samples

if TYPE_CHECKING:
    import tensorflow as tf

# Number of pixels to augment at a time, in whole batches. For a single batch, the overhead of a
# call would exceed the time spent on pixels.
_PIXELS = 2**20


class Batches:
    """Batches of images, targets and weights.

    Rows are cast and reshaped a few batches at a time, so that the pixels are never copied as a
    whole.

    Parameters
    ----------
    samples : Samples
        Pixels of any real dtype, and codes in the form that the loss takes. The weights of the
        batches are scaled to a mean of 1 over all samples in use.
    image_shape : tuple of int
        ``(height, width, channels)``.
    dtype : {"float32", "float64"}
        Dtype of the images.
    batch_size : int
        Number of images in a batch. The last batch of an epoch may be smaller.
    augment : Augmentation or None, default=None
        Augmentation, applied to the images of one or several batches.
    seed : int or None, default=None
        Seed that determines, with the number of the epoch, the order of the samples and the
        augmentation. Training can therefore resume at any epoch. None keeps the order of the
        samples.

    Attributes
    ----------
    error : Exception or None
        The exception that `augment` raised, if any.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        image_shape: tuple[int, int, int],
        dtype: str,
        batch_size: int,
        augment: Augmentation | None = None,
        seed: int | None = None,
    ) -> None:
        self.samples = samples
        self.image_shape = image_shape
        self.dtype = np.dtype(dtype)
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self.error: Exception | None = None
        self._targets = [samples.codes]
        if samples.weights is not None:
            # The mean is over all samples: a batch of small weights must have a small total.
            mean = samples.weights[samples.indices].mean()
            self._targets.append((samples.weights / mean).astype(dtype))

    def __len__(self) -> int:
        return ceil(len(self.samples) / self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[NDArray, ...]]:
        """Yield the batches of one epoch."""
        order = self.samples.indices
        if self.seed is not None:
            random_state = np.random.RandomState([self.seed, number])
            order = random_state.permutation(order)
            if self.augment is not None:
                self.augment.start(random_state)
        n_batches = max(_PIXELS // (prod(self.image_shape) * self.batch_size), 1)
        step = n_batches * self.batch_size
        for start in range(0, len(order), step):
            yield from self._batches_of(order[start : start + step])

    def _batches_of(self, part: NDArray) -> Iterator[tuple[NDArray, ...]]:
        images = (
            self.samples.rows[part].reshape(-1, *self.image_shape).astype(self.dtype, copy=False)
        )
        if self.augment is not None:
            try:
                images = self.augment(images)
            except Exception as error:
                self.error = error
                raise
        for start in range(0, len(part), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield images[batch], *(values[part[batch]] for values in self._targets)

    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """Return the TensorFlow signature of a batch: its shapes and dtypes."""
        import tensorflow as tf

        return (
            tf.TensorSpec((None, *self.image_shape), self.dtype),
            *(tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in self._targets),
        )


class _Feed:
    """A ``tf.data.Dataset`` that prepares batches while the network trains on earlier ones.

    TensorFlow never frees a dataset or the generator that it reads. A feed is therefore reused by
    many fits and has no source between them.

    A ``keras.utils.PyDataset`` would be simpler, but keras enables TensorFlow's autotuning for it.
    At the end of an epoch, the autotuner often misses the signal to stop. Training then waits
    until it next wakes up, for up to a minute.
    """

    def __init__(self, signature: tuple[tf.TensorSpec, ...]) -> None:
        import tensorflow as tf

        untuned = tf.data.Options()
        untuned.autotune.enabled = False
        self.source: Any = None  # (batches, epochs) while in use
        self.dataset = (
            tf.data.Dataset.from_generator(self._batches, output_signature=signature)
            .prefetch(2)
            .with_options(untuned)
        )

    def _batches(self) -> Iterator[tuple[NDArray, ...]]:
        batches, epochs = self.source
        for number in epochs:
            yield from batches.epoch(number)


_idle_feeds: dict[Any, list[_Feed]] = {}
_failed: list[bool] = []  # Not empty if a training has failed since the last collection.


@contextmanager
def feed(batches: Batches, epochs: Iterable[int]) -> Iterator[tf.data.Dataset]:
    """Provide a dataset of batches for the block.

    Parameters
    ----------
    batches : Batches
        The batches.
    epochs : iterable of int
        Numbers of the epochs.

    Yields
    ------
    tf.data.Dataset
        The batches of all epochs, one epoch after the other.
    """
    if _failed:
        # keras' unfinished iterators hold threads, and are freed only by garbage collection
        # because they refer to themselves.
        gc.collect()
        _failed.clear()
    signature = batches.signature()
    idle = _idle_feeds.setdefault(signature, [])
    try:
        one = idle.pop()
    except IndexError:
        one = _Feed(signature)
    one.source = batches, epochs
    try:
        yield one.dataset
    except BaseException:
        _failed.append(True)
        raise
    finally:
        one.source = None
        idle.append(one)
