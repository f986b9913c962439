"""Optimizers that use whole tensors, not only single entries: their norm (Lamb), or their rows and columns (Adafactor)."""

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.arguments import in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import Options
from jkeras.optimizers.rule import Tree, at, constant, rule


class LambState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # running mean of the gradients
    velocity: Tree  # running mean of the squared gradients


def lamb(beta_1: float | Callable = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """Adam with steps in proportion to each tensor's norm, for large batches (You et al. 2019, arXiv:1904.00962).

    d = (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)              m and v as in Adam
    p <- p - lr * |p| / |d| * d                                       the ratio is 1 where a norm is 0
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(beta_1, t)
        mean_bias, root_bias = 1 - kept**t, 1 - beta_2**t

        def leaf(g: Any, p: Any, m: Any, v: Any) -> tuple:
            m = m + (g - m) * (1 - kept)
            v = v + (g * g - v) * (1 - beta_2)
            change = (m / mean_bias) / (jnp.sqrt(v / root_bias) + epsilon)
            norms = jnp.sqrt(jnp.sum(p * p)), jnp.sqrt(jnp.sum(change * change))
            positive = (norms[0] > 0) & (norms[1] > 0)
            ratio = jnp.where(positive, norms[0] / jnp.where(positive, norms[1], 1.0), 1.0)
            return -ratio * lr * change, m, v

        return leaf

    return rule(LambState(0.0, 0.0), leaf_at, "Lamb")


class Lamb(Optimizer):
    """A variant of Adam for large batches. Its steps are proportional to the norm of each weight tensor.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        d = (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)       m and v as in Adam
        p <- p - lr * |p| / |d| * d                                         the ratio is 1 where a norm is 0

    Source: You et al. 2019, arXiv:1904.00962.

    Args:
        beta_1: the share of its old value that the mean of the gradients keeps in each step, from 0 to 1.
        beta_2: the share of its old value that the mean of the squared gradients keeps in each step, from 0 to 1.
        epsilon: a small number that is added to the root, so that nothing is divided by 0.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Lamb(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.8419, 2.1581]
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = in_range("beta_1", beta_1)
        self.beta_2 = in_range("beta_2", beta_2)
        self.epsilon = in_range("epsilon", epsilon)

    def rule(self) -> Any:
        return lamb(self._momentum("beta_1"), self.beta_2, self.epsilon)


class AdafactorState(NamedTuple):
    """The state of this rule between two updates."""

    r: Tree  # running mean over each row of the squared gradients; an int32 zero for vectors and scalars
    c: Tree  # the same for each column
    velocity: Tree  # their product, which estimates the mean of squares; of vectors and scalars, that mean itself


def adafactor(
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
) -> GradientTransformationExtraArgs:
    """The root of a factored mean of squares (Shazeer & Stern 2018, arXiv:1804.04235).

        b = 1 - t^beta_2_decay
        r <- b * r + (1 - b) * row means of g^2,    c <- the same for columns,    v = r c^T / mean(r)
        d = g / sqrt(v), shortened to a root mean square of `clip_threshold`
        p <- p - max(epsilon_2, rms(p)) * min(lr, 1 / sqrt(t)) * d

    The last two axes are rows and columns. The velocity is kept although it could be computed, as Keras's files have it.
    """

    def rows(p: Any) -> Any:
        return constant(p, p.shape[:-1], 0.0, p.dtype) if p.ndim > 1 else constant(p, (), 0, "int32")

    def columns(p: Any) -> Any:
        return constant(p, (*p.shape[:-2], p.shape[-1]), 0.0, p.dtype) if p.ndim > 1 else constant(p, (), 0, "int32")

    def rms(x: Any) -> Any:
        return jnp.sqrt(jnp.mean(x * x))

    def leaf_at(lr: Any, t: Any) -> Callable:
        rate, decay = jnp.minimum(lr, 1 / jnp.sqrt(t)), 1 - jnp.power(t, beta_2_decay)

        def leaf(g: Any, p: Any, r: Any, c: Any, v: Any) -> tuple:
            square = g * g + epsilon_1
            if g.ndim > 1:
                r = decay * r + (1 - decay) * jnp.mean(square, axis=-1)
                c = decay * c + (1 - decay) * jnp.mean(square, axis=-2)
                v = (r / jnp.mean(r, axis=-1, keepdims=True))[..., :, None] * c[..., None, :]
            else:
                v = decay * v + (1 - decay) * square
            change = g / jnp.sqrt(v)
            change = change / jnp.maximum(1.0, rms(change) / clip_threshold)
            return -jnp.maximum(epsilon_2, rms(p)) * rate * change, r, c, v

        return leaf

    return rule(AdafactorState(rows, columns, 0.0), leaf_at, "Adafactor")


class Adafactor(Optimizer):
    """An optimizer that stores the mean squares of a matrix only by rows and columns. It needs little memory for large
    matrices.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        b = 1 - t^beta_2_decay
        r <- b * r + (1 - b) * row means of g^2,    c <- the same for columns,    v = r c^T / mean(r)
        d = g / sqrt(v), shortened to a root mean square of `clip_threshold`
        p <- p - max(epsilon_2, rms(p)) * min(lr, 1 / sqrt(t)) * d

    Source: Shazeer and Stern 2018, arXiv:1804.04235.

    Args:
        beta_2_decay: how fast the means' window grows with time; negative.
        epsilon_1: added to the squared gradients.
        epsilon_2: the least size of a weight tensor that steps are in proportion to.
        clip_threshold: the largest root mean square of a step in units of the learning rate.
        relative_step: whether the learning rate is limited to 1 / sqrt(t). As in Keras, the step is limited to that in any
            case; the argument stands for its configs.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Adafactor(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.8419, 2.1581]
    """

    slot_groups = (("r", "c", "velocity"),)

    unnamed_slots = ("r", "c")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_2_decay = in_range("beta_2_decay", beta_2_decay)
        self.epsilon_1 = in_range("epsilon_1", epsilon_1)
        self.epsilon_2 = in_range("epsilon_2", epsilon_2)
        self.clip_threshold = in_range("clip_threshold", clip_threshold)
        self.relative_step = relative_step

    def rule(self) -> Any:
        return adafactor(self.beta_2_decay, self.epsilon_1, self.epsilon_2, self.clip_threshold)
