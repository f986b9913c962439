"""Pooling: the largest or the mean entry of every window.

A window is a product of intervals, so its largest entry is found one axis at a time, and so is its sum. Along an axis, entry
`k` of all windows is a strided slice of the input: the maximum is that of as many slices as the window is wide, and the
gradient goes where the number of the first largest one says. Of several largest entries of a window the gradient goes to
the first in row-major order; that is the first along the first axis, so axes are worked through from the last to the first.

This is how it is done on CPU; other platforms use XLA's. On CPU XLA's gradients are slow: windows of 2x2 on 128x26x26x32
take 29 ms for the maximum and 40 ms for the mean in a loop, where this takes 1.9 and 0.5 ms (2 cores).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.convolution import sizes
from jkeras.ops.family import floating
from jkeras.ops.op import op


class Windows(NamedTuple):
    """One entry per axis of the array, batch and channels included."""

    size: tuple[int, ...]
    steps: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]


def _windows(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None) -> tuple[jax.Array, Windows]:
    inputs = jnp.asarray(inputs)
    rank = inputs.ndim - 2
    size = sizes(pool_size, rank, "pool_size")
    steps = size if strides is None else sizes(strides, rank, "strides")
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}.")
    if standardize_data_format(data_format) == "channels_last":
        size, steps = (1, *size, 1), (1, *steps, 1)
    else:
        size, steps = (1, 1, *size), (1, 1, *steps)
    return inputs, Windows(size, steps, tuple(lax.padtype_to_pads(inputs.shape, size, steps, padding.upper())))


def _axes(windows: Windows) -> list[int]:
    """The axes that windows run along, last first."""
    return [a for a in reversed(range(len(windows.size))) if windows.size[a] > 1 or windows.steps[a] > 1]


def _pad(x: jax.Array, axis: int, windows: Windows, fill: Any) -> jax.Array:
    return lax.pad(x, jnp.asarray(fill, x.dtype), [(*windows.pads[a], 0) if a == axis else (0, 0, 0) for a in range(x.ndim)])


def _entries(x: jax.Array, axis: int, windows: Windows) -> list[jax.Array]:
    """The first entries of all windows along `axis`, their second entries, ..."""
    size, step = windows.size[axis], windows.steps[axis]
    extent = max(0, (x.shape[axis] - size) // step * step + 1)
    return [x[(slice(None),) * axis + (slice(k, k + extent, step),)] for k in range(size)]


def _sum(x: jax.Array, axis: int, windows: Windows, chosen: jax.Array | None = None) -> jax.Array:
    """The sum of every window along `axis`, or its entry of number `chosen`."""
    x, size = _pad(x, axis, windows, 0), windows.size[axis]
    if size != windows.steps[axis]:
        entries = _entries(x, axis, windows)
        if chosen is not None:
            entries = [jnp.where(chosen == k, entry, 0) for k, entry in enumerate(entries)]
        return functools.reduce(jnp.add, entries)
    # Separate windows are parts of the axis; a gradient by parts takes half as long as one by slices.
    count = x.shape[axis] // size
    x = lax.slice_in_dim(x, 0, count * size, axis=axis).reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])
    if chosen is not None:
        x = jnp.where(jnp.expand_dims(chosen, axis + 1) == lax.broadcasted_iota(chosen.dtype, x.shape, axis + 1), x, 0)
    return x.sum(axis + 1)


# --- the mean


def _cpu_total(x: jax.Array, windows: Windows) -> jax.Array:
    for axis in _axes(windows):
        x = _sum(x, axis, windows)
    return x


def _xla_total(x: jax.Array, windows: Windows) -> jax.Array:
    return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, *windows)


def _counts(shape: Sequence[int], windows: Windows) -> np.ndarray:
    """How many entries each window has besides padding; of size 1 along axes where it makes no difference."""
    counts = np.ones((1,) * len(shape))
    for axis, (n, size, step, (low, high)) in enumerate(zip(shape, *windows, strict=True)):
        starts = np.arange(0, n + low + high - size + 1, step) - low
        along = np.minimum(starts + size, n) - np.maximum(starts, 0) if low or high else np.array(size)
        counts = counts * along.reshape(-1, *(1,) * (len(shape) - axis - 1))
    return counts


# --- the largest


def _lowest(dtype: Any) -> np.ndarray:
    return np.array(-np.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min, dtype)


def _largest(x: jax.Array, axis: int, windows: Windows) -> tuple[jax.Array, jax.Array]:
    """The largest entry of every window along `axis`, and the number of the first such entry."""
    largest, *others = _entries(_pad(x, axis, windows, _lowest(x.dtype)), axis, windows)
    number = jnp.zeros(largest.shape, jnp.int8 if windows.size[axis] < 128 else jnp.int32)
    for k, entry in enumerate(others, start=1):
        number = jnp.where(entry > largest, jnp.asarray(k, number.dtype), number)
        largest = jnp.maximum(largest, entry)
    return largest, number


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _cpu_max(x: jax.Array, windows: Windows) -> jax.Array:
    for axis in _axes(windows):
        x, _ = _largest(x, axis, windows)
    return x


@_cpu_max.defjvp
def _cpu_max_jvp(windows: Windows, primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    (x,), (tangent,) = primals, tangents
    for axis in _axes(windows):
        x, number = _largest(x, axis, windows)
        tangent = _sum(tangent, axis, windows, chosen=number)
    return x, tangent


def _xla_max(x: jax.Array, windows: Windows) -> jax.Array:
    return lax.reduce_window(x, _lowest(x.dtype), lax.max, *windows)


def _by_platform(x: jax.Array, windows: Windows, cpu: Callable, default: Callable) -> jax.Array:
    return lax.platform_dependent(x, cpu=lambda x: cpu(x, windows), default=lambda x: default(x, windows))


# --- the operations


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
    return _by_platform(*_windows(inputs, pool_size, strides, padding, data_format), _cpu_max, _xla_max)


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
    inputs, windows = _windows(floating(jnp.asarray(inputs)), pool_size, strides, padding, data_format)
    return _by_platform(inputs, windows, _cpu_total, _xla_total) / _counts(inputs.shape, windows).astype(inputs.dtype)


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
