"""Validation shared by the estimators, and fits that change nothing on an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt, prod
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.utils.validation import validate_data

from skfashion._sklearn import Interval, get_output_config

_ANY_NUMBER = Interval(Real, None, None, closed="neither")
SIDE = Interval(Integral, 1, None, closed="left")  # Side of square images in image_shape.


def check_range(
    name: str,
    bounds: Any,
    *,
    within: Interval = _ANY_NUMBER,
    may_be_one_number: bool = False,
) -> tuple[float, float]:
    """Return the two bounds of a range parameter as floats.

    Parameters
    ----------
    name : str
        Name of the parameter in the error.
    bounds : tuple of two numbers
        Value of the parameter.
    within : sklearn.utils._param_validation.Interval, default=finite numbers
        Interval that must contain both bounds.
    may_be_one_number : bool, default=False
        Whether the bounds may be equal.

    Returns
    -------
    tuple of two floats

    Raises
    ------
    ValueError
        If `bounds` is not such a range.
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


def infer_image_shape(n_features: int) -> tuple[int, int, int]:
    """Return the shape of the gray image in a row of pixels.

    Parameters
    ----------
    n_features : int
        Number of pixels in a row, at least 1.

    Returns
    -------
    tuple of int
        ``(side, side, 1)`` if `n_features` is the square of `side`, else a strip of height 1,
        ``(1, n_features, 1)``.
    """
    side = isqrt(n_features)
    return (side, side, 1) if side * side == n_features else (1, n_features, 1)


def _is_side(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) > 0


def parse_image_shape(image_shape: Any) -> tuple[int, ...]:
    """Return the parameter `image_shape`, with or without channels, as a tuple of int.

    Parameters
    ----------
    image_shape : int or tuple of int
        ``(height, width)``, ``(height, width, channels)`` or the side of square images.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If `image_shape` is not such a shape.
    """
    shape = tuple(image_shape) if isinstance(image_shape, tuple | list) else (image_shape,) * 2
    if len(shape) not in (2, 3) or not all(map(_is_side, shape)):
        raise ValueError(
            "image_shape must be the side of square images, (height, width) or (height, width, "
            f"channels), of integers above 0; got {image_shape!r}."
        )
    return tuple(int(n) for n in shape)


def resolve_image_shape(image_shape: Any, n_features: int) -> tuple[int, int, int]:
    """Return the parameter `image_shape` with channels.

    Parameters
    ----------
    image_shape : int or tuple of int
        ``(height, width)``, ``(height, width, channels)`` or the side of square images.
    n_features : int
        Number of values in an image.

    Returns
    -------
    tuple of int
        ``(height, width, channels)``.

    Raises
    ------
    ValueError
        If `image_shape` is not such a shape, or its product is not `n_features`.
    """
    height, width, *channels = parse_image_shape(image_shape)
    shape = (height, width, channels[0] if channels else 1)
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} holds {prod(shape)} values, but X has "
            f"{n_features} features. Pass a height, width and channels whose product is "
            f"{n_features}."
        )
    return shape


