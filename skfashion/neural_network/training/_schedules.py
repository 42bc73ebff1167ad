"""The learning rate schedule "cosine"."""

from math import pi
from typing import TYPE_CHECKING, Any

from skfashion.neural_network.runtime._keras import load_keras

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warmup to a peak, followed by a cosine decay to 0.

    It computes the same as keras' ``CosineDecay``, but keeps its numbers in variables. A compiled
    model can therefore switch to the numbers of another schedule without being traced again.

    Parameters
    ----------
    peak : float
        Highest learning rate.
    n_steps : int
        Number of steps until the learning rate is 0.
    n_warmup_steps : int
        Number of warmup steps, less than `n_steps`.
    """

    def __init__(self, peak: float, n_steps: int, n_warmup_steps: int) -> None:
        self._variables = [keras.Variable(0.0, dtype="float32", trainable=False) for _ in range(4)]
        self.assign(peak, n_steps, n_warmup_steps)

    def assign(self, peak: float, n_steps: int, n_warmup_steps: int) -> None:
        """Set the numbers to those of another schedule."""
        self._config = {"peak": peak, "n_steps": n_steps, "n_warmup_steps": n_warmup_steps}
        start = peak / n_warmup_steps if n_warmup_steps else peak
        numbers = peak, start, n_steps - n_warmup_steps, n_warmup_steps
        for variable, number in zip(self._variables, numbers, strict=True):
            variable.assign(number)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        ops = keras.ops
        peak, start, n_decay_steps, n_warmup_steps = map(ops.convert_to_tensor, self._variables)
        step = ops.minimum(ops.cast(step, "float32"), n_decay_steps + n_warmup_steps)
        rise = (peak - start) * (step / ops.maximum(n_warmup_steps, 1)) + start
        fall = 0.5 * (1.0 + ops.cos(pi * ((step - n_warmup_steps) / n_decay_steps)))
        return ops.where(step < n_warmup_steps, rise, peak * fall)

    def get_config(self) -> dict[str, float]:
        """Return the arguments of ``__init__``."""
        return dict(self._config)
