"""Which room of the code may import which, and who touches private parts of other libraries."""

import ast
from pathlib import Path

import pytest

import skfashion

ROOT = Path(skfashion.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
    for path in ROOT.rglob("*.py")
}
CNN = "skfashion.neural_network"
# From each room of the CNN's, the rooms of the CNN's that it may import.
ARROWS = {"runtime": set(), "architectures": {"runtime"}, "training": {"architectures", "runtime"}}


def tree(name):
    return ast.walk(ast.parse(MODULES[name].read_text()))


def imported(name):
    """Go through the whole names of what a module imports, wherever in it."""
    for node in tree(name):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = name.split(".")[: -node.level]
                module = ".".join([*package, *module.split(".")])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ARROWS)
def test_imports_between_the_rooms_of_the_cnn_run_one_way(room):
    modules = [name for name in MODULES if name.startswith(f"{CNN}.{room}.")]
    assert modules
    wrong = {
        f"{name} imports {other}"
        for name in modules
        for other in imported(name)
        if f"{other}.".startswith(f"{CNN}.")
        and other.removeprefix(f"{CNN}.").split(".")[0] not in {room, *ARROWS[room]}
    }
    assert not wrong


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def test_private_parts_of_scikit_learn_have_one_door():
    used = {
        (name, other)
        for name in MODULES
        for other in imported(name)
        if other.startswith("sklearn") and any(map(is_private, other.split(".")))
    }
    assert {name for name, _ in used} == {"skfashion._sklearn"}, used


def test_private_attributes_of_keras_have_one_door():
    nodes = [(name, node) for name in MODULES for node in tree(name)]
    attributes = [(name, node) for name, node in nodes if isinstance(node, ast.Attribute)]
    ours = {node.attr for _, node in attributes if isinstance(node.ctx, ast.Store)}
    ours |= {node.name for _, node in nodes if isinstance(node, ast.FunctionDef)}
    ours |= {"_getframe", "_parameter_constraints"}  # Python's, scikit-learn's
    used = {
        (name, node.attr)
        for name, node in attributes
        if name.startswith(CNN)
        and is_private(node.attr)
        and node.attr not in ours
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }
    assert {name for name, _ in used} == {f"{CNN}.runtime._keras"}, used


def test_private_modules_of_keras_have_one_door():
    used = {
        (name, other)
        for name in MODULES
        for other in imported(name)
        if other.startswith(("keras.src", "tensorflow.python"))
    }
    assert {name for name, _ in used} == {f"{CNN}.runtime._keras"}, used
