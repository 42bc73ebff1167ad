"""Export of pipelines to ONNX."""

import os
from importlib.util import find_spec

from sklearn.pipeline import Pipeline

from skfashion.neural_network import KerasCNNClassifier
from skfashion.preprocessing import ImageReshaper, PixelScaler, RandomErasing


def export_onnx(
    estimator: Pipeline | KerasCNNClassifier,
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
) -> None:
    """Export a fitted network, with the steps before it, to an ONNX file.

    The input of the graph is "pixels", float32 rows of shape (n, n_features), as the first step of
    the pipeline takes them. Its output is "probabilities" of shape (n, n_classes), in the order of
    ``classes_``. The metadata of the file contains the classes as JSON, under "classes": strings,
    numbers and booleans as such, dates and times in ISO 8601. The graph computes in float32, even
    if training used another precision, and includes test-time augmentation.

    Parameters
    ----------
    estimator : Pipeline or KerasCNNClassifier
        Fitted classifier, or a fitted pipeline such as :func:`~skfashion.make_cnn_pipeline`. Its
        other steps must be PixelScaler, ImageReshaper or RandomErasing.

    path : str, bytes or os.PathLike
        Path of the file. If there is a file, or a link to a file, the file is replaced when the new
        one is complete. The new file has the mode of the old one.

    Raises
    ------
    ImportError
        If tf2onnx is not installed.
    TypeError
        If the pipeline has other steps.

    Notes
    -----
    This needs tf2onnx: ``pip install "skfashion[onnx]"``.

    Examples
    --------
    >>> from skfashion import export_onnx, make_cnn_pipeline
    >>> from skfashion.datasets import make_fashion_images
    >>> X, y = make_fashion_images(100, random_state=0, return_X_y=True)
    >>> pipeline = make_cnn_pipeline(epochs=1, random_state=0).fit(X, y)
    >>> export_onnx(pipeline, "clothes.onnx")  # doctest: +SKIP
    """
    steps = list(_steps(estimator))
    if not steps or not isinstance(steps[-1], KerasCNNClassifier):
        raise TypeError(
            "Expected a KerasCNNClassifier or a pipeline that ends in one, got "
            f"{estimator!r}. For a search, pass its best_estimator_."
        )
    *before, classifier = steps
    for step in before:
        if not isinstance(step, PixelScaler | ImageReshaper | RandomErasing):
            raise TypeError(
                "export_onnx supports PixelScaler, ImageReshaper and RandomErasing before a "
                f"network, got {step!r}. Export only the steps after it, and apply it before the "
                "graph."
            )
    if find_spec("tf2onnx") is None:
        raise ImportError('export_onnx needs tf2onnx: pip install "skfashion[onnx]"')
    scalers = [step for step in before if isinstance(step, PixelScaler)]
    classifier._export_onnx(path, [scaler._scale_tensor for scaler in scalers])


def _steps(estimator):
    if isinstance(estimator, Pipeline):
        for step in estimator:
            yield from _steps(step)
    elif estimator not in (None, "passthrough"):
        yield estimator
