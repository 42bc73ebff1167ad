"""KerasCNNClassifier.transform: what the network makes of an image before it tells the classes."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfashion import KerasCNNClassifier, VectorizedKNNClassifier, make_cnn_pipeline
from skfashion.neural_network.runtime._embedding import _embeddings
from skfashion.neural_network.runtime._keras import load_keras


def small(architecture="three_conv", **parameters):
    parameters = {"epochs": 2, "batch_size": 32, "random_state": 0, **parameters}
    return KerasCNNClassifier(architecture, **parameters)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["small_resnet", "three_conv_dropout", "one_conv_dropout"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_last_layer_makes_the_probabilities_of_it(scaled, architecture, precision):
    X, y = scaled
    cnn = small(architecture, precision=precision).fit(X, y)
    embedding = cnn.transform(X)
    assert embedding.dtype == precision
    kernel, bias = map(np.asarray, cnn.model_.layers[-1].get_weights())
    assert_allclose(softmax(embedding @ kernel + bias, axis=1), cnn.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_bfloat16_comes_out_in_single_precision(scaled):
    X, y = scaled
    cnn = small("small_resnet", precision="mixed_bfloat16", filters=(8, 16)).fit(X, y)
    assert cnn.transform(X).dtype == np.float32
    assert cnn.transform(X[:3]).shape == (3, 16)


@pytest.mark.slow
def test_mirrored_and_moved_images_are_averaged(scaled):
    X, y = scaled
    images = X.reshape(-1, 20, 20)
    cnn = small().fit(images, y)
    alone = cnn.transform(images)
    cnn.set_params(horizontal_flip=True)
    mean = (alone + cnn.set_params(horizontal_flip=False).transform(images[:, :, ::-1])) / 2
    assert_allclose(cnn.set_params(horizontal_flip=True).transform(images), mean, atol=1e-6)
    assert np.abs(cnn.set_params(tta_shifts=1).transform(images) - mean).max() > 1e-3


@pytest.mark.slow
def test_rows_and_images_and_any_number_of_them(scaled):
    X, y = scaled
    cnn = small(epochs=1).fit(X, y)
    many = np.tile(X, (5, 1))  # more than go through the network at once
    embedding = cnn.transform(many)
    assert embedding.shape == (1200, 64)
    assert_allclose(embedding[-3:], cnn.transform(X[-3:].reshape(-1, 20, 20, 1)), atol=1e-5)
    assert_array_equal(cnn.fit_transform(X, y), cnn.transform(X))


@pytest.mark.slow
def test_columns_have_names_and_data_frames_can_be_asked_for(scaled):
    X, y = scaled
    cnn = small(epochs=1, dense_units=5).fit(X, y)
    names = [f"kerascnnclassifier{i}" for i in range(5)]
    assert list(cnn.get_feature_names_out()) == names
    frame = cnn.set_output(transform="pandas").transform(X)
    assert list(frame.columns) == names
    assert list(cnn.set_params(dense_units=0, epochs=1).fit(X, y).transform(X).shape) == [240, 64]


@pytest.mark.slow
def test_neighbours_of_embeddings_go_through_a_grid_search(clothes):
    X, y = clothes
    cnn = make_cnn_pipeline(epochs=6, filters=(8, 16), random_state=0)
    similar = make_pipeline(cnn, VectorizedKNNClassifier())
    grid = {"vectorizedknnclassifier__n_neighbors": [1, 3]}
    search = GridSearchCV(similar, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.3  # of ten classes, a tenth would be chance
    distances, indices = search.best_estimator_[-1].kneighbors(
        search.best_estimator_[:-1].transform(X[:4]), n_neighbors=2
    )
    assert_allclose(distances[:, 0], 0, atol=1e-3)
    assert_array_equal(indices[:, 0], range(4))


@pytest.mark.slow
def test_it_goes_by_the_weights_of_the_last_fit(scaled):
    X, y = scaled
    cnn = small().fit(X, y)
    before = cnn.transform(X)
    other = small(random_state=1).fit(X, y)  # runs on the same compiled model
    assert not np.allclose(other.transform(X), before)
    assert_array_equal(cnn.transform(X), before)
    assert_array_equal(pickle.loads(pickle.dumps(cnn)).transform(X), before)
    cnn.model_.set_weights(other.model_.get_weights())
    assert_allclose(cnn.transform(X), other.transform(X), atol=1e-6)


@pytest.mark.slow
def test_threads_do_not_mix_up_networks(scaled):
    X, y = scaled
    networks = [small(random_state=seed).fit(X, y) for seed in range(2)]
    expected = [cnn.transform(X[:1]) for cnn in networks]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: networks[i % 2].transform(X[:1]), range(40)))
    for i, embedding in enumerate(found):
        assert_array_equal(embedding, expected[i % 2])


@pytest.mark.slow
def test_models_let_go_of_are_not_kept(scaled):
    X, y = scaled
    cnn = small(epochs=1).fit(X, y)
    model = weakref.ref(cnn.model_)  # one of its own, not the shared one
    cnn.transform(X[:1])
    n_kept = len(_embeddings)
    del cnn
    gc.collect()
    assert model() is None
    assert len(_embeddings) < n_kept


def nested(input_shape, n_classes):
    keras = load_keras()
    inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(n_classes)])
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Softmax()(inner(inputs)), name="nested")


def with_activation_apart(input_shape, n_classes):
    layers = load_keras().layers
    return load_keras().Sequential(
        [
            load_keras().Input(input_shape),
            layers.Flatten(),
            layers.Dense(7),
            layers.Dense(n_classes),
            layers.Activation("softmax"),
        ]
    )


@pytest.mark.slow
def test_networks_of_ones_own(scaled):
    X, y = scaled
    assert small(with_activation_apart).fit(X, y).transform(X).shape == (240, 7)
    with pytest.raises(ValueError, match="'nested' does not end in one"):
        small(nested).fit(X, y).transform(X)


@pytest.mark.slow
def test_before_fit_and_on_other_images(scaled):
    X, y = scaled
    cnn = small(epochs=1)
    with pytest.raises(NotFittedError):
        cnn.transform(X)
    with pytest.raises(NotFittedError):
        cnn.get_feature_names_out()
    with pytest.raises(ValueError, match="300 features, but KerasCNNClassifier is expecting 400"):
        cnn.fit(X, y).transform(X[:, :300])
