"""Pooling: the largest or the mean entry of every window."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.convolution import sizes
from jkeras.ops.op import op


def _windows(
    inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[jax.Array, tuple[int, ...], tuple[int, ...], Sequence[tuple[int, int]]]:
    """The array, and window, strides and padding for all of its axes."""
    inputs = jnp.asarray(inputs)
    rank = inputs.ndim - 2
    window = sizes(pool_size, rank, "pool_size")
    steps = window if strides is None else sizes(strides, rank, "strides")
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}.")
    if standardize_data_format(data_format) == "channels_last":
        window, steps = (1, *window, 1), (1, *steps, 1)
    else:
        window, steps = (1, 1, *window), (1, 1, *steps)
    return inputs, window, steps, lax.padtype_to_pads(inputs.shape, window, steps, padding.upper())


@op
def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """The largest entry of every window.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels second for `"channels_first"`.
        pool_size: size of the window, one number or one per spatial axis.
        strides: its steps; None for the window's size.
        padding: `"valid"` or `"same"`; padded entries are never the largest.
        data_format: `"channels_last"` or `"channels_first"`; None for `config.image_data_format()`.

    >>> max_pool(jnp.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0].tolist()
    [1.0, 3.0]
    """
    inputs, window, steps, pads = _windows(inputs, pool_size, strides, padding, data_format)
    floating = jnp.issubdtype(inputs.dtype, jnp.floating)
    lowest = np.array(-np.inf if floating else jnp.iinfo(inputs.dtype).min, inputs.dtype)
    return lax.reduce_window(inputs, lowest, lax.max, window, steps, pads)


@op
def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """The mean of every window; padded entries do not count.

    Args:
        inputs, pool_size, strides, padding, data_format: as in `max_pool`.

    >>> average_pool(jnp.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0].tolist()
    [0.5, 2.5]
    """
    inputs, window, steps, pads = _windows(inputs, pool_size, strides, padding, data_format)
    zero = np.zeros((), inputs.dtype)
    total = lax.reduce_window(inputs, zero, lax.add, window, steps, pads)
    if all(pad == (0, 0) for pad in pads):
        return total / math.prod(window)
    shape = tuple(n if w > 1 else 1 for n, w in zip(inputs.shape, window, strict=True))
    return total / lax.reduce_window(jnp.ones(shape, inputs.dtype), zero, lax.add, window, steps, pads)


@op
def adaptive_max_pool(inputs: Any, output_size: int | Sequence[int], data_format: str | None = None) -> jax.Array:
    """The largest entry of each of `output_size` parts, into which every spatial axis is divided.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels second for `"channels_first"`.
        output_size: number of parts, one number or one per spatial axis (None there: the axis stays).
        data_format: as in `max_pool`.

    >>> adaptive_max_pool(jnp.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0].tolist()
    [2.0, 4.0]
    """
    return _adaptive(inputs, output_size, data_format, jnp.max)


@op
def adaptive_average_pool(inputs: Any, output_size: int | Sequence[int], data_format: str | None = None) -> jax.Array:
    """The mean of each of `output_size` parts, into which every spatial axis is divided.

    Args:
        inputs, output_size, data_format: as in `adaptive_max_pool`.

    >>> adaptive_average_pool(jnp.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0].tolist()
    [1.0, 3.0]
    """
    return _adaptive(inputs, output_size, data_format, jnp.mean)


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, reduce: Callable) -> jax.Array:
    """Part `i` of `m` of an axis of length `n` is the entries from `floor(i n / m)` up to `ceil((i + 1) n / m)`."""
    inputs = jnp.asarray(inputs)
    rank, first = inputs.ndim - 2, 1 if standardize_data_format(data_format) == "channels_last" else 2
    for axis, parts in enumerate(sizes(output_size, rank, "output_size"), start=first):
        if parts is None:
            continue
        n = inputs.shape[axis]
        edges = [(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]
        pieces = [reduce(lax.slice_in_dim(inputs, lo, hi, axis=axis), axis=axis, keepdims=True) for lo, hi in edges]
        inputs = jnp.concatenate(pieces, axis)
    return inputs


__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]
