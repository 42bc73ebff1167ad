"""Factories of complete pipelines."""

from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfashion._onnx import export_onnx
from skfashion._sklearn import Interval, StrOptions, validate_params
from skfashion.neighbors import VectorizedKNNClassifier
from skfashion.neural_network import ImageEncoder, KerasCNNClassifier
from skfashion.neural_network._presets import PRESETS, erasing_of_scaled, preset_settings
from skfashion.preprocessing import (
    FashionMNISTLoader,
    ImageLoader,
    ImageReshaper,
    PixelScaler,
)
from skfashion.preprocessing._file_memory import FileMemory

__all__ = ["export_onnx", "make_cnn_pipeline", "make_knn_pipeline", "make_photo_pipeline"]


def _settings(preset: str | None, architecture: Any, random_erasing: float | None) -> dict:
    if architecture is None:
        return preset_settings(preset or "fast", random_erasing)
    if preset is not None:
        raise ValueError(
            f"preset and architecture cannot be combined, got preset={preset!r} and architecture="
            f"{architecture!r}. Pass only one of them."
        )
    if random_erasing is None:
        return {"architecture": architecture}
    return {"architecture": architecture, "augmenter": erasing_of_scaled(random_erasing)}


def _memory(memory: Any, from_files: bool) -> Any:
    return FileMemory(memory) if from_files and memory is not None else memory


