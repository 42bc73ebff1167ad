"""Rows of pixels to batches of images, in an order drawn from a generator of one's own."""

from math import ceil, prod

import numpy as np

# About this many at a time, in whole batches, go through the augmenter: called on each batch, it
# spends most of its time between the pixels.
_PIXELS = 2**20


class Batches:
    """Batches of some rows of an array, cast and reshaped a few at a time.

    Parameters
    ----------
    rows : ndarray of shape (n, features)
        Pixels of any real type; never copied as a whole.
    codes : ndarray of shape (n,) or (n, n_classes)
        Targets as the loss takes them.
    weights : ndarray of shape (n,) or None
        Sample weights; batches come with their proportions, at a mean of 1 over `subset`.
    subset : ndarray of int
        Which rows.
    image_shape : tuple of int
        ``(height, width, channels)``.
    dtype : {"float32", "float64"}
        Type of the images.
    batch_size : int
        Number of images in a batch; the last one takes the rest.
    augment : callable or None
        From images to images, given those of one batch or of several.
    random_state : numpy.random.RandomState or None
        Draws a new order for each epoch; None keeps the order of `subset`.

    Attributes
    ----------
    error : Exception or None
        What `augment` raised, if anything.
    """

    def __init__(
        self,
        rows,
        codes,
        weights,
        subset,
        *,
        image_shape,
        dtype,
        batch_size,
        augment=None,
        random_state=None,
    ):
        self.rows = rows
        self.codes = codes
        if weights is not None:
            # Over all rows, not batch by batch: one that has light ones only stays light.
            weights = weights / float(weights[subset].mean())
        self.weights = weights
        self.order = subset
        self.image_shape = image_shape
        self.dtype = np.dtype(dtype)
        self.batch_size = batch_size
        self.augment = augment
        self.random_state = random_state
        self.error = None

    def __len__(self):
        return ceil(len(self.order) / self.batch_size)

    def __iter__(self):
        """Go through the batches of one epoch."""
        if self.random_state is not None:
            self.order = self.random_state.permutation(self.order)
        n_batches = max(_PIXELS // (prod(self.image_shape) * self.batch_size), 1)
        step = n_batches * self.batch_size
        for start in range(0, len(self.order), step):
            yield from self._several(self.order[start : start + step])

    def _several(self, part):
        images = self.rows[part].reshape(-1, *self.image_shape).astype(self.dtype, copy=False)
        if self.augment is not None:
            try:
                images = self.augment(images)
            except Exception as error:
                self.error = error
                raise
        for start in range(0, len(part), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield images[batch], *(values[part[batch]] for values in self._targets())

    def _targets(self):
        return [self.codes] if self.weights is None else [self.codes, self.weights]

    def dataset(self):
        """Return a ``tf.data.Dataset`` that makes batches while the network trains on others.

        Not a ``keras.utils.PyDataset``, which keras makes one of with TensorFlow's automatic tuning
        on: at the end of each epoch that often misses the signal to stop, and training stands
        still until it next wakes up, after up to a minute.
        """
        import tensorflow as tf

        signature = (
            tf.TensorSpec((None, *self.image_shape), self.dtype),
            *(tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in self._targets()),
        )
        untuned = tf.data.Options()
        untuned.autotune.enabled = False
        return (
            tf.data.Dataset.from_generator(self.__iter__, output_signature=signature)
            .apply(tf.data.experimental.assert_cardinality(len(self)))
            .prefetch(2)
            .with_options(untuned)
        )

    def release(self):
        """Let go of the arrays, as TensorFlow keeps whatever it once read batches from."""
        self.rows = self.codes = self.weights = None
