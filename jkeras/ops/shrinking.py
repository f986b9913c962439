"""Activations that set what is small to zero, or move everything towards zero."""

import jax.numpy as jnp

from jkeras.ops.family import Array, array_op, floating

__all__ = ["hard_shrink", "soft_shrink", "tanh_shrink", "threshold"]


@array_op
def tanh_shrink(x: Array):
    """Compute `x - tanh(x)`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> float(tanh_shrink(100.0))
    99.0
    """
    return x - jnp.tanh(x)


@array_op
def soft_shrink(x: Array, threshold=0.5):
    """Move `x` towards 0 by `threshold`. Entries nearer to 0 than `threshold` become 0.

    Args:
        x: array of floats, of any shape.
        threshold: a number from 0 on.

    Returns:
        array of the shape and dtype of `x`.

    >>> soft_shrink([-2.0, 0.25, 2.0]).tolist()
    [-1.5, 0.0, 1.5]
    """
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0))


@array_op
def hard_shrink(x: Array, threshold=0.5):
    """Return `x` where `|x| > threshold`, and 0 elsewhere.

    Args:
        x: array of floats, of any shape.
        threshold: a number from 0 on.

    Returns:
        array of the shape and dtype of `x`.

    >>> hard_shrink([-2.0, 0.25, 2.0]).tolist()
    [-2.0, 0.0, 2.0]
    """
    x = floating(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@array_op
def threshold(x: Array, threshold, default_value):
    """Return `x` where `x > threshold`, and `default_value` elsewhere.

    Args:
        x: array of floats, of any shape.
        threshold: the bound.
        default_value: the value of entries up to the bound.

    Returns:
        array of the shape and dtype of `x`.

    >>> threshold([0.0, 2.0], 1.0, -5.0).tolist()
    [-5.0, 2.0]
    """
    return jnp.where(x > threshold, x, default_value)
