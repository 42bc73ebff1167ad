"""The Muon optimizer for convolutions. Muon in keras uses AdamW for them."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from skfashion.neural_network.runtime._keras import load_keras

if TYPE_CHECKING:
    import keras
else:
    keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class ConvMuon(keras.optimizers.Optimizer):
    """Muon optimizer for the kernels of convolutions.

    Muon orthogonalizes the momentum of a kernel by Newton-Schulz iterations (K. Jordan et al.,
    "Muon: an optimizer for hidden layers in neural networks", 2024). This is the variant that its
    author uses for CIFAR-10. The kernel is treated as a matrix of shape (height x width x channels,
    filters). All singular values of its step are about 1. After the step, its norm is set to the
    square root of the number of filters. The optimizer therefore suits convolutions followed by a
    normalization, which makes the norm of the kernel irrelevant. All other weights are updated by
    stochastic gradient descent with Nesterov momentum.

    Parameters
    ----------
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=0.03
        Learning rate.
    momentum : float, default=0.9
        Momentum of both kinds of steps, in [0, 1).
    ns_steps : int, default=3
        Number of Newton-Schulz iterations.
    name : str, default="conv_muon"
        Name of the optimizer.
    **kwargs
        Other parameters of ``keras.optimizers.Optimizer``.
    """

    def __init__(
        self,
        learning_rate: Any = 0.03,
        momentum: float = 0.9,
        ns_steps: int = 3,
        name: str = "conv_muon",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.ns_steps = ns_steps

    def build(self, variables: Sequence[Any]) -> None:
        """Create the momentum of each variable."""
        if self.built:
            return
        super().build(variables)
        self.momentums = [
            self.add_variable_from_reference(variable, name="momentum") for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        ops = keras.ops
        learning_rate = ops.cast(learning_rate, variable.dtype)
        average = self.momentums[self._get_variable_index(variable)]
        self.assign(average, ops.add(ops.multiply(average, self.momentum), gradient))
        step = ops.add(ops.multiply(average, self.momentum), gradient)
        if len(variable.shape) != 4:
            self.assign_sub(variable, ops.multiply(step, learning_rate))
            return
        step = ops.reshape(step, (prod(variable.shape[:3]), variable.shape[3]))
        step = ops.reshape(self._orthogonalized(step), variable.shape)
        moved = ops.subtract(variable, ops.multiply(step, learning_rate))
        norm = ops.sqrt(ops.sum(ops.square(moved)))
        self.assign(variable, ops.multiply(moved, variable.shape[3] ** 0.5 / (norm + 1e-7)))

    def _orthogonalized(self, matrix: Any) -> Any:
        ops = keras.ops
        is_tall = matrix.shape[0] > matrix.shape[1]
        x = ops.transpose(matrix) if is_tall else matrix
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            gram = ops.matmul(x, ops.transpose(x))
            # The author's coefficients bring singular values close to 1 fast, but not exactly.
            x = 3.4445 * x + ops.matmul(-4.7750 * gram + 2.0315 * ops.matmul(gram, gram), x)
        return ops.transpose(x) if is_tall else x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "momentum": self.momentum, "ns_steps": self.ns_steps}
