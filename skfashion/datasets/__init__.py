"""Fashion-MNIST itself, folders of pictures, readers of files, and generated images of clothes."""

from ._csv import read_fashion_csv
from ._fashion_mnist import fetch_fashion_mnist
from ._generate import make_fashion_images
from ._idx import read_idx
from ._image_folder import load_image_folder

__all__ = [
    "fetch_fashion_mnist",
    "load_image_folder",
    "make_fashion_images",
    "read_fashion_csv",
    "read_idx",
]
