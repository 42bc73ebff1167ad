"""Pipelines ready to fit."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion.neighbors import VectorizedKNNClassifier
from skfashion.neural_network import KerasCNNClassifier
from skfashion.preprocessing import ImageReshaper, PixelScaler

__all__ = ["make_cnn_pipeline", "make_knn_pipeline"]


def make_cnn_pipeline(
    *, architecture="three_conv", image_shape=None, memory=None, **cnn_parameters
):
    """Make a pipeline from pixels of bytes to the classes of a convolutional network.

    Parameters
    ----------
    architecture : str or callable, default="three_conv"
        The network, as in :class:`~skfashion.neural_network.KerasCNNClassifier`. "three_conv"
        needs images of at least 18 x 18 pixels, "three_conv_dropout" 8 x 8, "two_conv_dropout"
        and "one_conv_dropout" 4 x 4.

    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images in rows of pixels, as
        in :class:`~skfashion.preprocessing.ImageReshaper`.

    memory : str, joblib.Memory or None, default=None
        Where :class:`~sklearn.pipeline.Pipeline` caches the first two steps, if anywhere.

    **cnn_parameters
        All other parameters of :class:`~skfashion.neural_network.KerasCNNClassifier`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps "scaler", "reshaper" and "cnn", so that a search sets
        ``cnn__learning_rate`` and the like. Pixels are expected from 0 to 255; for those in
        [0, 1], set ``scaler__pixel_range=(0, 1)``.

    Examples
    --------
    >>> from skfashion import make_cnn_pipeline
    >>> make_cnn_pipeline(epochs=5, random_state=0)
    Pipeline(steps=[('scaler', PixelScaler()), ('reshaper', ImageReshaper()),
                    ('cnn', KerasCNNClassifier(epochs=5, random_state=0))])
    """
    cnn = KerasCNNClassifier(architecture, **cnn_parameters)
    return Pipeline(
        [
            ("scaler", PixelScaler()),
            ("reshaper", ImageReshaper(image_shape)),
            ("cnn", cnn),
        ],
        memory=memory,
    )


def make_knn_pipeline(*, memory=None, **knn_parameters):
    """Make a pipeline from pixels of bytes to the classes of their nearest neighbours.

    Parameters
    ----------
    memory : str, joblib.Memory or None, default=None
        Where :class:`~sklearn.pipeline.Pipeline` caches the first two steps, if anywhere.

    **knn_parameters
        All parameters of :class:`~skfashion.neighbors.VectorizedKNNClassifier`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps "scaler", "root" and "knn", so that a search sets ``knn__n_neighbors``
        and the like. Pixels are expected from 0 to 255; for those in [0, 1], set
        ``scaler__pixel_range=(0, 1)``.

    Notes
    -----
    "root" takes the square root of each pixel, so that large pixels count for less (as in the
    Hellinger distance; Arandjelovic and Zisserman, "Three things everyone should know to improve
    object retrieval", CVPR 2012). On Fashion-MNIST that is worth about one percent of accuracy;
    ``root="passthrough"`` leaves it out.

    Examples
    --------
    >>> from skfashion import make_knn_pipeline
    >>> pipeline = make_knn_pipeline(n_neighbors=4, weights="distance")
    >>> list(pipeline.named_steps)
    ['scaler', 'root', 'knn']
    >>> pipeline.set_params(knn__metric="cosine")["knn"]
    VectorizedKNNClassifier(metric='cosine', n_neighbors=4, weights='distance')
    """
    return Pipeline(
        [
            ("scaler", PixelScaler()),
            ("root", FunctionTransformer(np.sqrt, feature_names_out="one-to-one")),
            ("knn", VectorizedKNNClassifier(**knn_parameters)),
        ],
        memory=memory,
    )
