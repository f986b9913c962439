"""Rules that look at a whole tensor, not at each of its entries alone: norms, rows and columns, singular values.

They have the form of those in `transforms`. Ordered by how much of the tensor's structure they use.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.rule import Tree, at, constant, rule
from jkeras.optimizers.transforms import adam


class LambState(NamedTuple):
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


class AdafactorState(NamedTuple):
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


class MuonState(NamedTuple):
    momentum: Tree  # decaying sum of the gradients


def orthogonalize(x: Any, steps: int, a: float, b: float, c: float) -> Any:
    """Move the singular values of a matrix towards 1 and keep its singular vectors: x = U S V^T -> about U V^T.

    Newton-Schulz iterations x <- a x + b (x x^T) x + c (x x^T)^2 x, on x scaled to a norm of 1. The coefficients are chosen
    for speed near zero, so that the values end in about [0.7, 1.2] rather than at 1.
    """
    tall = x.shape[-2] > x.shape[-1]
    x = jnp.swapaxes(x, -1, -2) if tall else x  # the smaller of the two products
    x = x / (jnp.sqrt(jnp.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-7)
    for _ in range(steps):
        square = x @ jnp.swapaxes(x, -1, -2)
        x = a * x + (b * square + c * square @ square) @ x
    return jnp.swapaxes(x, -1, -2) if tall else x


def orthogonal_momentum(
    momentum: float = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    rms_rate: float | None = 0.2,
) -> GradientTransformationExtraArgs:
    """Momentum whose matrix is made orthogonal before the step, so that no direction dominates; for matrices only.

        m <- momentum * m + g
        p <- p - lr * orthogonalize(g + momentum * m) * sqrt(max(rows, columns)) * rms_rate

    Jordan 2024, https://kellerjordan.github.io/posts/muon; the last two factors Liu et al. 2025, arXiv:2502.16982.
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, m: Any) -> tuple:
            m = m + (g + m * (momentum - 1))
            update = orthogonalize(g + momentum * m if nesterov else m, steps, *coefficients)
            scale = 1.0 if rms_rate is None else max(g.shape) ** 0.5 * rms_rate
            return -lr * update * scale, m

        return leaf

    return rule(MuonState(0.0), leaf_at)


def muon(
    use_adam: Callable[[Tree], Tree],
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    adam_lr_ratio: float = 1.0,
    **options: Any,
) -> GradientTransformationExtraArgs:
    """Orthogonal momentum for hidden matrices, Adam for the rest.

    Args:
        use_adam: makes a tree like the parameters, of booleans.
        beta_1: Adam's, as are `beta_2` and `epsilon`.
        beta_2: see there.
        epsilon: see there.
        adam_lr_ratio: Adam's learning rate in units of the given one.
        **options: see `orthogonal_momentum`.
    """
    inner = adam(beta_1, beta_2, epsilon)

    def update(grads: Tree, state: Any, params: Tree = None, *, learning_rate: Any, **keywords: Any) -> tuple:
        return inner.update(grads, state, params, learning_rate=learning_rate * adam_lr_ratio, **keywords)

    adam_at_its_rate = GradientTransformationExtraArgs(inner.init, update)
    return optax.partition({True: adam_at_its_rate, False: orthogonal_momentum(**options)}, use_adam)
