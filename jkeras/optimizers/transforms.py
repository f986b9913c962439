"""The update rules, each a pair of pure functions in optax's form, from the simplest to the most elaborate.

    init(params) -> state                                      one slot or more of numbers kept for each parameter
    update(grads, state, params) -> (updates, state)           the new parameters are params + updates

Parameters are any pytree of arrays. A rule is told two scalars by keyword, so that they are kept once and not in every
rule: `step`, the number of updates made before (an int32 array), and `learning_rate`. `optax.chain` hands keywords on, so
rules compose with optax's own transformations.

Numerics are Keras's: where epsilon stands, how biases are corrected. What is the same for all parameters, such as a bias
correction, is computed once. Parameters in 16 bits are updated in float32 and rounded once, at the end.

>>> import jax.numpy as jnp
>>> params = {"w": jnp.ones(2)}
>>> momentum = sgd(momentum=0.9)
>>> state = momentum.init(params)
>>> updates, state = momentum.update({"w": jnp.ones(2)}, state, params, step=jnp.array(0), learning_rate=jnp.array(0.5))
>>> updates["w"].tolist(), state.momentum["w"].tolist()
([-0.5, -0.5], [-0.5, -0.5])
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.rule import Tree, at, constant, filled, per_leaf, rule, scalars
from jkeras.runtime.placement import to_device

Coefficient = float | Callable  # see `at`

# -- the gradient itself ----------------------------------------------------------------------------------------------


class SGDState(NamedTuple):
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


class LionState(NamedTuple):
    momentum: Tree  # running mean of the gradients


def lion(beta_1: float = 0.9, beta_2: float = 0.99) -> GradientTransformationExtraArgs:
    """Steps of one size, in the direction of the sign of an average (Chen et al. 2023, arXiv:2302.06675).

    p <- p - lr * sign(beta_1 * m + (1 - beta_1) * g)
    m <- beta_2 * m + (1 - beta_2) * g
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        return lambda g, p, m: (-lr * jnp.sign(m * beta_1 + g * (1 - beta_1)), m * beta_2 + g * (1 - beta_2))

    return rule(LionState(0.0), leaf_at)


# -- the gradient over the root of its past squares -------------------------------------------------------------------


class AdagradState(NamedTuple):
    accumulator: Tree  # sum of the squared gradients


def adagrad(initial_accumulator_value: float = 0.1, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """Divide by the root of the sum of all past squares (Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html).

    a <- a + g^2
    p <- p - lr * g / sqrt(a + epsilon)
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, a: Any) -> tuple:
            a = a + g * g
            return -lr * g / jnp.sqrt(a + epsilon), a

        return leaf

    return rule(AdagradState(initial_accumulator_value), leaf_at)


class RMSpropState(NamedTuple):
    velocity: Tree  # running mean of the squared gradients
    momentum: Tree | None  # decaying sum of the steps; None without momentum
    average_gradient: Tree | None  # running mean of the gradients; None unless centered


def rmsprop(
    rho: float = 0.9, momentum: Coefficient = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> GradientTransformationExtraArgs:
    """Divide by the root of a running mean of squares (Hinton 2012, lecture 6 of "Neural networks for machine learning").

        v <- rho * v + (1 - rho) * g^2
        p <- p - lr * g / sqrt(v + epsilon)

    Centered: v - mean(g)^2, an estimate of the variance, takes the place of v. With momentum the steps are summed as
    m <- momentum * m + step, and p <- p - m.
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(momentum, t)

        def leaf(g: Any, p: Any, v: Any, m: Any, mean: Any) -> tuple:
            v = rho * v + (1 - rho) * (g * g)
            spread = v
            if mean is not None:
                mean = rho * mean + (1 - rho) * g
                spread = v - mean * mean
            change = lr * g / jnp.sqrt(spread + epsilon)
            if m is not None:
                change = m = kept * m + change
            return -change, v, m, mean

        return leaf

    return rule(RMSpropState(0.0, 0.0 if momentum else None, 0.0 if centered else None), leaf_at)


class AdadeltaState(NamedTuple):
    accumulated_grad: Tree  # running mean of the squared gradients
    accumulated_delta_var: Tree  # running mean of the squared steps


def adadelta(rho: float = 0.95, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """RMSprop whose steps have the unit of the parameters (Zeiler 2012, arXiv:1212.5701).

    v <- rho * v + (1 - rho) * g^2
    d  = sqrt(s + epsilon) / sqrt(v + epsilon) * g
    s <- rho * s + (1 - rho) * d^2
    p <- p - lr * d
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, v: Any, s: Any) -> tuple:
            v = rho * v + (1 - rho) * (g * g)
            change = jnp.sqrt(s + epsilon) * g / jnp.sqrt(v + epsilon)
            return -lr * change, v, rho * s + (1 - rho) * (change * change)

        return leaf

    return rule(AdadeltaState(0.0, 0.0), leaf_at)


# -- a mean of the gradients over the root of a mean of their squares -------------------------------------------------


class AdamState(NamedTuple):
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


class AdamaxState(NamedTuple):
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


class NadamState(NamedTuple):
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


class ScheduleFreeState(NamedTuple):
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


class FtrlState(NamedTuple):
    accumulator: Tree  # n: sum of the squared gradients, from an initial value on
    linear: Tree  # z: sum of the gradients, less what the parameters already followed


def ftrl(
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> GradientTransformationExtraArgs:
    """Follow the regularized leader: sparse weights for large linear models.

    McMahan et al. 2013, https://doi.org/10.1145/2487575.2488200.

    n' = n + g^2,    r = n'^-power
    z <- z + g + 2 * shrinkage * p - (r - n^-power) / lr * p
    p <- (clip(z, -l1, l1) - z) / (r / lr + 2 * l2 + beta / lr)
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        l1, l2 = l1_regularization_strength, l2_regularization_strength + beta / (2 * lr)

        def leaf(g: Any, p: Any, n: Any, z: Any) -> tuple:
            total = n + g * g
            root, before = jnp.power(total, -learning_rate_power), jnp.power(n, -learning_rate_power)
            z = z + g + 2 * l2_shrinkage_regularization_strength * p - (root - before) / lr * p
            return (jnp.clip(z, -l1, l1) - z) / (root / lr + 2 * l2) - p, total, z

        return leaf

    return rule(FtrlState(initial_accumulator_value, 0.0), leaf_at, "Ftrl")
