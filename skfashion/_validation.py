"""Checks that every estimator here shares: rows or images in, nothing changed on an error."""

from contextlib import contextmanager
from math import isqrt, prod
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import validate_data

from skfashion._sklearn import Interval, get_output_config

_ANY_NUMBER = Interval(Real, None, None, closed="neither")
SIDE = Interval(Integral, 1, None, closed="left")  # of a square image, as a parameter image_shape


def check_range(name, bounds, *, within=_ANY_NUMBER, may_be_one_number=False):
    """Return the two bounds of a range parameter as floats.

    Parameters
    ----------
    name : str
        Of the parameter, for the error.
    bounds : tuple of two numbers
        What the user gave.
    within : sklearn.utils._param_validation.Interval, default=finite numbers
        Where both must lie.
    may_be_one_number : bool, default=False
        Whether the two may be equal.

    Returns
    -------
    tuple of two floats

    Raises
    ------
    ValueError
        If `bounds` are anything else.
    """
    if (
        len(bounds) == 2
        and all(within.is_satisfied_by(bound) for bound in bounds)
        and (bounds[0] < bounds[1] or (may_be_one_number and bounds[0] == bounds[1]))
    ):
        return float(bounds[0]), float(bounds[1])
    order = "not above" if may_be_one_number else "below"
    raise ValueError(
        f"{name} must be a tuple (lowest, highest) of two numbers, the first {order} the second, "
        f"each {within}; got {bounds!r}."
    )


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


def _is_side(number):
    return isinstance(number, Integral) and not isinstance(number, bool) and number > 0


def parse_image_shape(image_shape):
    """Return the parameter `image_shape`, with or without channels, as a tuple of int.

    Parameters
    ----------
    image_shape : int or tuple of int
        ``(height, width)`` or ``(height, width, channels)``, or the side of a square, as the user
        gave it.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If it is no such shape.
    """
    shape = tuple(image_shape) if isinstance(image_shape, tuple | list) else (image_shape,) * 2
    if len(shape) not in (2, 3) or not all(map(_is_side, shape)):
        raise ValueError(
            "image_shape must be the side of a square, (height, width) or (height, width, "
            f"channels), all of them integers above 0, got {image_shape!r}."
        )
    return tuple(int(n) for n in shape)


def resolve_image_shape(image_shape, n_features):
    """Return the parameter `image_shape` of a transformer with its channels.

    Parameters
    ----------
    image_shape : int or tuple of int
        As :func:`parse_image_shape` takes it.
    n_features : int
        Number of values in an image.

    Returns
    -------
    tuple of int
        ``(height, width, channels)``.

    Raises
    ------
    ValueError
        If it is no such shape, or its product is not `n_features`.
    """
    shape = parse_image_shape(image_shape)
    shape = shape if len(shape) == 3 else (*shape, 1)
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} holds {prod(shape)} values, but X has "
            f"{n_features} features: pass the height, width and channels whose "
            f"product is {n_features}."
        )
    return shape


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
    rows, image_shape = split_images(np.asarray(X) if isinstance(X, list | tuple) else X)
    # As scikit-learn does, but where it is given the types to convert to.
    if getattr(getattr(rows, "dtype", None), "kind", None) in ("S", "U"):
        raise ValueError(
            f"Expected pixels that are numbers, got strings (dtype {rows.dtype}): convert them, "
            "for example by X.astype(float)."
        )
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


def check_largest(rows, dtype):
    """Raise a ValueError if `rows` hold numbers too large for `dtype`, that they are to become."""
    limit = np.finfo(dtype).max
    if rows.dtype.kind != "f" or np.finfo(rows.dtype).max <= limit:
        return
    largest = max(rows.max(), -rows.min())
    if largest > limit:
        raise ValueError(
            f"Expected pixels up to {limit:.2g}, the largest number in {dtype}, got pixels up to "
            f"{largest:.2g}: scale X down."
        )


def restore_shape(estimator, rows, X, image_shape):
    """Return transformed rows in the shape of `X`, images where it held images.

    Parameters
    ----------
    estimator : transformer
        Whose ``set_output`` may ask for data frames, which cannot hold images.
    rows : ndarray of shape (n, features)
        To be reshaped.
    X : array-like
        What the rows were made of.
    image_shape : tuple of int or None
        As :func:`validate_images` returned it for `X`.

    Returns
    -------
    ndarray
        A view of `rows`.

    Raises
    ------
    ValueError
        If images are to become a data frame.
    """
    if image_shape is None:
        return rows
    if (container := get_output_config("transform", estimator)["dense"]) != "default":
        raise ValueError(
            f"Images cannot become a {container} DataFrame, got images of shape {image_shape}: "
            "pass rows of pixels, or set_output(transform='default')."
        )
    return rows.reshape(np.shape(X))


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


def snapshot(estimator):
    """Return a shallow copy, which stays as it is whatever another thread fits meanwhile."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = vars(estimator).copy()
    return copied


@contextmanager
def learned_at_once(estimator):
    """Have a block fit another estimator, all that it learns is then set in one assignment.

    A `snapshot` that another thread takes is therefore of one fit, never of two. If the block
    raises, nothing is set.

    Yields
    ------
    estimator
        With the same parameters, and nothing learned.
    """
    learner = object.__new__(type(estimator))
    learner.__dict__ = estimator.get_params(deep=False)
    params = {*vars(learner)}
    yield learner
    learned = {name: value for name, value in vars(learner).items() if name not in params}
    before = {**vars(estimator)}
    before.pop("feature_names_in_", None)  # the one attribute that some fits do not set
    estimator.__dict__ = {**before, **learned}
