"""The schedule of the learning rate behind ``learning_rate_schedule="cosine"``."""

from math import pi

from skfashion.neural_network.runtime._keras import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise to a peak, then half a cosine down to 0.

    It computes what keras' ``CosineDecay`` does, but has its numbers as variables: a model that
    was compiled with it takes over those of another schedule without being traced anew.

    Parameters
    ----------
    peak : float
        Highest learning rate.
    n_steps : int
        Number of steps until the rate is 0.
    n_warmup_steps : int
        Number of steps of the rise, fewer than `n_steps`.
    """

    def __init__(self, peak, n_steps, n_warmup_steps):
        self._variables = [keras.Variable(0.0, dtype="float32", trainable=False) for _ in range(4)]
        self.assign(peak, n_steps, n_warmup_steps)

    def assign(self, peak, n_steps, n_warmup_steps):
        """Take over the numbers of another schedule."""
        self._config = {"peak": peak, "n_steps": n_steps, "n_warmup_steps": n_warmup_steps}
        start = peak / n_warmup_steps if n_warmup_steps else peak
        numbers = peak, start, n_steps - n_warmup_steps, n_warmup_steps
        for variable, number in zip(self._variables, numbers, strict=True):
            variable.assign(number)

    def __call__(self, step):
        """Return the learning rate of a step."""
        ops = keras.ops
        peak, start, n_decay_steps, n_warmup_steps = map(ops.convert_to_tensor, self._variables)
        step = ops.minimum(ops.cast(step, "float32"), n_decay_steps + n_warmup_steps)
        rise = (peak - start) * (step / ops.maximum(n_warmup_steps, 1)) + start
        fall = 0.5 * (1.0 + ops.cos(pi * ((step - n_warmup_steps) / n_decay_steps)))
        return ops.where(step < n_warmup_steps, rise, peak * fall)

    def get_config(self):
        """Return what it was made with."""
        return dict(self._config)
