"""What the displays check first: images, labels and their names."""

from collections.abc import Mapping, Set
from numbers import Integral

import numpy as np
from pandas import Index, isna
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

from skfashion._sklearn import Interval, num_samples, safe_indexing, validate_parameter_constraints
from skfashion._validation import infer_image_shape, resolve_image_shape, split_images
from skfashion.preprocessing import ImageLoader

# By how much pixels in [0, 1] may miss it after arithmetic.
_PIXEL_TOLERANCE = 1e-3


def check_counts(caller, **counts):
    """Raise a ValueError naming `caller` unless all `counts` are integers above 0."""
    above_0 = [Interval(Integral, 1, None, closed="left")]
    validate_parameter_constraints(dict.fromkeys(counts, above_0), counts, caller)


def count_images(X, *, name="X"):
    """Return how many images `X` has, or raise a ValueError or TypeError if there are none."""
    if isinstance(X, Mapping):
        raise TypeError(f"Expected images in {name}, got a {type(X).__name__}: pass its data.")
    n = num_samples(X)
    if n == 0:
        raise ValueError(f"Expected at least one image in {name}, got none.")
    return n


def load_photographs(estimator, *photographs):
    """Have the loader of a pipeline from files do its work, so that there are images to draw.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline that begins with an `ImageLoader`, a search over one, or any other.
    *photographs : array-like
        What it takes.

    Returns
    -------
    estimator : estimator
        What comes after the loader; of a search, its best estimator.
    images : list of array-like
        What that takes.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline) and isinstance(estimator[0], ImageLoader):
        return estimator[1:], [estimator[0].transform(some) for some in photographs]
    return estimator, list(photographs)


def pick_images(X, chosen, image_shape=None, *, name="X"):
    """Take some images out of rows or images.

    Parameters
    ----------
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Rows of pixels, or images.
    chosen : slice or array-like of int
        Positions of those to take; only they are checked.
    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows; an int is both
        height and width.
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
    if not hasattr(rows, "columns") and np.ndim(rows) < 2:
        raise ValueError(
            f"Expected images or rows of pixels in {name}, got {np.ndim(rows)}-dimensional input: "
            "of one image, pass X[numpy.newaxis]; of files, ImageLoader().transform(X)."
        )
    rows = check_array(safe_indexing(rows, chosen), input_name=name)
    shape = found or infer_image_shape(rows.shape[1])
    if found is image_shape is None and shape[0] == 1 < rows.shape[1]:
        raise ValueError(
            f"Rows of {rows.shape[1]} pixels are no square gray images: pass image_shape=(height, "
            f"width) or (height, width, channels); or, if {name} is one image, X[numpy.newaxis]."
        )
    if image_shape is not None:
        shape = resolve_image_shape(image_shape, rows.shape[1])
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
    maximum = 255 if high > 1 + _PIXEL_TOLERANCE else 1
    if low < -_PIXEL_TOLERANCE * maximum or high > (1 + _PIXEL_TOLERANCE) * maximum:
        raise ValueError(
            "Expected pixels from 0 to 255 or in [0, 1], got values from "
            f"{low:.6g} to {high:.6g}: scale them back before they are drawn."
        )
    return 255 if any(some.dtype == np.uint8 for some in images) else maximum


def check_labels(y, n, *, name="y"):
    """Return the labels as an array of shape (n,); a ValueError if they are of another shape."""
    labels = column_or_1d(y)
    if isna(labels).any():
        raise ValueError(f"{name} has missing labels (NaN or None): leave out those images.")
    if len(labels) != n:
        raise ValueError(f"Expected a label in {name} for each of {n} images, got {len(labels)}.")
    return labels


def find_classes(labels, n_classes=None, target_names=None):
    """Find the classes that labels are from, of which some may have no label here.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Labels of images.
    n_classes : int or None, default=None
        How many there are, if known.
    target_names : sequence of str or None, default=None
        Their names, if known.

    Returns
    -------
    ndarray of shape (n_classes,)
        The different labels, sorted. If `n_classes` or `target_names` tell how many there are,
        integers are 0 to ``n_classes - 1``; if labels are among the names, these.

    Raises
    ------
    ValueError
        If there are not `n_classes`, or integers are out of range.
    """
    classes = np.unique(labels)
    if target_names is not None:
        names = _check_names(target_names)
        n_classes = len(names)
        if _are_strings(classes) and set(classes) <= set(names):
            return np.array(names, dtype=object)
    if n_classes is None:
        return classes
    # By their values, whichever of them are here: by rank, a slice would get other names.
    if classes.dtype.kind in "iu":
        if classes[0] >= 0 and classes[-1] < n_classes:
            return np.arange(n_classes)
    elif n_classes == len(classes):
        return classes
    raise ValueError(
        f"Expected labels from 0 to {n_classes - 1}, as there are {n_classes} classes (names, or "
        f"columns of probabilities), or others of all classes; got {len(classes)} labels, from "
        f"{classes.tolist()[0]!r} to {classes.tolist()[-1]!r}: leave out target_names, pass "
        "classes, or number the labels by numpy.unique(y, return_inverse=True)[1]."
    )


def name_classes(classes, target_names=None):
    """Names of classes as a list of str: `target_names`, or the labels themselves."""
    labels = [str(label) for label in classes]
    if target_names is None:
        return labels
    names = _check_names(target_names)
    if len(names) != len(labels):
        raise ValueError(f"Expected {len(labels)} target_names, one a class; got {len(names)}.")
    # Labels that are the names themselves are not to be named anew, in whatever order names come.
    return labels if _are_strings(np.asarray(classes)) and set(labels) == set(names) else names


def _are_strings(labels):
    return all(isinstance(label, str) for label in labels.tolist())


def _check_names(target_names):
    if isinstance(target_names, str | Mapping | Set):
        raise ValueError(
            "Expected target_names as a list of names, in the order of the classes; got a "
            f"{type(target_names).__name__}."
        )
    return [str(name) for name in target_names]


def class_indices(labels, classes, *, name="y"):
    """Position of each label in `classes`; a ValueError if one is not there."""
    found = Index(classes).get_indexer(labels)
    if (found < 0).any():
        unknown = np.unique(labels[found < 0])
        raise ValueError(f"{name} has labels that are none of the classes: {unknown[:5].tolist()}.")
    return found


def name_labels(labels, target_names=None):
    """Name of each of some labels, as a list of str."""
    classes = find_classes(labels, target_names=target_names)
    names = name_classes(classes, target_names)
    return [names[i] for i in class_indices(labels, classes)]
