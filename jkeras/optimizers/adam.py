"""Adam and similar optimizers: a mean of the gradients divided by the root of a mean of their squares."""

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.arguments import at_least, in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import Options, OtherOptions
from jkeras.optimizers.rule import Coefficient, Tree, at, constant, filled, per_leaf, rule, scalars
from jkeras.runtime.placement import to_device


class AdamState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # running mean of the gradients
    velocity: Tree  # running mean of the squared gradients
    velocity_hat: Tree | None  # the largest velocity so far; None unless amsgrad


def adam(
    beta_1: Coefficient = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False
) -> GradientTransformationExtraArgs:
    """Momentum over the root of the velocity, both freed of their bias towards zero (Kingma & Ba 2014, arXiv:1412.6980).

        m <- m + (1 - beta_1) * (g - m)
        v <- v + (1 - beta_2) * (g^2 - v)
        p <- p - alpha * m / (sqrt(v) + epsilon),     alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)

    Epsilon is the paper's "epsilon hat": it is added before the velocity's bias is corrected. AMSGrad (Reddi et al. 2018,
    https://openreview.net/forum?id=ryQu7f-RZ) divides by the largest velocity so far.
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(beta_1, t)
        alpha = lr * jnp.sqrt(1 - beta_2**t) / (1 - kept**t)

        def leaf(g: Any, p: Any, m: Any, v: Any, largest: Any) -> tuple:
            m = m + (g - m) * (1 - kept)
            v = v + (g * g - v) * (1 - beta_2)
            divisor = v
            if largest is not None:
                divisor = largest = jnp.maximum(largest, v)
            return -(m * alpha) / (jnp.sqrt(divisor) + epsilon), m, v, largest

        return leaf

    return rule(AdamState(0.0, 0.0, 0.0 if amsgrad else None), leaf_at)


class Adam(Optimizer):
    """An optimizer that divides a running mean of the gradients by the root of a running mean of their squares.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        m <- m + (1 - beta_1) * (g - m)
        v <- v + (1 - beta_2) * (g^2 - v)
        p <- p - alpha * m / (sqrt(v) + epsilon),     alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)

    Source: Kingma and Ba 2014, arXiv:1412.6980.

    Args:
        beta_1: the share of its old value that the mean of the gradients keeps in each step, from 0 to 1.
        beta_2: the share of its old value that the mean of the squared gradients keeps in each step, from 0 to 1.
        epsilon: a small number that is added to the root, so that nothing is divided by 0.
        amsgrad: True divides by the largest mean of squares so far (Reddi et al. 2018, arXiv:1904.09237).

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Adam(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9, 2.1]
    """

    slot_groups = (("momentum", "velocity"), ("velocity_hat",))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = in_range("beta_1", beta_1)
        self.beta_2 = in_range("beta_2", beta_2)
        self.epsilon = in_range("epsilon", epsilon)
        self.amsgrad = amsgrad

    def rule(self) -> Any:
        return adam(self._momentum("beta_1"), self.beta_2, self.epsilon, self.amsgrad)


class AdamW(Adam):
    """The optimizer Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101).

    Args:
        weight_decay: the share by which parameters shrink in each update, times the learning rate. It cannot be None.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = AdamW(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.8996, 2.0992]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Unpack[OtherOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **options)
        if weight_decay is None:
            raise ValueError("`weight_decay` of AdamW must be a number, got None; for no decay use Adam.")


class AdamaxState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # running mean of the gradients
    norm: Tree  # the largest recent magnitude of the gradients


