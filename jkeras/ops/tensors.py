"""Functions for conversion to arrays, dtypes and shapes, and `stop_gradient`."""

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.ops.family import Array, Operand, array_op, as_array
from jkeras.ops.op import op
from jkeras.ops.sparse import is_sparse

__all__ = [
    "cast", "convert_to_numpy", "convert_to_tensor", "dtype", "is_tensor", "ndim", "shape", "size", "stop_gradient", "view",
]  # fmt: skip


@op
def convert_to_tensor(x: Operand, dtype=None, sparse=None, ragged=None):
    """Convert anything array-like to a JAX array.

    Args:
        x: array, number, nested list, variable, or sparse JAX array.
        dtype: by default that of `x`; 64-bit dtypes are narrowed unless JAX's x64 mode is on.
        sparse: False makes a sparse array dense; otherwise it stays as it is.
        ragged: there are no ragged arrays here, so it must not be True.

    Raises:
        ValueError: `ragged` is True.

    >>> convert_to_tensor([1, 2], "float32").tolist()
    [1.0, 2.0]
    """
    if ragged:
        raise ValueError("convert_to_tensor() got ragged=True, but JAX has no ragged arrays. Pad the rows to one length.")
    if is_sparse(x) and sparse is False:
        x = x.todense()
    if dtype is None:
        return as_array(x)
    target = dtypes.canonical(dtype)
    if isinstance(x, jax.Array) or is_sparse(x):
        return x if x.dtype == target else x.astype(target)
    return jnp.asarray(x, dtype=target)


def convert_to_numpy(x: Operand) -> np.ndarray:
    """Copy anything array-like to a NumPy array.

    Args:
        x: an array, a variable, a number, or nested lists of numbers.

    Returns:
        a NumPy array of the same shape and dtype.

    >>> convert_to_numpy(jnp.ones(2))
    array([1., 1.], dtype=float32)
    """
    return np.array(x.todense() if is_sparse(x) else x)


@op
def cast(x: Operand, dtype):
    """Convert `x` to another dtype.

    Args:
        x: array-like.
        dtype: name of the dtype; 64-bit dtypes are narrowed unless JAX's x64 mode is on.

    >>> cast([0.0, 2.5], "int32").tolist()
    [0, 2]
    """
    return convert_to_tensor(x, dtype)


def is_tensor(x: Operand) -> bool:
    """Return True if `x` is a JAX array, including a traced or sparse one. Symbolic tensors and variables give False.

    Args:
        x: anything.

    >>> is_tensor(jnp.ones(2)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(x, jax.Array) or is_sparse(x)


def shape(x: Operand) -> tuple:
    """Return the shape, a tuple of integers. None stands for an unknown length of a symbolic tensor.

    Args:
        x: anything array-like, or a symbolic tensor.

    >>> from jkeras.core.symbolic import KerasTensor
    >>> shape(KerasTensor((None, 3)))
    (None, 3)
    """
    return tuple((x if hasattr(x, "shape") else as_array(x)).shape)


def ndim(x: Operand) -> int:
    """Return the number of axes.

    Args:
        x: anything array-like, or a symbolic tensor.

    >>> ndim([[1, 2]])
    2
    """
    return len(shape(x))


def dtype(x: Operand) -> str:
    """Return the name of the dtype.

    Args:
        x: anything array-like, or a symbolic tensor.

    >>> dtype(jnp.zeros(2))
    'float32'
    """
    return dtypes.standardize((x if hasattr(x, "dtype") else as_array(x)).dtype)


@array_op
def size(x: Array):
    """Return the number of entries, an integer.

    Args:
        x: anything array-like.

    >>> int(size([[1, 2], [3, 4]]))
    4
    """
    return jnp.size(x)


@array_op
def view(x: Array, dtype=None):
    """Read the bytes of `x` as another dtype.

    Args:
        x: array whose last axis is rescaled when the dtypes differ in width.
        dtype: the other dtype; None means that of `x`.

    >>> view(jnp.array([1.0], "float32"), "int32").tolist()
    [1065353216]
    """
    return x.view(None if dtype is None else dtypes.canonical(dtype))


@op
def stop_gradient(variable: Operand):
    """Return the value itself. Gradients treat it as a constant.

    Args:
        variable: array, variable, or symbolic tensor.

    >>> float(jax.grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return jax.lax.stop_gradient(as_array(variable))
