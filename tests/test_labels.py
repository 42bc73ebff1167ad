"""Labels are looked up among the classes, never cast to fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skfashion import KerasCNNClassifier
from skfashion.neural_network.training import _samples

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 1, "random_state": 0}
UNEQUAL = {
    "longer strings": (["top", "bag"], ["topcoat", "bagpipe"]),
    "fractions": ([0, 1], [0.7, 1.7]),
    "integers for booleans": ([False, True], [0, 3]),
    "integers that wrap around": (np.array([0, 1], dtype=np.uint8), [256, 257]),
    "integers for strings": (["1", "3"], [1, 3]),
    "strings for integers": ([1, 3], ["1", "3"]),
}


def images(n):
    return np.random.RandomState(0).uniform(size=(n, 49)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("case", UNEQUAL)
@pytest.mark.parametrize("method", ["partial_fit", "partial_fit again", "warm_start", "validation"])
def test_labels_that_equal_no_class_are_refused(case, method):
    classes, other = (np.array(labels) for labels in UNEQUAL[case])
    X, y, wrong = images(12), np.tile(classes, 6), np.tile(other, 6)
    cnn = KerasCNNClassifier(**SMALL)
    if method == "partial_fit again":
        cnn.partial_fit(X, y, classes=classes)
    if method == "warm_start":
        cnn.set_params(warm_start=True).fit(X, y)
    before = dict(vars(cnn))
    fits = {
        "partial_fit": lambda: cnn.partial_fit(X, wrong, classes=classes),
        "partial_fit again": lambda: cnn.partial_fit(X, wrong),
        "warm_start": lambda: cnn.fit(X, wrong),
        "validation": lambda: cnn.fit(X, y, X_val=X, y_val=wrong),
    }
    with pytest.raises(ValueError, match=r"(among|with) the (same )?classes|Unknown label type"):
        fits[method]()
    assert vars(cnn) == before


def test_validation_labels_must_be_class_labels():
    X, y = images(12), np.tile([0, 1], 6)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        KerasCNNClassifier(**SMALL).fit(X, y, X_val=X, y_val=y + 0.7)
    with pytest.raises(ValueError, match=r"X_val, y_val.* y\.argmax\(axis=1\)"):
        KerasCNNClassifier(**SMALL).fit(X, y, X_val=X, y_val=np.eye(2)[y])


@pytest.mark.parametrize(
    ("labels", "missing"),
    [(np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"), "NaT"), (np.array([0.0, 1]), np.nan)],
    ids=["date", "number"],
)
def test_missing_labels_are_refused(labels, missing):
    X, y = images(12), np.tile(labels, 6)
    without = y.copy()
    y[0] = missing
    fits = [
        lambda cnn: cnn.fit(X, y),
        lambda cnn: cnn.partial_fit(X, y, classes=labels),
        lambda cnn: cnn.fit(X, without, X_val=X, y_val=y),
    ]
    for fit in fits:
        with pytest.raises(ValueError, match=r"y(_val)? contains (NaN|NaT)"):
            fit(KerasCNNClassifier(**SMALL))


def test_classes_of_another_type_look_different_in_the_error():
    X, dates = images(12), np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    cnn = KerasCNNClassifier(**SMALL, warm_start=True).fit(X, np.tile(dates, 6))
    with pytest.raises(ValueError, match=r"\[datetime\.date\(2020, 1, 1\),.*got \['2020-01-01',"):
        cnn.fit(X, np.tile(dates.astype(str), 6))


@given(st.data())
def test_a_label_gets_the_code_of_the_class_that_it_equals(data):
    kinds = [st.integers(-300, 300), st.booleans(), st.text(alphabet="13ab", max_size=3)]
    classes = np.unique(data.draw(st.lists(data.draw(st.sampled_from(kinds)), min_size=1)))
    kinds.append(st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0]))
    y = np.array(data.draw(st.lists(data.draw(st.sampled_from(kinds)), min_size=1)))
    if all(label in classes.tolist() for label in y.tolist()):
        codes = _samples.encode_labels(y, classes)
        assert [classes.tolist()[code] for code in codes] == y.tolist()
    else:
        with pytest.raises(ValueError, match="Expected labels among the classes"):
            _samples.encode_labels(y, classes)


@pytest.mark.slow
def test_equal_labels_of_other_types_are_the_same_labels():
    X, y = images(12), np.tile([0, 1], 6)
    expected = KerasCNNClassifier(**SMALL).partial_fit(X, y, classes=[0, 1]).predict(X)
    for same in (y.astype(float), y.astype(np.uint8), y.astype(bool)):
        cnn = KerasCNNClassifier(**SMALL).partial_fit(X, same, classes=[0, 1])
        assert_array_equal(cnn.predict(X), expected)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [1e-300, 3e38, 1e308])
def test_weights_count_by_their_proportions_however_large(dtype, weight):
    X, y = images(24).astype(dtype), np.tile([0, 1], 12)
    weights = np.tile([1.0, 1.0, 0.5, 0.25], 6)
    cnn = KerasCNNClassifier(class_weight={0: 1.0, 1: 0.5}, **SMALL)
    expected = cnn.fit(X, y, sample_weight=weights, X_val=X, y_val=y, sample_weight_val=weights)
    expected, history = cnn.predict_proba(X), cnn.history_
    cnn.set_params(class_weight={0: weight, 1: weight / 2})
    cnn.fit(
        X, y, sample_weight=weight * weights, X_val=X, y_val=y, sample_weight_val=weight * weights
    )
    np.testing.assert_allclose(cnn.predict_proba(X), expected, rtol=1e-6)
    assert cnn.history_["loss"][0] == pytest.approx(history["loss"][0])
    assert cnn.history_["val_loss"][0] == pytest.approx(history["val_loss"][0])
