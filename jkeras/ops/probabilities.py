"""Activations that turn the entries along an axis into probabilities."""

import warnings

import jax
import jax.numpy as jnp

from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.errors import outside
from jkeras.ops.activation import from_logits
from jkeras.ops.family import Array, array_op

__all__ = ["log_softmax", "softmax", "sparsemax"]


@array_op
def softmax(x: Array, axis=-1):
    """Compute `exp(x) / sum(exp(x))` along `axis` (one axis or several), a probability distribution.

    Args:
        x: array of floats, of any shape.
        axis: the axis along which the results sum to 1, or a tuple of several axes.

    Returns:
        array of the shape and dtype of `x`.

    Warns:
        UserWarning: the axis has size 1, where the softmax is always 1.

    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        _warn_of_certainty(x, axis)
    probabilities = jax.nn.softmax(x, axis)
    return from_logits("softmax", x, probabilities) if axis in (-1, x.ndim - 1) else probabilities


def _warn_of_certainty(x: Array, axis: int) -> None:
    """Once per model: when its shapes are inferred, and not again when its steps are traced."""
    frame = frames.current()
    if frame is not None and frame.pure and not frame.abstract:
        return
    warnings.warn(
        f"softmax over axis {axis} of an array of shape {symbolic.list_shapes([x])}: along an axis of size 1 it is always 1. "
        "For a single output, use 'sigmoid'.",
        stacklevel=outside(),
    )


@array_op
def log_softmax(x: Array, axis=-1):
    """Compute `x - log(sum(exp(x)))` along `axis`, the logarithm of the softmax, without overflow.

    Args:
        x: array of floats, of any shape.
        axis: the axis along which the probabilities sum to 1, or a tuple of several axes.

    Returns:
        array of the shape and dtype of `x`.

    >>> log_softmax([0.0, -1000.0]).tolist()
    [0.0, -1000.0]
    """
    return jax.nn.log_softmax(x, axis)


@array_op
def sparsemax(x: Array, axis=-1):
    """Compute the point of the probability simplex nearest to `x`: `max(x - tau, 0)`, where `tau` makes the sum along
    `axis` 1.

    With `z` sorted in descending order, the support is the largest `k` with `1 + k z[k] > z[1] + ... + z[k]`, and
    `tau = (z[1] + ... + z[k] - 1) / k`. Source: Martins and Astudillo 2016, arXiv:1602.02068, algorithm 1.

    Keras up to 3.15 sums the partial sums instead, which is right for `k = 1` only (fixed in keras-team/keras#23469).

    Args:
        x: array of floats, of any shape.
        axis: the axis along which the results sum to 1.

    Returns:
        array of the shape and dtype of `x`.

    >>> sparsemax([1.0, 0.5, -1.0]).tolist()
    [0.75, 0.25, 0.0]
    """
    z = jnp.flip(jnp.sort(jax.lax.stop_gradient(x), axis), axis)
    rank = jnp.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    size = jnp.sum(1 + rank * z > jnp.cumsum(z, axis), axis, keepdims=True)
    smallest = jnp.take_along_axis(z, size - 1, axis)
    support = x >= smallest  # tau is differentiated as a function of x here, so that no derivative of the sort is needed
    total, size = (jnp.sum(jnp.where(support, v, 0), axis, keepdims=True) for v in (x, jnp.ones_like(x)))
    return jnp.where(support, x - (total - 1) / size, 0)
