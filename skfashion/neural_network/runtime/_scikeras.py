"""The only module that uses scikeras.

A ``scikeras.wrappers.KerasClassifier`` holds the network for users who ask for it. Training and
prediction use its keras model directly, because ``fit`` of scikeras takes only whole arrays,
reseeds the global generators and shares callbacks between fits, and its ``predict_proba`` drops an
axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ._keras import load_keras

# scikeras would load keras with TensorFlow's messages.
load_keras()

from scikeras.wrappers import KerasClassifier  # noqa: E402

if TYPE_CHECKING:
    import keras


class _CodeEncoder:
    """Label encoder for labels that are 0, 1, ... already.

    The encoder of scikeras fits scikit-learn pipelines, which tools that record fits, such as
    mlflow, mistake for those of the user.
    """

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes

    def fit(self, y: NDArray) -> Self:
        return self

    def transform(self, y: NDArray) -> NDArray:
        return y

    def inverse_transform(self, y: NDArray, return_proba: bool = False) -> NDArray:
        return y if return_proba else y.argmax(axis=1)

    def get_metadata(self) -> dict[str, Any]:
        return {
            "classes_": np.arange(self._n_classes),
            "n_classes_": self._n_classes,
            "n_outputs_": 1,
            "n_outputs_expected_": 1,
        }


class _ImageEncoder:
    """Transformer that leaves images unchanged."""

    def fit(self, X: NDArray) -> Self:
        return self

    def transform(self, X: NDArray) -> NDArray:
        return X


class _Unfitted(KerasClassifier):
    """scikeras classifier with the encoders above, for its initialization."""

    @property
    def target_encoder(self) -> _CodeEncoder:
        return _CodeEncoder(self._n_codes)

    @property
    def feature_encoder(self) -> _ImageEncoder:
        return _ImageEncoder()


def wrap_model(
    model: keras.Model, image_shape: tuple[int, int, int], n_classes: int
) -> KerasClassifier:
    """Return a scikeras classifier that holds a compiled network; its classes are 0, 1, ..."""
    wrapper = _Unfitted(model=model, verbose=0)
    wrapper._n_codes = n_classes
    images = np.zeros((n_classes, *image_shape), dtype=np.float32)
    wrapper.initialize(images, np.arange(n_classes))
    del wrapper._n_codes
    # If the user calls its `fit`, it must use the encoders of scikeras.
    wrapper.__class__ = KerasClassifier
    return wrapper
