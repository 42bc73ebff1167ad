"""Layers that are faster than those of keras."""

from typing import TYPE_CHECKING, Any

from skfashion.neural_network.runtime._keras import load_keras

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization that trains with TensorFlow's fused operation on that backend.

    keras composes batch normalization of a dozen operations, each of which reads and writes all
    activations. On CPUs they take as long as a convolution. The results and the weights are the
    same here, except that ``moving_variance`` averages the unbiased variance.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize by the statistics of the batch in training, else by their moving averages."""
        fused = (
            training
            and keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.compute_dtype != "float64"
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.cast(self.gamma, "float32"),
            offset=tf.cast(self.beta, "float32"),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return outputs
