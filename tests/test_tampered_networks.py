import copy
import json
from unittest.mock import patch

import keras
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal

from skfashion import KerasCNNClassifier

BORROWED = "skfashion>BatchNormalization"
SAFE_MODE = {
    "module": "keras.config",
    "class_name": "function",
    "config": "enable_unsafe_deserialization",
    "registered_name": BORROWED,
}
CODE = {
    # Chains that ran code, or TensorFlow's operations, with the versions of keras named.
    "Lambda of cond, 3.10": {
        "module": "keras.layers",
        "class_name": "Lambda",
        "registered_name": None,
        "config": {
            "function": {**SAFE_MODE, "module": "keras.ops", "config": "cond"},
            "arguments": {"true_fn": SAFE_MODE, "false_fn": SAFE_MODE},
        },
    },
    "TFSMLayer, 3.13": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "registered_name": None,
        "config": {"filepath": "/tmp/planted", "call_endpoint": "serve"},
    },
    # Borrowed names and other ways that keras' loader goes.
    "function": SAFE_MODE,
    "function of the builtins": {**SAFE_MODE, "module": "builtins", "config": "get"},
    "function that is a class": {**SAFE_MODE, "config": BORROWED},
    "code": {"class_name": "__lambda__", "config": {"value": "x"}, "registered_name": BORROWED},
    "type": {
        "class_name": "__typespec__",
        "spec_name": "BatchNormalization",
        "module": None,
        "registered_name": BORROWED,
        "config": [],
    },
    "no module": {"class_name": "Lambda", "registered_name": BORROWED, "config": {}},
    "another class": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "registered_name": BORROWED,
        "config": {},
    },
    "a file": {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "registered_name": None,
        "config": {"vocabulary": "/etc/passwd"},
    },
    "loop": {
        "module": "keras.src.ops.core",
        "class_name": "WhileLoop",
        "registered_name": "WhileLoop",
        "config": {"cond": SAFE_MODE, "body": SAFE_MODE},
    },
    "another module": {
        "module": "antigravity",
        "class_name": "Dense",
        "registered_name": None,
        "config": {},
    },
}


@pytest.fixture(scope="module")
def fitted(clothes):
    return KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=1).fit(*clothes)


def tampered(cnn, part, change):
    """Return what skops loads of a classifier one of whose descriptions was changed in the file."""
    cnn = copy.deepcopy(cnn)
    described = json.loads(vars(cnn._network)[part])
    vars(cnn._network)[part] = json.dumps(change(described))
    with patch(
        "skfashion.neural_network.runtime._trained_network.check_can_be_made"
    ):  # as the file is changed
        dumped = skops.io.dumps(cnn)
    types = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("skfashion.") for name in types)
    return skops.io.loads(dumped, trusted=types)


@pytest.mark.parametrize("part", ["_model", "_loss", "_optimizer"])
@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_file_cannot_name_code_to_run(fitted, clothes, part, code):
    def change(described):
        described["config"]["name"] = code
        return described

    with pytest.raises(ValueError, match="could run code"):
        tampered(fitted, part, change).predict(clothes[0])
    assert keras.src.saving.serialization_lib.in_safe_mode() is not False


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_layer_among_the_parameters_cannot_name_code_to_run(fitted, code):
    cnn = copy.deepcopy(fitted).set_params(augmenter=keras.layers.RandomFlip("horizontal"))
    dumped = skops.io.dumps(cnn)
    loaded = skops.io.loads(dumped, trusted=skops.io.get_untrusted_types(data=dumped))
    packed = vars(loaded)["augmenter"]
    described = json.loads(packed.json)
    described["config"]["mode"] = code
    packed.json = json.dumps(described)
    with pytest.raises(ValueError, match="could run code"):
        _ = loaded.augmenter


def test_what_the_user_registers_is_made(fitted, clothes):
    def change(described):
        described["config"]["layers"][1]["class_name"] = "Conv2DOfMine"
        described["config"]["layers"][1]["registered_name"] = "tests>Conv2DOfMine"
        return described

    cnn = tampered(fitted, "_model", change)
    with pytest.raises(ValueError, match=r"'tests>Conv2DOfMine'.*register_keras_serializable"):
        cnn.predict(clothes[0])

    @keras.saving.register_keras_serializable("tests")
    class Conv2DOfMine(keras.layers.Conv2D):
        pass

    try:
        assert_array_equal(cnn.predict(clothes[0]), fitted.predict(clothes[0]))
    finally:
        del keras.saving.get_custom_objects()["tests>Conv2DOfMine"]


def test_functions_that_the_user_registers_are_found(clothes):
    @keras.saving.register_keras_serializable("tests")
    def doubled(x):
        return 2 * x

    def architecture(input_shape, n_classes):
        return keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(8, doubled),
                keras.layers.Dense(n_classes, "softmax"),
            ]
        )

    X, y = clothes
    cnn = KerasCNNClassifier(architecture, epochs=1).fit(X, y)
    copied = copy.deepcopy(cnn)
    del cnn
    try:
        assert copied.predict_proba(X).shape == (240, 10)
    finally:
        del keras.saving.get_custom_objects()["tests>doubled"]


def test_a_layer_of_more_units_than_there_are_weights_for_takes_no_memory(fitted, clothes):
    def change(described):
        dense = [x for x in described["config"]["layers"] if x["class_name"] == "Dense"]
        dense[0]["config"]["units"] = 10**12  # memory for which there is none
        return described

    with pytest.raises(ValueError, match="more variables than there are weights for"):
        tampered(fitted, "_model", change).predict(clothes[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda described: [],
        lambda described: 3,
        lambda described: "x",
        lambda described: {},
        lambda described: {**described, "class_name": ["Functional"]},
        lambda described: {**described, "module": {}},
        lambda described: {**described, "config": None},
        lambda described: {**described, "config": {}},
        lambda described: {**described, "config": {**described["config"], "layers": 3}},
        lambda described: {**described, "config": {**described["config"], "output_layers": []}},
        lambda described: {**described, "config": {**described["config"], "output_layers": [[]]}},
        lambda described: {**described, "class_name": "Dense", "module": "keras.layers"},
        lambda described: described["config"].get("layers", [{}])[0],
        lambda described: json.loads("[" * 900 + "]" * 900),
    ],
)
@pytest.mark.parametrize("part", ["_model", "_optimizer"])
def test_a_damaged_description_raises_one_kind_of_error(fitted, clothes, part, change):
    with pytest.raises(ValueError, match=r"network.*(damaged|could run code)"):
        tampered(fitted, part, change).predict(clothes[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_image_shape", (20, 20)),
        ("_image_shape", (20, -20, 1)),
        ("_image_shape", "20x20x1"),
        ("_n_classes", 1.5),
        ("_n_classes", True),
        ("precision", "float8"),
        ("_model", "{"),
        ("_model", 3),
        ("_loss", None),
        ("_optimizer", []),
        ("_weights", None),
        ("_weights", [np.array(["x"])]),
        ("_weights", [1.0]),
        ("_weights", np.zeros(3)),
        ("_state", "x"),
        ("_state", [None]),
    ],
)
def test_a_network_of_other_parts_is_refused_when_it_is_loaded(fitted, name, value):
    network = copy.copy(fitted._network)
    state = {**network.__getstate__(), name: value}
    with pytest.raises(ValueError, match=f"damaged.*{name}"):
        network.__setstate__(state)
