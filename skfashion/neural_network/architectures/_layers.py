"""Layers that keras has not, or not as fast."""

from skfashion.neural_network.runtime._keras import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class BatchNormalization(keras.layers.BatchNormalization):
    """keras' layer, trained by TensorFlow's fused operation where that is the backend.

    keras writes the normalization as a dozen operations, each of which goes through memory; on
    processors they take as long as a convolution. What is computed, and the weights, are the same;
    only ``moving_variance`` averages the unbiased variance.
    """

    def call(self, inputs, training=None, mask=None):
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
