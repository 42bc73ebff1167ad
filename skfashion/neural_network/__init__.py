"""Convolutional networks as scikit-learn estimators. Their first use loads keras."""

from ._image_encoder import ImageEncoder
from ._keras_cnn_classifier import KerasCNNClassifier
from .architectures._resnet import small_resnet
from .architectures._write_ups import (
    one_conv_dropout,
    three_conv,
    three_conv_dropout,
    two_conv_dropout,
)

__all__ = [
    "ImageEncoder",
    "KerasCNNClassifier",
    "one_conv_dropout",
    "small_resnet",
    "three_conv",
    "three_conv_dropout",
    "two_conv_dropout",
]
