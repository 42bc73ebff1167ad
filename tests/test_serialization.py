"""keras objects among an estimator's parameters, as pickles and clones have them."""

import copy
import json
import sys
from unittest import mock

import keras
import pytest

from skfashion import KerasCNNClassifier, RandomErasing
from skfashion.neural_network.runtime import _serialization
from skfashion.neural_network.runtime._serialization import (
    check_can_be_made,
    deserialize,
    pack_parameters,
    serialize,
)
from skfashion.neural_network.runtime._trained_network import TrainedNetwork


def no_layer(images):
    return images


def test_functions_are_not_serialized():
    assert serialize(no_layer) is no_layer
    assert pack_parameters(no_layer) is no_layer


@pytest.mark.parametrize("kind", [list, tuple])
def test_parameters_in_a_list_are_packed_one_by_one_and_come_back(kind):
    erasing = RandomErasing(p=0.3)
    layers = kind([keras.layers.RandomFlip("vertical"), erasing])
    packed = pack_parameters(layers)
    assert type(packed) is kind
    assert packed[1] is erasing
    assert isinstance(packed[0], type(pack_parameters(keras.layers.RandomFlip())))
    cnn = copy.copy(KerasCNNClassifier())
    cnn.__setstate__({**cnn.__getstate__(), "augmenter": packed})
    assert type(cnn.augmenter) is kind
    assert isinstance(cnn.augmenter[0], keras.layers.RandomFlip)
    assert cnn.augmenter[0].mode == "vertical"
    assert cnn.augmenter[0] is cnn.augmenter[0]  # made once
    assert cnn.augmenter[1] is erasing


def test_a_parameter_that_was_never_set_is_an_attribute_error():
    empty = object.__new__(KerasCNNClassifier)
    with pytest.raises(AttributeError, match="augmenter"):
        empty.augmenter  # noqa: B018
    assert not hasattr(empty, "loss")


def test_the_class_shows_its_descriptors():
    assert KerasCNNClassifier.augmenter is vars(KerasCNNClassifier)["augmenter"]


def test_functions_come_back_as_they_are():
    assert deserialize(no_layer, "loss") is no_layer
    assert pack_parameters(5) == 5


def test_without_keras_no_parameter_is_one_of_keras(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras")
    assert pack_parameters("adam") == "adam"


def model(units=3, **options):
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, **options)])
    made.compile("adam", "mse")
    return made


def test_a_model_is_written_without_the_way_it_was_compiled():
    assert "compile_config" not in json.loads(serialize(model()))


def test_modules_of_all_registered_classes_are_imported_first():
    ours = {
        kind.__module__
        for name, kind in keras.saving.get_custom_objects().items()
        if name.startswith("skfashion>")
    }
    assert ours
    with mock.patch.object(_serialization, "import_module") as imported:
        deserialize(serialize(keras.optimizers.Adam()), "optimizer")
    assert {call.args[0] for call in imported.call_args_list} >= ours


def test_a_network_with_other_parts_is_refused():
    with pytest.raises(ValueError, match=r"damaged.* Expected \['_.*got \['_n_classes'\]"):
        object.__new__(TrainedNetwork).__setstate__({"_n_classes": 2})


def with_a_lambda():
    config = json.loads(serialize(model()))
    dense = config["config"]["layers"][-1]["config"]
    dense["activation"] = {"class_name": "__lambda__", "config": {"value": "", "closure": None}}
    return json.dumps(config)


def test_a_lambda_is_refused_by_its_name():
    for refuse in (check_can_be_made, lambda written: deserialize(written, "model")):
        with pytest.raises(ValueError, match=r"^The network contains a lambda, which can only be"):
            refuse(with_a_lambda())
    check_can_be_made(serialize(model()))
    check_can_be_made(no_layer)


def test_variables_are_limited_by_the_weights(monkeypatch):
    made = model(units=1000)
    weights = made.get_weights()
    written = serialize(made)
    monkeypatch.setattr(_serialization, "_MAX_OTHER_NUMBERS", 0)
    assert deserialize(written, "model", weights).count_params() == 5000
    monkeypatch.setattr(_serialization, "_MAX_OTHER_NUMBERS", 1000)
    assert deserialize(written, "model", weights[:1]).count_params() == 5000
    monkeypatch.setattr(_serialization, "_MAX_OTHER_NUMBERS", 999)
    with pytest.raises(ValueError, match="it has more variables than there are weights for"):
        deserialize(written, "model", weights[:1])
