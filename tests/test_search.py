"""Model selection over both pipelines, in one process and in several."""

import os
import pickle
import threading

import joblib
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import Pipeline

from skfashion import (
    KerasCNNClassifier,
    PixelScaler,
    VectorizedKNNClassifier,
    make_cnn_pipeline,
    make_knn_pipeline,
)
from skfashion.neural_network.runtime import _model_pool

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 2, "batch_size": 32}
CNN = {"cnn__learning_rate": [0.001, 0.01], "cnn__dropout": [0.0, 0.3]}
KNN = {"knn__n_neighbors": [1, 5], "knn__weights": ["uniform", "distance"]}


def cnn_pipeline():
    return make_cnn_pipeline(**SMALL, random_state=0)


def either():
    """A pipeline whose last step is a parameter, and its grid."""
    steps = [("scaler", PixelScaler()), ("classifier", KerasCNNClassifier())]
    grid = [
        {
            "classifier": [KerasCNNClassifier(**SMALL, random_state=0)],
            "classifier__dropout": [0.0, 0.3],
        },
        {"classifier": [VectorizedKNNClassifier()], "classifier__n_neighbors": [1, 5]},
    ]
    return Pipeline(steps), grid


def searches():
    return {
        "grid, cnn": GridSearchCV(cnn_pipeline(), CNN, cv=2),
        "grid, knn": GridSearchCV(make_knn_pipeline(), KNN, cv=2),
        "grid, either": GridSearchCV(*either(), cv=2),
        "random": RandomizedSearchCV(cnn_pipeline(), CNN, n_iter=3, cv=2, random_state=0),
        "halving, epochs": HalvingGridSearchCV(
            cnn_pipeline(),
            CNN,
            resource="cnn__epochs",
            min_resources=1,
            max_resources=4,
            factor=2,
            cv=2,
            random_state=0,
        ),
        "halving, samples, cnn": HalvingGridSearchCV(
            cnn_pipeline(), CNN, min_resources=60, factor=2, cv=2, random_state=0
        ),
        "halving, samples, knn": HalvingGridSearchCV(
            make_knn_pipeline(), KNN, min_resources=60, factor=2, cv=2, random_state=0
        ),
    }


def assert_same_search(search, expected):
    assert repr(search.best_params_) == repr(expected.best_params_)
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        assert_array_equal(search.cv_results_[name], expected.cv_results_[name])


@pytest.fixture(scope="module")
def alone(clothes):
    return {name: search.fit(*clothes) for name, search in searches().items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", searches())
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_is_the_same_in_two_jobs(clothes, alone, name, backend):
    for _ in range(2):  # the second one in the same process, with the same workers
        search = searches()[name].set_params(n_jobs=2)
        with joblib.parallel_config(backend=backend):
            search.fit(*clothes)
        assert_same_search(search, alone[name])
        assert_array_equal(search.predict(clothes[0]), alone[name].predict(clothes[0]))


@pytest.mark.slow
def test_all_cores(clothes, alone):
    search = searches()["grid, cnn"].set_params(n_jobs=-1)
    assert_same_search(search.fit(*clothes), alone["grid, cnn"])


@pytest.mark.slow
def test_cross_validation_around_a_search(clothes):
    search = GridSearchCV(cnn_pipeline(), {"cnn__dropout": [0.0, 0.3]}, cv=2)
    scores = cross_val_score(search, *clothes, cv=2, n_jobs=2, error_score="raise")
    assert_array_equal(scores, cross_val_score(search, *clothes, cv=2, error_score="raise"))


def _threads_of_tensorflow(X, y):
    import tensorflow as tf

    cnn_pipeline().fit(X, y)
    return (
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.config.threading.get_inter_op_parallelism_threads(),
        os.environ.get("OMP_NUM_THREADS"),
    )


@pytest.mark.slow
def test_workers_keep_to_their_share_of_the_cores(clothes):
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1, n_jobs=2):
        got = joblib.Parallel()(joblib.delayed(_threads_of_tensorflow)(*clothes) for _ in range(2))
    assert got == [(1, 1, "1")] * 2


