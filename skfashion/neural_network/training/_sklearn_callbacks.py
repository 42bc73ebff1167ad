"""scikit-learn's callbacks, which see each epoch as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skfashion.neural_network.runtime._keras import load_keras
from skfashion.neural_network.runtime._trained_network import TrainedNetwork

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()


class EpochTasks(keras.callbacks.Callback):
    """Call scikit-learn's callbacks at the beginning and the end of each epoch.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Context of the fit.
    estimator : KerasCNNClassifier
        Classifier to fit.
    network : TrainedNetwork
        Network to train.
    **data
        `X`, `y` and `metadata` for the callbacks.
    """

    def __init__(self, context: Any, estimator: Any, network: TrainedNetwork, **data: Any) -> None:
        super().__init__()
        self._context = context
        self._estimator = estimator
        self._network = network
        self._data = data

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a task."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data
        )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """End the task, and stop training if a callback requests it."""
        if self._epoch.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data
        ):
            self.model.stop_training = True

    def _fitted(self) -> dict[str, Any]:
        return {"_network": self._network.copy_of(self.model)}
