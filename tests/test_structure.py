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


def imported(name):
    """Go through the whole names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
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
