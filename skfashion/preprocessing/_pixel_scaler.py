from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from skfashion._base import Estimator
from skfashion._files import temporary_memmap
from skfashion._pixel_scale import compare_range, compare_scale
from skfashion._sklearn import as_one_task, fit_context
from skfashion._validation import (
    check_range,
    restore_shape,
    unchanged_on_error,
    validate_images,
)

_ROWS_PER_BLOCK = 1024  # Few enough to stay in the cache of the processor.


def _subtract(rows: NDArray, low: float, *, out: NDArray) -> None:
    # In the larger dtype of the two, because that of `out` may have too few digits.
    dtype = np.result_type(rows, out)
    np.subtract(rows, low, out=out, dtype=dtype, casting="same_kind")


class PixelScaler(OneToOneFeatureMixin, TransformerMixin, Estimator):
    """Scale pixels from the range of their file format to the range that a network expects.

    The range is known (a byte goes from 0 to 255), so that nothing is learned from the data. All
    images are scaled in the same way, and :meth:`transform` needs no fit.

    Parameters
    ----------
    pixel_range : tuple of two numbers, default=(0, 255)
        Lowest and highest possible pixel. Pixels that were divided by 255 need ``(0, 1)``.

    feature_range : tuple of two numbers, default=(0, 1)
        Scaled values of the lowest and the highest pixel.

    dtype : dtype or None, default=numpy.float32
        Floating-point dtype of the output. 32 bits are enough for images. None keeps the dtype of
        floating-point input, and is float32 for other input.

    clip : bool, default=False
        If True, pixels outside `pixel_range` are clipped to it. If False, they are an error.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels (times channels) of an image seen during :meth:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the input of :meth:`fit` had any.

    See Also
    --------
    skfashion.preprocessing.ImageReshaper : Reshapes rows of pixels to images.
    sklearn.preprocessing.MinMaxScaler : Learns the range of each feature from the data.

    Notes
    -----
    A ``numpy.memmap``, which may be larger than memory, is scaled to another one. Its temporary
    file is removed with the array.

    With the default ranges, the result is the correctly rounded ``pixel / 255``. The input never
    changes, and the output is a new array. ``set_output`` can turn rows, but not images, into data
    frames.

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion import PixelScaler
    >>> pixels = np.array([[0, 51, 255]], dtype=np.uint8)
    >>> scaler = PixelScaler()
    >>> scaled = scaler.transform(pixels)
    >>> scaled
    array([[0. , 0.2, 1. ]], dtype=float32)
    >>> scaler.inverse_transform(scaled)
    array([[  0.,  51., 255.]], dtype=float32)
    """

    _parameter_constraints = {
        "pixel_range": [tuple, list],
        "feature_range": [tuple, list],
        "dtype": "no_validation",  # NumPy validates it.
        "clip": ["boolean"],
    }

    def __init__(
        self,
        pixel_range: tuple[float, float] = (0, 255),
        feature_range: tuple[float, float] = (0, 1),
        *,
        dtype: DTypeLike | None = np.float32,
        clip: bool = False,
    ) -> None:
        self.pixel_range = pixel_range
        self.feature_range = feature_range
        self.dtype = dtype
        self.clip = clip

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and the pixels; only the number of pixels is learned.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels in `pixel_range`.
        y : None
            Ignored.

        Returns
        -------
        self : PixelScaler
            The scaler itself.

        Raises
        ------
        ValueError
            If pixels are not finite real numbers, or lie outside `pixel_range` while `clip` is
            False.

        Warns
        -----
        UserWarning
            If all pixels are less than 1/64 of `pixel_range`, for example because bytes were
            divided by 255 before.
        """
        with unchanged_on_error(self):
            low, high, *_ = self._check_params()
            rows, _ = validate_images(self, X, reset=True)
            self._output_dtype(rows)
            self._check_pixels(rows, low, high)
            compare_scale(self, rows, reset=True)
            compare_range("pixel_range of PixelScaler", (low, high), self._largest_pixel)
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Scale pixels.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels in `pixel_range`.

        Returns
        -------
        ndarray of the shape of `X`
            Pixels in `feature_range`, in `dtype`.

        Raises
        ------
        ValueError
            If pixels are not finite real numbers, or lie outside `pixel_range` while `clip` is
            False.

        Warns
        -----
        UserWarning
            If the largest pixel differs from that of :meth:`fit` by a factor of more than 64, for
            example because only one of them was divided by 255.
        """
        low, high, feature_low, feature_high = self._check_params()
        rows, image_shape = validate_images(self, X, reset=False)
        dtype = self._output_dtype(rows)
        self._check_pixels(rows, low, high)
        compare_scale(self, rows, reset=False)
        # An array on disk may not fit into memory.
        make = temporary_memmap if isinstance(X, np.memmap) else np.empty
        scaled = make(rows.shape, dtype)
        for start in range(0, len(rows), _ROWS_PER_BLOCK):
            part = scaled[start : start + _ROWS_PER_BLOCK]
            # Only pixels that will be clipped can overflow.
            with np.errstate(over="ignore"):
                _subtract(rows[start : start + _ROWS_PER_BLOCK], low, out=part)
            part /= high - low
            part *= feature_high - feature_low
            part += feature_low
            if self.clip:
                np.clip(part, feature_low, feature_high, out=part)
        return restore_shape(self, scaled, X, image_shape)

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        """Scale back from `feature_range` to `pixel_range`.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Scaled pixels.

        Returns
        -------
        ndarray of the shape of `X`
            Floating-point pixels in `dtype`, neither rounded nor clipped.
            ``np.rint(pixels).astype(np.uint8)`` converts them to bytes.

        Raises
        ------
        ValueError
            If scaled pixels are not finite real numbers, or are so far outside `feature_range` that
            their pixels overflow `dtype`.
        """
        low, high, feature_low, feature_high = self._check_params()
        rows, image_shape = validate_images(self, X, reset=False)
        pixels = np.empty(rows.shape, self._output_dtype(rows))
        with np.errstate(over="ignore"):  # Infinite pixels raise an error below.
            _subtract(rows, feature_low, out=pixels)
            pixels /= feature_high - feature_low
            pixels *= high - low
            pixels += low
        if not np.isfinite(pixels).all():
            raise ValueError(
                f"Expected scaled pixels in or near feature_range={self.feature_range!r}, got some "
                f"from {rows.min():g} to {rows.max():g}, whose pixels {pixels.dtype} cannot hold."
            )
        return pixels if image_shape is None else pixels.reshape(np.asarray(X).shape)

    def _scale_tensor(self, pixels):
        """Scale a tensor of keras without checks of its values."""
        import keras

        low, high, feature_low, feature_high = self._check_params()
        scale = (feature_high - feature_low) / (high - low)
        scaled = keras.layers.Rescaling(scale, feature_low - low * scale)(pixels)
        return keras.ops.clip(scaled, feature_low, feature_high) if self.clip else scaled

    def _check_params(self):
        self._validate_params()  # fit need not come first.
        if self.dtype is not None:
            try:
                is_float = np.dtype(self.dtype).kind == "f"
            except TypeError:
                is_float = False
            if not is_float:
                raise ValueError(
                    f"dtype must be a floating-point type or None, got {self.dtype!r}."
                )
        return (
            *check_range("pixel_range", self.pixel_range),
            *check_range("feature_range", self.feature_range),
        )

    def _output_dtype(self, rows):
        """Return the dtype of scaled pixels. Raise a ValueError if it cannot hold both ranges."""
        dtype = np.dtype(np.float32) if self.dtype is None else np.dtype(self.dtype)
        if self.dtype is None and rows.dtype.kind == "f":
            dtype = rows.dtype
        least, most = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
        for name in ("pixel_range", "feature_range"):
            low, high = map(float, getattr(self, name))
            is_outside = max(-low, high, high - low) > most or high - low < least
            if is_outside or dtype.type(low) == dtype.type(high):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} does not fit {dtype}, whose numbers go from "
                    f"{least:.2g} to {most:.2g} and have {np.finfo(dtype).precision} digits: set "
                    "dtype to a larger type."
                )
        return dtype

    def _check_pixels(self, rows, low, high):
        # In the usual case, bytes in the range of bytes, there is nothing to check.
        of_bytes = rows.dtype == np.uint8 and low <= 0 and high >= 255
        if self.clip or of_bytes or rows.size == 0:
            return
        smallest, largest = rows.min(), rows.max()
        if low <= smallest and largest <= high:
            return
        what = "Negative values in data" if smallest < 0 <= low else "Pixels out of range"
        raise ValueError(
            f"{what} passed to PixelScaler: expected pixels from {low:g} to {high:g} "
            f"(pixel_range), got pixels from {smallest:g} to {largest:g}. Set pixel_range to the "
            "range of your pixels, or clip=True to clip them."
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = not self.clip and self.pixel_range[0] >= 0
        tags.transformer_tags.preserves_dtype = (
            ["float64", "float32"] if self.dtype is None else [np.dtype(self.dtype).name]
        )
        return tags
