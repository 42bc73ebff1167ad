"""Every parameter that is set to what it cannot be, as the constraints tell."""

import inspect
import re
from pydoc import locate

import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from sklearn.utils._param_validation import generate_invalid_param_val, make_constraint

import skfashion
from skfashion import KerasCNNClassifier, datasets

ESTIMATORS = [
    estimator
    for name in skfashion.__all__
    if inspect.isclass(estimator := getattr(skfashion, name))
]
FUNCTIONS = [
    function
    for module in (skfashion, datasets)
    for name in module.__all__
    if hasattr(function := getattr(module, name), "_skl_parameter_constraints")
]


class SomethingElse:
    """Of no type that any parameter may have."""


def wrong_values(constraints):
    """Go through values of the wrong type and out of range, and NaN."""
    yield SomethingElse()
    yield float("nan")
    if constraints == "no_validation":
        return
    for constraint in constraints:
        try:
            yield generate_invalid_param_val(make_constraint(constraint))
        except NotImplementedError:  # any value of that type will do
            continue


def cases(owners, constraints_of):
    """Return a test case for each wrong value of each parameter of each owner."""
    return [
        # Not named by the values, of which some name a set's elements in an order of their own.
        pytest.param(owner, parameter, value, id=f"{owner.__name__}-{parameter}-{number}")
        for owner in owners
        for parameter, constraints in constraints_of(owner).items()
        for number, value in enumerate(wrong_values(constraints))
    ]


def test_every_parameter_has_constraints():
    assert {estimator.__name__ for estimator in ESTIMATORS} >= {"KerasCNNClassifier", "PixelScaler"}
    for estimator in ESTIMATORS:
        assert set(estimator._parameter_constraints) == set(estimator().get_params())


@pytest.mark.parametrize(
    ("estimator", "parameter", "value"),
    cases(ESTIMATORS, lambda estimator: estimator._parameter_constraints),
)
def test_of_an_estimator(clothes, estimator, parameter, value):
    changed = estimator().set_params(**{parameter: value})
    before = dict(vars(changed))
    with pytest.raises((TypeError, ValueError), match=parameter):
        changed.fit(*clothes)
    assert vars(changed) == before


@pytest.mark.parametrize(
    ("function", "parameter", "value"),
    cases(
        FUNCTIONS,
        lambda function: {
            name: constraints
            for name, constraints in function._skl_parameter_constraints.items()
            if constraints != "no_validation"
        },
    ),
)
def test_of_a_function(function, parameter, value):
    required = {
        name: "." if name == "folder" else None
        for name, of in inspect.signature(function).parameters.items()
        if of.default is of.empty and of.kind is of.POSITIONAL_OR_KEYWORD
    }
    with pytest.raises((TypeError, ValueError), match=parameter):
        function(**{**required, parameter: value})


def test_of_the_last_step_of_a_pipeline(clothes):
    pipeline = skfashion.make_cnn_pipeline(epochs=0)
    with pytest.raises(ValueError, match="'epochs' parameter of KerasCNNClassifier"):
        pipeline.fit(*clothes)
    assert clone(KerasCNNClassifier(epochs=0)).epochs == 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pictures_in_notebooks_link_to_the_page_of_the_public_name(estimator):
    link = re.search(
        r'href="https://skfashion[^"]*/generated/([\w.]+)\.html"',
        estimator_html_repr(make_pipeline(estimator())),
    )
    assert locate(link[1]) is estimator
