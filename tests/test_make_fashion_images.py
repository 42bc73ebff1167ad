"""make_fashion_images: form, reproducibility, what the pictures show, and how hard they are."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion.datasets import _generate, make_fashion_images

LABELS = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def images_of(*args, **kwargs):
    return make_fashion_images(*args, **{"random_state": 0, **kwargs}).images


@pytest.fixture(scope="module")
def clean():
    return make_fashion_images(400, noise=0, random_state=0)


def test_default_form():
    clothes = make_fashion_images(random_state=0)
    assert clothes.data.shape == (1000, 784)
    assert clothes.data.dtype == np.uint8
    assert clothes.target.shape == (1000,)
    assert clothes.target.dtype == np.int64
    assert clothes.images.shape == (1000, 28, 28)
    assert np.shares_memory(clothes.images, clothes.data)
    np.testing.assert_array_equal(clothes.images[3].ravel(), clothes.data[3])
    assert list(clothes.target_names) == LABELS
    assert clothes.feature_names[0] == "pixel1"
    assert clothes.feature_names[-1] == "pixel784"
    assert len(clothes.feature_names) == 784
    assert clothes.frame is None
    assert "Generated" in clothes.DESCR


def test_return_x_y_gives_the_same_data():
    clothes = make_fashion_images(30, random_state=4)
    data, target = make_fashion_images(30, random_state=4, return_X_y=True)
    np.testing.assert_array_equal(data, clothes.data)
    np.testing.assert_array_equal(target, clothes.target)


@pytest.mark.slow
@settings(max_examples=40)
@given(n_samples=st.integers(1, 60), image_size=st.integers(8, 50), seed=st.integers(0, 2**32 - 1))
def test_any_size(n_samples, image_size, seed):
    clothes = make_fashion_images(n_samples, image_size=image_size, random_state=seed)
    assert clothes.images.shape == (n_samples, image_size, image_size)
    assert clothes.data.shape == (n_samples, image_size**2)
    counts = np.bincount(clothes.target, minlength=10)
    assert len(counts) == 10
    assert counts.min() >= n_samples // 10
    assert counts.max() <= -(-n_samples // 10)
    # A garment in every picture. The faintest are dark sandals at 8 pixels, whose straps are
    # thinner than a pixel: 28 gray levels was the least brightest pixel of 20,000 clean images.
    clean = make_fashion_images(n_samples, image_size=image_size, noise=0, random_state=seed)
    assert clean.data.max(axis=1).min() > 10
    assert np.mean(clean.data > 0, axis=1).min() > 0.04


def test_large_images():
    images = images_of(10, image_size=300, noise=0)
    assert images.shape == (10, 300, 300)
    # Drawn at this size, not enlarged: enlarging would repeat pixels in blocks of about ten.
    small = images_of(10, image_size=28, noise=0)
    for large_image, small_image in zip(images, small, strict=True):
        assert abs(large_image.mean() - small_image.mean()) < 6
        assert len(np.unique(large_image, axis=0)) > 100


@pytest.mark.slow
def test_numpy_integers_and_floats_are_as_good_as_python_ones():
    # Many images: a scalar that raised the precision would change one pixel in 100,000 or so.
    expected = images_of(1000, image_size=28, noise=5.0)
    given_numpy = images_of(np.int64(1000), image_size=np.int64(28), noise=np.float64(5))
    np.testing.assert_array_equal(given_numpy, expected)


def test_order_is_shuffled():
    target = make_fashion_images(200, random_state=0).target
    assert len({tuple(block) for block in target.reshape(20, 10)}) > 10


def test_same_seed_same_images_other_seed_others():
    np.testing.assert_array_equal(images_of(50), images_of(50))
    assert not np.array_equal(images_of(50), images_of(50, random_state=1))


def test_random_state_instance_moves_on():
    rng = np.random.RandomState(0)
    first, second = images_of(20, random_state=rng), images_of(20, random_state=rng)
    np.testing.assert_array_equal(first, images_of(20))
    assert not np.array_equal(first, second)


def test_global_generator_is_left_alone_by_a_seed():
    before = np.random.get_state()  # noqa: NPY002
    images_of(20)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_clean_images_never_change():
    # The same bytes on every machine and NumPy version; a change of the pictures is a change of
    # the data set: it belongs into the changelog, and the docstring's figures are to be redone.
    digest = hashlib.sha256(images_of(100, noise=0).tobytes()).hexdigest()
    assert digest.startswith("ba3ff0c79703e305")


@pytest.mark.parametrize("noise", [0, 10.0])
@pytest.mark.parametrize("image_size", [9, 28])
def test_smaller_set_is_the_beginning_of_a_larger(noise, image_size):
    options = {"image_size": image_size, "noise": noise, "random_state": 5}
    large = make_fashion_images(137, **options)
    for n_samples in (1, 7, 10, 88):
        small = make_fashion_images(n_samples, **options)
        np.testing.assert_array_equal(small.data, large.data[:n_samples])
        np.testing.assert_array_equal(small.target, large.target[:n_samples])


@pytest.mark.parametrize("chunk_images", [10, 13, 100])
def test_chunks_leave_no_trace(monkeypatch, chunk_images):
    # Odd images of odd size: the noise of a chunk may end between the two halves of a pair.
    expected = images_of(101, image_size=27)
    monkeypatch.setattr(_generate, "_CHUNK_PIXELS", chunk_images * 27**2)
    np.testing.assert_array_equal(images_of(101, image_size=27), expected)


def test_noise_is_in_gray_levels(clean):
    noisy = make_fashion_images(400, noise=12, random_state=0)
    np.testing.assert_array_equal(noisy.target, clean.target)
    # Where the clean pixel is far from both ends nothing is clipped.
    middle = (clean.data > 80) & (clean.data < 170)
    difference = noisy.data[middle].astype(float) - clean.data[middle]
    assert abs(difference.mean()) < 0.2
    assert abs(difference.std() - 12) < 0.2


def test_extreme_noise_is_clipped_not_wrapped():
    # With wrapping, the gray levels would be spread evenly.
    images = images_of(20, noise=1e6)
    assert np.mean((images == 0) | (images == 255)) > 0.99


def test_background_is_dark(clean):
    frame = np.ones((28, 28), dtype=bool)
    frame[1:-1, 1:-1] = False
    assert np.median(clean.images) == 0
    assert np.mean(clean.images[:, frame] == 0) > 0.9
    assert np.mean(images_of(400)[:, frame]) < 12


@pytest.mark.parametrize("label", range(10))
def test_every_class_is_there_and_varies(clean, label):
    images = clean.images[clean.target == label]
    covered = np.mean(images > 0, axis=(1, 2))
    assert covered.min() > 0.04
    assert covered.max() < 0.75
    assert images.max(axis=(1, 2)).min() > 60
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    # Brightness and the place of the garment vary, not only the grain.
    assert images.max(axis=(1, 2)).std() > 10
    rows = np.argmax((images > 0).any(axis=2), axis=1)
    assert len(np.unique(rows)) > 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_samples", -3),
        ("n_samples", 10.0),
        ("n_samples", None),
        ("image_size", 7),
        ("image_size", 28.0),
        ("image_size", (28, 28)),
        ("noise", -0.1),
        ("noise", np.nan),
        ("noise", np.inf),
        ("noise", "low"),
        ("random_state", "seed"),
        ("random_state", -1),
        ("return_X_y", "yes"),
    ],
)
def test_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_fashion_images"):
        make_fashion_images(**{name: value})


def test_options_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        make_fashion_images(10, 28)


@pytest.mark.slow
def test_cnn_beats_a_linear_model_which_is_not_enough():
    import keras

    X, y = make_fashion_images(2000, random_state=0, return_X_y=True)
    X_test, y_test = make_fashion_images(1000, random_state=1, return_X_y=True)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, tol=1e-3, max_iter=1000))
    linear_accuracy = linear.fit(X, y).score(X_test, y_test)
    assert 0.5 < linear_accuracy < 0.95

    def as_input(data):
        return data.reshape(-1, 28, 28, 1).astype(np.float32) / 255

    keras.utils.set_random_seed(0)
    layers = keras.layers
    cnn = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    cnn.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    cnn.fit(as_input(X), y, batch_size=32, epochs=12, verbose=0)
    _, cnn_accuracy = cnn.evaluate(as_input(X_test), y_test, verbose=0)
    assert cnn_accuracy > 0.88
    assert cnn_accuracy > linear_accuracy + 0.04
