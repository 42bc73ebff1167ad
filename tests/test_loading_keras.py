"""Ctrl-C while keras and TensorFlow load."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
presses = int(sys.argv[1])

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow.python.ops.image_ops":
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
from skfashion import KerasCNNClassifier
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(60, image_size=20, random_state=0, return_X_y=True)
cnn = KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=1, random_state=0)
try:
    cnn.fit(X / 255, y)
except KeyboardInterrupt:
    print("interrupted")
sys.meta_path.pop(0)
try:
    print(cnn.fit(X / 255, y).n_iter_)
except ImportError as error:
    print(error)
"""


def test_it_is_answered_once_they_are_loaded(run_python):
    assert run_python(INTERRUPTED, 1)[0] == "interrupted\n1\n"


def test_what_is_half_loaded_asks_for_another_process(run_python):
    output, _ = run_python(INTERRUPTED, 3)
    assert output.startswith("interrupted\nkeras and TensorFlow cannot be loaded (")
    assert "(Ctrl-C), restart Python" in output


HOMELESS = """
import os, pwd
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
from skfashion import KerasCNNClassifier
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(60, image_size=20, random_state=0, return_X_y=True)
cnn = KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=1, random_state=0)
print(cnn.fit(X / 255, y).predict(X[:1] / 255).shape)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs the users of POSIX")
def test_without_a_home_nothing_is_written_to_the_working_directory(tmp_path):
    unset = ("HOME", "XDG_CACHE_HOME", "KERAS_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    (tmp_path / "here").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS],
        capture_output=True,
        text=True,
        cwd=tmp_path / "here",
        env={**environment, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(1,)\n"
    assert list((tmp_path / "here").iterdir()) == []
