"""Integers with a scale and a zero point: `x` is stored as `round(x / scale) + zero`, and read as `(integer - zero) *
scale`.

The zero point moves the range of the integers to that of the numbers, which need not be symmetric around 0. The numbers
of a group along one axis share scale and zero point. The range always contains 0, so 0 stays exact, and a group of
equal numbers keeps its value.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras.core.variable import Variable
from jkeras.quantizers.base import EPSILON
from jkeras.runtime.placement import to_device

__all__ = ["abs_max_quantize_grouped_with_zero_point"]


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Quantize a matrix in groups of rows, each with a scale and a zero point per column.

    Args:
        inputs: array of shape `(rows, columns)`.
        block_size: how many rows share a scale and a zero point.
        value_range: the smallest and the largest integer.
        dtype: of the integers.
        epsilon: is added to the range that the integers cover.
        to_numpy: compute on the host, which leaves the memory of an accelerator alone.

    Returns:
        `(integers, scale, zero_point)`, of shapes `(rows, columns)` and twice `(groups, columns)`, the last of int8; numbers are
        `(integers - zero_point) * scale`.

    >>> integers, scale, zero = abs_max_quantize_grouped_with_zero_point(np.array([[0.0], [1.5], [3.0]], "float32"), 2)
    >>> ((integers - zero[np.array([0, 0, 1])]) * scale[np.array([0, 0, 1])]).round(2).ravel().tolist()
    [0.0, 1.5, 3.0]
    """
    xp: Any = np if to_numpy else jnp
    given = inputs.value if isinstance(inputs, Variable) else inputs
    x = xp.asarray(given)
    if to_numpy and x.dtype.kind == "V":  # NumPy knows bfloat16 as a type without arithmetic
        x = x.astype("float32")
    low, high = extremes(x, block_size, xp)
    scale, zero = scale_and_zero(low, high, *value_range, epsilon=epsilon, xp=xp)
    groups = np.arange(x.shape[0]) // block_size
    integers = xp.clip(xp.round(x / scale[groups]) + zero[groups], *value_range).astype(dtype)
    scale = scale.astype(getattr(given, "dtype", x.dtype))
    found = integers, scale, zero.astype("int8")
    return tuple(map(to_device, found)) if to_numpy else found  # type: ignore[return-value]


def extremes(matrix: Any, group_size: int, xp: Any = jnp) -> tuple[Any, Any]:
    """The smallest and largest entry of each group of rows, column by column; with -1 all rows are one group."""
    rows, columns = matrix.shape
    size = rows if group_size == -1 else group_size
    padded = xp.pad(matrix, ((0, -rows % size), (0, 0))).reshape(-1, size, columns)  # 0 is in the range anyway
    return padded.min(axis=1), padded.max(axis=1)


def scale_and_zero(
    low: Any, high: Any, first: int, last: int, symmetric: bool = False, epsilon: float = 0.0, xp: Any = jnp
) -> tuple[Any, Any]:
    """The scale and the zero point for numbers from `low` to `high`.

    Args:
        low, high: arrays of one shape.
        first, last: the smallest and the largest integer.
        symmetric: whether 0 is to lie in the middle of the integers.
        epsilon: is added to the range.
        xp: the module that computes, `numpy` or `jax.numpy`.
    """
    low, high = xp.minimum(low, 0), xp.maximum(high, 0)
    if symmetric:
        high = xp.maximum(-low, high)
        low = -high
    scale = (high - low + epsilon) / (last - first)
    scale = xp.where(scale > 0, scale, 1).astype(low.dtype)
    middle = (first + last + 1) // 2
    zero = xp.full_like(scale, middle) if symmetric else xp.round(-low / scale) + first
    return scale, xp.clip(zero, first, last)


def dequantize(integers: Any, scale: Any, zero: Any, groups: Any, axis: int) -> Any:
    """The numbers that integers stand for.

    Args:
        integers: array of any shape.
        scale, zero: of the groups, which stand along `axis`; otherwise of the integers' shape.
        groups: to which group each entry along `axis` belongs, as floats.
        axis: along which the groups are.
    """
    index = groups.astype("int32")
    scale, zero = (jnp.take(x, index, axis=axis) for x in (scale, zero))
    return (integers.astype(scale.dtype) - zero.astype(scale.dtype)) * scale
