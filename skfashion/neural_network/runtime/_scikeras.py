"""The one module that knows scikeras.

A ``scikeras.wrappers.KerasClassifier`` holds the network for those who ask for it. Training and
prediction go to its keras model directly: scikeras' own ``fit`` takes whole arrays only, reseeds
the global generators and shares callbacks between fits, and its ``predict_proba`` drops an axis.
"""

import numpy as np

from ._keras import load_keras

load_keras()  # quietly, before scikeras does

from scikeras.wrappers import KerasClassifier  # noqa: E402


class _Codes:
    """An encoder of labels that are 0, 1, ... already.

    scikeras' own fits pipelines of scikit-learn's for that, which those who watch fits, such as
    mlflow, take for the user's.
    """

    def __init__(self, n_classes):
        self._n_classes = n_classes

    def fit(self, y):
        return self

    def transform(self, y):
        return y

    def inverse_transform(self, y, return_proba=False):
        return y if return_proba else y.argmax(axis=1)

    def get_metadata(self):
        return {
            "classes_": np.arange(self._n_classes),
            "n_classes_": self._n_classes,
            "n_outputs_": 1,
            "n_outputs_expected_": 1,
        }


class _Images:
    """What images pass through before the network: nothing."""

    def fit(self, X):
        return self

    def transform(self, X):
        return X


class _Unfitted(KerasClassifier):
    """A classifier that is initialized for codes and images."""

    @property
    def target_encoder(self):
        return _Codes(self._n_codes)

    @property
    def feature_encoder(self):
        return _Images()


def wrap_model(model, image_shape, n_classes):
    """Return a scikeras classifier that holds a compiled network, its classes known as 0, 1, ..."""
    wrapper = _Unfitted(model=model, verbose=0)
    wrapper._n_codes = n_classes
    images = np.zeros((n_classes, *image_shape), dtype=np.float32)
    wrapper.initialize(images, np.arange(n_classes))
    del wrapper._n_codes
    wrapper.__class__ = KerasClassifier  # whose own encoders its own `fit` takes, if it is called
    return wrapper
