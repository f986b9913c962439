"""The optimizers by name: each class is a list of arguments, under Keras's names and with its defaults, and a rule.

`**options` are the arguments that all have; see `Optimizer`.
"""

from typing import Any, Unpack

from jkeras.optimizers import transforms
from jkeras.optimizers.arguments import in_range
from jkeras.optimizers.base import Optimizer, Options


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    Args:
        learning_rate: see `Optimizer`.
        momentum: from 0 to 1; the share of the last step that is taken again.
        nesterov: whether the gradient's part is looked ahead of the momentum.
        **options: see `Optimizer`.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Unpack[Options]):
        super().__init__(learning_rate, **options)
        self.momentum = in_range("momentum", momentum, 0, 1)
        self.nesterov = nesterov

    def rule(self) -> Any:
        return transforms.sgd(self.momentum, self.nesterov)


class RMSprop(Optimizer):
    """The gradient over the root of a running mean of its squares.

    Args:
        learning_rate: see `Optimizer`.
        rho: how slowly the mean follows.
        momentum: from 0 to 1; the share of the last step that is taken again.
        epsilon: added to the mean, under the root.
        centered: whether to divide by the standard deviation instead.
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.rho = in_range("rho", rho, 0, 1)
        self.momentum = in_range("momentum", momentum, 0, 1)
        self.epsilon = in_range("epsilon", epsilon, 0)
        self.centered = centered

    def rule(self) -> Any:
        return transforms.rmsprop(self.rho, self.momentum, self.epsilon, self.centered)


class Adam(Optimizer):
    """A running mean of the gradients over the root of one of their squares.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients follows.
        beta_2: how slowly the mean of their squares follows.
        epsilon: added to the root.
        amsgrad: whether to divide by the largest mean of squares so far.
        **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"), ("velocity_hat",))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = in_range("beta_1", beta_1, 0, 1)
        self.beta_2 = in_range("beta_2", beta_2, 0, 1)
        self.epsilon = in_range("epsilon", epsilon, 0)
        self.amsgrad = amsgrad

    def rule(self) -> Any:
        return transforms.adam(self.beta_1, self.beta_2, self.epsilon, self.amsgrad)
