"""Transformers from the pixels of a file to the images that a network takes."""

from ._image_reshaper import ImageReshaper
from ._pixel_scaler import PixelScaler

__all__ = ["ImageReshaper", "PixelScaler"]