@pytest.mark.slow
def test_networks_alike_are_traced_once(clothes):
    traced = []

    class Noting(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            traced.append(self.model.train_function)

    pipeline = cnn_pipeline().set_params(cnn__callbacks=[Noting()])
    for rate in (0.001, 0.01, 0.02):
        clone(pipeline).set_params(cnn__learning_rate=rate).fit(*clothes)
    assert traced[1] is not None
    assert len({id(function) for function in traced[1:]}) == 1


class Freeze(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[1].trainable = False


@pytest.mark.slow
def test_a_network_that_a_callback_has_changed_is_not_shared(clothes):
    X, y = clothes
    pipeline = cnn_pipeline().set_params(cnn__learning_rate_schedule="cosine")
    expected = clone(pipeline).fit(X, y).predict_proba(X)
    frozen = clone(pipeline).set_params(cnn__callbacks=[Freeze()]).fit(X, y)
    assert not frozen["cnn"].model_.layers[1].trainable
    assert not pickle.loads(pickle.dumps(frozen))["cnn"].model_.layers[1].trainable
    again = clone(pipeline).fit(X, y)
    assert again["cnn"].model_.layers[1].trainable
    assert_array_equal(again.predict_proba(X), expected)


@pytest.mark.slow
def test_the_models_kept_are_few(clothes):
    for n_filters in range(1, _model_pool._KEPT + 4):
        cnn_pipeline().set_params(cnn__filters=(n_filters,), cnn__epochs=1).fit(*clothes)
    assert len(_model_pool._idle_models) == _model_pool._KEPT


@pytest.mark.slow
def test_networks_that_share_a_model_do_not_disturb_each_other(clothes):
    X, y = clothes
    pipelines = [cnn_pipeline().set_params(cnn__random_state=seed) for seed in range(4)]
    expected = [pipeline.fit(X, y).predict_proba(X) for pipeline in pipelines]
    again = [clone(pipeline) for pipeline in pipelines]
    threads = [threading.Thread(target=pipeline.fit, args=(X, y)) for pipeline in again]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pipeline, one_again, probabilities in zip(pipelines, again, expected, strict=True):
        assert_array_equal(pipeline.predict_proba(X), probabilities)
        assert_allclose(one_again.predict_proba(X), probabilities, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_many_threads_may_ask_one_pipeline(clothes):
    X, y = clothes
    pipeline = cnn_pipeline().fit(X, y)
    expected = np.vstack([pipeline.predict_proba(X[i : i + 1]) for i in range(50)])
    got = joblib.Parallel(n_jobs=8, backend="threading")(
        joblib.delayed(pipeline.predict_proba)(X[i % 50 : i % 50 + 1]) for i in range(1_000)
    )
    assert_array_equal(np.vstack(got), np.tile(expected, (20, 1)))


FIT_ON_DISK = """
import sys, threading, numpy as np
from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images
n = int(sys.argv[2])
small, labels = make_fashion_images(200, random_state=0, return_X_y=True)
def pipeline():
    return make_cnn_pipeline(
        architecture="two_conv_dropout", filters=(2,), kernel_size=1, dense_units=0,
        batch_size=4096, epochs=1, random_state=0,
    )
pipeline().fit(small, labels).predict(small)
X = np.memmap(sys.argv[1], np.uint8, "w+", shape=(n, 784))
X[: len(small)] = small
y = np.resize(labels, n)
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
before = anonymous()
peak, done = before, threading.Event()
def watch():
    global peak
    while not done.wait(0.01):
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch); watcher.start()
probabilities = pipeline().fit(X, y).predict_proba(X)
done.set(); watcher.join()
print(peak - before - (y.nbytes * 3 + probabilities.nbytes) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux' /proc")
def test_images_on_disk_are_not_read_into_memory(run_python, tmp_path):
    # 200,000 images are 150 MiB of bytes, and would be 598 in single precision.
    output, _ = run_python(FIT_ON_DISK, tmp_path / "X.raw", 200_000, TMPDIR=str(tmp_path))
    assert float(output) < 150
    assert os.listdir(tmp_path) == ["X.raw"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_says_that_it_cannot_predict(run_python):
    output, _ = run_python(
        "import os\n"
        "from skfashion import make_cnn_pipeline\n"
        "from skfashion.datasets import make_fashion_images\n"
        "X, y = make_fashion_images(100, random_state=0, return_X_y=True)\n"
        "pipeline = make_cnn_pipeline(epochs=1).fit(X, y)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    for method in (pipeline.predict, lambda X: pipeline.fit(X, y)):\n"
        "        try:\n"
        "            method(X)\n"
        "        except RuntimeError as error:\n"
        "            print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "pipeline.predict(X)\n"
    )
    assert output.count("forked from one that had loaded TensorFlow") == 2
