"""Weights in PyTorch's old file format, read without PyTorch and without running code."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage(NamedTuple):
    dtype: str
    key: str
    n_items: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows tensors and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"expected weights only, found {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, n_items, *_ = pid
        return _Storage(dtype, key, n_items)


def read_torch_weights(content: bytes) -> dict[str, NDArray]:
    """Return the arrays of a `state_dict` that ``torch.save`` wrote before PyTorch 1.6.

    Parameters
    ----------
    content : bytes
        Content of the file. Its hash must have been checked: a changed file can still raise any
        error of pickle or numpy, or allocate much memory.

    Returns
    -------
    dict of str to ndarray
        Read-only arrays of float32 or int64, by the names of the parameters.

    Raises
    ------
    ValueError
        If the file is not of this format.
    """
    file = io.BytesIO(content)
    if _load(file) != _MAGIC_NUMBER or _load(file) != _PROTOCOL_VERSION:
        raise ValueError("Expected a file of torch.save before PyTorch 1.6, got another format.")
    _load(file)  # Sizes of C types.
    tensors, keys = _load(file), _load(file)
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {}
    for key in keys:
        n_items = int.from_bytes(file.read(8), "little")
        dtype = np.dtype(dtypes[key])
        storages[key] = np.frombuffer(file.read(n_items * dtype.itemsize), dtype)
    return {name: _as_array(tensor, storages) for name, tensor in tensors.items()}


def _load(file: BinaryIO) -> Any:
    return _Unpickler(file).load()


def _as_array(tensor: _Tensor, storages: dict[str, NDArray]) -> NDArray:
    storage = storages[tensor.storage.key][tensor.offset :]
    strides = [storage.itemsize * stride for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage, tensor.shape, strides, writeable=False)
