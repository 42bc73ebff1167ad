"""Ctrl-C while keras and TensorFlow load."""

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
