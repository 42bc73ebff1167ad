"""What a training goes by, from the parameters of the classifier and the number of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from numbers import Integral

# Parameters that make no difference to what a training comes to, and callbacks, which a checkpoint
# knows by a rule of their own.
WITHOUT_EFFECT = ("callbacks", "checkpoint_dir", "tta_shifts", "verbose")


def effective_batch_size(batch_size, n_images):
    """Return the number of images in a batch, for the parameter `batch_size`."""
    if batch_size == "auto":
        return min(max(n_images // 32, 16), 256)
    return batch_size


def count_epochs(epochs, steps_per_epoch):
    """Return the number of epochs, for the parameter `epochs`.

    Parameters
    ----------
    epochs : int or tuple of int
        That many, or ``(epochs, steps)`` at least.
    steps_per_epoch : int
        Number of batches.

    Raises
    ------
    ValueError
        If the tuple is not two integers above 0.
    """
    if isinstance(epochs, Integral):
        return epochs
    if len(epochs) != 2 or not all(isinstance(n, Integral) and n > 0 for n in epochs):
        raise ValueError(
            "epochs must be an integer above 0, or two of them, (epochs, steps), the least of "
            f"both; got {epochs!r}."
        )
    least, steps = epochs
    return max(least, ceil(steps / steps_per_epoch))


@dataclass(frozen=True)
class TrainingSettings:
    """What a training goes by.

    Attributes
    ----------
    parameters : Mapping
        All of the classifier's, as the user gave them.
    image_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    precision : str
        Of the arithmetic.
    dtype : {"float32", "float64"}
        Of images and probabilities.
    from_rows : bool
        Whether the shape of images was guessed from rows of pixels.
    largest_pixel : float or None
        Of the training images, where it is known.
    flip : bool
        Whether half of the images are mirrored.
    seed : int
        What all that is random comes from.
    batch_size, epochs : int
        Of this training.
    n_epochs_before : int
        Number of epochs of trainings before.
    n_schedule_steps : int or None
        Number of steps until the learning rate is 0; None for a constant rate.
    patience : int, numpy.inf or None
        Number of epochs without a better accuracy on validation data after which training stops
        and the best weights are put back; None for no such stop.
    is_partial : bool
        Whether this is one epoch of those of `partial_fit`.
    """

    parameters: Mapping
    image_shape: tuple
    n_classes: int
    precision: str
    dtype: str
    from_rows: bool
    largest_pixel: float | None
    flip: bool
    seed: int
    batch_size: int
    epochs: int
    n_epochs_before: int
    n_schedule_steps: int | None
    patience: float | None
    is_partial: bool

    @classmethod
    def from_estimator(cls, estimator, n_images, *, is_partial=False):
        """Return the settings of a fit.

        Parameters
        ----------
        estimator : KerasCNNClassifier
            Which has seen the images and the classes.
        n_images : int
            Number of training images.
        is_partial : bool, default=False
            Whether this is `partial_fit`: one epoch, after which more may come.
        """
        batch_size = effective_batch_size(estimator.batch_size, n_images)
        steps_per_epoch = ceil(n_images / batch_size)
        epochs = 1 if is_partial else count_epochs(estimator.epochs, steps_per_epoch)
        has_schedule = estimator.learning_rate_schedule == "cosine" and not is_partial
        return cls(
            parameters=estimator.get_params(deep=False),
            image_shape=estimator.image_shape_,
            n_classes=estimator.n_classes_,
            precision=estimator.precision_,
            dtype=estimator._dtype,
            from_rows=estimator._from_rows,
            largest_pixel=estimator._largest_pixel,
            flip=estimator._effective_flip(),
            seed=estimator._seed,
            batch_size=batch_size,
            epochs=epochs,
            n_epochs_before=estimator.n_iter_,
            n_schedule_steps=epochs * steps_per_epoch if has_schedule else None,
            patience=estimator.n_iter_no_change if estimator.early_stopping else None,
            is_partial=is_partial,
        )

    def identity(self):
        """Return all that makes a difference to what the training comes to."""
        parameters = {
            name: value for name, value in self.parameters.items() if name not in WITHOUT_EFFECT
        }
        return {**vars(self), "parameters": parameters}
