"""Networks of the user's own: whole probabilities, and nothing carried from one fit to the next."""

import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion import KerasCNNClassifier, make_cnn_pipeline
from skfashion.neural_network.runtime import _precision
from skfashion.neural_network.runtime._keras import load_keras

keras = load_keras()
layers = keras.layers


def convolved(images):
    return layers.Flatten()(layers.Conv2D(4, 3, strides=2, activation="relu")(images))


def without_input(input_shape, n_classes):
    return keras.Sequential(
        [layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(n_classes, activation="softmax")]
    )


def nested(input_shape, n_classes):
    head = keras.Sequential([layers.Dense(n_classes), layers.Softmax()])
    return keras.Sequential([keras.Input(input_shape), layers.Flatten(), head])


def operation_at_the_end(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.ops.softmax(layers.Dense(n_classes)(convolved(inputs))))


def layers_after_the_softmax(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    outputs = layers.Dense(n_classes, activation="softmax")(convolved(inputs))
    return keras.Model(inputs, layers.Reshape((n_classes,))(layers.Dropout(0.1)(outputs)))


def model_without_weights_at_the_end(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    end = keras.Sequential([keras.Input((n_classes,)), layers.Softmax()])
    return keras.Model(inputs, end(layers.Dense(n_classes)(convolved(inputs))))


def two_heads(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    images = convolved(inputs)
    heads = [layers.Dense(n_classes, activation="softmax")(images) for _ in range(2)]
    return keras.Model(inputs, layers.Average()(heads))


class Subclassed(keras.Model):
    def __init__(self, n_classes, dtype=None):
        super().__init__()
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(n_classes, activation="softmax", dtype=dtype)

    def call(self, images):
        return self.dense(self.flatten(images))


def subclassed(input_shape, n_classes):
    return Subclassed(n_classes)


def subclassed_in_float32(input_shape, n_classes):
    return Subclassed(n_classes, "float32")


@pytest.fixture
def images():
    X = np.random.RandomState(0).uniform(size=(64, 9, 9, 1)).astype(np.float32)
    return X, np.arange(64) % 7


def fit(architecture, X, y, **parameters):
    return KerasCNNClassifier(architecture, epochs=1, random_state=0, **parameters).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [
        without_input,
        nested,
        operation_at_the_end,
        layers_after_the_softmax,
        model_without_weights_at_the_end,
        two_heads,
        subclassed_in_float32,
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_probabilities_are_whole_in_bfloat16(architecture, images):
    cnn = fit(architecture, *images, precision="mixed_bfloat16")
    probabilities = cnn.predict_proba(images[0])
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert len(np.unique(probabilities)) > 200  # bfloat16 has 128 numbers between 1/8 and 1/4
    assert cnn.precision_ == "mixed_bfloat16"
    assert any(layer.compute_dtype == "bfloat16" for layer in cnn.model_._flatten_layers())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_with_probabilities_of_16_bits_is_built_in_float32(images, monkeypatch):
    monkeypatch.setattr(_precision, "has_bfloat16", lambda: True)
    cnn = fit(subclassed, *images)
    assert cnn.precision_ == "float32"
    assert_allclose(cnn.predict_proba(images[0]).sum(axis=1), 1, atol=1e-6)
    with pytest.raises(ValueError, match=r"have 16 bits.* dtype='float32'"):
        fit(subclassed, *images, precision="mixed_bfloat16")


def test_a_backbone_made_outside_is_refused(images):
    inside = [layers.Conv2D(4, 3, name="inside"), layers.Flatten()]
    backbone = keras.Sequential([keras.Input((9, 9, 1)), *inside])
    frozen = keras.models.clone_model(backbone)
    frozen.trainable = False

    def ending(input_shape, n_classes, start):
        return keras.Sequential([start, layers.Dense(n_classes, activation="softmax")])

    for start in (backbone, frozen):
        before = start.get_weights()
        with pytest.raises(ValueError, match=r"existed before.*clone_model"):
            fit(lambda shape, n, start=start: ending(shape, n, start), *images)
        for weight, expected in zip(start.get_weights(), before, strict=True):
            assert_array_equal(weight, expected)

    def copied(input_shape, n_classes):
        copy = keras.models.clone_model(backbone)
        copy.set_weights(backbone.get_weights())
        return ending(input_shape, n_classes, copy)

    cnn = KerasCNNClassifier(copied, epochs=3, random_state=0)
    expected = cnn.fit(*images).predict_proba(images[0])
    assert_array_equal(cnn.fit(*images).predict_proba(images[0]), expected)


def test_a_layer_made_outside_is_refused(images):
    layer = layers.Dense(5, name="dense")

    def architecture(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        x = layer(layers.Flatten()(inputs))
        return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x))

    with pytest.raises(ValueError, match="Create all layers inside the function"):
        fit(architecture, *images)
    layer = layers.Dense(5, name="outside")
    for _ in range(2):  # before it has variables, too
        with pytest.raises(ValueError, match=r"outside.* existed before.*Create the layers inside"):
            fit(architecture, *images)


@keras.saving.register_keras_serializable("tests")
class Calling(layers.Layer):
    """A layer that calls others, which are not its own."""

    outside = keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(4, 3), layers.Flatten()])

    def call(self, images):
        return Calling.outside(images)


def test_a_backbone_that_only_a_call_refers_to_is_refused(images):
    def architecture(input_shape, n_classes):
        end = layers.Dense(n_classes, activation="softmax", dtype="float32")
        return keras.Sequential([keras.Input(input_shape), Calling(), end])

    with pytest.raises(ValueError, match=r"existed before.*clone_model"):
        fit(architecture, *images)


class Undescribed(keras.Model):
    def __init__(self, n_classes):
        super().__init__()
        self.flatten, self.dense = layers.Flatten(), layers.Dense(n_classes, dtype="float32")

    def call(self, images):
        return keras.ops.softmax(self.dense(self.flatten(images)))


def undescribed(input_shape, n_classes):
    return Undescribed(n_classes)


def test_a_network_that_keras_cannot_describe_is_named_when_pickled(images):
    cnn = fit(undescribed, *images)
    with pytest.raises(ValueError, match=r"undescribed.* get_config that returns the arguments"):
        pickle.dumps(cnn)


def of_two_heads(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    heads = [layers.Dense(n_classes, activation="softmax")(convolved(inputs)) for _ in range(2)]
    return keras.Model(inputs, {"first": heads[0], "second": heads[1]})


def of_two_inputs(input_shape, n_classes):
    inputs = [keras.Input(input_shape) for _ in range(2)]
    outputs = layers.Dense(n_classes, activation="softmax")(convolved(layers.Add()(inputs)))
    return keras.Model(inputs, outputs)


def of_other_images(input_shape, n_classes):
    return nested((5, 5, 3), n_classes)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (
            of_two_heads,
            r"of_two_heads .* got \{'first': \(8, 7\), 'second': \(8, 7\)\} for 8 images",
        ),
        (of_two_inputs, r"of_two_inputs must take one batch of images of shape \(9, 9, 1\)"),
        (of_other_images, r"of_other_images must take one batch of images of shape \(9, 9, 1\)"),
    ],
)
def test_a_network_of_other_inputs_or_outputs_is_refused_by_name(images, architecture, message):
    with pytest.raises(ValueError, match=message):
        fit(architecture, *images)