@validate_params(
    {
        "preset": [StrOptions(set(PRESETS)), None],
        "random_erasing": [Interval(Real, 0, 1, closed="both"), None],
        "from_files": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_cnn_pipeline(
    preset: str | None = None,
    *,
    architecture: Any = None,
    random_erasing: float | None = None,
    image_shape: int | tuple[int, ...] | None = None,
    from_files: bool = False,
    memory: str | PathLike | Any = None,
    **cnn_parameters: Any,
) -> Pipeline:
    """Create a pipeline that scales and reshapes pixels and trains a convolutional network.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"} or None, default=None
        Settings of the network and its training, chosen on held-out training images of
        Fashion-MNIST. With all 60,000 training images and two cores with bfloat16 instructions,
        training takes 2, 10 and 99 minutes, and the test accuracy is 0.937, 0.948 and 0.956. None
        is "fast", unless `architecture` is given. The `epochs` of a preset are ``(epochs, steps)``,
        a minimum of both, so that small data sets are trained for more epochs.

    architecture : str, callable or None, default=None
        Another architecture, as in :class:`~skfashion.neural_network.KerasCNNClassifier`, with the
        default settings of that class. None is the architecture of the preset, "small_resnet",
        which takes images of any size.

    random_erasing : float or None, default=None
        Probability, in [0, 1], that a rectangle of a training image is erased, drawn again in each
        epoch (:class:`~skfashion.preprocessing.RandomErasing`). None is the setting of the preset;
        "fast" and other architectures erase nothing. It is searched as ``cnn__augmenter__p``,
        except with "balanced" and "best", whose augmenter is a list that also shifts the images.

    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows of pixels, or the
        side of square images, as in :class:`~skfashion.preprocessing.ImageReshaper`. With
        `from_files`, it is the shape of the images that the loader returns.

    from_files : bool, default=False
        Whether the first step is an :class:`~skfashion.preprocessing.ImageLoader`, named "loader".
        The pipeline then takes a list of paths, open files, Pillow images or arrays. They become
        color images of 64 x 64 pixels, unless `image_shape` or ``loader__...`` is set.

    memory : str, joblib.Memory or None, default=None
        Cache of the steps before the last, as in :class:`~sklearn.pipeline.Pipeline`. Files that
        have changed, by their size or their times, are read again. With `from_files`, open files
        are refused, because their content cannot be identified: pass paths.

    **cnn_parameters
        Parameters of :class:`~skfashion.neural_network.KerasCNNClassifier`, which override those
        of the preset.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Its steps are "scaler", "reshaper" and "cnn", after "loader" with `from_files`. Parameters
        of the network have the prefix ``cnn__``. Pixels are expected in [0, 255]; for pixels in
        [0, 1], set ``scaler__pixel_range=(0, 1)``.

    Raises
    ------
    ValueError
        If the preset does not exist, `random_erasing` is not a probability, or both `preset` and
        `architecture`, or both `random_erasing` and `augmenter`, are given.

    Examples
    --------
    >>> from skfashion import make_cnn_pipeline
    >>> pipeline = make_cnn_pipeline("fast", random_erasing=0.15, random_state=0)
    >>> list(pipeline.named_steps)
    ['scaler', 'reshaper', 'cnn']
    >>> pipeline["cnn"].augmenter
    RandomErasing(fill_range=(0, 1), p=0.15)
    >>> make_cnn_pipeline(architecture="three_conv", epochs=5, random_state=0)
    Pipeline(steps=[('scaler', PixelScaler()), ('reshaper', ImageReshaper()),
                    ('cnn', KerasCNNClassifier(epochs=5, random_state=0))])
    >>> make_cnn_pipeline(from_files=True, image_shape=(96, 96, 3))["loader"]
    ImageLoader(image_shape=(96, 96, 3))
    """
    if random_erasing is not None and "augmenter" in cnn_parameters:
        raise ValueError("random_erasing and augmenter cannot be combined. Pass only one of them.")
    if isinstance(random_erasing, bool):  # scikit-learn's validation takes it as a number
        raise ValueError(
            f"random_erasing must be a probability, such as 0.15, or None; got {random_erasing}."
        )
    settings = _settings(preset, architecture, random_erasing)
    loader = ImageLoader() if image_shape is None else ImageLoader(image_shape)
    # The loader returns images, whose shape the reshaper keeps.
    reshaper = ImageReshaper(None if from_files else image_shape)
    return Pipeline(
        [
            *([("loader", loader)] if from_files else []),
            ("scaler", PixelScaler()),
            ("reshaper", reshaper),
            ("cnn", KerasCNNClassifier(**{**settings, **cnn_parameters})),
        ],
        memory=_memory(memory, from_files),
    )


@validate_params({"from_files": ["boolean"]}, prefer_skip_nested_validation=True)
def make_knn_pipeline(
    *, from_files: bool = False, memory: str | PathLike | Any = None, **knn_parameters: Any
) -> Pipeline:
    """Create a pipeline that scales pixels and finds exact nearest neighbors.

    Parameters
    ----------
    from_files : bool, default=False
        Whether the first step is a :class:`~skfashion.preprocessing.FashionMNISTLoader`, named
        "loader". The pipeline then takes a list of paths, open files, Pillow images or arrays. For
        images of another size than 28 x 28, use ``set_params(loader__image_shape=...)``.

    memory : str, joblib.Memory or None, default=None
        Cache of the steps before the last, as in :class:`~sklearn.pipeline.Pipeline`. Files that
        have changed, by their size or their times, are read again. With `from_files`, open files
        are refused, because their content cannot be identified: pass paths.

    **knn_parameters
        Parameters of :class:`~skfashion.neighbors.VectorizedKNNClassifier`. The scaler refuses
        missing pixels. For ``metric="nan_euclidean"``, scale the pixels yourself and set
        ``scaler="passthrough"``.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Its steps are "scaler", "sqrt" and "knn", after "loader" with `from_files`. Parameters of
        the classifier have the prefix ``knn__``. Pixels are expected in [0, 255]; for pixels in
        [0, 1], set ``scaler__pixel_range=(0, 1)``.

    Notes
    -----
    "sqrt" takes the square root of each pixel, which reduces the weight of bright pixels, as in the
    Hellinger distance (Arandjelovic and Zisserman, "Three things everyone should know to improve
    object retrieval", CVPR 2012). On Fashion-MNIST, it improves the accuracy by about one percent.
    ``sqrt="passthrough"`` turns it off.

    Examples
    --------
    >>> from skfashion import make_knn_pipeline
    >>> pipeline = make_knn_pipeline(n_neighbors=4, weights="distance")
    >>> list(pipeline.named_steps)
    ['scaler', 'sqrt', 'knn']
    >>> pipeline.set_params(knn__metric="cosine")["knn"]
    VectorizedKNNClassifier(metric='cosine', n_neighbors=4, weights='distance')
    """
    return Pipeline(
        [
            *([("loader", FashionMNISTLoader())] if from_files else []),
            ("scaler", PixelScaler()),
            ("sqrt", FunctionTransformer(np.sqrt, feature_names_out="one-to-one")),
            ("knn", VectorizedKNNClassifier(**knn_parameters)),
        ],
        memory=_memory(memory, from_files),
    )


_PHOTO_PRESETS: dict[str, dict[str, Any]] = {
    "fast": {},
    "balanced": {"image_size": 352, "horizontal_flip": True},
}


@validate_params({"preset": [StrOptions(set(_PHOTO_PRESETS))]}, prefer_skip_nested_validation=True)
def make_photo_pipeline(
    preset: str = "fast", *, memory: str | PathLike | Any = None, **encoder_parameters: Any
) -> Pipeline:
    """Create a pipeline that classifies photographs by the features of a pretrained network.

    Parameters
    ----------
    preset : {"fast", "balanced"}, default="fast"
        "fast" encodes photographs at 288 x 288 pixels. "balanced" encodes them at 352 x 352 pixels,
        and their mirror images too, which takes 2.5 times as long.

    memory : str, joblib.Memory or None, default=None
        Cache of the steps before the last, as in :class:`~sklearn.pipeline.Pipeline`, so that a
        grid search encodes each photograph once per fold. Files that have changed, by their size or
        their times, are read again. Open files are refused, because their content cannot be
        identified: pass paths.

    **encoder_parameters
        Parameters of :class:`~skfashion.neural_network.ImageEncoder`, which override those of the
        preset.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Its steps are "encoder", "scaler" and "classifier", a logistic regression. Another
        classifier takes its place by ``set_params(classifier=...)``, such as
        :class:`~skfashion.neighbors.VectorizedKNNClassifier` for similar items.

    Raises
    ------
    ValueError
        If the preset does not exist.

    See Also
    --------
    skfashion.datasets.load_image_folder : Lists photographs and their labels.
    make_cnn_pipeline : With ``from_files=True``, trains a network from scratch.

    Examples
    --------
    >>> from skfashion import make_photo_pipeline
    >>> make_photo_pipeline(n_jobs=2)
    Pipeline(steps=[('encoder', ImageEncoder(n_jobs=2)),
                    ('scaler', StandardScaler()),
                    ('classifier', LogisticRegression(C=0.005, max_iter=1000))])
    """
    encoder = ImageEncoder(**{**_PHOTO_PRESETS[preset], **encoder_parameters})
    return Pipeline(
        [
            ("encoder", encoder),
            ("scaler", StandardScaler()),
            ("classifier", LogisticRegression(C=0.005, max_iter=1000)),
        ],
        memory=_memory(memory, from_files=True),
    )
