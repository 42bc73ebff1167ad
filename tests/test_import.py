from importlib.metadata import version

import pytest

import skfashion


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "import skfashion",
        "from skfashion import KerasCNNClassifier, make_cnn_pipeline; make_cnn_pipeline()",
        "from skfashion import VectorizedKNNClassifier, make_knn_pipeline; make_knn_pipeline()",
        "from skfashion import ImageLoader, make_cnn_pipeline; ImageLoader().fit([])",
        "from skfashion.datasets import make_fashion_images; make_fashion_images(10)",
        "from skfashion.inspection import *; ImageGridDisplay(images=None, labels=None)",
    ],
)
def test_importing_and_constructing_load_neither_keras_nor_matplotlib_nor_pillow(
    run_python, statement
):
    code = f"{statement}; import sys; print({{m.split('.')[0] for m in sys.modules}})"
    loaded = eval(run_python(code)[0])
    assert "skfashion" in loaded
    assert not loaded & {"PIL", "keras", "matplotlib", "numba", "scikeras", "tensorflow"}


def test_version_is_the_one_installed():
    assert skfashion.__version__ == version("skfashion")


def test_public_names_are_there_and_listed():
    for name in skfashion.__all__:
        assert getattr(skfashion, name) is not None
        assert name in dir(skfashion)
    assert skfashion.datasets.fetch_fashion_mnist is not None
    assert skfashion.inspection.ImageGridDisplay is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'skfashion' has no attribute 'KNN'"):
        skfashion.KNN  # noqa: B018


FIT = """
import sys, warnings
from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(60, image_size=20, random_state=0, return_X_y=True)
for _ in range(3):
    pipeline = make_cnn_pipeline(epochs=2, early_stopping=True, validation_fraction=0.5).fit(X, y)
    for n in (1, 7, 60):
        pipeline.predict(X[:n])
"""


@pytest.mark.slow
def test_nothing_is_printed_unless_asked_for(run_python):
    assert run_python(FIT) == ("", "")


@pytest.mark.slow
def test_an_architecture_on_its_own_loads_keras_quietly(run_python):
    code = "from skfashion.neural_network import three_conv; three_conv((28, 28, 1), 10)"
    assert run_python(code) == ("", "")


@pytest.mark.slow
def test_loading_a_pickle_is_quiet_too(run_python, tmp_path):
    path = tmp_path / "pipeline.pickle"
    run_python(FIT + "import pickle; pickle.dump(pipeline, open(sys.argv[1], 'wb'))", path)
    assert run_python(f"import pickle; pickle.load(open({str(path)!r}, 'rb'))") == ("", "")


@pytest.mark.slow
def test_other_messages_on_standard_error_get_through(run_python):
    code = """
import os, threading
from skfashion.neural_network.runtime import _keras
with _keras._start_up_lines_dropped():
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\\n")
    os.write(2, b"I0000 00:00:1 2 port.cc:153] oneDNN custom operations are on.\\n")
    os.write(2, b"something that matters\\n")
"""
    assert run_python(code) == ("", "something that matters\n")
