"""Convolutional networks that are scikit-learn classifiers; keras is loaded by their first use."""

from ._keras_cnn_classifier import KerasCNNClassifier
from .architectures._resnet import small_resnet
from .architectures._write_ups import (
    one_conv_dropout,
    three_conv,
    three_conv_dropout,
    two_conv_dropout,
)

__all__ = [
    "KerasCNNClassifier",
    "one_conv_dropout",
    "small_resnet",
    "three_conv",
    "three_conv_dropout",
    "two_conv_dropout",
]
