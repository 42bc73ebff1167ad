"""What the displays check first: images, labels and their names."""

from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import column_or_1d

from skfashion._validation import asked_image_shape, infer_image_shape, split_images

# By how much pixels in [0, 1] may miss it after arithmetic.
_ROUNDING = 1e-3


def check_counts(caller, **counts):
    """Raise a ValueError naming `caller` unless all `counts` are integers above 0."""
    above_0 = [Interval(Integral, 1, None, closed="left")]
    validate_parameter_constraints(dict.fromkeys(counts, above_0), counts, caller)


def pick_images(X, chosen, image_shape=None, *, name="X"):
    """Take some images out of rows or images.

    Parameters
    ----------
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Rows of pixels, or images.
    chosen : slice or array-like of int
        Positions of those to take; only they are checked.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows.
    name : str, default="X"
        Of `X`, for errors.

    Returns
    -------
    ndarray of shape (len(chosen), height, width) or (len(chosen), height, width, 3 or 4)
        Gray or RGB(A) images, of the type of `X`.

    Raises
    ------
    ValueError
        If the images have no such shape, or are neither gray nor RGB(A).
    """
    rows, found = split_images(X)
    rows = check_array(_safe_indexing(rows, chosen), input_name=name)
    shape = found or infer_image_shape(rows.shape[1])
    if image_shape is not None:
        shape = asked_image_shape(image_shape, rows.shape[1])
        if found not in (None, shape):
            raise ValueError(
                f"image_shape={image_shape!r}, but {name} has images of shape {found} (height, "
                "width, channels): leave image_shape at None."
            )
    if shape[2] not in (1, 3, 4):
        raise ValueError(
            "Only images of 1 (gray), 3 (RGB) or 4 (RGBA) channels can be drawn; those of "
            f"{name} have {shape[2]}: pass some of the channels."
        )
    return rows.reshape(-1, *(shape[:2] if shape[2] == 1 else shape))


def pixel_maximum(*images):
    """Value of a white pixel, 255 or 1, for the common scale of some arrays of images.

    Returns
    -------
    int
        255 for bytes and where any value is above 1, else 1.

    Raises
    ------
    ValueError
        If there are values below 0 or above 255.
    """
    images = [some for some in images if some.size]
    low, high = min(some.min() for some in images), max(some.max() for some in images)
    maximum = 255 if high > 1 + _ROUNDING else 1
    if low < -_ROUNDING * maximum or high > (1 + _ROUNDING) * maximum:
        raise ValueError(
            "Expected pixels from 0 to 255 or in [0, 1], got values from "
            f"{low:.6g} to {high:.6g}: scale them back before they are drawn."
        )
    return 255 if any(some.dtype == np.uint8 for some in images) else maximum


def check_labels(y, n, *, name="y"):
    """Return the labels as an array of shape (n,); a ValueError if they are of another shape."""
    labels = column_or_1d(y)
    if len(labels) != n:
        raise ValueError(f"Expected a label in {name} for each of {n} images, got {len(labels)}.")
    return labels


def find_classes(labels, n_classes=None):
    """Find the classes that labels are from, of which some may have no label here.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Labels of images.
    n_classes : int or None, default=None
        How many there are, if known.

    Returns
    -------
    ndarray of shape (n_classes,)
        The different labels, sorted; 0 to ``n_classes - 1`` if these hold all of them.

    Raises
    ------
    ValueError
        If there are not `n_classes`.
    """
    classes = np.unique(labels)
    if n_classes in (None, len(classes)):
        return classes
    if classes.dtype.kind in "iu" and classes[0] >= 0 and classes[-1] < n_classes:
        return np.arange(n_classes)
    raise ValueError(
        f"Expected labels of {n_classes} classes, or integers from 0 to {n_classes - 1}; got "
        f"{len(classes)} classes, from {classes[0]!r} to {classes[-1]!r}: pass images of all "
        "classes, or the numbers of the classes."
    )


def name_classes(classes, target_names=None):
    """Names of classes as a list of str: `target_names`, or the labels themselves."""
    names = [str(name) for name in (classes if target_names is None else target_names)]
    if len(names) != len(classes):
        raise ValueError(f"Expected {len(classes)} target_names, one a class; got {len(names)}.")
    return names


def positions(labels, classes, *, name="y"):
    """Position of each label in `classes`; a ValueError if one is not there."""
    from pandas import Index

    found = Index(classes).get_indexer(labels)
    if (found < 0).any():
        unknown = np.unique(labels[found < 0])
        raise ValueError(f"{name} has labels that are none of the classes: {unknown[:5].tolist()}.")
    return found


def name_labels(labels, target_names=None):
    """Name of each of some labels, as a list of str."""
    n_classes = None if target_names is None else len(target_names)
    classes = find_classes(labels, n_classes)
    names = name_classes(classes, target_names)
    return [names[i] for i in positions(labels, classes)]
