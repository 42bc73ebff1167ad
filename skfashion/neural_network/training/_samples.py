"""Samples to train on: pixels, encoded labels and weights, and the split of validation sets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import compute_sample_weight

from skfashion._sklearn import check_sample_weight

_MAX_SHOWN = 5  # labels in an error message


def check_not_one_hot(y: Any) -> None:
    """Raise a ValueError if `y` has several columns."""
    # numpy.shape is one of the functions that an array-like may refuse.
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y must hold one label for each image, of shape (n,); got shape {shape}. If its "
            "rows are one-hot, pass y.argmax(axis=1)."
        )


def unique_labels(y: NDArray) -> tuple[NDArray, NDArray]:
    """Return the unique labels and the indices that reconstruct `y` from them.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.

    Returns
    -------
    labels : ndarray of shape (n_labels,)
        Unique labels, sorted.
    indices : ndarray of shape (n,) of int
        ``labels[indices]`` is `y`.

    Raises
    ------
    ValueError
        If `y` contains NaT.
    """
    if y.dtype.kind in "mM" and np.isnat(y).any():
        raise ValueError("Input y contains NaT. Remove these images.")
    labels, indices = np.unique(y, return_inverse=True)
    return labels, indices.ravel()


def encode_labels(y: NDArray, classes: NDArray) -> NDArray:
    """Return the index of each label in `classes`.

    Labels are looked up, not cast to the dtype of `classes`. A cast would turn "topcoat" into
    "top", 3.7 into 3 and 3 into "3".

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All class labels, sorted.

    Returns
    -------
    ndarray of shape (n,) of int

    Raises
    ------
    ValueError
        If a label is not equal to any of `classes`.
    """
    labels, indices = unique_labels(y)
    codes = {label: code for code, label in enumerate(classes)}
    unknown = labels[[label not in codes for label in labels]]
    if len(unknown):
        others = f" and {len(unknown) - _MAX_SHOWN} others" if len(unknown) > _MAX_SHOWN else ""
        raise ValueError(
            f"Expected labels among the classes {classes.tolist()}, got "
            f"{unknown[:_MAX_SHOWN].tolist()}{others}."
        )
    return np.array([codes[label] for label in labels])[indices]


def _relative(weights: NDArray) -> NDArray:
    """Return weights with a maximum of 1, so that their sum and products do not overflow."""
    return weights / weights.max()


@dataclass(frozen=True)
class Samples:
    """Labelled images, and the indices of those in use.

    Attributes
    ----------
    rows : ndarray of shape (n, features)
        Pixels.
    codes : ndarray of shape (n,) of int, or of shape (n, n_classes)
        Class indices or one-hot rows.
    weights : ndarray of shape (n,) of float64, or None
        Relative sample weights, or None if they are equal.
    indices : ndarray of int
        Indices of the samples in use.
    """

    rows: NDArray
    codes: NDArray
    weights: NDArray | None
    indices: NDArray

    @classmethod
    def encode(
        cls, rows: NDArray, y: NDArray, sample_weight: ArrayLike | None, classes: NDArray
    ) -> Self:
        """Return samples with class indices as codes, all of them in use.

        Parameters
        ----------
        rows : ndarray of shape (n, features)
            Pixels.
        y : ndarray of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,) or None
            Sample weights.
        classes : ndarray of shape (n_classes,)
            All class labels, sorted.

        Returns
        -------
        Samples

        Raises
        ------
        ValueError
            If `y` has labels that are not in `classes`, or `sample_weight` is invalid.
        """
        weights = None
        if sample_weight is not None:
            weights = check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
            if not weights.any():
                raise ValueError("sample_weight must not be zero for all samples.")
            weights = _relative(weights)
        return cls(rows, encode_labels(y, classes), weights, np.arange(len(rows)))

    def __len__(self) -> int:
        return len(self.indices)

    def apply_class_weight(
        self, class_weight: Mapping[Any, float] | Literal["balanced"] | None, classes: NDArray
    ) -> Self:
        """Return samples with weights multiplied by class weights, without those of weight 0.

        Parameters
        ----------
        class_weight : dict, "balanced" or None
            The parameter of the classifier.
        classes : ndarray of shape (n_classes,)
            All class labels, sorted.

        Returns
        -------
        Samples

        Raises
        ------
        ValueError
            If `class_weight` is invalid, or all weights are 0.
        """
        weights = self.weights
        if class_weight is not None:
            _check_class_weight(class_weight, classes)
            by_class = compute_sample_weight(class_weight, classes[self.codes])
            if not (np.isfinite(by_class).all() and by_class.min() >= 0 and by_class.any()):
                raise ValueError(
                    "class_weight must be finite, not negative, and not zero for all samples; got "
                    f"weights from {by_class.min():g} to {by_class.max():g}."
                )
            weights = _relative(by_class) * (1 if weights is None else weights)
        if weights is None:
            return self
        indices = np.flatnonzero(weights)
        if indices.size == 0:
            raise ValueError(
                "The product of sample_weight and class_weight must not be zero for all samples."
            )
        return replace(self, weights=weights, indices=indices)

    def split_validation(self, validation_fraction: float, random_state: int) -> tuple[Self, Self]:
        """Return a training set and a validation set, stratified by class.

        Parameters
        ----------
        validation_fraction : float
            Fraction of the samples, in (0, 1), in the validation set.
        random_state : int
            Seed of the split.

        Returns
        -------
        training, validation : Samples

        Raises
        ------
        ValueError
            If the samples are too few to have all classes in both sets.
        """
        # This import is slow and rarely needed.
        from sklearn.model_selection import train_test_split

        try:
            training, validation = train_test_split(
                self.indices,
                test_size=validation_fraction,
                stratify=self.codes[self.indices],
                random_state=random_state,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot set aside validation_fraction={validation_fraction} "
                f"of {len(self)} samples with all classes in both sets: {error} Change "
                "validation_fraction, or pass X_val and y_val to fit."
            ) from error
        return replace(self, indices=training), replace(self, indices=validation)

    def one_hot(self, n_classes: int, dtype: DTypeLike) -> Self:
        """Return samples with one-hot rows as codes."""
        return replace(self, codes=np.eye(n_classes, dtype=dtype)[self.codes])


def _check_class_weight(
    class_weight: Mapping[Any, float] | Literal["balanced"], classes: NDArray
) -> None:
    if isinstance(class_weight, dict):
        known = set(classes.tolist())
        unknown = [label for label in class_weight if label not in known]
        # As in scikit-learn, additional labels are an error only if others are missing: a part
        # of the data, for example in cross-validation, may lack a class.
        if unknown and not known <= set(class_weight):
            raise ValueError(
                f"class_weight has labels that are not in y: {unknown}. The labels of y are "
                f"{classes}."
            )
