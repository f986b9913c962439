"""Activations: the functions between layers, each one expression of an array.

All take an array `x` of floats of any shape and return an array of the same shape and dtype. `glu` combines the two halves
of an axis, the others work on each entry by itself; `probabilities.py` has those that look along an axis. At a kink the
derivative is the one that Keras has: that of `relu` at 0 is 0 (Bertoin et al. 2021, arXiv:2106.12915).
"""

import jax
import jax.numpy as jnp

from jkeras.core import frame as frames
from jkeras.ops.family import Array, array_op

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid",
    "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus",
    "swish",
]  # fmt: skip


@array_op
def relu(x: Array):
    """Compute the rectified linear unit, `max(x, 0)`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    Source: Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines".

    >>> relu([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    """
    return jnp.where(x <= 0, 0, x)  # jax.nn.relu and its derivative, in half of its time to trace


@array_op
def relu6(x: Array):
    """Compute `min(max(x, 0), 6)` (Krizhevsky 2010, "Convolutional Deep Belief Networks on CIFAR-10").

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> relu6([-1.0, 3.0, 9.0]).tolist()
    [0.0, 3.0, 6.0]
    """
    return jax.nn.relu6(x)


@array_op
def leaky_relu(x: Array, negative_slope=0.2):
    """Return `x` where `x >= 0`, and `negative_slope * x` below (Maas et al. 2013).

    Args:
        x: array of floats, of any shape.
        negative_slope: the slope for negative `x`.

    Returns:
        array of the shape and dtype of `x`.

    >>> leaky_relu([-1.0, 2.0], negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    return jax.nn.leaky_relu(x, negative_slope)


@array_op
def elu(x: Array, alpha=1.0):
    """Compute the exponential linear unit: `x` where `x > 0`, and `alpha * (exp(x) - 1)` below (arXiv:1511.07289).

    Args:
        x: array of floats, of any shape.
        alpha: the limit for small `x` is `-alpha`. A positive number.

    Returns:
        array of the shape and dtype of `x`.

    >>> elu([-1e9, 2.0]).tolist()
    [-1.0, 2.0]
    """
    return jax.nn.elu(x, alpha)


@array_op
def celu(x: Array, alpha=1.0):
    """Compute `max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`, an ELU whose slope at 0 is 1 for every alpha
    (arXiv:1704.07483).

    Args:
        x: array of floats, of any shape.
        alpha: the limit for small `x` is `-alpha`. A positive number.

    Returns:
        array of the shape and dtype of `x`.

    >>> celu([-1e9, 2.0], alpha=0.5).tolist()
    [-0.5, 2.0]
    """
    return jax.nn.celu(x, alpha)


@array_op
def selu(x: Array):
    """Compute the scaled ELU, `1.0507 * elu(x, 1.67326)`, which keeps mean 0 and variance 1 from layer to layer
    (arXiv:1706.02515).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> round(float(selu(1.0)), 4)
    1.0507
    """
    return jax.nn.selu(x)


@array_op
def gelu(x: Array, approximate=True):
    """Compute the Gaussian error linear unit, `x * P(X <= x)` for a standard normal `X` (arXiv:1606.08415).

    With `approximate=True`: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`.

    Args:
        x: array of floats, of any shape.
        approximate: True uses the formula with `tanh`, which is a little faster and differs by less than 0.001.

    Returns:
        array of the shape and dtype of `x`.

    >>> round(float(gelu(1.0, approximate=False)), 4)
    0.8413
    """
    return jax.nn.gelu(x, approximate)


@array_op
def silu(x: Array):
    """Compute `x * sigmoid(x)`, also called swish (arXiv:1702.03118).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> round(float(silu(1.0)), 4)
    0.7311
    """
    return jax.nn.silu(x)


@array_op
def hard_silu(x: Array):
    """Compute `x * hard_sigmoid(x)`, also called hard swish (arXiv:1905.02244).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> hard_silu([-3.0, 3.0]).tolist()
    [-0.0, 3.0]
    """
    return jax.nn.hard_silu(x)


@array_op
def glu(x: Array, axis=-1):
    """Compute the gated linear unit: the first half along `axis` times the sigmoid of the second half
    (arXiv:1612.08083).

    Args:
        x: array of floats, of any shape.
        axis: the axis that is split into two halves, of even length.

    Returns:
        array of the dtype of `x`, half as long along `axis`.

    Raises:
        ValueError: the size along `axis` is odd.

    >>> glu([4.0, 0.0]).tolist()
    [2.0]
    """
    if x.shape[axis] % 2:
        raise ValueError(f"glu needs an even size along axis={axis}, but x has shape {x.shape}.")
    value, gate = jnp.split(x, 2, axis)
    return value * jax.nn.sigmoid(gate)


@array_op
def sigmoid(x: Array):
    """Compute the logistic sigmoid, `1 / (1 + exp(-x))`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> sigmoid([-100.0, 0.0, 100.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return from_logits("sigmoid", x, jax.nn.sigmoid(x))


@array_op
def log_sigmoid(x: Array):
    """Compute `log(sigmoid(x))` without overflow.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> float(log_sigmoid(-1000.0))
    -1000.0
    """
    return jax.nn.log_sigmoid(x)


@array_op
def hard_sigmoid(x: Array):
    """Compute `min(max(x / 6 + 1/2, 0), 1)`, an approximation of the sigmoid by three straight lines.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return jax.nn.hard_sigmoid(x)


@array_op
def sparse_sigmoid(x: Array):
    """Compute `min(max((x + 1) / 2, 0), 1)`, the derivative of `sparse_plus` (arXiv:1901.02324).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> sparse_sigmoid([-1.0, 0.0, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return jax.nn.sparse_sigmoid(x)


@array_op
def hard_tanh(x: Array):
    """Compute `min(max(x, -1), 1)`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> hard_tanh([-2.0, 0.5, 2.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return jax.nn.hard_tanh(x)


@array_op
def softsign(x: Array):
    """Compute `x / (1 + |x|)`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> softsign([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """
    return jax.nn.soft_sign(x)


@array_op
def softplus(x: Array):
    """Compute `log(1 + exp(x))` without overflow.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> softplus([-1000.0, 1000.0]).tolist()
    [0.0, 1000.0]
    """
    return jax.nn.softplus(x)


@array_op
def squareplus(x: Array, b=4):
    """Compute `(x + sqrt(x^2 + b)) / 2`, a softplus without exponentials (arXiv:2112.11687).

    Args:
        x: array of floats, of any shape.
        b: the smoothness of the bend at 0, a number from 0 on. With 0 it is `relu`.

    Returns:
        array of the shape and dtype of `x`.

    >>> squareplus([0.0, 1.5]).tolist()
    [1.0, 2.0]
    """
    return jax.nn.squareplus(x, b)


@array_op
def sparse_plus(x: Array):
    """Return 0 where `x <= -1`, `(x + 1)^2 / 4` between -1 and 1, and `x` where `x >= 1` (arXiv:1901.02324).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> sparse_plus([-1.0, 0.0, 3.0]).tolist()
    [0.0, 0.25, 3.0]
    """
    return jax.nn.sparse_plus(x)


hard_swish, swish = hard_silu, silu


def from_logits(link, logits, probabilities):
    """Let losses find what the probabilities were made of: crossentropy is safer, and cheaper, on logits."""
    frame = frames.current()
    if frame is not None:
        frame.set_logits(probabilities, link, logits)
    return probabilities
