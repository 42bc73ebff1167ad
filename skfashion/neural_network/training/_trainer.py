"""Training of a new network, or further training of an existing one."""

from __future__ import annotations

from functools import partial, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skfashion.neural_network.architectures._build import HalfPrecisionError, make_model
from skfashion.neural_network.architectures._write_ups import ARCHITECTURES
from skfashion.neural_network.runtime._keras import building
from skfashion.neural_network.runtime._models import compile_network
from skfashion.neural_network.runtime._trained_network import TrainedNetwork

from ._augmentation import Augmentation
from ._batches import Batches
from ._checkpoint import checkpoint_path, identity
from ._loop import TrainingResult, train
from ._losses import make_loss, takes_codes
from ._optimizers import check_average, make_optimizer
from ._samples import Samples
from ._settings import TrainingSettings
from ._sklearn_callbacks import EpochTasks

if TYPE_CHECKING:
    import keras

_OPTIONS = (
    "filters",
    "blocks_per_stage",
    "kernel_size",
    "dense_units",
    "dropout",
    "batch_normalization",
)


class Trainer:
    """Trains a network.

    Parameters
    ----------
    settings : TrainingSettings
        Settings of the training.
    network : TrainedNetwork or None
        Network to train further, or None to build a new one.

    Attributes
    ----------
    network : TrainedNetwork
        The given or new network.

    Raises
    ------
    ValueError
        If the network cannot be built, or the optimizer does not support the settings.
    """

    def __init__(self, settings: TrainingSettings, network: TrainedNetwork | None) -> None:
        self.settings = settings
        self.network = _new_network(settings) if network is None else network
        # None means the current optimizer of the network.
        self._optimizer: Any = None
        if network is not None and (settings.n_schedule_steps or network.is_scheduled):
            with building(network.precision, settings.seed) as keras:
                self._optimizer = make_optimizer(keras, settings)
        # ema_momentum is not enough to know, because the user's optimizer may have use_ema=True.
        if self.network.is_average if self._optimizer is None else self._optimizer.use_ema:
            check_average(settings)

    def run(
        self,
        training: Samples,
        validation: Samples | None,
        epoch_tasks: EpochTasks | None = None,
    ) -> TrainingResult:
        """Train the network.

        Parameters
        ----------
        training : Samples
            Training set.
        validation : Samples or None
            Validation set, evaluated after each epoch.
        epoch_tasks : EpochTasks or None, default=None
            Callback that runs scikit-learn's callbacks.

        Returns
        -------
        TrainingResult
        """
        settings = self.settings
        augment = Augmentation(
            settings.parameters["augmenter"], settings.flip, settings.largest_pixel
        )
        path = self.checkpoint_path(training, validation)
        has_callbacks = bool(settings.parameters["callbacks"])
        with self.network.training(self._optimizer, has_callbacks) as model:
            return train(
                model,
                self._batches(model, training, augment=augment, seed=settings.seed),
                None if validation is None else self._batches(model, validation),
                settings,
                epoch_tasks=epoch_tasks,
                path=path,
            )

    def checkpoint_path(self, *samples: Samples | None) -> Path | None:
        """Return the checkpoint file of this training, or None if it has none."""
        parameters = self.settings.parameters
        if parameters["checkpoint_dir"] is None or self.settings.is_partial:
            return None
        return checkpoint_path(
            parameters["checkpoint_dir"],
            self.network.serialized(self._optimizer),
            samples,
            identity(self.settings),
            callbacks=parameters["callbacks"],
        )

    def _batches(self, model: keras.Model, samples: Samples, **options: Any) -> Batches:
        settings = self.settings
        if not takes_codes(model.loss):
            samples = samples.one_hot(settings.n_classes, settings.dtype)
        return Batches(
            samples,
            image_shape=settings.image_shape,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            **options,
        )


def _new_network(settings: TrainingSettings) -> TrainedNetwork:
    try:
        return _build_in(settings.precision, settings)
    except HalfPrecisionError:
        if settings.parameters["precision"] != "auto":
            raise
        return _build_in("float32", settings)


def _build_in(precision: str, settings: TrainingSettings) -> TrainedNetwork:
    parameters = settings.parameters
    architecture = parameters["architecture"]
    if not callable(architecture):
        # `shrink` is not one of the options, because errors show the user's options.
        built_in = ARCHITECTURES[architecture]
        architecture = update_wrapper(partial(built_in, shrink=settings.from_rows), built_in)
    options = {name: parameters[name] for name in _OPTIONS if parameters[name] is not None}
    with building(precision, settings.seed) as keras:
        loss = make_loss(keras, parameters["loss"], parameters["label_smoothing"])
        optimizer = make_optimizer(keras, settings)
        model = make_model(keras, architecture, settings.image_shape, settings.n_classes, options)
        compile_network(model, optimizer, loss)
    return TrainedNetwork(
        model,
        image_shape=settings.image_shape,
        n_classes=settings.n_classes,
        precision=precision,
    )
