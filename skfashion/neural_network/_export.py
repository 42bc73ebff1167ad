"""Networks for others than skfashion."""

import json
import warnings
from math import prod
from pathlib import Path

import numpy as np

from skfashion._files import replacing

from ._described import revive
from ._engines import assign
from ._keras import building, load_keras

keras = load_keras()

_ENDINGS = (".keras", ".h5", ".hdf5")
_NORMALIZATION = {
    "module": "keras.layers",
    "class_name": "BatchNormalization",
    "registered_name": None,
}


def plain_model(description, weights, precision=None):
    """Return a model, not compiled, of keras' own layers where it was made of ours.

    Parameters
    ----------
    description : str
        As `describe` has it.
    weights : list of ndarray
        Of all of its variables.
    precision : str or None, default=None
        Of the arithmetic; None: as it was.
    """
    described = _plain(json.loads(description), precision)
    with building("float32", seed=0):  # of no consequence: layers have types, weights are put in
        model = revive(json.dumps(described))
    assign(model, weights)
    return model


def save_model(model, path):
    """Write a model to a file, in the format by which it ends."""
    path = Path(path)
    if path.suffix not in _ENDINGS:
        raise ValueError(
            f"path must end in one of {', '.join(_ENDINGS)}, which tells keras the format; got "
            f"{str(path)!r}."
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
    if precision is not None and described.get("class_name") == "DTypePolicy":
        described["config"] = {"name": precision}
    return described


def export_onnx(path, model, steps, *, image_shape, views, classes):
    """Write a model, and what comes before and after it, as ONNX.

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
    views : callable
        From a tensor of images to the tensors that predictions are averaged over.
    classes : list
        Labels, to be written along.
    """
    import onnx

    n_features = prod(image_shape)
    pixels = x = keras.Input((n_features,), dtype="float32", name="pixels")
    for step in steps:
        x = step(x)
    images = keras.layers.Reshape(image_shape)(x)
    predicted = [model(view) for view in views(images)]
    whole = keras.Model(pixels, sum(predicted) / len(predicted))
    whole(np.zeros((1, n_features), dtype=np.float32))  # keras exports what was called only
    with replacing(path) as unfinished, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx is of the days of NumPy 1
        whole.export(unfinished, format="onnx", verbose=False)
        exported = onnx.load(unfinished)
        _name_ends(exported.graph)
        onnx.helper.set_model_props(exported, {"classes": json.dumps(classes)})
        onnx.save(exported, unfinished)


def _name_ends(graph):
    """Name the output, and the number of images, for people to find them."""
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = ["probabilities" if n == output.name else n for n in node.output]
        node.input[:] = ["probabilities" if n == output.name else n for n in node.input]
    output.name = "probabilities"
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "n"
