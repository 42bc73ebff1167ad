"""Labelled images: labels as codes, one weight each, images set aside for validation."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils import compute_sample_weight

from skfashion._sklearn import check_sample_weight

_SHOWN = 5  # labels in an error


def check_not_one_hot(y):
    """Raise a ValueError if `y` has several columns."""
    # Not numpy.shape, which is one of the functions that an array-like may refuse.
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y must hold one label for each image, of shape (n,); got shape {shape}. If its "
            "rows are one-hot, pass y.argmax(axis=1)."
        )


def unique_labels(y):
    """Return the sorted labels in `y`, an array of shape (n,), and the position of each there.

    Raises
    ------
    ValueError
        If a date is missing.
    """
    if y.dtype.kind in "mM" and np.isnat(y).any():
        raise ValueError("Input y contains NaT: leave these images out.")
    labels, positions = np.unique(y, return_inverse=True)
    return labels, positions.ravel()


def encode_labels(y, classes):
    """Return the position of each label in `classes`.

    Labels are looked up, not cast to the type of `classes`: a cast turns "topcoat" into "top", 3.7
    into 3 and 3 into "3".

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.

    Returns
    -------
    ndarray of shape (n,) of int

    Raises
    ------
    ValueError
        If a label is not equal to any of `classes`.
    """
    labels, positions = unique_labels(y)
    codes = {label: code for code, label in enumerate(classes)}
    unknown = labels[[label not in codes for label in labels]]
    if len(unknown):
        others = f" and {len(unknown) - _SHOWN} others" if len(unknown) > _SHOWN else ""
        raise ValueError(
            f"Expected labels among the classes {classes.tolist()}, got "
            f"{unknown[:_SHOWN].tolist()}{others}."
        )
    return np.array([codes[label] for label in labels])[positions]


def _relative(weights):
    """Return weights with a maximum of 1, so that neither their sum nor a product overflows."""
    return weights / weights.max()


@dataclass(frozen=True)
class Samples:
    """Labelled images, and which of them take part.

    Attributes
    ----------
    rows : ndarray of shape (n, features)
        Pixels.
    codes : ndarray of shape (n,) of int, or of shape (n, n_classes)
        Positions of the labels among the classes, or one-hot rows.
    weights : ndarray of shape (n,) of float64, or None
        Relative sample weights; None where all weigh the same.
    indices : ndarray of int
        The rows that take part.
    """

    rows: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None
    indices: np.ndarray

    @classmethod
    def encode(cls, rows, y, sample_weight, classes):
        """Return samples with labels as positions in `classes`; all of them take part.

        Raises
        ------
        ValueError
            If `y` has other labels, or `sample_weight` cannot be used.
        """
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
            if not sample_weight.any():
                raise ValueError("sample_weight must not be zero for all samples.")
            sample_weight = _relative(sample_weight)
        return cls(rows, encode_labels(y, classes), sample_weight, np.arange(len(rows)))

    def __len__(self):
        return len(self.indices)

    def apply_class_weight(self, class_weight, classes):
        """Return samples with class weights multiplied in, less those that weigh nothing.

        Parameters
        ----------
        class_weight : dict, "balanced" or None
            The user's.
        classes : ndarray of shape (n_classes,)
            All labels.

        Raises
        ------
        ValueError
            If `class_weight` has other labels, or no sample weighs anything.
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
                "sample_weight and class_weight must not be zero for all samples: their products "
                "are."
            )
        return replace(self, weights=weights, indices=indices)

    def split_validation(self, validation_fraction, random_state):
        """Return samples to train on and samples to validate with, stratified by class."""
        # Imported here, where few need it, as it takes long.
        from sklearn.model_selection import train_test_split

        try:
            parts = train_test_split(
                self.indices,
                test_size=validation_fraction,
                stratify=self.codes[self.indices],
                random_state=random_state,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot set aside validation_fraction={validation_fraction} "
                f"of {len(self)} samples, with all classes in both parts: {error} Change "
                "validation_fraction, or pass X_val and y_val to fit."
            ) from error
        return [replace(self, indices=indices) for indices in parts]

    def one_hot(self, n_classes, dtype):
        """Return samples with one-hot rows as codes."""
        return replace(self, codes=np.eye(n_classes, dtype=dtype)[self.codes])


def _check_class_weight(class_weight, classes):
    if isinstance(class_weight, dict):
        known = set(classes.tolist())
        unknown = [label for label in class_weight if label not in known]
        # As in scikit-learn, labels too many are no error where none is missing: a part of
        # the data, as in cross-validation, may lack a class.
        if unknown and not known <= set(class_weight):
            raise ValueError(
                f"class_weight has labels that are not among those of y: {unknown}; the "
                f"labels are {classes}."
            )