def test_other_threads_may_call_layers_while_a_network_is_built(images):
    of_another_fit = layers.Dense(2)
    pixels = np.ones((1, 3), np.float32)
    of_another_fit(pixels)
    drawn = []

    def predict():
        of_another_fit(pixels)
        drawn.append(layers.Dense(2, dtype="float64", kernel_initializer=FromDtype()))
        drawn[0].build((None, 3))

    def architecture(input_shape, n_classes):
        thread = threading.Thread(target=predict)
        thread.start()
        thread.join()
        return with_a_softmax(input_shape, n_classes)

    fit(architecture, *images)
    assert drawn[0].kernel.numpy().tolist() == [[64, 64]] * 3


class FromDtype(keras.initializers.Initializer):
    seed = 0

    def __call__(self, shape, dtype=None, **kwargs):
        return keras.ops.full(shape, int(dtype[-2:]), dtype)


def with_a_softmax(input_shape, n_classes):
    outputs = [layers.Flatten(), layers.Dense(n_classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *outputs])


def with_a_lambda(input_shape, n_classes):
    doubled = layers.Lambda(lambda images: 2 * images)
    outputs = [layers.Flatten(), layers.Dense(n_classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), doubled, *outputs])


def test_a_network_with_a_lambda_is_not_pickled(images):
    cnn = fit(with_a_lambda, *images)
    assert cnn.predict(images[0]).shape == images[1].shape
    with pytest.raises(ValueError, match=r"contains a lambda.*register_keras_serializable"):
        pickle.dumps(cnn)
    with pytest.raises(ValueError, match=r"contains a lambda.*register_keras_serializable"):
        cnn.save_model("never.keras")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["two_conv_dropout", "small_resnet"])
