"""Transformers that turn photographs and rows of pixels into images for a network."""

from ._fashion_mnist_loader import FashionMNISTLoader
from ._image_loader import ImageLoader
from ._image_reshaper import ImageReshaper
from ._pixel_scaler import PixelScaler
from ._random_erasing import RandomErasing

__all__ = ["FashionMNISTLoader", "ImageLoader", "ImageReshaper", "PixelScaler", "RandomErasing"]
