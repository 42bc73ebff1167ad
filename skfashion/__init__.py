"""Image classifiers for clothes, as scikit-learn estimators.

Public names are loaded at their first use (PEP 562), so that ``import skfashion`` is fast and loads
neither keras nor matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # For type checkers and editors, which do not run `__getattr__`.
    from skfashion.neighbors import VectorizedKNNClassifier
    from skfashion.neural_network import ImageEncoder, KerasCNNClassifier
    from skfashion.pipeline import (
        export_onnx,
        make_cnn_pipeline,
        make_knn_pipeline,
        make_photo_pipeline,
    )
    from skfashion.preprocessing import (
        FashionMNISTLoader,
        ImageLoader,
        ImageReshaper,
        PixelScaler,
        RandomErasing,
    )

__version__ = "0.1.0"

_MODULES = {
    "FashionMNISTLoader": "skfashion.preprocessing",
    "ImageEncoder": "skfashion.neural_network",
    "ImageLoader": "skfashion.preprocessing",
    "ImageReshaper": "skfashion.preprocessing",
    "KerasCNNClassifier": "skfashion.neural_network",
    "PixelScaler": "skfashion.preprocessing",
    "RandomErasing": "skfashion.preprocessing",
    "VectorizedKNNClassifier": "skfashion.neighbors",
    "export_onnx": "skfashion.pipeline",
    "make_cnn_pipeline": "skfashion.pipeline",
    "make_knn_pipeline": "skfashion.pipeline",
    "make_photo_pipeline": "skfashion.pipeline",
}
_SUBPACKAGES = [
    "datasets",
    "inspection",
    "neighbors",
    "neural_network",
    "pipeline",
    "preprocessing",
]

__all__ = [
    "FashionMNISTLoader",
    "ImageEncoder",
    "ImageLoader",
    "ImageReshaper",
    "KerasCNNClassifier",
    "PixelScaler",
    "RandomErasing",
    "VectorizedKNNClassifier",
    "__version__",
    "export_onnx",
    "make_cnn_pipeline",
    "make_knn_pipeline",
    "make_photo_pipeline",
]


if not TYPE_CHECKING:
    # Hidden from type checkers, which would accept misspelled names otherwise.
    def __getattr__(name):
        if name in _MODULES:
            return getattr(import_module(_MODULES[name]), name)
        if name in _SUBPACKAGES:
            return import_module(f"skfashion.{name}")
        raise AttributeError(f"module 'skfashion' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES, *_SUBPACKAGES])
