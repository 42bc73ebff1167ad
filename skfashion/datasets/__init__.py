"""Fashion-MNIST itself, readers of its two file forms, and generated images of clothes."""

from ._csv import read_fashion_csv
from ._fashion_mnist import fetch_fashion_mnist
from ._generate import make_fashion_images
from ._idx import read_idx

__all__ = ["fetch_fashion_mnist", "make_fashion_images", "read_fashion_csv", "read_idx"]
