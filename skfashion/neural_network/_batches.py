"""Rows of pixels to batches of images, in an order drawn from a generator of one's own."""

from math import ceil

from ._keras import load_keras

keras = load_keras()


class Batches(keras.utils.PyDataset):
    """Batches of some rows of an array, cast and reshaped one at a time.

    Parameters
    ----------
    rows : ndarray of shape (n, features)
        Pixels of any real type; never copied as a whole.
    codes : ndarray of shape (n,) or (n, n_classes)
        Targets as the loss takes them.
    weights : ndarray of shape (n,) or None
        Sample weights.
    subset : ndarray of int
        Which rows.
    image_shape : tuple of int
        ``(height, width, channels)``.
    dtype : {"float32", "float64"}
        Type of the images.
    batch_size : int
        Number of images in a batch; the last one takes the rest.
    augment : callable or None
        From images to images, given those of each batch.
    random_state : numpy.random.RandomState or None
        Draws a new order for each epoch; None keeps the order of `subset`.
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
        super().__init__()
        self.rows = rows
        self.codes = codes
        self.weights = weights
        self.order = subset
        self.image_shape = image_shape
        self.dtype = dtype
        self.batch_size = batch_size
        self.augment = augment
        self.random_state = random_state
        self._shuffle()

    def __len__(self):
        return ceil(len(self.order) / self.batch_size)

    def __getitem__(self, index):
        part = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.rows[part].reshape(-1, *self.image_shape).astype(self.dtype, copy=False)
        if self.augment is not None:
            images = self.augment(images)
        if self.weights is None:
            return images, self.codes[part]
        return images, self.codes[part], self.weights[part]

    def on_epoch_end(self):
        self._shuffle()

    def release(self):
        """Let go of the arrays, as TensorFlow keeps whatever it once read batches from."""
        self.rows = self.codes = self.weights = None

    def _shuffle(self):
        if self.random_state is not None:
            # A new array: a batch of the last epoch may still be on its way in another thread.
            self.order = self.random_state.permutation(self.order)
