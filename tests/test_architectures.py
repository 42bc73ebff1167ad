import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import KerasCNNClassifier
from skfashion.neural_network import small_resnet
from skfashion.neural_network.architectures._write_ups import ARCHITECTURES

# The networks of the write-ups, with the side of the smallest images that they take.
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


@pytest.mark.parametrize("name", SMALLEST)
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


@pytest.mark.parametrize("name", SMALLEST)
def test_an_image_too_small_names_the_smallest_that_works(name):
    smallest = SMALLEST[name]
    function = ARCHITECTURES[name]
    assert function((smallest, smallest, 1), 3).count_params() > 0
    message = f"at least {smallest} x {smallest} pixels, got {smallest} x {smallest - 1}"
    with pytest.raises(ValueError, match=message):
        function((smallest, smallest - 1, 1), 3)
    assert function((smallest, smallest - 1, 1), 3, shrink=True).count_params() > 0
    assert function((1, smallest, 1), 3).count_params() > 0


def test_residual_networks():
    model = small_resnet((28, 28, 1), 10)
    kernels = [layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")]
    assert [tuple(shape) for shape in kernels] == [
        (3, 3, 1, 16),
        (3, 3, 16, 16),
        (3, 3, 16, 16),
        (3, 3, 16, 64),
        (3, 3, 64, 64),
        (3, 3, 64, 64),
        (3, 3, 64, 128),
        (3, 3, 128, 128),
        (3, 3, 128, 128),
        (128, 10),
    ]
    sizes = [layer.output.shape[1] for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert sizes == [28, 28, 28, 14, 14, 14, 7, 7, 7]
    assert layers_of(model).count("BatchNormalization") == 9
    deeper = small_resnet((28, 28, 3), 4, filters=(4, 5), blocks_per_stage=3, dropout=0.5)
    assert layers_of(deeper).count("Conv2D") == 2 + 2 * (1 + 3)
    assert layers_of(deeper).count("Add") == 1 + 3
    assert layers_of(deeper).count("Dropout") == 1
    assert small_resnet((28, 28, 1), 10, blocks_per_stage=0).count_params() < model.count_params()


def test_without_normalization_residual_blocks_begin_as_identities():
    shallow = small_resnet(
        (8, 8, 1), 3, filters=(4, 4), blocks_per_stage=0, batch_normalization=False
    )
    deep = small_resnet((8, 8, 1), 3, filters=(4, 4), blocks_per_stage=2, batch_normalization=False)
    assert layers_of(deep).count("BatchNormalization") == 0
    first, *blocks, last = (layer for layer in deep.layers if layer.weights)
    second = blocks[2]  # after a block of two convolutions
    last.kernel.assign(np.random.RandomState(1).normal(size=last.kernel.shape))
    weights = first.get_weights() + second.get_weights() + last.get_weights()
    shallow.set_weights(weights)
    images = np.random.RandomState(0).rand(5, 8, 8, 1)
    assert_allclose(deep.predict_on_batch(images), shallow.predict_on_batch(images), rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_fused_normalization_is_that_of_keras(precision):
    import keras

    from skfashion.neural_network.architectures._layers import BatchNormalization
    from skfashion.neural_network.runtime._keras import building

    rng = np.random.RandomState(0)
    images = rng.normal(3, 2, (16, 6, 6, 5)).astype(np.float32)
    slopes = rng.normal(size=images.shape).astype(np.float32)
    results = []
    for layer_class in (BatchNormalization, keras.layers.BatchNormalization):
        with building(precision, seed=0):
            inputs = keras.Input((6, 6, 5))
            outputs = layer_class(momentum=0.9)(inputs)
            model = keras.Model(inputs, outputs)
        model.layers[1].gamma.assign([1, 2, 3, 4, 5])
        # Its gradients, as a step of training takes them.
        model.compile(
            keras.optimizers.SGD(1.0),
            lambda y, outputs: keras.ops.mean(y * outputs),
            run_eagerly=True,
        )
        model.train_on_batch(images, slopes)
        normalized = model(images, training=True)
        results.append([keras.ops.cast(normalized, "float32").numpy(), *model.get_weights()])
    tolerance = 1e-4 if precision == "float32" else 0.03
    for ours, theirs in zip(*results, strict=True):
        # keras averages the biased variance, TensorFlow's operation the unbiased one.
        assert_allclose(ours, theirs, rtol=5e-3, atol=tolerance)


def test_conv_muon_orthogonalizes_kernels_and_keeps_their_norm():
    from skfashion.neural_network.training._muon import ConvMuon

    model = small_resnet((8, 8, 1), 3, filters=(4, 8), blocks_per_stage=0)
    kernel, dense = model.layers[4].kernel, model.layers[-1].kernel
    optimizer = ConvMuon(0.1, momentum=0.5)
    optimizer.build([kernel, dense])
    rng = np.random.RandomState(0)
    gradients = [rng.normal(size=variable.shape).astype(np.float32) for variable in (kernel, dense)]
    before = kernel.numpy(), dense.numpy()
    optimizer.apply(gradients)
    assert_allclose(dense.numpy(), before[1] - 0.1 * 1.5 * gradients[1], rtol=1e-5)
    assert np.linalg.norm(kernel) == pytest.approx(8**0.5, rel=1e-4)
    optimizer.learning_rate.assign(1e6)  # the kernel becomes its step alone
    optimizer.apply([0 * gradient for gradient in gradients])
    step = kernel.numpy().reshape(-1, 8)
    singular_values = np.linalg.svd(step / np.linalg.norm(step) * 8**0.5, compute_uv=False)
    assert singular_values.min() > 0.5
    assert singular_values.max() < 1.4
    again = ConvMuon.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rows_of_any_length_are_taken(name, n_features):
    model = ARCHITECTURES[name]((1, n_features, 1), 2, shrink=True)
    assert model.predict_on_batch(np.ones((3, 1, n_features, 1))).shape == (3, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": (0.1, 0.2)}, r"one for each .* \(4 here\).*got \(0.1, 0.2\)"),
        ({"dropout": (0.1, 0.2, 0.3, 1)}, r"each in \[0, 1\)"),
        ({"dropout": None}, "got None"),
        ({"dropout": "0.5"}, "got '0.5'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ARCHITECTURES["three_conv"]((28, 28, 1), 10, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks_per_stage": -1}, "blocks_per_stage must be an integer of at least 0, got -1"),
        (
            {"blocks_per_stage": (1, 2)},
            r"blocks_per_stage must be an integer of at least 0, got \(1, 2\)",
        ),
        ({"dropout": (0.1, 0.1)}, "dropout must be one rate"),
    ],
)
def test_bad_options_of_residual_networks_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        small_resnet((28, 28, 1), 10, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((28, 28), 10), r"\(height, width, channels\), such as \(28, 28, 1\).*got \(28, 28\)"),
        (((0, 28, 1), 10), r"input_shape must be three integers above 0"),
        ((28, 10), "input_shape must be three integers above 0.*got 28"),
        (((28, 28, 1), 0), "n_classes must be an integer above 0, got 0"),
    ],
)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_no_image_and_no_number_of_classes_is_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        ARCHITECTURES[name](*arguments)


@pytest.mark.parametrize("filters", [(), (32, 0), 8, "32", (32, 6.5), ((32, 64), (32, 64))])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_are_no_filters_is_named(name, filters):
    with pytest.raises(ValueError, match="filters must be a sequence of integers above 0"):
        ARCHITECTURES[name]((28, 28, 1), 10, filters=filters)


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


@pytest.mark.parametrize("name", SMALLEST)
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
        (one_output, {}, r"one_output must have one output per class, of shape \(n, 10\)"),
        (no_model, {}, "no_model must return a keras.Model, got 'network'"),
        (unpadded, {}, r"unpadded cannot be built for images of shape \(20, 20, 1\)"),
        (small_network, {"dropout": 0.5}, "small_network is called with .*'dropout': 0.5"),
    ],
)
def test_what_is_wrong_with_a_function_of_ones_own_is_said(clothes, architecture, options, message):
    X, y = clothes
    cnn = KerasCNNClassifier(architecture, **options)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X / 255, y)
    assert not hasattr(cnn, "classes_")