def test_initial_weights_do_not_depend_on_the_type_of_the_images(architecture, images):
    X, y = images
    in_single = fit(architecture, X, y, learning_rate=1e-12, precision="float32")
    in_double = fit(architecture, X.astype(np.float64), y, learning_rate=1e-12)
    assert in_double.precision_ == "float64"
    for single, double in zip(
        in_single.model_.trainable_weights, in_double.model_.trainable_weights, strict=True
    ):
        assert double.dtype == "float64"
        assert_allclose(single.numpy(), double.numpy(), atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(6, 1, 1), (1, 6, 1), (1, 1, 1)])
def test_a_preset_that_averages_over_moved_images_takes_narrow_ones(shape):
    X = np.random.RandomState(0).randint(0, 256, (60, *shape), np.uint8)
    pipeline = make_cnn_pipeline("best", filters=(8, 8), epochs=1, random_state=0)
    assert pipeline.fit(X, np.arange(60) % 3).predict_proba(X).shape == (60, 3)


# In bfloat16, TensorFlow leaves memory uninitialized where strides lead to images of width 1.
@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 1), (7, 2, 1), (28, 1, 1), (3, 2, 3)])
def test_narrow_images_are_learned_in_bfloat16(shape):
    X = np.random.RandomState(0).uniform(size=(100, *shape)).astype(np.float32)
    y = X[:, 0, 0, 0] > 0.5
    settings = {"epochs": 8, "batch_size": 16, "filters": (16, 32, 32), "random_state": 0}
    first, again = (
        KerasCNNClassifier("small_resnet", precision="mixed_bfloat16", **settings).fit(X, y)
        for _ in range(2)
    )
    assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert first.history_["loss"][-1] < 0.5  # chance: 0.69
    strided = [layer for layer in first.model_.layers if getattr(layer, "strides", (1,))[0] > 1]
    assert strided[-1].compute_dtype == "float32"  # wherever the memory was zeros by chance


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D"])
def test_convolutions_of_the_users_own_to_narrow_images_are_in_float32(layer):
    kind = getattr(layers, layer)
    filters = {} if layer == "DepthwiseConv2D" else {"filters": 4}

    def narrowing(input_shape, n_classes):
        sides = [12, 3] if layer != "Conv1D" else [36]
        images = layers.Reshape([*sides, 1])(inputs := keras.Input(input_shape))
        for _ in range(6 if layer == "Conv1D" else 2):
            images = kind(kernel_size=3, strides=2, padding="same", **filters)(images)
        outputs = layers.Dense(n_classes, activation="softmax")(layers.Flatten()(images))
        return keras.Model(inputs, outputs)

    X = np.random.RandomState(0).uniform(size=(20, 6, 6, 1)).astype(np.float32)
    cnn = fit(narrowing, X, np.arange(20) % 2, precision="mixed_bfloat16")
    of_width = {
        layer.output.shape[-2]: layer.compute_dtype
        for layer in cnn.model_.layers
        if isinstance(layer, kind)
    }
    assert of_width.pop(1) == "float32"
    assert set(of_width.values()) == {"bfloat16"}
