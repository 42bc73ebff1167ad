"""scikit-learn's own callbacks, which it has since 1.9."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skfashion import KerasCNNClassifier, make_cnn_pipeline, make_knn_pipeline

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")
SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 3, "random_state": 0}


class Recorder:
    """Note what is called."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks = []
        self.scores = []
        self.torn_down = 0

    def setup(self, estimator, context):
        assert context.max_subtasks == estimator.epochs

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"{context.task_name} {context.task_id} begins")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.tasks.append(f"{context.task_name} {context.task_id} ends")
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.predict_proba(X))
            return len(self.scores) == self.stop_after
        return None


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"ema_momentum": 0.9}, {"early_stopping": True}])
def test_each_epoch_is_a_task_with_an_estimator_that_predicts(clothes, settings):
    X, y = clothes
    recorder = Recorder()
    cnn = KerasCNNClassifier(**SMALL, **settings)
    undisturbed = clone(cnn).fit(X, y)
    cnn.set_callbacks(recorder).fit(X, y)
    epochs = [f"epoch {n} {what}" for n in range(3) for what in ("begins", "ends")]
    assert recorder.tasks == ["fit 0 begins", *epochs, "fit 0 ends"]
    assert recorder.torn_down == 1
    assert_array_equal(cnn.predict_proba(X), undisturbed.predict_proba(X))
    kept = cnn.best_epoch_ if "early_stopping" in settings else -1
    assert_array_equal(recorder.scores[kept], cnn.predict_proba(X))
    assert not np.array_equal(recorder.scores[0], recorder.scores[1])


def test_a_callback_can_stop_training(clothes):
    recorder = Recorder(stop_after=2)
    cnn = KerasCNNClassifier(**SMALL).set_callbacks(recorder).fit(*clothes)
    assert cnn.n_iter_ == 2
    assert recorder.tasks[-1] == "fit 0 ends"


def test_callbacks_are_torn_down_after_an_error(clothes):
    X, y = clothes
    recorder = Recorder()
    cnn = KerasCNNClassifier(**SMALL).set_callbacks(recorder)
    before = dict(vars(cnn))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cnn.fit(X, y[:-1])
    assert recorder.torn_down == 1
    assert vars(cnn) == before


def test_a_score_of_each_epoch_through_a_pipeline(clothes):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_cnn_pipeline(**SMALL)
    pipeline["cnn"].set_callbacks(monitor)
    pipeline.fit(*clothes)
    log = monitor.get_logs()[-1] if isinstance(monitor.get_logs(), list) else monitor.get_logs()
    accuracies = [row["accuracy"] for row in log.data if row["task_name"] == "epoch"]
    assert len(accuracies) == 3
    assert accuracies[-1] == pipeline.score(*clothes)


class PropagatedRecorder(Recorder):
    max_propagation_depth = None

    def setup(self, estimator, context):
        pass


@pytest.mark.parametrize("pipeline", [make_cnn_pipeline(**SMALL), make_knn_pipeline()])
def test_every_step_of_a_pipeline_takes_callbacks(clothes, pipeline):
    recorder = PropagatedRecorder()
    pipeline = clone(pipeline)
    if "sqrt" in pipeline.named_steps:
        pipeline.set_params(sqrt="passthrough")  # which is scikit-learn's, and takes none
    pipeline.set_callbacks(recorder).fit(*clothes)
    n_steps = sum(step != "passthrough" for step in pipeline.named_steps.values())
    assert sum(task.endswith("ends") for task in recorder.tasks) >= n_steps + 1
    assert recorder.torn_down == 1


@pytest.mark.slow
def test_a_progress_bar_over_fits_and_epochs(clothes, capsys):
    search = GridSearchCV(make_cnn_pipeline(**SMALL), {"cnn__dropout": [0.0, 0.2]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(*clothes)
    assert "KerasCNNClassifier" in capsys.readouterr().out
