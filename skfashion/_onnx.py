"""Pipelines to ONNX."""

from importlib.util import find_spec

from sklearn.pipeline import Pipeline

from skfashion.neural_network import KerasCNNClassifier
from skfashion.preprocessing import ImageReshaper, PixelScaler, RandomErasing


def export_onnx(estimator, path):
    """Write a trained network, with the steps before it, to a file for other runtimes.

    The graph takes float32 rows of pixels, "pixels" of shape (n, n_features), as the first step of
    the pipeline takes them, and gives "probabilities" of shape (n, n_classes), in the order of
    ``classes_``, which are in the file's metadata as JSON, under "classes": strings, numbers and
    booleans as they are, dates and times as ISO 8601 has them. It computes in float32 whatever the
    precision of training was, and averages over mirrored and moved images as the classifier does.

    Parameters
    ----------
    estimator : Pipeline or KerasCNNClassifier
        Fitted; a pipeline as of :func:`~skfashion.make_cnn_pipeline`, or of other steps among
        PixelScaler, ImageReshaper and RandomErasing.

    path : str, bytes or os.PathLike
        Where to write; a file that is there, or that a link there leads to, is replaced, once the
        new one is whole, and the new one takes its mode.

    Raises
    ------
    ImportError
        If tf2onnx is not installed.
    TypeError
        If there are other steps, which cannot be exported.

    Notes
    -----
    Needs tf2onnx: ``pip install "skfashion[onnx]"``.

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
            "export_onnx takes a KerasCNNClassifier, or a pipeline that ends in one, of a search "
            f"its best_estimator_; got {estimator!r}."
        )
    *before, classifier = steps
    for step in before:
        if not isinstance(step, PixelScaler | ImageReshaper | RandomErasing):
            raise TypeError(
                "export_onnx knows PixelScaler, ImageReshaper and RandomErasing as steps before a "
                f"network, got {step!r}: export the steps after it only, and do what it does in "
                "the other runtime."
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
