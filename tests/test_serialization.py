"""keras objects among an estimator's parameters, as pickles and clones have them."""

import copy

import keras
import pytest

from skfashion import KerasCNNClassifier, RandomErasing
from skfashion.neural_network.runtime._serialization import pack_parameters, serialize


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
