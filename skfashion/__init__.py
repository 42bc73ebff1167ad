"""Image classifiers for clothes that scikit-learn treats as its own.

The public names are loaded when they are first used (PEP 562), so that ``import skfashion``
costs next to nothing and loads neither keras nor matplotlib.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "ImageLoader": "skfashion.preprocessing",
    "ImageReshaper": "skfashion.preprocessing",
    "KerasCNNClassifier": "skfashion.neural_network",
    "PixelScaler": "skfashion.preprocessing",
    "RandomErasing": "skfashion.preprocessing",
    "VectorizedKNNClassifier": "skfashion.neighbors",
    "export_onnx": "skfashion.pipeline",
    "make_cnn_pipeline": "skfashion.pipeline",
    "make_knn_pipeline": "skfashion.pipeline",
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
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"skfashion.{name}")
    raise AttributeError(f"module 'skfashion' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOMES, *_SUBPACKAGES])
