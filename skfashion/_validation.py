"""Checks that every estimator here shares: rows or images in, nothing changed on an error."""

from contextlib import contextmanager
from math import isqrt, prod

import numpy as np
from sklearn.utils.validation import validate_data


def infer_image_shape(n_features):
    """Shape of the gray image that a row of pixels holds.

    Parameters
    ----------
    n_features : int
        Number of pixels in a row, at least 1.

    Returns
    -------
    tuple of int
        ``(side, side, 1)`` where `n_features` is the square of `side`, else a strip of height
        1, ``(1, n_features, 1)``.
    """
    side = isqrt(n_features)
    return (side, side, 1) if side * side == n_features else (1, n_features, 1)


def split_images(X):
    """Part images into rows of pixels and the shape of one image.

    Parameters
    ----------
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Anything of two dimensions or fewer is passed on as it came, for scikit-learn to judge.

    Returns
    -------
    rows : array-like of shape (n, features)
        A view of `X` where its memory layout allows one.
    image_shape : tuple of int or None
        ``(height, width, channels)``; None where `X` holds rows already.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions.
    """
    ndim = (X if hasattr(X, "ndim") else np.asarray(X)).ndim
    if ndim <= 2:
        return X, None
    X = np.asarray(X)
    if ndim > 4:
        raise ValueError(
            "Expected rows (n, features) or images (n, height, width) or "
            f"(n, height, width, channels), got an array of shape {X.shape}."
        )
    image_shape = X.shape[1:] if ndim == 4 else (*X.shape[1:], 1)
    return X.reshape(len(X), prod(image_shape)), image_shape


def validate_images(estimator, X, *, reset, **check_params):
    """Validate rows or images with scikit-learn's own checks.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` (pixels times channels, for images too) and
        ``feature_names_in_`` are set if `reset`, else compared with `X`, as is the shape of its
        images where it has learned one.
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Pixels: finite, real, dense.
    reset : bool
        True in ``fit``, False after it.
    **check_params
        Passed on to :func:`sklearn.utils.validation.validate_data`, `y` among them.

    Returns
    -------
    rows : ndarray of shape (n, features), or (rows, y) where `y` was given
        The validated pixels.
    image_shape : tuple of int or None
        ``(height, width, channels)`` where `X` holds images, None where it holds rows.
    """
    rows, image_shape = split_images(X)
    validated = validate_data(estimator, rows, reset=reset, **check_params)
    if not reset and hasattr(estimator, "image_shape_"):
        check_image_shape(estimator, image_shape)
    return validated, image_shape


def check_image_shape(estimator, image_shape):
    """Raise a ValueError if `image_shape` is not the one learned; None, for rows, fits any."""
    if None not in (image_shape, estimator.image_shape_) and image_shape != estimator.image_shape_:
        raise ValueError(
            f"X has images of shape {image_shape}, but {type(estimator).__name__} is expecting "
            f"images of shape {estimator.image_shape_} (height, width, channels)."
        )


@contextmanager
def unchanged_on_error(estimator):
    """Put back every attribute of `estimator` if the block raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
