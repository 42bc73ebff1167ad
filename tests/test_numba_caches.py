"""Caches of compiled loops are optional: damaged ones are replaced, and some places have none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skfashion

# A module with a small compiled function, which is imported again and again as processes would.
ONCE_MORE = """
import importlib, os, random, sys
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "loops.py").write_text(
    "from skfashion._numba import compiled\\n@compiled\\ndef thrice(x): return 3 * x\\n"
)
sys.path.insert(0, str(folder))
import loops

def run(number=2, **environment):
    thrice = importlib.reload(loops).thrice
    assert thrice(number) == 3 * number
    return thrice.stats

def caches(ending):
    return sorted((folder / "__pycache__").glob("*" + ending))
"""

DAMAGED = """
[index], [data] = (caches(ending) for _ in [run()] for ending in (".nbi", ".nbc"))
draw = random.Random(0)

def damages(content):
    yield b""
    yield from (content[:n] for n in (1, 10, len(content) // 2, len(content) - 1))
    yield content + b"1"
    yield b"import this" + content
    for _ in range(30):
        at = draw.randrange(len(content))
        yield content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1:]

for file in (index, data):
    for damaged in damages(file.read_bytes()):
        file.write_bytes(damaged)
        assert run().cache_misses, (file, damaged[:100])  # as if there were none
        assert run().cache_hits, (file, damaged[:100])  # it has been replaced
for file in (index, data):
    for make in (os.mkdir, os.mkfifo):
        file.unlink()
        make(file)
        assert run().cache_misses
        file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
        run()
"""

MISTAKEN = """
run(2), run(0.5)
one, other = caches(".nbc")
whole = one.read_bytes(), other.read_bytes()
one.write_bytes(whole[1]), other.write_bytes(whole[0])
assert run(2).cache_misses and run(0.5).cache_misses
assert run(2).cache_hits and run(0.5).cache_hits
"""

UNWRITABLE = """
run()
from numba.core import caching
def full(*arguments): raise OSError(28, "No space left on device")
caching.IndexDataCacheFile._save_data = full
assert run(0.5).cache_misses
assert run().cache_hits
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [DAMAGED, MISTAKEN, UNWRITABLE])
def test_caches_that_are_not_as_they_were_written_are_replaced(run_python, tmp_path, code):
    run_python(ONCE_MORE + code, tmp_path)


@pytest.mark.slow
def test_damaged_caches_do_not_change_what_is_erased(run_python, tmp_path):
    code = """
import numpy as np
from skfashion import RandomErasing
print(RandomErasing(p=1, random_state=0).fit_transform(np.zeros((3, 8, 8), np.uint8)).tobytes())
"""
    erased, _ = run_python(code, NUMBA_CACHE_DIR=str(tmp_path))
    files = [file for file in tmp_path.rglob("*") if file.suffix in (".nbi", ".nbc")]
    assert len(files) == 2
    for file in files:
        file.write_bytes(b"")
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)) == (erased, "")
    assert all(file.stat().st_size > 0 for file in files)


# What a container with a user of no name is like, whose packages belong to another one.
HOMELESS = """
import os, pwd, sys
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
os.environ.pop("HOME", None)
os.environ.pop("XDG_CACHE_HOME", None)
os.environ.update(item.split("=") for item in sys.argv[1:])
from numba.core import caching
in_tree = next(cls for cls in caching.CacheImpl._locator_classes if "InTree" in cls.__name__)
in_tree.ensure_cache_path = lambda self: os.mkdir("/proc/none")
import numpy as np
from skfashion import RandomErasing, VectorizedKNNClassifier
X = np.eye(5)
RandomErasing().augment(X)
from skfashion.neighbors import _kernels
from skfashion.preprocessing._fill import fill
print(sum(fill.stats.cache_misses.values()), fill.stats.cache_path)
"""


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["", "XDG_CACHE_HOME=caches", "NUMBA_CACHE_DIR=~/caches"])
def test_nothing_is_cached_in_the_working_directory(tmp_path, variable):
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS, *([variable] if variable else [])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(skfashion.__file__).parent.parent)},
    )
    assert (done.stdout, done.stderr) == ("1 None\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_folder_named_for_caches_serves_without_a_home(run_python, tmp_path):
    output, _ = run_python(HOMELESS, f"NUMBA_CACHE_DIR={tmp_path}")
    assert output.startswith(f"1 {tmp_path}")
