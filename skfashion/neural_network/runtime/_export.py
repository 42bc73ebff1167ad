"""Networks for others than skfashion."""

import json
import os
import warnings
from math import prod
from pathlib import Path

import numpy as np

from skfashion._files import replacing

from ._keras import building
from ._models import assign
from ._serialization import deserialize

_ENDINGS = (".keras", ".h5", ".hdf5")
_NORMALIZATION = {
    "module": "keras.layers",
    "class_name": "BatchNormalization",
    "registered_name": None,
}


def plain_model(description, weights, *, image_shape, views, precision):
    """Return what predicts as a classifier does, as a model of keras' own layers.

    Parameters
    ----------
    description : str
        Of the network, as `serialize` has it.
    weights : list of ndarray
        Of all of its variables.
    image_shape : tuple of int
        ``(height, width, channels)``.
    views : callable
        From a tensor of images to the tensors that predictions are averaged over.
    precision : {"float32", "float64"}
        Of the arithmetic.

    Returns
    -------
    keras.Model
        Not compiled. The network itself where there is one view only.
    """
    described = _plain(json.loads(description), precision)
    with building(precision, seed=0) as keras:  # of no consequence: weights are put in
        network = deserialize(json.dumps(described), "model", weights)
        assign(network, weights)
        images = keras.Input(image_shape)
        predicted = [network(view) for view in views(images)]
        if len(predicted) == 1:
            return network
        return keras.Model(images, keras.layers.Average()(predicted))


def save_model(model, path, *, is_average):
    """Write a model to a file, in the format by which it ends.

    Only ``.keras`` takes one that averages over views, whose operations HDF5 does not know.
    """
    path = Path(os.fsdecode(path))
    if path.suffix not in _ENDINGS:
        raise ValueError(
            f"path must end in one of {', '.join(_ENDINGS)}, which tells keras the format; got "
            f"{str(path)!r}."
        )
    if is_average and path.suffix != ".keras":
        raise ValueError(
            f"HDF5 cannot hold test-time augmentation, got {str(path)!r}. Choose a path that ends "
            "in .keras, or set horizontal_flip=False and tta_shifts=0, which also changes the "
            "predictions of the classifier."
        )
    with replacing(path) as unfinished, warnings.catch_warnings():
        # keras' own way of reading its variables is deprecated by NumPy.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(unfinished)


def _plain(described, precision):
    if isinstance(described, list):
        return [_plain(part, precision) for part in described]
    if not isinstance(described, dict):
        return described
    described = {name: _plain(part, precision) for name, part in described.items()}
    if described.get("registered_name") == "skfashion>BatchNormalization":
        described.update(_NORMALIZATION)
    if described.get("class_name") == "DTypePolicy":
        described["config"] = {"name": precision}
    return described


def export_onnx(path, model, steps, *, image_shape, classes):
    """Write a model, and what comes before it, as ONNX.

    Parameters
    ----------
    path : str or os.PathLike
        Of the file.
    model : keras.Model
        From images to probabilities, in float32.
    steps : list of callable
        From tensors of pixels to tensors of pixels.
    image_shape : tuple of int
        ``(height, width, channels)``.
    classes : ndarray of shape (n_classes,)
        Labels, to be written along.
    """
    import onnx

    n_features = prod(image_shape)
    with building("float32", seed=0) as keras:
        pixels = x = keras.Input((n_features,), dtype="float32", name="pixels")
        for step in steps:
            x = step(x)
        whole = keras.Model(pixels, model(keras.layers.Reshape(image_shape)(x)))
    whole(np.zeros((1, n_features), dtype=np.float32))  # keras exports what was called only
    with replacing(path) as unfinished, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx is of the days of NumPy 1
        whole.export(unfinished, format="onnx", verbose=False)
        exported = onnx.load(unfinished)
        _name_ends(exported.graph)
        onnx.helper.set_model_props(exported, {"classes": _as_json(classes)})
        onnx.save(exported, unfinished)


def _as_json(classes):
    if classes.dtype.kind in "mM":  # of nanoseconds, `tolist` makes integers
        classes = classes.astype(str)
    return json.dumps(classes.tolist(), default=str)


def _name_ends(graph):
    """Name the output, and the number of images, for people to find them."""
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = ["probabilities" if n == output.name else n for n in node.output]
        node.input[:] = ["probabilities" if n == output.name else n for n in node.input]
    output.name = "probabilities"
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "n"
