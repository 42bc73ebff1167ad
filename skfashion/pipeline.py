"""Pipelines ready to fit."""

from numbers import Real

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion._onnx import export_onnx
from skfashion._sklearn import Interval, StrOptions, validate_params
from skfashion.neighbors import VectorizedKNNClassifier
from skfashion.neural_network import KerasCNNClassifier
from skfashion.neural_network._presets import PRESETS, erasing_of_scaled, preset_settings
from skfashion.preprocessing import ImageLoader, ImageReshaper, PixelScaler
from skfashion.preprocessing._file_memory import FileMemory

__all__ = ["export_onnx", "make_cnn_pipeline", "make_knn_pipeline"]


def _settings(preset, architecture, random_erasing):
    if architecture is None:
        return preset_settings(preset or "fast", random_erasing)
    if preset is not None:
        raise ValueError(
            f"A preset comes with its architecture: pass preset={preset!r} or architecture="
            f"{architecture!r} only."
        )
    if random_erasing is None:
        return {"architecture": architecture}
    return {"architecture": architecture, "augmenter": erasing_of_scaled(random_erasing)}


def _loader(from_files, image_shape=None):
    """Return the first step of a pipeline that takes photographs, in a list that may be empty."""
    if not from_files:
        return []
    return [("loader", ImageLoader() if image_shape is None else ImageLoader(image_shape))]


def _memory(memory, from_files):
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
    preset=None,
    *,
    architecture=None,
    random_erasing=None,
    image_shape=None,
    from_files=False,
    memory=None,
    **cnn_parameters,
):
    """Make a pipeline from pixels of bytes to the classes of a convolutional network.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"} or None, default=None
        Settings of the network and of its training that need no further choice, found on
        Fashion-MNIST: a larger network and more epochs from one to the next. On two cores with
        bfloat16 instructions, its 60,000 training images take 2, 10 and 99 minutes, and the
        accuracy on its test images is 0.937, 0.948 and 0.956. None: "fast", or with an
        `architecture` the defaults of :class:`~skfashion.neural_network.KerasCNNClassifier`.
        Fewer images are gone through more often, so that the optimizer takes enough steps: a
        preset's `epochs` are ``(epochs, steps)``, at least so many of both; the fitted network has
        ``n_iter_`` and ``n_steps_``. ``epochs=...`` sets another number.

    architecture : str, callable or None, default=None
        A network of one's own choice, as in :class:`~skfashion.neural_network.KerasCNNClassifier`.
        None: that of the preset, "small_resnet", which takes images of any size.

    random_erasing : float or None, default=None
        Probability, in [0, 1], that a training image has a rectangle erased, anew in each epoch
        (:class:`~skfashion.preprocessing.RandomErasing`). None: as the preset has it: "fast" and
        networks of one's own choice erase nothing. With these two, a search sets it by
        ``cnn__augmenter__p``; the other two presets move images by a pixel or two first, so that
        their augmenter is a list, of which a search sets the whole.

    image_shape : int, tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows of pixels, or the
        side of square ones, as in :class:`~skfashion.preprocessing.ImageReshaper`; with
        `from_files`, those that the loader makes.

    from_files : bool, default=False
        Whether the pipeline begins with a step "loader", an
        :class:`~skfashion.preprocessing.ImageLoader`, and so takes photographs: a list of paths, of
        open files, of images of Pillow or of arrays. They become 28 x 28 gray images, unless
        `image_shape` or ``loader__...`` says otherwise.

    memory : str, joblib.Memory or None, default=None
        Where :class:`~sklearn.pipeline.Pipeline` caches the steps before the last, if anywhere.
        Files that have changed since, by their size or time of change, are read again. With
        `from_files`, open files are refused, as their content could change: pass paths.

    **cnn_parameters
        Other parameters of :class:`~skfashion.neural_network.KerasCNNClassifier`, instead of
        those of the preset.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps "scaler", "reshaper" and "cnn", after "loader" with `from_files`, so that a
        search sets ``cnn__learning_rate`` and the like. Pixels are expected from 0 to 255; for
        those in [0, 1], set ``scaler__pixel_range=(0, 1)``.

    Raises
    ------
    ValueError
        If there is no such preset, `random_erasing` is no probability, or two parameters
        contradict each other: `preset` and `architecture`, or `random_erasing` and `augmenter`.

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
    >>> make_cnn_pipeline(from_files=True, image_shape=(64, 64, 3))["loader"]
    ImageLoader(image_shape=(64, 64, 3))
    """
    if random_erasing is not None and "augmenter" in cnn_parameters:
        raise ValueError(
            "random_erasing sets the augmenter: pass one of random_erasing and augmenter only."
        )
    if isinstance(random_erasing, bool):  # a number to scikit-learn, but meant as a switch
        raise ValueError(
            f"random_erasing is a probability, such as 0.15, or None; got {random_erasing}."
        )
    settings = _settings(preset, architecture, random_erasing)
    # Images that are loaded have a shape, which the reshaper takes from them.
    reshaper = ImageReshaper(None if from_files else image_shape)
    return Pipeline(
        [
            *_loader(from_files, image_shape),
            ("scaler", PixelScaler()),
            ("reshaper", reshaper),
            ("cnn", KerasCNNClassifier(**{**settings, **cnn_parameters})),
        ],
        memory=_memory(memory, from_files),
    )


@validate_params({"from_files": ["boolean"]}, prefer_skip_nested_validation=True)
def make_knn_pipeline(*, from_files=False, memory=None, **knn_parameters):
    """Make a pipeline from pixels of bytes to the classes of their nearest neighbours.

    Parameters
    ----------
    from_files : bool, default=False
        Whether the pipeline begins with a step "loader", an
        :class:`~skfashion.preprocessing.ImageLoader`, and so takes photographs: a list of paths, of
        open files, of images of Pillow or of arrays; of other sizes than 28 x 28 by
        ``set_params(loader__image_shape=...)``.

    memory : str, joblib.Memory or None, default=None
        Where :class:`~sklearn.pipeline.Pipeline` caches the steps before the last, if anywhere.
        Files that have changed since, by their size or time of change, are read again. With
        `from_files`, open files are refused, as their content could change: pass paths.

    **knn_parameters
        All parameters of :class:`~skfashion.neighbors.VectorizedKNNClassifier`. The scaler refuses
        missing pixels: for ``metric="nan_euclidean"``, scale them yourself, and set
        ``scaler="passthrough"``.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps "scaler", "sqrt" and "knn", after "loader" with `from_files`, so that a
        search sets ``knn__n_neighbors`` and the like. Pixels are expected from 0 to 255; for those
        in [0, 1], set ``scaler__pixel_range=(0, 1)``.

    Notes
    -----
    "sqrt" takes the square root of each pixel, so that large pixels count for less (as in the
    Hellinger distance; Arandjelovic and Zisserman, "Three things everyone should know to improve
    object retrieval", CVPR 2012). On Fashion-MNIST that is worth about one percent of accuracy;
    ``sqrt="passthrough"`` leaves it out.

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
            *_loader(from_files),
            ("scaler", PixelScaler()),
            ("sqrt", FunctionTransformer(np.sqrt, feature_names_out="one-to-one")),
            ("knn", VectorizedKNNClassifier(**knn_parameters)),
        ],
        memory=_memory(memory, from_files),
    )