def adamax(beta_1: Coefficient = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """Adam with a running maximum in the place of the root of the velocity (arXiv:1412.6980, section 7).

    m <- m + (1 - beta_1) * (g - m)
    u <- max(beta_2 * u, |g|)
    p <- p - lr / (1 - beta_1^t) * m / (u + epsilon)
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(beta_1, t)
        rate = lr / (1 - kept**t)

        def leaf(g: Any, p: Any, m: Any, u: Any) -> tuple:
            m = m + (g - m) * (1 - kept)
            u = jnp.maximum(beta_2 * u, jnp.abs(g))
            return -rate * m / (u + epsilon), m, u

        return leaf

    return rule(AdamaxState(0.0, 0.0), leaf_at)


class Adamax(Optimizer):
    """A variant of Adam that divides by the largest recent gradient instead of the root of the mean of squares.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        m <- m + (1 - beta_1) * (g - m)
        u <- max(beta_2 * u, |g|)
        p <- p - lr / (1 - beta_1^t) * m / (u + epsilon)

    Source: Kingma and Ba 2014, arXiv:1412.6980, section 7.

    Args:
        beta_1: the share of its old value that the mean of the gradients keeps in each step, from 0 to 1.
        beta_2: the factor by which the largest magnitude of the gradients shrinks in each step, from 0 to 1.
        epsilon: a small number that is added to this magnitude, so that nothing is divided by 0.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Adamax(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9, 2.1]
    """

    slot_groups = (("momentum", "norm"),)

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
        return adamax(self._momentum("beta_1"), self.beta_2, self.epsilon)


class NadamState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # running mean of the gradients
    velocity: Tree  # running mean of the squared gradients
    u_product: jax.Array  # scalar: the product of all momentum coefficients so far


def nadam(
    beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, schedule_decay: float = 1.0
) -> GradientTransformationExtraArgs:
    """Adam that looks ahead as Nesterov does (Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ).

        u_t = beta_1 * (1 - 0.5 * 0.96^(t * schedule_decay))              the momentum coefficient, rising to beta_1
        U   = u_1 * ... * u_t
        m <- m + (1 - beta_1) * (g - m)
        v <- v + (1 - beta_2) * (g^2 - v)
        p <- p - lr * (u_{t+1} * m / (1 - U * u_{t+1}) + (1 - u_t) * g / (1 - U)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Keras 3 raises the coefficient fast, schedule_decay = 1; the paper and the first Kerases used 0.004.
    """

    def init(params: Tree) -> NadamState:
        leaves = jax.tree.leaves(params)
        dtype = leaves[0].dtype if leaves else jnp.float32
        one = constant(leaves[0] if leaves else None, (), 1.0, dtype)
        return NadamState(filled(params, 0.0), filled(params, 0.0), one)

    def update(grads: Tree, state: NadamState, params: Tree = None, *, step: Any, learning_rate: Any, **_: Any) -> tuple:
        lr, t = scalars(grads, step, learning_rate)
        now = beta_1 * (1 - 0.5 * 0.96 ** (t * schedule_decay))
        later = beta_1 * (1 - 0.5 * 0.96 ** ((t + 1) * schedule_decay))
        product = state.u_product.astype(t.dtype) * now
        from_momentum = lr * later / (1 - product * later)
        from_gradient = lr * (1 - now) / (1 - product)
        root_bias = 1 - beta_2**t

        def leaf(g: Any, p: Any, m: Any, v: Any) -> tuple:
            m = m + (g - m) * (1 - beta_1)
            v = v + (g * g - v) * (1 - beta_2)
            return -(from_momentum * m + from_gradient * g) / (jnp.sqrt(v / root_bias) + epsilon), m, v

        updates, m, v = per_leaf(leaf, grads, params, state.momentum, state.velocity)
        return updates, NadamState(m, v, product.astype(state.u_product.dtype))

    return GradientTransformationExtraArgs(init, update)


class Nadam(Optimizer):
    """A variant of Adam with Nesterov's momentum.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        u_t = beta_1 * (1 - 0.5 * 0.96^t),    U = u_1 * ... * u_t
        m <- m + (1 - beta_1) * (g - m)
        v <- v + (1 - beta_2) * (g^2 - v)
        p <- p - lr * (u_{t+1} * m / (1 - U * u_{t+1}) + (1 - u_t) * g / (1 - U)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.

    Args:
        beta_1: the share of its old value that the mean of the gradients keeps in each step, from 0 to 1.
        beta_2: the share of its old value that the mean of the squared gradients keeps in each step, from 0 to 1.
        epsilon: a small number that is added to the root, so that nothing is divided by 0.
        schedule_decay: how fast the momentum rises to beta_1: beta_1 * (1 - 0.5 * 0.96 ^ (t * schedule_decay)). Keras 3 has
            1, the first Kerases had 0.004.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Nadam(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.8937, 2.1063]
    """

    slot_groups = (("momentum", "velocity"),)

    unnamed_slots = ("u_product",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        schedule_decay: float = 1.0,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = in_range("beta_1", beta_1)
        self.beta_2 = in_range("beta_2", beta_2)
        self.epsilon = in_range("epsilon", epsilon)
        self.schedule_decay = in_range("schedule_decay", schedule_decay)

    def rule(self) -> Any:
        return nadam(self.beta_1, self.beta_2, self.epsilon, self.schedule_decay)


class ScheduleFreeState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # z: where plain steps from the start would have led
    velocity: Tree  # running mean of the squared gradients


def schedule_free_adamw(
    beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, warmup_steps: int = 0
) -> GradientTransformationExtraArgs:
    """Averaging in the place of a learning-rate schedule (Defazio et al. 2024, arXiv:2405.15682).

        v <- v + (1 - beta_2) * (g^2 - v)
        z <- z - lr * g / (sqrt(v / (1 - beta_2^t)) + epsilon)
        x <- (1 - 1/t) * x + z / t                                   the mean of all z
        p <- (1 - beta_1) * z + beta_1 * x                           where the next gradient is taken

    x is not kept: it is recovered from p and the old z. In the first `warmup_steps` steps lr rises linearly.
    """

    def copied(p: Any) -> Any:
        return jnp.copy(p) if isinstance(p, jax.core.Tracer) else to_device(np.array(p))

    def leaf_at(lr: Any, t: Any) -> Callable:
        root_bias = 1 - beta_2**t
        rate = lr * jnp.minimum(t / warmup_steps, 1.0) if warmup_steps > 0 else lr
        share = 1 / t

        def leaf(g: Any, p: Any, z: Any, v: Any) -> tuple:
            v = v + (g * g - v) * (1 - beta_2)
            x = (p - (1 - beta_1) * z) / beta_1
            z = z - rate * g / (jnp.sqrt(v / root_bias) + epsilon)
            x = (1 - share) * x + share * z
            return (1 - beta_1) * z + beta_1 * x - p, z, v

        return leaf

    return rule(ScheduleFreeState(copied, 0.0), leaf_at, "ScheduleFreeAdamW")


class ScheduleFreeAdamW(Optimizer):
    """A variant of Adam that averages the weights, so that no learning-rate schedule is needed.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        v <- v + (1 - beta_2) * (g^2 - v)
        z <- z - lr * g / (sqrt(v / (1 - beta_2^t)) + epsilon)
        x <- (1 - 1/t) * x + z / t                the mean of all z
        p <- (1 - beta_1) * z + beta_1 * x

    Source: Defazio et al. 2024, arXiv:2405.15682.

    Args:
        beta_1: where gradients are taken: this much at the average, the rest at the fast weights; above 0.
        beta_2: the share of its old value that the mean of the squared gradients keeps in each step, from 0 to 1.
        epsilon: a small number that is added to the root, so that nothing is divided by 0.
        warmup_steps: in so many first steps the learning rate rises linearly.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = ScheduleFreeAdamW(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9, 2.1]
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = in_range("beta_1", beta_1)
        self.beta_2 = in_range("beta_2", beta_2)
        self.epsilon = in_range("epsilon", epsilon)
        self.warmup_steps = at_least("warmup_steps", warmup_steps, 0)

    def rule(self) -> Any:
        return schedule_free_adamw(self.beta_1, self.beta_2, self.epsilon, self.warmup_steps)
