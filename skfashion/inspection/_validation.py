"""Validation of the input of the displays: images, labels and their names."""

from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import Index, isna
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

from skfashion._sklearn import Interval, num_samples, safe_indexing, validate_parameter_constraints
from skfashion._validation import infer_image_shape, resolve_image_shape, split_images
from skfashion.neural_network import ImageEncoder
from skfashion.preprocessing._loader import Loader
from skfashion.preprocessing._photographs import holds_photographs

# Rounding errors may move pixels out of [0, 1] by this much.
_PIXEL_TOLERANCE = 1e-3


def check_counts(caller: str, **counts: Any) -> None:
    """Raise a ValueError that names `caller` unless all `counts` are integers above 0."""
    above_0 = [Interval(Integral, 1, None, closed="left")]
    validate_parameter_constraints(dict.fromkeys(counts, above_0), counts, caller)


def count_images(X: Any, *, name: str = "X") -> int:
    """Return the number of images in `X`, or raise a ValueError or TypeError if it has none."""
    if isinstance(X, Mapping):
        raise TypeError(f"Expected images in {name}, got a {type(X).__name__}. Pass its data.")
    n = num_samples(X)
    if n == 0:
        raise ValueError(f"Expected at least one image in {name}, got none.")
    return n


def load_photographs(estimator: Any, *photographs: Any) -> tuple[Any, list[Any]]:
    """Load images with the loader of a pipeline from files, because displays need images.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator. It may be a pipeline that begins with a loader or an encoder of
        photographs, or a search over such a pipeline.
    *photographs : array-like
        Input of `estimator`, such as paths.

    Returns
    -------
    estimator : estimator
        The steps after the loader, or `estimator` without a loader. For a search, its best
        estimator takes its place.
    images : list of array-like
        Input of the returned estimator.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    first = estimator[0] if isinstance(estimator, Pipeline) else None
    if isinstance(first, Loader):
        return estimator[1:], [first.transform(some) for some in photographs]
    if isinstance(first, ImageEncoder) and all(map(holds_photographs, photographs)):
        return estimator, [first._loader().transform(some) for some in photographs]
    return estimator, list(photographs)


def pick_images(X: Any, chosen: Any, image_shape: Any = None, *, name: str = "X") -> NDArray:
    """Return some of the images in rows or images.

    Parameters
    ----------
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Rows of pixels, or images.
    chosen : slice or array-like of int
        Indices of the images to return. Only these are validated.
    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows, or the side of
        square images.
    name : str, default="X"
        Name of `X` in errors.

    Returns
    -------
    ndarray of shape (len(chosen), height, width) or (len(chosen), height, width, 3 or 4)
        Gray or RGB(A) images, of the dtype of `X`.

    Raises
    ------
    ValueError
        If the images do not have this shape, or are neither gray nor RGB(A).
    """
    rows, found_shape = split_images(X)
    if not hasattr(rows, "columns") and np.ndim(rows) < 2:
        raise ValueError(
            f"Expected images or rows of pixels in {name}, got {np.ndim(rows)}-dimensional input. "
            "For one image, pass X[numpy.newaxis]. For files, pass ImageLoader().transform(X)."
        )
    rows = check_array(safe_indexing(rows, chosen), input_name=name)
    shape = found_shape or infer_image_shape(rows.shape[1])
    if found_shape is image_shape is None and shape[0] == 1 < rows.shape[1]:
        raise ValueError(
            f"Rows of {rows.shape[1]} pixels are not square gray images. Pass image_shape=(height, "
            f"width) or (height, width, channels). If {name} is one image, pass X[numpy.newaxis]."
        )
    if image_shape is not None:
        shape = resolve_image_shape(image_shape, rows.shape[1])
        if found_shape not in (None, shape):
            raise ValueError(
                f"image_shape={image_shape!r}, but {name} has images of shape {found_shape} "
                "(height, width, channels). Leave out image_shape."
            )
    if shape[2] not in (1, 3, 4):
        raise ValueError(
            "Only images with 1 (gray), 3 (RGB) or 4 (RGBA) channels can be drawn; those of "
            f"{name} have {shape[2]}. Pass some of the channels."
        )
    return rows.reshape(-1, *(shape[:2] if shape[2] == 1 else shape))


def pixel_maximum(*images: NDArray) -> int:
    """Return the value of a white pixel, for arrays of images that share one scale.

    Parameters
    ----------
    *images : ndarray
        Images. Some of the arrays may be empty.

    Returns
    -------
    int
        255 if there are bytes or a value is above 1, else 1.

    Raises
    ------
    ValueError
        If there are values below 0 or above 255.
    """
    arrays = [array for array in images if array.size]
    low, high = min(array.min() for array in arrays), max(array.max() for array in arrays)
    maximum = 255 if high > 1 + _PIXEL_TOLERANCE else 1
    if low < -_PIXEL_TOLERANCE * maximum or high > (1 + _PIXEL_TOLERANCE) * maximum:
        raise ValueError(
            "Expected pixels from 0 to 255 or in [0, 1], got values from "
            f"{low:.6g} to {high:.6g}. Scale them to one of these ranges."
        )
    return 255 if any(array.dtype == np.uint8 for array in arrays) else maximum


def check_labels(y: Any, n: int, *, name: str = "y") -> NDArray:
    """Return labels as an array of shape (n,), or raise a ValueError."""
    labels = column_or_1d(y)
    if isna(labels).any():
        raise ValueError(f"{name} has missing labels (NaN or None). Remove these images.")
    if len(labels) != n:
        raise ValueError(f"Expected a label in {name} for each of {n} images, got {len(labels)}.")
    return labels


def find_classes(
    labels: NDArray, n_classes: int | None = None, target_names: Sequence[str] | None = None
) -> NDArray:
    """Return the classes of labels. Some classes may have no label.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Labels of images.
    n_classes : int or None, default=None
        Number of classes, if known.
    target_names : sequence of str or None, default=None
        Names of the classes, if known.

    Returns
    -------
    ndarray of shape (n_classes,)
        If all labels are among `target_names`, the names in this order. Else, if the number of
        classes is known and labels are integers, 0 to ``n_classes - 1``. Else the unique labels,
        sorted.

    Raises
    ------
    ValueError
        If integers are out of range, or there are not `n_classes` other labels.
    """
    classes = np.unique(labels)
    if target_names is not None:
        names = _check_names(target_names)
        n_classes = len(names)
        if _are_strings(classes) and set(classes) <= set(names):
            return np.array(names, dtype=object)
    if n_classes is None:
        return classes
    # Integers are classes by value. By rank, a slice of a data set would get other names.
    if classes.dtype.kind in "iu":
        if classes[0] >= 0 and classes[-1] < n_classes:
            return np.arange(n_classes)
    elif n_classes == len(classes):
        return classes
    raise ValueError(
        f"Expected labels from 0 to {n_classes - 1}, or other labels of all classes, because there "
        f"are {n_classes} classes (names, or columns of probabilities); got {len(classes)} labels, "
        f"from {classes.tolist()[0]!r} to {classes.tolist()[-1]!r}. Leave out target_names, pass "
        "classes, or encode the labels with numpy.unique(y, return_inverse=True)[1]."
    )


def name_classes(classes: Iterable[Any], target_names: Sequence[str] | None = None) -> list[str]:
    """Return the names of classes: `target_names`, or the labels."""
    labels = [str(label) for label in classes]
    if target_names is None:
        return labels
    names = _check_names(target_names)
    if len(names) != len(labels):
        raise ValueError(
            f"Expected {len(labels)} target_names, one for each class; got {len(names)}."
        )
    # Labels that are the names keep their order, whatever the order of target_names.
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


def class_indices(labels: NDArray, classes: Any, *, name: str = "y") -> NDArray[np.integer]:
    """Return the index of each label in `classes`, or raise a ValueError if there is none."""
    indices = Index(classes).get_indexer(labels)
    if (indices < 0).any():
        unknown = np.unique(labels[indices < 0])
        raise ValueError(f"{name} has labels that are none of the classes: {unknown[:5].tolist()}.")
    return indices


def name_labels(labels: NDArray, target_names: Sequence[str] | None = None) -> list[str]:
    """Return the name of each label."""
    classes = find_classes(labels, target_names=target_names)
    names = name_classes(classes, target_names)
    return [names[i] for i in class_indices(labels, classes)]
