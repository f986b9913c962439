"""SGD, with or without momentum, which steps along the gradient, and Lion, which steps along a sign.

In this file and those beside it (`adaptive`, `adam`, `layerwise`, `muon`), each optimizer is defined in one place: the
values that it stores for each parameter, its formula as a pair of pure functions, and the class with Keras's arguments.
See `rule` for the form of a formula.

>>> params = {"w": jnp.ones(2)}
>>> momentum = sgd(momentum=0.9)
>>> state = momentum.init(params)
>>> updates, state = momentum.update({"w": jnp.ones(2)}, state, params, step=jnp.array(0), learning_rate=jnp.array(0.5))
>>> updates["w"].tolist(), state.momentum["w"].tolist()
([-0.5, -0.5], [-0.5, -0.5])
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.arguments import in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import Options
from jkeras.optimizers.rule import Coefficient, Tree, at, rule


class SGDState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree | None  # the velocity of each parameter, a decaying sum of the steps; None without momentum


def sgd(momentum: Coefficient = 0.0, nesterov: bool = False) -> GradientTransformationExtraArgs:
    """Gradient descent, with a velocity if `momentum` is not zero.

        m <- momentum * m - lr * g
        p <- p + m                                 or, looking ahead (Nesterov):  p + momentum * m - lr * g

    The learning rate stands inside the velocity, unlike in optax. Sutskever et al. 2013,
    https://proceedings.mlr.press/v28/sutskever13.html
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(momentum, t)

        def leaf(g: Any, p: Any, m: Any) -> tuple:
            if m is None:
                return -lr * g, None
            m = kept * m - lr * g
            return (kept * m - lr * g if nesterov else m), m

        return leaf

    return rule(SGDState(0.0 if momentum else None), leaf_at)


class SGD(Optimizer):
    """An optimizer for gradient descent, with or without momentum.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        m <- momentum * m - lr * g
        p <- p + m                               with nesterov=True: p + momentum * m - lr * g

    Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html.

    Args:
        momentum: the share of the last step that is taken again, from 0 to 1.
        nesterov: True looks ahead by one more step of the momentum (Nesterov's method).

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = SGD(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.95, 2.1]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.momentum = in_range("momentum", momentum)
        self.nesterov = nesterov

    def rule(self) -> Any:
        return sgd(self._momentum("momentum"), self.nesterov)


class LionState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # running mean of the gradients


def lion(beta_1: float = 0.9, beta_2: float = 0.99) -> GradientTransformationExtraArgs:
    """Steps of one size, in the direction of the sign of an average (Chen et al. 2023, arXiv:2302.06675).

    p <- p - lr * sign(beta_1 * m + (1 - beta_1) * g)
    m <- beta_2 * m + (1 - beta_2) * g
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        return lambda g, p, m: (-lr * jnp.sign(m * beta_1 + g * (1 - beta_1)), m * beta_2 + g * (1 - beta_2))

    return rule(LionState(0.0), leaf_at)


class Lion(Optimizer):
    """An optimizer that steps in the direction of the sign of an average of gradients. It needs a smaller learning rate
    than Adam.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        p <- p - lr * sign(beta_1 * m + (1 - beta_1) * g)
        m <- beta_2 * m + (1 - beta_2) * g

    Source: Chen et al. 2023, arXiv:2302.06675.

    Args:
        beta_1: the share of the mean, against the gradient, in the direction.
        beta_2: the share of its old value that the mean of the gradients keeps in each step, from 0 to 1.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Lion(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9, 2.1]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = in_range("beta_1", beta_1)
        self.beta_2 = in_range("beta_2", beta_2)
        if beta_1 == 0:
            raise ValueError("`beta_1` of Lion must be above 0. With 0, it would use only the sign of the current gradient.")

    def rule(self) -> Any:
        return lion(self.beta_1, self.beta_2)
