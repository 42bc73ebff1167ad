"""A classifier fitted in one thread and asked in another: each answer is of one of the fits."""

import sys
import threading
from functools import partial

import joblib
import numpy as np
import pytest

from skfashion import VectorizedKNNClassifier
from skfashion.datasets import make_fashion_images
from skfashion.neighbors import _vectorized_knn

X, y = make_fashion_images(120, image_size=12, random_state=0, return_X_y=True)
QUERIES = X[:5]
# Beside a fit of all: fewer images, in another order, with other labels; images with two outputs.
OTHERS = {
    "one output": (X[:40][::-1].copy(), np.array(["a", "b", "c", "d"] * 10)),
    "two outputs": (X[40:90].reshape(-1, 12, 12), np.column_stack([y, y + 90])[40:90]),
}
ANSWERS = {
    "predict": lambda knn: knn.predict(QUERIES),
    "predict_proba": lambda knn: knn.predict_proba(QUERIES),
    "kneighbors": lambda knn: knn.kneighbors(),
    "kneighbors_graph": lambda knn: knn.kneighbors_graph(mode="distance"),
}


def fitted(X=X, y=y):
    return VectorizedKNNClassifier(3, weights="distance").fit(X, y)


def interrupted(call, at, meanwhile):
    """Call, and before its line number `at`, of those in two files, call what comes meanwhile.

    Return the result, and whether there were so many lines.
    """
    files = _vectorized_knn.__file__, _vectorized_knn.validate_images.__code__.co_filename
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            lines += 1
            if lines == at:
                meanwhile()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = call()
    finally:
        sys.settrace(before)
    return result, lines >= at


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("method", ANSWERS)
def test_an_answer_is_of_one_fit_whenever_another_ends(method, other):
    answer = ANSWERS[method]
    expected = {joblib.hash(answer(fitted())), joblib.hash(answer(fitted(*OTHERS[other])))}
    found, at, reached = set(), 1, True
    while reached:
        knn = fitted()
        result, reached = interrupted(partial(answer, knn), at, partial(knn.fit, *OTHERS[other]))
        found.add(joblib.hash(result))
        assert found <= expected, f"a mixture of two fits where one ended before line {at}"
        at += 1
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
def test_answers_amid_a_fit_are_of_the_one_before_until_all_is_learned(other):
    before, after = (
        [joblib.hash(answer(knn)) for answer in ANSWERS.values()]
        for knn in (fitted(), fitted(*OTHERS[other]))
    )
    found, at, reached = [], 1, True
    while reached:
        knn = fitted()

        def ask(knn=knn):
            found.append([joblib.hash(answer(knn)) for answer in ANSWERS.values()])

        _, reached = interrupted(partial(knn.fit, *OTHERS[other]), at, ask)
        at += 1
    learned = found.index(after)
    assert learned > 30
    assert found == [before] * learned + [after] * (len(found) - learned)


def test_threads_that_fit_leave_one_of_the_fits_and_what_was_set_meanwhile(monkeypatch):
    # The fit of one output stands still until the one of two outputs has ended.
    begun, go_on = threading.Event(), threading.Event()

    def check(y):
        if y.ndim == 1:
            begun.set()
            assert go_on.wait(60)

    monkeypatch.setattr(_vectorized_knn, "check_classification_targets", check)
    knn = VectorizedKNNClassifier(3, weights="distance")
    thread = threading.Thread(target=knn.fit, args=OTHERS["one output"])
    thread.start()
    assert begun.wait(60)
    knn.fit(*OTHERS["two outputs"])
    knn.set_params(n_neighbors=4)
    assert knn.predict(QUERIES).shape == (5, 2)
    go_on.set()
    thread.join()
    assert knn.n_neighbors == 4
    expected = fitted(*OTHERS["one output"]).set_params(n_neighbors=4)
    assert knn.image_shape_ is expected.image_shape_ is None
    assert vars(knn).keys() == vars(expected).keys()
    for answer in ANSWERS.values():
        assert joblib.hash(answer(knn)) == joblib.hash(answer(expected))
