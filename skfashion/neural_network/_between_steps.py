"""What is looked after between the steps of a training."""

from ._interrupts import answer
from ._keras import load_keras

keras = load_keras()


class BetweenSteps(keras.callbacks.Callback):
    """Answer Ctrl-C, and tell of a model compiled anew; called after the user's callbacks."""

    # At the beginning of steps, not their end, for which keras would wait for each one's losses.
    def on_train_batch_begin(self, batch, logs=None):
        """Go on only with the model as it was compiled."""
        answer()
        if self.model.train_function is None:
            raise ValueError(
                "A callback has compiled the network anew, but a training that is under way cannot "
                "go on with another optimizer, loss or metrics. Have it set "
                "self.model.optimizer.learning_rate instead, or call model_.compile between two "
                "calls of fit with warm_start=True."
            )

    def on_test_batch_begin(self, batch, logs=None):
        """Answer Ctrl-C."""
        answer()

    def on_epoch_begin(self, epoch, logs=None):
        """Answer Ctrl-C."""
        answer()

    def on_epoch_end(self, epoch, logs=None):
        """Answer Ctrl-C."""
        answer()
