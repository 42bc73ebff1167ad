"""Searches on the workers of a dask cluster."""

import os
import signal
import threading
import time
import warnings

import joblib
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skfashion import make_cnn_pipeline

GRID = {"cnn__learning_rate": [0.001, 0.01], "cnn__dropout": [0.0, 0.3]}


@pytest.fixture
def search():
    pipeline = make_cnn_pipeline(
        architecture="two_conv_dropout", filters=(4,), epochs=3, random_state=0
    )
    return GridSearchCV(pipeline, GRID, cv=3)


@pytest.fixture
def expected(clothes, search):
    return search.fit(*clothes).cv_results_["mean_test_score"], search.best_params_


def assert_as_expected(search, expected):
    assert_array_equal(search.cv_results_["mean_test_score"], expected[0])
    assert search.best_params_ == expected[1]


@pytest.mark.slow
def test_a_search_on_dask_is_that_on_this_process(clothes, cluster, search, expected):
    with joblib.parallel_config(backend="dask"):
        assert_as_expected(search.fit(*clothes), expected)


@pytest.mark.slow
def test_a_worker_killed_in_a_search_loses_nothing(clothes, cluster, search, expected):
    before = set(cluster.run(os.getpid).values())
    killed = []

    def kill():
        while not any(cluster.processing().values()):
            time.sleep(0.01)
        time.sleep(0.5)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    # What joblib sends by itself, even the indices of a fold, is on one worker alone.
    search.cv = list(StratifiedKFold(3).split(*clothes))
    cluster.amm.stop()  # it would drop what it takes for one copy too many
    everywhere = [*clothes, *(indices for split in search.cv for indices in split)]
    killer = threading.Thread(target=kill)
    killer.start()
    with joblib.parallel_config(backend="dask", scatter=everywhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dask tells of the lost worker in many ways
        search.fit(*clothes)
    killer.join()
    assert_as_expected(search, expected)
    cluster.wait_for_workers(2, timeout=60)
    assert killed[0] not in cluster.run(os.getpid).values()
