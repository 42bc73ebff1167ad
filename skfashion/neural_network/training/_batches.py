"""Rows of pixels to batches of images, in an order of one's own, and to TensorFlow."""

import gc
from contextlib import contextmanager
from math import ceil, prod

import numpy as np

# About this many at a time, in whole batches, go through the augmenter: called on each batch, it
# spends most of its time between the pixels.
_PIXELS = 2**20


class Batches:
    """Batches of some rows of an array, cast and reshaped a few at a time.

    Parameters
    ----------
    samples : Samples
        Of pixels of any real type, never copied as a whole; codes as the loss takes them. Batches
        come with the proportions of the weights, at a mean of 1 over those that take part.
    image_shape : tuple of int
        ``(height, width, channels)``.
    dtype : {"float32", "float64"}
        Type of the images.
    batch_size : int
        Number of images in a batch; the last one takes the rest.
    augment : Augmentation or None
        From images to images, given those of one batch or of several.
    seed : int or None
        What each epoch's order and augmentation come from, along with its number, so that training
        can go on from any epoch; None keeps the order of the samples.

    Attributes
    ----------
    error : Exception or None
        What `augment` raised, if anything.
    """

    def __init__(self, samples, *, image_shape, dtype, batch_size, augment=None, seed=None):
        self.samples = samples
        self.image_shape = image_shape
        self.dtype = np.dtype(dtype)
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self.error = None
        self._targets = [samples.codes]
        if samples.weights is not None:
            # Over all rows, not batch by batch: one that has light ones only stays light.
            mean = samples.weights[samples.indices].mean()
            self._targets.append((samples.weights / mean).astype(dtype))

    def __len__(self):
        return ceil(len(self.samples) / self.batch_size)

    def epoch(self, number):
        """Go through the batches of one epoch."""
        order = self.samples.indices
        if self.seed is not None:
            drawing = np.random.RandomState([self.seed, number])
            order = drawing.permutation(order)
            if self.augment is not None:
                self.augment.start(drawing)
        n_batches = max(_PIXELS // (prod(self.image_shape) * self.batch_size), 1)
        step = n_batches * self.batch_size
        for start in range(0, len(order), step):
            yield from self._several(order[start : start + step])

    def _several(self, part):
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

    def signature(self):
        """Return the types and shapes of a batch, as TensorFlow has them."""
        import tensorflow as tf

        return (
            tf.TensorSpec((None, *self.image_shape), self.dtype),
            *(tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in self._targets),
        )


class _Feed:
    """A ``tf.data.Dataset`` that makes batches while the network trains on others.

    TensorFlow keeps a dataset, and what it reads from, for good. So one serves many fits, and is
    without a source between them.

    Not a ``keras.utils.PyDataset``, which keras makes one of with TensorFlow's automatic tuning
    on: at the end of each epoch that often misses the signal to stop, and training stands still
    until it next wakes up, after up to a minute.
    """

    def __init__(self, signature):
        import tensorflow as tf

        untuned = tf.data.Options()
        untuned.autotune.enabled = False
        self.source = None
        self.dataset = (
            tf.data.Dataset.from_generator(self._batches, output_signature=signature)
            .prefetch(2)
            .with_options(untuned)
        )

    def _batches(self):
        batches, epochs = self.source
        for number in epochs:
            yield from batches.epoch(number)


_idle_feeds = {}
_failed = []  # what tells that a training ended in an error since the last one began


@contextmanager
def feed(batches, epochs):
    """Lend a dataset of the batches of some epochs.

    Parameters
    ----------
    batches : Batches
        What to read.
    epochs : iterable of int
        Their numbers.

    Yields
    ------
    tf.data.Dataset
        The epochs one after the other.
    """
    if _failed:
        # keras' iterators refer to themselves until they are at their end, and have threads.
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