def split_images(X: Any) -> tuple[Any, tuple[int, int, int] | None]:
    """Return images as rows of pixels, and the shape of an image.

    Parameters
    ----------
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Rows or images. Input of at most two dimensions is returned unchanged and not validated.

    Returns
    -------
    rows : array-like of shape (n, features)
        A view of `X` if its memory layout allows it.
    image_shape : tuple of int or None
        ``(height, width, channels)``, or None if `X` contains rows.

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


def validate_images(
    estimator: Any, X: Any, *, reset: bool, **check_params: Any
) -> tuple[Any, tuple[int, int, int] | None]:
    """Validate rows or images with :func:`sklearn.utils.validation.validate_data`.

    Parameters
    ----------
    estimator : estimator
        If `reset`, its ``n_features_in_`` (pixels times channels, also for images) and
        ``feature_names_in_`` are set. Otherwise, `X` is compared with them, and with its
        ``image_shape_`` if it has one.
    X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
        Pixels, which must be finite, real and dense.
    reset : bool
        True in ``fit``, False after it.
    **check_params
        Parameters of :func:`sklearn.utils.validation.validate_data`, such as `y`.

    Returns
    -------
    rows : ndarray of shape (n, features), or (rows, y) with `y`
        The validated pixels.
    image_shape : tuple of int or None
        ``(height, width, channels)`` if `X` contains images, None if it contains rows.

    Raises
    ------
    ValueError
        If `X` is not valid.
    """
    rows, image_shape = split_images(np.asarray(X) if isinstance(X, list | tuple) else X)
    # With a list of dtypes, scikit-learn would convert strings.
    if getattr(getattr(rows, "dtype", None), "kind", None) in ("S", "U"):
        raise ValueError(
            f"Expected pixels that are numbers, got strings (dtype {rows.dtype}). Convert them, "
            "for example with X.astype(float)."
        )
    validated = validate_data(estimator, rows, reset=reset, **check_params)
    if not reset and hasattr(estimator, "image_shape_"):
        check_image_shape(estimator, image_shape)
    return validated, image_shape


def check_image_shape(estimator: Any, image_shape: tuple[int, int, int] | None) -> None:
    """Raise a ValueError if images have another shape than in ``fit``; None stands for rows."""
    if None not in (image_shape, estimator.image_shape_) and image_shape != estimator.image_shape_:
        raise ValueError(
            f"X has images of shape {image_shape}, but {type(estimator).__name__} is expecting "
            f"images of shape {estimator.image_shape_} (height, width, channels)."
        )


def check_largest(rows: NDArray, dtype: DTypeLike) -> None:
    """Raise a ValueError if `rows` contain numbers that are too large for `dtype`."""
    limit = np.finfo(dtype).max
    if rows.dtype.kind != "f" or np.finfo(rows.dtype).max <= limit:
        return
    largest = max(rows.max(), -rows.min())
    if largest > limit:
        raise ValueError(
            f"Expected pixels up to {limit:.2g}, the largest number in {dtype}, got pixels up to "
            f"{largest:.2g}. Scale X down."
        )


def restore_shape(
    estimator: Any, rows: NDArray, X: Any, image_shape: tuple[int, int, int] | None
) -> NDArray:
    """Return transformed rows in the shape of `X`.

    Parameters
    ----------
    estimator : transformer
        Transformer of the rows. Its ``set_output`` may request data frames.
    rows : ndarray of shape (n, features)
        Transformed rows.
    X : array-like
        Input of the transformer.
    image_shape : tuple of int or None
        Result of :func:`validate_images` for `X`.

    Returns
    -------
    ndarray
        A view of `rows`.

    Raises
    ------
    ValueError
        If `X` contains images and ``set_output`` requests a data frame, which cannot contain them.
    """
    if image_shape is None:
        return rows
    if (container := get_output_config("transform", estimator)["dense"]) != "default":
        raise ValueError(
            f"Images cannot become a {container} DataFrame, got images of shape {image_shape}. "
            "Pass rows of pixels, or call set_output(transform='default')."
        )
    return rows.reshape(np.shape(X))


@contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Restore all attributes of `estimator` if the block raises an error."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def snapshot(estimator: Any) -> Any:
    """Return a shallow copy, which does not change if another thread fits the estimator."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = vars(estimator).copy()
    return copied


@contextmanager
def learned_at_once(estimator: Any) -> Iterator[Any]:
    """Set all learned attributes of an estimator in one assignment, after the block.

    A `snapshot` in another thread is therefore never a mixture of two fits. If the block raises an
    error, nothing is set.

    Parameters
    ----------
    estimator : estimator
        Estimator to fit.

    Yields
    ------
    estimator
        An estimator with the same parameters, to fit in the block.
    """
    learner = object.__new__(type(estimator))
    learner.__dict__ = estimator.get_params(deep=False)
    params = {*vars(learner)}
    yield learner
    learned = {name: value for name, value in vars(learner).items() if name not in params}
    before = {**vars(estimator)}
    before.pop("feature_names_in_", None)  # The only attribute that some fits do not set.
    estimator.__dict__ = {**before, **learned}
