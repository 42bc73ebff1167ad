"""What was learned, changed in a file or after the fit: errors, no crash and no wrong answer."""

import numpy as np
import pytest

from skfashion import RandomErasing, VectorizedKNNClassifier

# Each change of each attribute is tried in one other process, which a fault in compiled code would
# end.
TAMPER = """
import copy
import numpy as np
import skops.io
from skfashion import RandomErasing, VectorizedKNNClassifier
from skfashion.datasets import make_fashion_images

X, y = make_fashion_images(240, image_size=20, random_state=0, return_X_y=True)

def changes(value):
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        yield np.concatenate([value] * 3)
        yield value[:-1]
        yield value[..., :-1]
        yield value.reshape(-1)
        yield value[np.newaxis]
        yield value.astype(np.float16)
        yield value.astype(object)
        yield np.asfortranarray(value)[::-1]
        yield np.full_like(value, -1 if value.dtype.kind == "i" else 0)
        if value.dtype.kind == "f":
            yield np.full_like(value, np.nan)
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        yield from (0, -1, int(value) + 1, int(value) * 1000, 2**62, float(value), str(value))
    elif isinstance(value, tuple):
        yield from (tuple(10 * n for n in value), value[:-1], tuple(-n for n in value), ())
    elif isinstance(value, str):
        yield "precomputed"
    if value is not None:
        yield None

def estimators():
    yield VectorizedKNNClassifier().fit(X, y)
    yield VectorizedKNNClassifier(metric="cosine").fit(X.astype(np.float32), y)
    yield VectorizedKNNClassifier().fit(X[:, :30], np.column_stack([y, y]))  # without components
    yield VectorizedKNNClassifier(metric="manhattan").fit(X, y)
    yield RandomErasing(p=1, random_state=0).fit(X)

def answers(estimator):
    if isinstance(estimator, RandomErasing):
        return [estimator.augment(X)]
    queries = X[:60, : estimator.n_features_in_]
    return [*estimator.kneighbors(queries), estimator.predict(queries)]

tried = 0
for estimator in estimators():
    expected = answers(estimator)
    params = estimator.get_params()
    state = estimator.__getstate__()
    places = [((name,), value) for name, value in state.items() if name not in params]
    if "_search" in state:
        inner = state["_search"].__getstate__()
        places += [(("_search", name), value) for name, value in inner.items()]
    for place, value in places:
        for changed in changes(value):
            tried += 1
            tampered = copy.deepcopy(estimator)
            try:
                if len(place) == 1:
                    vars(tampered)[place[0]] = changed
                else:
                    vars(vars(tampered)[place[0]])[place[1]] = changed
                dumped = skops.io.dumps(tampered)
                trusted = skops.io.get_untrusted_types(data=dumped)
                tampered = skops.io.loads(dumped, trusted=trusted)
                got = answers(tampered)
            except (ValueError, TypeError, AttributeError) as error:
                continue
            if place[-1] in ("rows", "_y", "classes_", "effective_metric"):  # other data
                assert ((0 <= got[1]) & (got[1] < 240)).all(), (place, changed)
                continue
            for one, other in zip(got, expected, strict=True):
                assert np.array_equal(one, other), (estimator, place, changed)
print(tried)
"""


def test_tampered_files_raise_errors_and_answer_nothing_wrong(run_python):
    tried, _ = run_python(TAMPER)
    assert int(tried) > 100


def test_an_image_shape_set_after_the_fit_does_not_leave_the_rows(clothes):
    X = clothes[0]
    erasing = RandomErasing(p=1, random_state=0).fit(X)
    erasing.image_shape_ = (2000, 2000, 1)
    with pytest.raises(ValueError, match="holds 4000000 values, but X has 400 features"):
        erasing.augment(X)


@pytest.mark.parametrize("n_features", [30, 400])
def test_parts_set_after_the_fit_do_not_leave_the_rows(clothes, n_features):
    X, y = clothes[0][:, :n_features], clothes[1]
    knn = VectorizedKNNClassifier().fit(X, y)
    for rows in (X[:100], X[:, :-1].copy()):
        knn._search.rows, knn._search._fingerprint = rows, None
        with pytest.raises(ValueError, match="do not fit"):
            knn.predict(X)
    knn = VectorizedKNNClassifier().fit(X, y)
    knn._y = np.zeros((3, 1), np.int64)
    with pytest.raises(ValueError, match="do not fit their images"):
        knn.predict(X)
