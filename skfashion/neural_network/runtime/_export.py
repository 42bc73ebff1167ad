"""Export of networks to files that can be used without skfashion."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skfashion._files import replacing

from ._keras import building
from ._models import assign
from ._serialization import deserialize

if TYPE_CHECKING:
    import keras

_ENDINGS = (".keras", ".h5", ".hdf5")
_NORMALIZATION = {
    "module": "keras.layers",
    "class_name": "BatchNormalization",
    "registered_name": None,
}


def plain_model(
    serialized: str,
    weights: list[NDArray],
    *,
    image_shape: tuple[int, int, int],
    views: Callable[[Any], Iterable[Any]],
    precision: str,
) -> keras.Model:
    """Return a model without layers of skfashion that predicts as the classifier does.

    Parameters
    ----------
    serialized : str
        The network, as returned by `serialize`.
    weights : list of ndarray
        Values of all variables of the network.
    image_shape : tuple of int
        ``(height, width, channels)``.
    views : callable
        Function that maps a tensor of images to the tensors whose predictions are averaged.
    precision : {"float32", "float64"}
        Floating-point precision of the model.

    Returns
    -------
    keras.Model
        The model, not compiled: the network itself, or the average of its predictions if there
        are several views.
    """
    plain = _plain(json.loads(serialized), precision)
    with building(precision, seed=0) as keras:  # The initial weights are overwritten.
        network = deserialize(json.dumps(plain), "model", weights)
        assign(network, weights)
        images = keras.Input(image_shape)
        predicted = [network(view) for view in views(images)]
        if len(predicted) == 1:
            return network
        return keras.Model(images, keras.layers.Average()(predicted))


def save_model(model: keras.Model, path: str | bytes | os.PathLike, *, is_average: bool) -> None:
    """Save a model to a file, in the format given by the ending of its name.

    A model that averages over views (`is_average`) needs ``.keras``, because HDF5 does not
    support the operations that make the views.
    """
    path = Path(os.fsdecode(path))
    if path.suffix not in _ENDINGS:
        raise ValueError(
            f"path must end in one of {', '.join(_ENDINGS)}, which selects the format; got "
            f"{str(path)!r}."
        )
    if is_average and path.suffix != ".keras":
        raise ValueError(
            f"HDF5 files cannot contain test-time augmentation, got {str(path)!r}. Use a path that "
            "ends in .keras, or set horizontal_flip=False and tta_shifts=0, which also changes the "
            "predictions of the classifier."
        )
    with replacing(path) as unfinished, warnings.catch_warnings():
        # NumPy deprecates the way in which keras reads its variables.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(unfinished)


def _plain(config: Any, precision: str) -> Any:
    """Replace the layers of skfashion, and all precisions, in the config of a network."""
    if isinstance(config, list):
        return [_plain(part, precision) for part in config]
    if not isinstance(config, dict):
        return config
    config = {name: _plain(part, precision) for name, part in config.items()}
    if config.get("registered_name") == "skfashion>BatchNormalization":
        config.update(_NORMALIZATION)
    if config.get("class_name") == "DTypePolicy":
        config["config"] = {"name": precision}
    return config


def export_onnx(
    path: str | os.PathLike[str],
    model: keras.Model,
    steps: Sequence[Callable[[Any], Any]],
    *,
    image_shape: tuple[int, int, int],
    classes: NDArray,
) -> None:
    """Save preprocessing steps and a model as an ONNX file.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file.
    model : keras.Model
        Model from images to probabilities, in float32.
    steps : list of callable
        Functions from tensors of pixels to tensors of pixels, applied before the model.
    image_shape : tuple of int
        ``(height, width, channels)``.
    classes : ndarray of shape (n_classes,)
        Class labels, stored in the metadata of the file.
    """
    import onnx

    n_features = prod(image_shape)
    with building("float32", seed=0) as keras:
        pixels = x = keras.Input((n_features,), dtype="float32", name="pixels")
        for step in steps:
            x = step(x)
        whole = keras.Model(pixels, model(keras.layers.Reshape(image_shape)(x)))
    # keras exports only models that have been called.
    whole(np.zeros((1, n_features), dtype=np.float32))
    with replacing(path) as unfinished, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx uses deprecated functions of NumPy.
        whole.export(unfinished, format="onnx", verbose=False)
        exported = onnx.load(unfinished)
        _name_output_and_batch(exported.graph)
        onnx.helper.set_model_props(exported, {"classes": _as_json(classes)})
        onnx.save(exported, unfinished)


def _as_json(classes: NDArray) -> str:
    if classes.dtype.kind in "mM":  # `tolist` turns nanoseconds into integers.
        classes = classes.astype(str)
    return json.dumps(classes.tolist(), default=str)


def _name_output_and_batch(graph: Any) -> None:
    """Name the output "probabilities" and the batch axis "n"."""
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = ["probabilities" if n == output.name else n for n in node.output]
        node.input[:] = ["probabilities" if n == output.name else n for n in node.input]
    output.name = "probabilities"
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "n"
