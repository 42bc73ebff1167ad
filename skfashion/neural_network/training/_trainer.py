"""One training: of a new network, or of one that goes on."""

from functools import partial, update_wrapper

from skfashion.neural_network.architectures._build import HalfPrecisionError, make_model
from skfashion.neural_network.architectures._write_ups import ARCHITECTURES
from skfashion.neural_network.runtime._keras import building
from skfashion.neural_network.runtime._models import compile_network
from skfashion.neural_network.runtime._trained_network import TrainedNetwork

from ._augmentation import Augmentation
from ._batches import Batches
from ._checkpoint import checkpoint_path
from ._loop import train
from ._losses import make_loss, takes_codes
from ._optimizers import check_average, make_optimizer

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
        Of this training.
    network : TrainedNetwork or None
        To go on with; None to build a new one.

    Attributes
    ----------
    network : TrainedNetwork
        As given, or new.

    Raises
    ------
    ValueError
        If the network cannot be built, or the optimizer cannot be used as is asked.
    """

    def __init__(self, settings, network):
        self.settings = settings
        self.network = _new_network(settings) if network is None else network
        self._optimizer = None  # that of the network
        if network is not None and (settings.n_schedule_steps or network.is_scheduled):
            with building(network.precision, settings.seed) as keras:
                self._optimizer = make_optimizer(keras, settings)
        # Of the optimizer, as one that the user brings may average without ema_momentum.
        if self.network.is_average if self._optimizer is None else self._optimizer.use_ema:
            check_average(settings)

    def run(self, training, validation, epoch_tasks=None):
        """Train on samples, and evaluate on others after each epoch.

        Parameters
        ----------
        training : Samples
            To train on.
        validation : Samples or None
            To evaluate on.
        epoch_tasks : EpochTasks or None, default=None
            What tells scikit-learn's callbacks of each epoch.

        Returns
        -------
        TrainingResult
        """
        settings = self.settings
        augment = Augmentation(
            settings.parameters["augmenter"], settings.flip, settings.largest_pixel
        )
        path = self.checkpoint_path(training, validation)
        to_others = bool(settings.parameters["callbacks"])
        with self.network.training(self._optimizer, to_others) as model:
            return train(
                model,
                self._batches(model, training, augment=augment, seed=settings.seed),
                None if validation is None else self._batches(model, validation),
                settings,
                epoch_tasks=epoch_tasks,
                path=path,
            )

    def checkpoint_path(self, *samples):
        """Return the file in which this training is kept, None if it is to be in none."""
        parameters = self.settings.parameters
        if parameters["checkpoint_dir"] is None or self.settings.is_partial:
            return None
        return checkpoint_path(
            parameters["checkpoint_dir"],
            self.network.serialized(self._optimizer),
            samples,
            self.settings.identity(),
            callbacks=parameters["callbacks"],
        )

    def _batches(self, model, samples, **drawing):
        settings = self.settings
        if not takes_codes(model.loss):
            samples = samples.one_hot(settings.n_classes, settings.dtype)
        return Batches(
            samples,
            image_shape=settings.image_shape,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            **drawing,
        )


def _new_network(settings):
    try:
        return _build_in(settings.precision, settings)
    except HalfPrecisionError:
        if settings.parameters["precision"] != "auto":
            raise
        return _build_in("float32", settings)


def _build_in(precision, settings):
    parameters = settings.parameters
    architecture = parameters["architecture"]
    if not callable(architecture):
        # Bound, not among the options, which are the user's.
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
