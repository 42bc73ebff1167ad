from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfashion._base import Estimator
from skfashion._sklearn import as_one_task, fit_context
from skfashion._validation import (
    SIDE,
    check_image_shape,
    infer_image_shape,
    resolve_image_shape,
    unchanged_on_error,
    validate_images,
)


class ImageReshaper(TransformerMixin, Estimator):
    """Reshape rows of pixels to images with a channel axis, and back.

    Parameters
    ----------
    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` of gray images or ``(height, width, channels)``. An int is both height
        and width. None keeps the shape of images. Rows become square gray images if the number of
        features is a square (784 gives 28 x 28), else strips of height 1.

    Attributes
    ----------
    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images that :meth:`transform` returns.

    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the input of :meth:`fit` had any.

    See Also
    --------
    skfashion.preprocessing.PixelScaler : Scales pixels, before or after reshaping.

    Notes
    -----
    Pixels are in C order: left to right, then top to bottom, with the channels of a pixel next to
    each other. Values and dtype stay the same. The output is a view of the input if its memory
    layout allows this: writing to the output then changes the input.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import ImageReshaper
    >>> rows = np.zeros((5, 784), dtype=np.uint8)
    >>> reshaper = ImageReshaper().fit(rows)
    >>> reshaper.image_shape_
    (28, 28, 1)
    >>> images = reshaper.transform(rows)
    >>> images.shape
    (5, 28, 28, 1)
    >>> reshaper.inverse_transform(images).shape
    (5, 784)
    """

    _parameter_constraints = {"image_shape": [SIDE, tuple, list, None]}

    def __init__(self, image_shape: int | tuple[int, ...] | None = None) -> None:
        self.image_shape = image_shape

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels, or images.
        y : None
            Ignored.

        Returns
        -------
        self : ImageReshaper
            The reshaper itself.

        Raises
        ------
        ValueError
            If `image_shape` does not have as many values as a row, or differs from the shape of the
            images.
        """
        with unchanged_on_error(self):
            _, found = validate_images(self, X, reset=True)
            if self.image_shape is None:
                self.image_shape_ = found or infer_image_shape(self.n_features_in_)
            else:
                self.image_shape_ = resolve_image_shape(self.image_shape, self.n_features_in_)
                check_image_shape(self, found)
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Reshape rows to images.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Rows of pixels. Images stay the same, except that gray images get a channel axis.

        Returns
        -------
        ndarray of shape (n, height, width, channels)
            Images of ``image_shape_``, in the dtype of `X`.
        """
        check_is_fitted(self)
        rows, _ = validate_images(self, X, reset=False)
        return rows.reshape(len(rows), *self.image_shape_)

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        """Reshape images to rows.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, features)
            Images of ``image_shape_``. Rows stay the same.

        Returns
        -------
        ndarray of shape (n, features)
            Rows of pixels, in the dtype of `X`.
        """
        check_is_fitted(self)
        rows, _ = validate_images(self, X, reset=False)
        return rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
