import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import KerasCNNClassifier
from skfashion.neural_network._architectures import ARCHITECTURES

SMALLEST = {"one_conv_dropout": 4, "three_conv": 18, "three_conv_dropout": 8, "two_conv_dropout": 4}


def layers_of(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("one_conv_dropout", "C P D F H O"),
        ("three_conv", "C P C P C F H O"),
        ("three_conv_dropout", "C P D C P D C P D F H D O"),
        ("two_conv_dropout", "C P D C P D F O"),
    ],
)
def test_the_write_ups_networks(name, layers):
    kinds = {"Conv2D": "C", "MaxPooling2D": "P", "Dropout": "D", "Flatten": "F", "Dense": "H"}
    model = ARCHITECTURES[name]((28, 28, 1), 10)
    found = [kinds[kind] for kind in layers_of(model) if kind in kinds]
    found[-1] = "O"
    assert " ".join(found) == layers
    assert model.layers[-1].activation.__name__ == "softmax"
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_options_change_the_network(name):
    function = ARCHITECTURES[name]
    model = function(
        (28, 28, 3),
        4,
        filters=(5, 6),
        kernel_size=5,
        dense_units=7,
        dropout=0.5,
        batch_normalization=True,
    )
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [5, 6]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}
    assert layers_of(model).count("Dropout") == 3
    assert layers_of(model).count("BatchNormalization") == 3
    assert 7 in [getattr(layer, "units", None) for layer in model.layers]
    assert layers_of(function((28, 28, 1), 4, dense_units=0, dropout=0)).count("Dense") == 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_image_too_small_names_the_smallest_that_works(name):
    smallest = SMALLEST[name]
    function = ARCHITECTURES[name]
    assert function((smallest, smallest, 1), 3).count_params() > 0
    message = f"at least {smallest} x {smallest} pixels, got {smallest} x {smallest - 1}"
    with pytest.raises(ValueError, match=message):
        function((smallest, smallest - 1, 1), 3)
    assert function((smallest, smallest - 1, 1), 3, shrink=True).count_params() > 0
    assert function((1, smallest, 1), 3).count_params() > 0


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rows_of_any_length_are_taken(name, n_features):
    model = ARCHITECTURES[name]((1, n_features, 1), 2, shrink=True)
    assert model.predict_on_batch(np.ones((3, 1, n_features, 1))).shape == (3, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": (0.1, 0.2)}, r"one for each .* \(4 here\).*got \(0.1, 0.2\)"),
        ({"dropout": (0.1, 0.2, 0.3, 1)}, "below 1"),
        ({"filters": ()}, "filters must be integers above 0"),
        ({"filters": (32, 0)}, r"got \(32, 0\)"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ARCHITECTURES["three_conv_dropout"]((28, 28, 1), 10, **options)


def small_network(input_shape, n_classes, *, units=8, activation="softmax"):
    import keras

    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(n_classes, activation=activation),
        ]
    )


def logits(input_shape, n_classes):
    return small_network(input_shape, n_classes, activation=None)


def one_output(input_shape, n_classes):
    return small_network(input_shape, 1, activation="sigmoid")


def no_model(input_shape, n_classes):
    return "network"


def unpadded(input_shape, n_classes):
    import keras

    return keras.Sequential([keras.Input(input_shape), keras.layers.Conv2D(4, 30)])


def test_a_function_of_ones_own(clothes):
    X, y = clothes
    cnn = KerasCNNClassifier(small_network, epochs=2, random_state=0).fit(X / 255, y)
    assert [layer.name.split("_")[0] for layer in cnn.model_.layers] == [
        "flatten",
        "dense",
        "dense",
    ]
    assert cnn.predict_proba(X / 255).shape == (len(X), 10)


def test_a_network_that_is_a_class_of_ones_own(clothes):
    import keras

    @keras.saving.register_keras_serializable()
    class Subclassed(keras.Model):
        def __init__(self, n_classes, **kwargs):
            super().__init__(**kwargs)
            self.n_classes = n_classes
            self.classify = keras.layers.Dense(n_classes, activation="softmax")

        def call(self, images):
            return self.classify(keras.ops.reshape(images, (-1, 400)))

        def get_config(self):
            return {**super().get_config(), "n_classes": self.n_classes}

    X, y = clothes
    cnn = KerasCNNClassifier(
        lambda input_shape, n_classes: Subclassed(n_classes), epochs=1, random_state=0
    ).fit(X / 255, y)
    assert_array_equal(copy.deepcopy(cnn).predict_proba(X / 255), cnn.predict_proba(X / 255))


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("options", [{"filters": (3,)}, {"filters": (3, 4)}, {"dense_units": 0}])
def test_default_dropout_goes_with_any_depth(name, options):
    model = ARCHITECTURES[name]((28, 28, 1), 3, **options)
    assert layers_of(model).count("Dropout") >= (len(options.get("filters", (0,)))) * (
        "dropout" in name
    )


def test_a_network_itself_is_no_architecture(clothes):
    X, y = clothes
    with pytest.raises(ValueError, match="a function that builds a new network for each fit"):
        KerasCNNClassifier(small_network((20, 20, 1), 10)).fit(X / 255, y)


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        (logits, {}, "logits must end in a softmax"),
        (one_output, {}, r"one_output must have one output a class, of shape \(1, 10\)"),
        (no_model, {}, "no_model must return a keras.Model, got 'network'"),
        (unpadded, {}, r"unpadded cannot be built for images of shape \(20, 20, 1\)"),
        (small_network, {"dropout": 0.5}, "small_network was asked for .*'dropout': 0.5"),
    ],
)
def test_what_is_wrong_with_a_function_of_ones_own_is_said(clothes, architecture, options, message):
    X, y = clothes
    cnn = KerasCNNClassifier(architecture, **options)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X / 255, y)
    assert not hasattr(cnn, "classes_")
