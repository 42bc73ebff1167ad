"""A checkpoint is known by all parameters, but for those that make no difference."""

import copy
from inspect import signature

import keras
import numpy as np
import pytest

from skfashion import KerasCNNClassifier, RandomErasing
from skfashion.neural_network.training._checkpoint import WITHOUT_EFFECT
from skfashion.neural_network.training._samples import Samples
from skfashion.neural_network.training._settings import TrainingSettings
from skfashion.neural_network.training._trainer import Trainer

# Each parameter with another value than its default. One that is missing here fails a test below.
OTHER_VALUES = {
    "architecture": "one_conv_dropout",
    "filters": (4, 8),
    "blocks_per_stage": 2,
    "kernel_size": 2,
    "dense_units": 8,
    "dropout": 0.5,
    "batch_normalization": True,
    "epochs": 3,
    "batch_size": "auto",
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "warmup_fraction": 0.2,
    "weight_decay": 0.01,
    "ema_momentum": 0.9,
    "loss": "categorical_crossentropy",
    "label_smoothing": 0.1,
    "augmenter": RandomErasing(fill_range=(0, 1)),
    "horizontal_flip": True,
    "tta_shifts": 1,
    "precision": "float32",
    "class_weight": {0: 2.0},
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 2,
    "callbacks": [keras.callbacks.TerminateOnNaN()],
    "warm_start": True,
    "checkpoint_dir": "elsewhere",
    "verbose": 1,
    "random_state": 1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier trained for no longer than it takes to have all that a training begins from."""
    X = np.random.RandomState(0).uniform(size=(40, 100))
    cnn = KerasCNNClassifier("two_conv_dropout", filters=(2,), epochs=1, random_state=0)
    return cnn.fit(X, np.arange(40) % 2), X


def name_of_checkpoint(trained, **changed):
    cnn, X = trained
    samples = Samples(X, np.arange(40) % 2, None, np.arange(40))
    cnn = copy.copy(cnn).set_params(**{"checkpoint_dir": "folder", **changed})
    trainer = Trainer(TrainingSettings.from_estimator(cnn, 40), cnn._network)
    return trainer.checkpoint_path(samples, None).name


def test_every_parameter_is_tried():
    assert list(OTHER_VALUES) == list(signature(KerasCNNClassifier).parameters)


@pytest.mark.parametrize("parameter", OTHER_VALUES)
def test_a_checkpoint_is_known_by_every_parameter_that_matters(trained, parameter):
    value = OTHER_VALUES[parameter]
    assert name_of_checkpoint(trained) == name_of_checkpoint(trained)
    is_same = name_of_checkpoint(trained, **{parameter: value}) == name_of_checkpoint(trained)
    # Callbacks are known as well, but by a rule of their own, for those that others use too.
    assert is_same == (parameter in WITHOUT_EFFECT and parameter != "callbacks")
