"""Muon for convolutions, which keras' own leaves to AdamW."""

from math import prod

from skfashion.neural_network.runtime._keras import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable("skfashion")
class ConvMuon(keras.optimizers.Optimizer):
    """Momentum orthogonalized by Newton-Schulz iterations, for the kernels of convolutions.

    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, as its
    author trains networks on CIFAR-10 with it: a kernel is a matrix of (height x width x
    channels, filters), all singular values of its step are about one, and after the step its
    norm is put back to the square root of the number of filters. So it suits convolutions that a
    normalization follows, to which the norm of a kernel makes no difference. All other weights
    take steps of stochastic gradient descent with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule, default=0.03
        Size of the steps.
    momentum : float, default=0.9
        Of both kinds of steps, in [0, 1).
    ns_steps : int, default=3
        Number of Newton-Schulz iterations.
    **kwargs
        Of ``keras.optimizers.Optimizer``.
    """

    def __init__(self, learning_rate=0.03, momentum=0.9, ns_steps=3, name="conv_muon", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.ns_steps = ns_steps

    def build(self, variables):
        """Add a momentum for each variable."""
        if self.built:
            return
        super().build(variables)
        self.momentums = [
            self.add_variable_from_reference(variable, name="momentum") for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Take one step with one variable."""
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

    def _orthogonalized(self, matrix):
        ops = keras.ops
        is_tall = matrix.shape[0] > matrix.shape[1]
        x = ops.transpose(matrix) if is_tall else matrix
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            gram = ops.matmul(x, ops.transpose(x))
            # The author's coefficients: singular values go to about one, fast rather than exactly.
            x = 3.4445 * x + ops.matmul(-4.7750 * gram + 2.0315 * ops.matmul(gram, gram), x)
        return ops.transpose(x) if is_tall else x

    def get_config(self):
        """Return what it was made with."""
        return {**super().get_config(), "momentum": self.momentum, "ns_steps": self.ns_steps}
