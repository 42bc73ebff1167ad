"""What is refused when neighbors, or any estimator, are loaded from a file."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import InconsistentVersionWarning

from skfashion import ImageReshaper, VectorizedKNNClassifier, __version__

ROWS = np.arange(24, dtype=np.uint8).reshape(6, 4)
LEFT_OUT = object()
LABELS = np.array([0, 1, 0, 1, 0, 1])


def fitted(**parameters):
    return VectorizedKNNClassifier(2, **parameters).fit(ROWS, LABELS)


def loaded(made, **changed):
    """Return an object with the state of another one, of which some parts are changed."""
    state = {**made.__getstate__(), **changed}
    empty = object.__new__(type(made))
    empty.__setstate__({name: value for name, value in state.items() if value is not LEFT_OUT})
    return empty


def test_what_was_written_is_loaded():
    search = loaded(fitted()._search)
    assert search.n_rows == 6
    assert search.effective_metric == "euclidean"
    assert not search.rows.flags.writeable
    assert loaded(fitted()).n_samples_fit_ == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": LEFT_OUT},
        {"effective_metric": LEFT_OUT},
        {"more": 1},
        {"effective_metric": "manhattan"},
        {"rows": ROWS.tolist()},
        {"rows": ROWS[0]},
        {"rows": ROWS[:0]},
        {"rows": ROWS.astype(str)},
        {"rows": ROWS.astype(">f4")},
        {"rows": np.asfortranarray(ROWS)},
    ],
)
def test_a_damaged_search_of_our_own(changed):
    with pytest.raises(ValueError, match="is damaged"):
        loaded(fitted()._search, **changed)


def broken():
    matrix = csr_array(ROWS)
    del matrix.indptr
    return matrix


def beyond_the_last_column():
    matrix = csr_array(ROWS)
    matrix.indices[0] = 99
    return matrix


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": LEFT_OUT},
        {"rows": broken()},
        {"rows": beyond_the_last_column()},
        {"parameters": {"n_neighbours": 2}},
        {"parameters": {"algorithm": "none of these"}},
        {"rows": ROWS[0]},
    ],
)
def test_a_damaged_search_of_scikit_learn(changed):
    search = fitted(metric="manhattan")._search
    assert loaded(search).n_rows == 6
    with pytest.raises(ValueError, match="is damaged"):
        loaded(search, **changed)


@pytest.mark.parametrize(
    "codes", [LABELS.reshape(-1, 1).astype(np.int32), LABELS[:5].reshape(-1, 1), [[0]] * 6]
)
def test_labels_of_another_form(codes):
    with pytest.raises(ValueError, match="labels"):
        loaded(fitted(), _y=codes)


@pytest.mark.parametrize("codes", [[-1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2]])
def test_labels_without_a_class(codes):
    with pytest.raises(ValueError, match="labels"):
        loaded(fitted(), _y=np.array(codes).reshape(-1, 1))


def test_other_versions_are_warned_of():
    reshaper = ImageReshaper(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vars(loaded(reshaper)) == vars(reshaper)
    for version, words in [("9.9", r"version 9\.9"), (LEFT_OUT, "version unknown when")]:
        with pytest.warns(InconsistentVersionWarning, match=words) as record:
            assert vars(loaded(reshaper, _skfashion_version=version)) == vars(reshaper)
        assert record[0].message.current_sklearn_version == __version__
