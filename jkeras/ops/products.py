"""Sums of products: matrix products, contractions, convolution of signals."""

import jax
import jax.numpy as jnp

from jkeras.ops.family import Array, Operand, array_op, family

__all__ = [
    "correlate", "cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip


def _accumulator(*arrays):
    """The dtype to add products up in: int32 for int8 (which would overflow), otherwise the arrays' own."""
    return jnp.int32 if all(x.dtype == jnp.int8 for x in arrays) else None


def rows_times(x: jax.Array, matrix: jax.Array, **kwargs) -> jax.Array:
    """Compute `x @ matrix`, where `x` has two axes or more, as one product of all its rows.

    XLA:CPU copies both factors of the gradient with respect to the matrix if `x` has more than two axes: for (32, 128, 128)
    by (128, 512) in a loop that took 15.2 ms of CPU time, of rows 7.8.

    >>> rows_times(jnp.ones((2, 3, 4)), jnp.ones((4, 5))).shape
    (2, 3, 5)
    """
    if not isinstance(x, jax.Array):  # sparse
        return matmul(x, matrix)
    kwargs.setdefault("preferred_element_type", _accumulator(x, matrix))
    if x.ndim == 2 or 0 in x.shape or any(jax.typeof(x).sharding.spec[1:-1]):  # axes spread over devices stay apart
        return jnp.matmul(x, matrix, **kwargs)
    rows = jnp.matmul(x.reshape(-1, x.shape[-1]), matrix, **kwargs)
    return rows.reshape(*x.shape[:-1], matrix.shape[-1])


@array_op
def matmul(x1: Array, x2: Array):
    """Multiply matrices. int8 matrices give int32.

    Args:
        x1: array of shape (..., n, k), or (k,).
        x2: array of shape (..., k, m), or (k,).

    Returns:
        array of shape (..., n, m), without the axes that a 1-D argument lacks.

    >>> matmul([[1, 2]], [[3], [4]]).tolist()
    [[11]]
    """
    product = rows_times if x1.ndim > 2 and x2.ndim == 2 else jnp.matmul
    return product(x1, x2, preferred_element_type=_accumulator(x1, x2))


@array_op
def einsum(subscripts, *operands: Array, **kwargs: Operand):
    """Sum products in Einstein's notation. int8 arrays give int32.

    Args:
        subscripts: "ij,jk->ik" and the like: a letter for each axis of each operand, and those of the result. Letters
            that the result lacks are summed over.
        operands: the arrays.
        kwargs: `optimize`, in which order to contract ("optimal", "greedy", False), and other arguments of `jnp.einsum`.

    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 10]).tolist()
    [21, 43]
    """
    kwargs.setdefault("preferred_element_type", _accumulator(*operands))
    return jnp.einsum(subscripts, *operands, **kwargs)


@array_op
def tensordot(x1: Array, x2: Array, axes=2):
    """Sum products over chosen axes.

    Args:
        x1, x2: arrays.
        axes: a number n, for the last n axes of `x1` and the first n of `x2`; or a pair of lists of axes.

    >>> tensordot([[1, 2], [3, 4]], [1, 10], axes=1).tolist()
    [21, 43]
    """
    return jnp.tensordot(x1, x2, axes)


@family
def product(function, x1: Array, x2: Array):
    """Args:
    x1, x2: arrays.
    """
    return function(x1, x2)


dot = product(
    jnp.dot,
    "Sum products over the last axis of `x1` and the last but one of `x2` (or its only axis).",
    "dot([[1, 2], [3, 4]], [1, 10]) -> [21, 43]",
)
inner = product(jnp.inner, "Sum products over the last axes.", "inner([1, 2], [3, 4]) -> 11")
vdot = product(
    jnp.vdot,
    "Sum the products of all entries, those of `x1` conjugated. The result is a scalar.",
    "vdot([[1, 2]], [[3, 4]]) -> 11",
)
outer = product(
    jnp.outer,
    "Multiply each entry of `x1` by each entry of `x2`. The shape is (x1.size, x2.size).",
    "outer([1, 2], [3, 4]) -> [[3, 4], [6, 8]]",
)
kron = product(
    jnp.kron,
    "Compute the Kronecker product: each entry of `x1` times the whole of `x2`.",
    "kron([1, 10], [1, 2]) -> [1, 2, 10, 20]",
)


@array_op
def cross(x1: Array, x2: Array, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Compute the cross product of vectors of 2 or 3 components.

    Args:
        x1, x2: arrays of vectors, which broadcast.
        axisa, axisb: the axes that hold the components.
        axisc: the axis of the result that holds them; there is none for two vectors of 2 components.
        axis: one axis that replaces all three.

    >>> cross([1, 0, 0], [0, 1, 0]).tolist()
    [0, 0, 1]
    """
    return jnp.cross(x1, x2, axisa, axisb, axisc, axis)


@array_op
def trace(x: Array, offset=0, axis1=0, axis2=1):
    """Compute the sum over a diagonal of the matrices that two axes span.

    Args:
        x: array of two axes at least.
        offset: which diagonal: 0 the main one, positive above it, negative below.
        axis1, axis2: the two axes.

    >>> int(trace([[1, 2], [3, 4]]))
    5
    """
    return jnp.trace(x, offset, axis1, axis2)


@array_op
def correlate(x1: Array, x2: Array, mode="valid"):
    """Compute the cross-correlation of two signals, `c[k] = sum_n x1[n + k] conj(x2[n])`.

    Args:
        x1, x2: arrays of shape (n,) and (m,).
        mode: "valid" where they overlap completely, "same" for the length of the longer, "full" where they overlap.

    >>> correlate([1.0, 2.0, 3.0], [1.0, 1.0]).tolist()
    [3.0, 5.0]
    """
    return jnp.correlate(x1, x2, mode)
