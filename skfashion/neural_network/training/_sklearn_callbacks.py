"""Epochs as tasks of scikit-learn's callbacks."""

from skfashion.neural_network.runtime._keras import load_keras

keras = load_keras()


class EpochTasks(keras.callbacks.Callback):
    """Tell scikit-learn's callbacks where each epoch begins and ends.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the fit.
    estimator : KerasCNNClassifier
        To be fitted.
    network : TrainedNetwork
        To be trained.
    **data
        `X`, `y` and `metadata` as the callbacks get them.
    """

    def __init__(self, context, estimator, network, **data):
        super().__init__()
        self._context = context
        self._estimator = estimator
        self._network = network
        self._data = data

    def on_epoch_begin(self, epoch, logs=None):
        """Begin a task."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data
        )

    def on_epoch_end(self, epoch, logs=None):
        """End it, and training too if a callback says so."""
        if self._epoch.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data
        ):
            self.model.stop_training = True

    def _fitted(self):
        return {"_network": self._network.copy_of(self.model)}
