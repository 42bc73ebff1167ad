"""Convolutional networks that are scikit-learn classifiers; keras is loaded by their first use."""

from ._architectures import one_conv_dropout, three_conv, three_conv_dropout, two_conv_dropout
from ._keras_cnn_classifier import KerasCNNClassifier
from ._residual import residual

__all__ = [
    "KerasCNNClassifier",
    "one_conv_dropout",
    "residual",
    "three_conv",
    "three_conv_dropout",
    "two_conv_dropout",
]
