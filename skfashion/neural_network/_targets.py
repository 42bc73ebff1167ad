"""Labels to codes, weights of samples and classes to one weight each, images set aside."""

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight


def encode(rows, y, sample_weight, *, classes, dtype):
    """Return (rows, codes of y, weights or None), the codes being positions in `classes`."""
    encoder = LabelEncoder()
    encoder.classes_ = classes
    if sample_weight is not None:
        sample_weight = _check_sample_weight(
            sample_weight, rows, dtype=np.dtype(dtype), ensure_non_negative=True
        )
    return rows, encoder.transform(y), sample_weight


def weigh(encoded, y, class_weight, *, classes, dtype):
    """Multiply class weights into sample weights.

    Parameters
    ----------
    encoded : tuple
        As :func:`encode` returns it.
    y : ndarray of shape (n,)
        Labels.
    class_weight : dict, "balanced" or None
        The user's.
    classes : ndarray of shape (n_classes,)
        All labels.
    dtype : {"float32", "float64"}
        Of the weights.

    Returns
    -------
    encoded : tuple
        With the products as weights.
    subset : ndarray of int
        Which rows weigh anything.

    Raises
    ------
    ValueError
        If `class_weight` has other labels, or no row weighs anything.
    """
    rows, codes, weights = encoded
    if class_weight is not None:
        _check_class_weight(class_weight, classes)
        by_class = compute_sample_weight(class_weight, y).astype(dtype)
        weights = by_class if weights is None else weights * by_class
    if weights is None:
        return (rows, codes, weights), np.arange(len(rows))
    subset = np.flatnonzero(weights)
    if subset.size == 0 or not (np.isfinite(weights).all() and weights.min() >= 0):
        raise ValueError(
            "sample_weight and class_weight must be finite, not negative, and not zero for all "
            f"samples; got products from {weights.min():g} to {weights.max():g}."
        )
    return (rows, codes, weights), subset


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


def set_aside(subset, codes, validation_fraction, random_state):
    """Split `subset` in two, (training, validation), with classes in the same proportions."""
    # Imported here, where few need it, as it takes long.
    from sklearn.model_selection import train_test_split

    try:
        return train_test_split(
            subset,
            test_size=validation_fraction,
            stratify=codes[subset],
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping cannot set aside validation_fraction={validation_fraction} "
            f"of {len(subset)} samples, with all classes in both parts: {error} Change "
            "validation_fraction, or pass validation_data to fit."
        ) from error
