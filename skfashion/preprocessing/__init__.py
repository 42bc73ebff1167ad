"""Transformers from photographs and pixels of a file to the images that a network takes."""

from ._fashion_mnist_loader import FashionMNISTLoader
from ._image_loader import ImageLoader
from ._image_reshaper import ImageReshaper
from ._pixel_scaler import PixelScaler
from ._random_erasing import RandomErasing

__all__ = ["FashionMNISTLoader", "ImageLoader", "ImageReshaper", "PixelScaler", "RandomErasing"]
