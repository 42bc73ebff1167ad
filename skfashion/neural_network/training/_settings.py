"""Settings of a training, from the parameters of the classifier and the number of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from numbers import Integral
from typing import Any, Literal, Self


def effective_batch_size(batch_size: int | Literal["auto"], n_images: int) -> int:
    """Return the number of images in a batch for the parameter `batch_size`."""
    if batch_size == "auto":
        return min(max(n_images // 32, 16), 256)
    return batch_size


def count_epochs(epochs: int | tuple[int, ...] | list[int], steps_per_epoch: int) -> int:
    """Return the number of epochs for the parameter `epochs`.

    Parameters
    ----------
    epochs : int or tuple of int
        The number, or a minimum of both, ``(epochs, steps)``.
    steps_per_epoch : int
        Number of batches in an epoch.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the tuple is not two integers above 0.
    """
    if not isinstance(epochs, tuple | list):
        return epochs
    if len(epochs) != 2 or not all(isinstance(n, Integral) and n > 0 for n in epochs):
        raise ValueError(
            "epochs must be an integer above 0, or two of them, (epochs, steps), as minimums; got "
            f"{epochs!r}."
        )
    min_epochs, min_steps = epochs
    return max(min_epochs, ceil(min_steps / steps_per_epoch))


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training.

    Attributes
    ----------
    parameters : Mapping
        All parameters of the classifier, unchanged.
    image_shape : tuple of int
        ``(height, width, channels)``.
    n_classes : int
        Number of classes.
    precision : str
        Floating-point precision of the network.
    dtype : {"float32", "float64"}
        Dtype of images and probabilities.
    from_rows : bool
        Whether the shape of images was inferred from the length of rows.
    largest_pixel : float or None
        Largest pixel of the training images, if known.
    flip : bool
        Whether half of the images are flipped.
    seed : int
        Seed of all random numbers.
    batch_size : int
        Number of images in a batch.
    epochs : int
        Number of epochs of this training.
    n_epochs_before : int
        Number of epochs of earlier trainings of the network.
    n_schedule_steps : int or None
        Number of steps of the "cosine" schedule. None for a constant learning rate.
    patience : int, numpy.inf or None
        Number of epochs without improvement of the validation accuracy after which early stopping
        ends training. None for no early stopping.
    is_partial : bool
        Whether this is a call of `partial_fit`.
    """

    parameters: Mapping[str, Any]
    image_shape: tuple[int, int, int]
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
    def from_estimator(cls, estimator: Any, n_images: int, *, is_partial: bool = False) -> Self:
        """Return the settings of a fit.

        Parameters
        ----------
        estimator : KerasCNNClassifier
            Classifier that has validated the images and the classes.
        n_images : int
            Number of training images.
        is_partial : bool, default=False
            Whether this is a call of `partial_fit`, which trains for one epoch.

        Returns
        -------
        TrainingSettings
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
