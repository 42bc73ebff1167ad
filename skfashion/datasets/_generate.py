"""Generated images of clothes."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from skfashion._sklearn import Interval, validate_params

from ._draw import Pen
from ._garments import PAINTERS
from ._labels import TARGET_NAMES

# Random numbers per image: enough for the garment with the most details.
_N_UNIFORMS = 40
# Pixels per chunk, to limit memory. The images do not depend on it.
_CHUNK_PIXELS = 2**20


def _draw_classes(target: NDArray, uniforms: NDArray, image_size: int) -> NDArray:
    """Draw one garment per label, in gray levels without noise."""
    pictures = np.empty((len(target), image_size, image_size), dtype=np.float32)
    for label, paint in enumerate(PAINTERS):
        rows = np.flatnonzero(target == label)
        pen = Pen(uniforms[rows], image_size)
        paint(pen)
        pictures[rows] = pen.canvas
    return np.clip(pictures, 0, 1) * 255


_DESCR = """\
Generated images of clothes
---------------------------
Gray images of ten kinds of garment, light on a dark ground, drawn by skfashion in the manner of
Fashion-MNIST: T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag and Ankle
boot. The classes are balanced. Shape, position, slant, brightness, cloth and details vary from
image to image. The images are made for tests, examples and teaching. Results on them do not apply
to real photographs.
"""


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "image_size": [Interval(Integral, 8, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_fashion_images(
    n_samples: int = 1000,
    *,
    image_size: int = 28,
    noise: float = 10.0,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Generate gray images of ten kinds of clothes (classification).

    The images replace Fashion-MNIST where there is no file and no network. They have the same ten
    labels in the same order, light garments on a dark ground, and the same pairs of classes that
    are easily confused. Shape, position, slant, brightness, cloth (stripes, checks, knit) and
    details (collars, buttons, prints, straps, heels) vary from image to image.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images, at least 1. Each class gets ``n_samples // 10`` or one more.

    image_size : int, default=28
        Height and width of an image in pixels, at least 8. The garments are drawn at this size,
        not resized. Below about 16, straps and buttons are thinner than a pixel, and a few dark
        sandals cannot be seen in the default noise.

    noise : float, default=10.0
        Standard deviation of the Gaussian noise that is added to each pixel, in gray levels, at
        least 0. Pixels are then clipped to 0..255. With 0, the background is exactly 0.

    random_state : int, RandomState instance or None, default=None
        Seed or generator of the garments, their order and the noise. Pass an int for reproducible
        images.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n_samples, image_size**2), dtype uint8
            One image per row, pixels in 0..255.
        target : ndarray of shape (n_samples,), dtype int64
            Labels in 0..9.
        images : ndarray of shape (n_samples, image_size, image_size), dtype uint8
            The same pixels as images, a view of `data`.
        target_names : ndarray of shape (10,), dtype str
            Names of the classes, in the order of the labels.
        feature_names : list of image_size**2 str
            ``pixel1`` onwards, row by row.
        DESCR : str
            Description of the data set.
        frame : None
            Always None. :func:`fetch_fashion_mnist` has the same attribute.

    (data, target) : tuple if `return_X_y` is True
        The two attributes of these names.

    Raises
    ------
    InvalidParameterError
        If a parameter has the wrong type or is out of range. It is a ValueError and a TypeError.

    See Also
    --------
    fetch_fashion_mnist : The real images.

    Notes
    -----
    With the same integer `random_state` and `image_size`, a smaller data set is the beginning of a
    larger one, and `noise` does not change the garments. Each ten successive images, from the
    first one on, contain each class once, in random order. Take training and test images from two
    seeds, or split one data set.

    The test accuracy on 1,000 images of another seed, with the default settings, is as follows. The
    numbers are the lowest and the highest of three pairs of seeds (two in the last column).

    ============================================  ==============  ==============
    model                                         2,000 to train  1,000 to train
    ============================================  ==============  ==============
    StandardScaler and LogisticRegression         0.836 to 0.859  0.807 to 0.826
    KNeighborsClassifier, 5 neighbors             0.835 to 0.844  0.817 to 0.823
    small CNN, 10 epochs                          0.912 to 0.944  0.886 to 0.900
    small CNN, 15 epochs                          0.936 to 0.948  0.916 to 0.924
    ============================================  ==============  ==============

    The linear model has the best C of 0.001, 0.01 and 0.1 on the test images. The small CNN has
    3x3 convolutions with 16 and 32 filters, each followed by 2x2 max-pooling, and a dense layer of
    64. It is trained by Adam with a learning rate of 0.001 and batches of 32. As in the real data,
    shirts are misclassified most often, as T-shirts, pullovers and coats.

    Examples
    --------
    >>> from skfashion.datasets import make_fashion_images
    >>> clothes = make_fashion_images(20, random_state=0)
    >>> clothes.data.shape, clothes.images.shape, clothes.data.dtype
    ((20, 784), (20, 28, 28), dtype('uint8'))
    >>> print(clothes.target_names[clothes.target[0]])
    Shirt
    >>> X, y = make_fashion_images(20, image_size=14, random_state=0, return_X_y=True)
    >>> X.shape, y.shape
    ((20, 196), (20,))
    """
    # NumPy scalars would change single to double precision, and so the last bits.
    image_size, noise = int(image_size), float(noise)
    rng = check_random_state(random_state)
    # One generator per purpose, so that neither the number of images nor the noise changes the
    # garments.
    label_rng, garment_rng, noise_rng = (
        np.random.RandomState(seed) for seed in rng.randint(2**31 - 1, size=3, dtype=np.int32)
    )
    n_classes = len(TARGET_NAMES)
    # Each ten images are the ten classes in some order.
    order = label_rng.random_sample((-(-n_samples // n_classes), n_classes))
    target = np.argsort(order, axis=1, kind="stable").ravel()[:n_samples].astype(np.int64)

    n_pixels = image_size**2
    data = np.empty((n_samples, n_pixels), dtype=np.uint8)
    n_chunk = max(n_classes, _CHUNK_PIXELS // n_pixels)
    for start in range(0, n_samples, n_chunk):
        chunk = slice(start, min(start + n_chunk, n_samples))
        labels = target[chunk]
        uniforms = garment_rng.random_sample((len(labels), _N_UNIFORMS))
        levels = _draw_classes(labels, uniforms, image_size).reshape(len(labels), n_pixels)
        if noise > 0:
            levels = levels + noise * noise_rng.standard_normal(levels.shape)
        data[chunk] = np.rint(np.clip(levels, 0, 255))
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=None,
        images=data.reshape(n_samples, image_size, image_size),
        target_names=np.array(TARGET_NAMES),
        feature_names=[f"pixel{i}" for i in range(1, n_pixels + 1)],
        DESCR=_DESCR,
    )
