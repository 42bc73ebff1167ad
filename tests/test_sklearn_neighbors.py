"""scikit-learn's own tests of KNeighborsClassifier, with VectorizedKNNClassifier in its place."""

import inspect
from importlib.util import find_spec, module_from_spec
from unittest.mock import patch

import numpy as np
import pytest
from sklearn import neighbors
from sklearn.neighbors._base import KNeighborsMixin

from skfashion import VectorizedKNNClassifier

# Others of scikit-learn's estimators, in the same tests, warn as they may there.
pytestmark = pytest.mark.filterwarnings("default")

LEFT_OUT = {
    "test_unsupervised_inputs": "fits on a BallTree, a KDTree or a fitted NearestNeighbors",
    "test_neighbors_minkowski_semimetric_algo_warn": "reads the private attribute _fit_method",
    "test_neighbors_validate_parameters": "expects an error for the three dimensions of images",
}


def is_ours(value):
    parts = value if isinstance(value, tuple) else (value,)
    return any(
        p is VectorizedKNNClassifier or isinstance(p, VectorizedKNNClassifier) for p in parts
    )


def marks_for_ours(marks):
    """Return the marks; of several estimators in a parametrize mark, ours alone are kept."""
    for mark in marks:
        if mark.name == "parametrize":
            names, values = mark.args[0], list(mark.args[1])
            ours = [value for value in values if is_ours(value)]
            yield pytest.mark.parametrize(names, ours or values, **mark.kwargs).mark
        elif mark.name == "filterwarnings":
            yield mark


def load():
    """Return scikit-learn's module of tests, which names our class where it names its own."""
    spec = find_spec("sklearn.neighbors.tests.test_neighbors")
    if spec is None:
        pytest.skip("scikit-learn is installed without its tests", allow_module_level=True)
    module = module_from_spec(spec)
    with patch.dict(vars(neighbors), KNeighborsClassifier=VectorizedKNNClassifier):
        spec.loader.exec_module(module)
    # Whether a class takes n_neighbors or a radius is asked of its base class.
    module.KNeighborsMixin = (KNeighborsMixin, VectorizedKNNClassifier)
    return module


def uses_the_classifier(module):
    """Return the tests that use the classifier, by name."""
    tests = {}
    for name, test in vars(module).items():
        if name.startswith("test_") and "neighbors.KNeighborsClassifier" in inspect.getsource(test):
            test.pytestmark = list(marks_for_ours(getattr(test, "pytestmark", [])))
            tests[name] = test
    return tests


MODULE = load()
TESTS = uses_the_classifier(MODULE)
globals().update({name: test for name, test in TESTS.items() if name not in LEFT_OUT})


@pytest.fixture(params=[np.float32, np.float64])
def global_dtype(request):
    return request.param


@pytest.fixture(autouse=True)
def in_the_place_of_scikit_learns(monkeypatch):
    monkeypatch.setattr(neighbors, "KNeighborsClassifier", VectorizedKNNClassifier)
    # The order of tests changes nothing.
    MODULE.rng.seed(0)
    np.random.seed(0)  # noqa: NPY002 - some split their data by the global generator


def test_every_test_that_is_left_out_is_there():
    assert set(LEFT_OUT) <= set(TESTS)
    assert len(TESTS) >= 20
