"""Docstrings and signatures agree: names, their order, and defaults."""

import inspect
import re

import numpy as np
import numpydoc.docscrape
import pytest

import skfashion
from skfashion import datasets, inspection, neighbors, neural_network, pipeline, preprocessing

PUBLIC = {
    name: getattr(module, name)
    for module in (
        skfashion, datasets, inspection, neighbors, neural_network, pipeline, preprocessing
    )
    for name in getattr(module, "__all__", ())
    if callable(getattr(module, name))
}  # fmt: skip
METHODS = {
    f"{name}.{method}": getattr(public, method)
    for name, public in PUBLIC.items()
    if inspect.isclass(public)
    # Of its own, not scikit-learn's, which are documented there.
    for method, function in vars(public).items()
    if not re.match("_|set_.*_request$", method) and inspect.isroutine(function)
}


def documented(section):
    """Return {name: what is said of its type} in the order of a section "Parameters"."""
    return {
        name.strip().lstrip("*"): entry.type for entry in section for name in entry.name.split(",")
    }


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_parameters_are_documented_in_their_order_with_their_defaults(name):
    function = {**PUBLIC, **METHODS}[name]
    parameters = {
        parameter.name: parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls")
    }
    found = documented(numpydoc.docscrape.FunctionDoc(function)["Parameters"])
    assert [*found] == [*parameters]
    for parameter, said in found.items():
        default = parameters[parameter].default
        if said == "None" and default is None:
            continue
        match = re.search(r"\bdefault=(.*)$", said, flags=re.DOTALL)
        if default is inspect.Parameter.empty:
            assert match is None, f"{parameter} has no default, documented: {said}"
            continue
        assert match, f"{parameter}: no default in {said!r}, which is {default!r}"
        assert eval(match[1].strip("` "), {"numpy": np}) == default, parameter
