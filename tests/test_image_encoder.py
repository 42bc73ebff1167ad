"""Features of photographs by pretrained networks, and the pipelines that begin with them."""

import pickle
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfashion import ImageEncoder, ImageLoader, VectorizedKNNClassifier, make_photo_pipeline
from skfashion.datasets import load_image_folder, make_fashion_images
from skfashion.inspection import PredictionGridDisplay
from skfashion.neural_network.architectures._efficientnet_lite import efficientnet_lite0_features
from skfashion.neural_network.architectures._pretrained_weights import load_imagenet_weights
from skfashion.preprocessing import _loader

SMALL = {"image_size": 64, "precision": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty photographs of two kinds of clothes, of several sizes and colors."""
    clothes = make_fashion_images(400, image_size=80, noise=0, random_state=0)
    chosen = np.isin(clothes.target, [1, 7]).nonzero()[0][:40]  # trousers and sneakers
    folder = tmp_path_factory.mktemp("clothes")
    rng = np.random.default_rng(0)
    for number in chosen:
        image = Image.fromarray(clothes.images[number])
        colored = Image.merge("RGB", [image.point(lambda g, f=f: g * f) for f in rng.random(3)])
        name = folder / clothes.target_names[clothes.target[number]] / f"{number}.png"
        name.parent.mkdir(exist_ok=True)
        colored.resize(rng.integers(60, 120, 2)).save(name)
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    return load_image_folder(folder).data[15:26]


def test_it_is_the_network_on_the_images_of_the_loader(paths):
    features = ImageEncoder(**SMALL, resize="crop").transform(paths)
    images = ImageLoader((64, 64, 3), resize="crop").transform(paths)
    network = efficientnet_lite0_features((64, 64, 3), load_imagenet_weights("efficientnet_lite0"))
    expected = network.predict_on_batch((images.astype(np.float32) - 127) / 128)
    assert features.shape == (11, 1280)
    assert features.dtype == np.float32
    assert_allclose(features, expected, atol=1e-3)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
def test_batches_do_not_matter(paths, batch_size):
    expected = ImageEncoder(**SMALL).transform(paths)
    found = ImageEncoder(**SMALL, batch_size=batch_size, n_jobs=2).transform(paths)
    assert_allclose(found, expected, atol=1e-4)


def test_mirror_images_are_averaged(paths):
    alone, both = ImageEncoder(**SMALL), ImageEncoder(**SMALL, horizontal_flip=True)
    images = ImageLoader((64, 64, 3), resize="pad").transform(paths)
    mean = (alone.transform(images) + alone.transform(images[:, :, ::-1])) / 2
    for X in (images, images[:, :, ::-1], paths):
        assert_allclose(both.transform(X), mean, atol=1e-3)
    assert np.abs(alone.transform(images) - mean).max() > 0.1


def test_photographs_of_any_kind(paths):
    expected = ImageEncoder(**SMALL).transform(paths[:3])
    images = [Image.open(path) for path in paths[:3]]
    for X in (
        list(paths[:3]),
        pd.Series(paths[:3]),
        pd.DataFrame({"path": paths[:3]}),
        images,
        [np.asarray(image) for image in images],
    ):
        assert_array_equal(ImageEncoder(**SMALL).fit_transform(X), expected)


def test_gray_photographs_of_several_sizes():
    photographs = [np.full((40, 30), 9, np.uint8), np.full((20, 50), 200, np.uint8)]
    features = ImageEncoder(**SMALL).transform(photographs)
    colored = [np.repeat(image[..., np.newaxis], 3, axis=2) for image in photographs]
    assert_array_equal(features, ImageEncoder(**SMALL).transform(colored))


def test_pixels_of_the_size_of_the_network_are_what_photographs_are(paths):
    images = ImageLoader((64, 64, 3)).transform(paths)
    expected = ImageEncoder(**SMALL, resize="squeeze").transform(paths)
    assert_allclose(ImageEncoder(**SMALL).transform(images), expected, atol=1e-4)
    scaled = ImageEncoder(**SMALL, pixel_range=(0, 1)).transform(images / 255)
    assert_allclose(scaled, expected, atol=1e-2)


def test_gray_rows_are_square_images():
    X = make_fashion_images(5, random_state=0).data
    rows = ImageEncoder(**SMALL).transform(X)
    assert_array_equal(rows, ImageEncoder(**SMALL).transform(X.reshape(-1, 28, 28)))
    colored = np.repeat(X.reshape(-1, 28, 28, 1), 3, axis=3)
    assert_array_equal(rows, ImageEncoder(**SMALL).transform(colored))


def test_pixels_of_another_range_are_warned_of():
    X = make_fashion_images(5, random_state=0).data / 255
    with pytest.warns(UserWarning, match=r"pixel_range is \(0\.0, 255\.0\), but pixels go up to"):
        ImageEncoder(**SMALL).transform(X)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_one_photograph_is_not_many_gray_images(n_channels):
    with pytest.raises(ValueError, match=r"Wrap one image in a list, \[X\]"):
        ImageEncoder(**SMALL).transform(np.zeros((40, 30, n_channels), np.uint8))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a.jpg", ValueError, r"got one \(str\): wrap it in a list"),
        ([b"content"], ValueError, r"X\[0\]: expected a path, .* got bytes\. Wrap the content"),
        ([None], ValueError, r"X\[0\]: expected a path, .* got NoneType"),
        ([], ValueError, "Expected at least one image"),
        ((path for path in ["a.jpg"]), ValueError, r"got generator\. Pass list\(X\)"),
        (["nowhere.jpg"], FileNotFoundError, r"X\[0\] \('nowhere\.jpg'\) cannot be opened"),
        ([1, 2, 3], ValueError, "Expected 2D array, got 1D array"),
        (np.array([["a", "b"]]), ValueError, "got strings"),
    ],
)
def test_what_holds_no_photographs(X, error, message):
    with pytest.raises(error, match=message):
        ImageEncoder(**SMALL).transform(X)


def test_displays_take_the_paths(folder):
    X, y = load_image_folder(folder, return_X_y=True)
    pipeline = make_photo_pipeline(**SMALL).fit(X, y)
    display = PredictionGridDisplay.from_estimator(pipeline, X, y)
    assert display.images.shape[1:] == (64, 64, 3)
    assert_allclose(display.y_proba, pipeline.predict_proba(X)[: len(display.y_proba)], atol=1e-4)


@pytest.mark.parametrize("n_channels", [2, 4])
def test_pixels_with_other_channels_are_refused(n_channels):
    with pytest.raises(ValueError, match=rf"1 channel \(gray\) or 3 .*, got {n_channels}\."):
        ImageEncoder(**SMALL).transform(np.zeros((2, 8, 8, n_channels), np.uint8))


def test_features_have_names_and_become_data_frames(paths):
    encoder = ImageEncoder(**SMALL)
    assert encoder.get_feature_names_out()[[0, -1]].tolist() == [
        "imageencoder0",
        "imageencoder1279",
    ]
    frame = encoder.set_output(transform="pandas").transform(paths[:2])
    assert frame.shape == (2, 1280)


def own_model(size=40, **options):
    inputs = keras.Input((size, size, 3))
    means = keras.layers.GlobalAveragePooling2D(**options)(inputs)
    return keras.Model(inputs, means)


@pytest.fixture
def registered():
    """Objects registered with keras, which a pickle of a keras model adds to."""
    before = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(before)


@pytest.mark.usefixtures("registered")
def test_a_model_of_the_users_own_gets_the_pixels(paths):
    images = ImageLoader((40, 40, 3)).transform(paths)
    encoder = ImageEncoder(own_model(), image_size=40, resize="squeeze")
    features = encoder.transform(paths)
    assert features.shape == (11, 3)
    assert_allclose(features, images.mean(axis=(1, 2)), rtol=1e-5)
    again = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(again.transform(paths), features)


def test_a_model_of_other_images_or_without_features_is_refused(paths):
    with pytest.raises(ValueError, match=r"model must take images of shape \(n, 64, 64, 3\)"):
        ImageEncoder(own_model(), image_size=64).transform(paths)
    with pytest.raises(ValueError, match=r"features of shape \(n, n_features\), got \(None, 1, 1"):
        ImageEncoder(own_model(keepdims=True), image_size=40).transform(paths)


@pytest.mark.parametrize("name", ["resnet", "_private", "efficientnet"])
def test_other_names_are_refused(paths, name):
    for refuse in (ImageEncoder(name).fit, ImageEncoder(name).transform):
        with pytest.raises(ValueError, match=r"model must be 'efficientnet_lite0'.*MobileNetV2"):
            refuse(paths)


@pytest.mark.slow
def test_networks_of_keras_applications(paths, monkeypatch):
    made = []
    original = keras.applications.MobileNetV2

    def without_a_download(*, weights, **options):
        made.append((weights, options))
        return original(weights=None, alpha=0.35, **options)

    without_a_download.__module__ = original.__module__
    monkeypatch.setattr(keras.applications, "MobileNetV2", without_a_download)
    features = ImageEncoder("MobileNetV2", image_size=32, precision="float32").transform(paths)
    assert features.shape == (11, 1280)
    ((weights, options),) = made
    assert weights == "imagenet"
    assert options == {"include_top": False, "input_shape": (32, 32, 3), "pooling": "avg"}


def test_a_pickle_is_small_and_encodes_the_same(paths):
    encoder = ImageEncoder(**SMALL).fit(paths)
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 2000
    assert_array_equal(pickle.loads(pickled).transform(paths), encoder.transform(paths))


def test_damaged_files_are_named_before_anything_is_encoded(paths, tmp_path, monkeypatch):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    monkeypatch.setattr(_loader, "read_rgb", None)
    with pytest.raises(ValueError, match=r"X\[11\] \('.*bad\.jpg'\): expected an image"):
        ImageEncoder(**SMALL).transform([*paths, tmp_path / "bad.jpg"])


def test_a_file_that_is_damaged_inside_is_named_by_its_position(paths, tmp_path):
    (tmp_path / "cut.png").write_bytes(Path(paths[0]).read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"X\[11\] \('.*cut\.png'\): expected an image"):
        ImageEncoder(**SMALL, batch_size=4).transform([*paths, tmp_path / "cut.png"])


def test_progress_is_shown_when_asked_for(paths, capsys):
    ImageEncoder(**SMALL).transform(paths)
    assert capsys.readouterr() == ("", "")
    ImageEncoder(**SMALL, verbose=True).transform(paths)
    assert "Encoding: 100%" in capsys.readouterr().err


def test_folders_of_photographs_are_learned_and_searched(folder):
    X, y = load_image_folder(folder, return_X_y=True)
    pipeline = make_photo_pipeline(**SMALL)
    assert list(pipeline.named_steps) == ["encoder", "scaler", "classifier"]
    assert pipeline.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.8
    assert set(pipeline.predict(X[:3])) <= {"Sneaker", "Trouser"}
    search = GridSearchCV(pipeline, {"classifier__C": [1e-3, 1]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.8
    similar = clone(pipeline).set_params(classifier=VectorizedKNNClassifier(3, metric="cosine"))
    assert similar.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.8


def test_what_the_presets_build():
    assert make_photo_pipeline()["encoder"].get_params() == ImageEncoder().get_params()
    balanced = make_photo_pipeline("balanced", batch_size=8)["encoder"]
    assert (balanced.image_size, balanced.horizontal_flip, balanced.batch_size) == (352, True, 8)
    with pytest.raises(ValueError, match="'preset' parameter of make_photo_pipeline"):
        make_photo_pipeline("slow")


@pytest.mark.parametrize("is_kept", [True, False])
def test_memory_encodes_changed_files_again(paths, tmp_path, monkeypatch, is_kept):
    copies = [shutil.copy(path, tmp_path) for path in paths]
    y = np.arange(len(paths)) % 2
    encoded = []
    transform = ImageEncoder.transform
    monkeypatch.setattr(
        ImageEncoder, "transform", lambda self, X: encoded.append(len(X)) or transform(self, X)
    )
    pipeline = make_photo_pipeline(memory=str(tmp_path / "memory"), **SMALL)
    if not is_kept:  # which cannot know whether a file has changed
        pipeline = make_pipeline(*pipeline.named_steps.values(), memory=str(tmp_path / "memory"))
    for _ in range(2):
        clone(pipeline).fit(copies, y)
    assert len(encoded) == (1 if is_kept else 2)
    shutil.copy(copies[1], copies[0])
    clone(pipeline).fit(copies, y)
    assert len(encoded) == (2 if is_kept else 3)
