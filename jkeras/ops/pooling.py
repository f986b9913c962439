"""Pooling: the largest or the mean entry of every window.

A window is a product of intervals, so its largest entry and its sum are found one axis at a time. There are three methods.
The time to compile them does not grow with the width of the window:

- Along an axis, entry `k` of all windows is a strided slice of the input: the maximum of a small
  window is the maximum of a few slices. The gradient goes to the first of the largest entries.
- Windows that do not overlap are made by reshaping the axis.
- Wide windows that overlap are combined from windows of 1, 2, 4, ... entries.

If a window has several largest entries, the gradient goes to the first in row-major order. That is the first along the first
axis, so the code treats the axes from the last to the first.

This code runs on CPUs; other platforms use XLA's pooling. On CPUs, XLA's gradients are slow: windows of 2x2 on 128x26x26x32
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
from jkeras.ops.convolution import padding_of, sizes
from jkeras.ops.family import floating
from jkeras.ops.op import Operand, op

SLICES = 16  # the widest window for which each entry is a slice


class Windows(NamedTuple):
    """One entry per axis of the array, batch and channels included."""

    size: tuple[int, ...]
    steps: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]


def _windows(
    name: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[jax.Array, Windows]:
    inputs = jnp.asarray(inputs)
    rank = inputs.ndim - 2
    size = sizes(pool_size, rank, "pool_size")
    steps = size if strides is None else sizes(strides, rank, "strides")
    padding = padding_of(name, padding)
    if standardize_data_format(data_format) == "channels_last":
        size, steps = (1, *size, 1), (1, *steps, 1)
    else:
        size, steps = (1, 1, *size), (1, 1, *steps)
    pads = lax.padtype_to_pads(inputs.shape, size, steps, padding)
    along = [_without_overhang(*axis) for axis in zip(inputs.shape, size, steps, pads, strict=True)]
    return inputs, Windows(tuple(n for n, _ in along), steps, tuple(pair for _, pair in along))


def _without_overhang(n: Any, size: int, step: int, pads: tuple) -> tuple[int, tuple]:
    """The size of windows and their padding along an axis, without the padding that all windows have in common."""
    low, high = pads
    if not isinstance(n, int) or not (low or high):
        return size, pads
    last = (n + low + high - size) // step * step - low  # where the last window starts
    before, after = max(0, -last), max(0, size - low - n)
    return size - before - after, (low - before, high - after)


def _axes(windows: Windows) -> list[int]:
    """The axes that windows run along, last first."""
    return [a for a in reversed(range(len(windows.size))) if windows.size[a] > 1 or windows.steps[a] > 1]


def _pad(x: jax.Array, axis: int, windows: Windows, fill: Any) -> jax.Array:
    return lax.pad(x, jnp.asarray(fill, x.dtype), [(*windows.pads[a], 0) if a == axis else (0, 0, 0) for a in range(x.ndim)])


def _count(x: jax.Array, axis: int, windows: Windows) -> Any:
    """The number of windows along an axis of a padded array."""
    return jax.core.max_dim(0, (x.shape[axis] - windows.size[axis]) // windows.steps[axis] + 1)


def _entries(x: jax.Array, axis: int, windows: Windows) -> list[jax.Array]:
    """The first entries of all windows along `axis`, their second entries, ..."""
    size, step, count = windows.size[axis], windows.steps[axis], _count(x, axis, windows)
    extent = jax.core.max_dim(0, (count - 1) * step + 1)
    return [x[(slice(None),) * axis + (slice(k, k + extent, step),)] for k in range(size)]


def _parts(x: jax.Array, axis: int, windows: Windows) -> jax.Array:
    """Separate windows as an axis of their own, after `axis`; a gradient by parts takes half as long as one by slices."""
    size, count = windows.size[axis], _count(x, axis, windows)
    x = lax.slice_in_dim(x, 0, count * size, axis=axis)
    return x.reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])


def _doubled(values: Any, combine: Callable, axis: int, windows: Windows) -> Any:
    """Combine the entries of wide windows, from windows of 1, 2, 4, ... entries.

    Args:
        values: a tree of padded arrays.
        combine: `combine(left, right, distance)` of two windows' values, where the right one starts `distance` later.
    """
    size, step = windows.size[axis], windows.steps[axis]

    def cut(tree: Any, start: int, length: int, stride: int = 1) -> Any:
        return jax.tree.map(lambda a: lax.slice_in_dim(a, start, start + length, stride, axis), tree)

    length = jax.tree.leaves(values)[0].shape[axis]
    extent = (length - size) // step * step + 1
    result, done, width, powers = None, 0, 1, values
    while True:
        if size & width:
            part = cut(powers, done, extent, step)
            result = part if result is None else combine(result, part, done)
            done += width
        if done == size:
            return result
        length -= width
        powers = combine(cut(powers, 0, length), cut(powers, width, length), width)
        width *= 2


def _sum(x: jax.Array, axis: int, windows: Windows) -> jax.Array:
    """The sum of every window along `axis`."""
    x = _pad(x, axis, windows, 0)
    if windows.size[axis] == windows.steps[axis]:
        return _parts(x, axis, windows).sum(axis + 1)
    if windows.size[axis] <= SLICES:
        return functools.reduce(jnp.add, _entries(x, axis, windows))
    return _doubled(x, lambda left, right, distance: left + right, axis, windows)


def _chosen(x: jax.Array, axis: int, windows: Windows, number: jax.Array) -> jax.Array:
    """The entry of the given number of every window along `axis`."""
    x = _pad(x, axis, windows, 0)
    if windows.size[axis] == windows.steps[axis]:
        x = _parts(x, axis, windows)
        here = jnp.expand_dims(number, axis + 1) == lax.broadcasted_iota(number.dtype, x.shape, axis + 1)
        return jnp.where(here, x, 0).sum(axis + 1)
    if windows.size[axis] <= SLICES:
        return functools.reduce(jnp.add, [jnp.where(number == k, e, 0) for k, e in enumerate(_entries(x, axis, windows))])
    starts = lax.broadcasted_iota(number.dtype, number.shape, axis) * windows.steps[axis]
    return jnp.take_along_axis(x, starts + number, axis)


# --- the mean


def _cpu_total(x: jax.Array, windows: Windows) -> jax.Array:
    for axis in _axes(windows):
        x = _sum(x, axis, windows)
    return x


def _xla_total(x: jax.Array, windows: Windows) -> jax.Array:
    return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, *windows)


def _counts(shape: Sequence[Any], windows: Windows) -> Any:
    """The number of entries of each window besides padding; of size 1 along axes where it makes no difference."""
    counts: Any = np.ones((1,) * len(shape), "float32")
    for axis, (n, size, step, (low, high)) in enumerate(zip(shape, *windows, strict=True)):
        if isinstance(n, int) and not (low or high):
            counts = counts * size
            continue
        starts = jnp.arange((n + low + high - size) // step + 1) * step - low
        along = jnp.clip(starts + size, max=n) - jnp.clip(starts, min=0) if size > 1 else np.array(size)
        counts = counts * along.astype("float32").reshape(*(1,) * axis, -1, *(1,) * (len(shape) - axis - 1))
    return counts


# --- the largest


def _lowest(dtype: Any) -> np.ndarray:
    return np.array(-np.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min, dtype)


def _largest(x: jax.Array, axis: int, windows: Windows) -> tuple[jax.Array, jax.Array]:
    """The largest entry of every window along `axis`, and the number of the first such entry."""
    x, size = _pad(x, axis, windows, _lowest(x.dtype)), windows.size[axis]
    if size <= SLICES:
        largest, *others = _entries(x, axis, windows)
        number = jnp.zeros(largest.shape, jnp.int8)
        for k, entry in enumerate(others, start=1):
            number = jnp.where(entry > largest, jnp.asarray(k, number.dtype), number)
            largest = jnp.maximum(largest, entry)
        return largest, number
    if size == windows.steps[axis]:
        parts = _parts(x, axis, windows)
        return parts.max(axis + 1), lax.argmax(parts, axis + 1, jnp.int32)

    def combine(left: tuple, right: tuple, distance: int) -> tuple:
        (a, i), (b, j) = left, right
        return jnp.maximum(a, b), jnp.where(b > a, j + jnp.int32(distance), i)

    return _doubled((x, jnp.zeros(x.shape, jnp.int32)), combine, axis, windows)


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
        tangent = _chosen(tangent, axis, windows, number)
    return x, tangent


def _xla_max(x: jax.Array, windows: Windows) -> jax.Array:
    return lax.reduce_window(x, _lowest(x.dtype), lax.max, *windows)


def _by_platform(x: jax.Array, windows: Windows, cpu: Callable, default: Callable) -> jax.Array:
    return lax.platform_dependent(x, cpu=lambda x: cpu(x, windows), default=lambda x: default(x, windows))


# --- the operations


@op
def max_pool(
    inputs: Operand,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """Return the largest entry of every window.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels second for `"channels_first"`.
        pool_size: size of the window, one number or one per spatial axis.
        strides: its steps; None for the window's size.
        padding: `"valid"` or `"same"`; padded entries are never the largest.
        data_format: `"channels_last"` or `"channels_first"`; None for `config.image_data_format()`.

    >>> max_pool(jnp.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0].tolist()
    [1.0, 3.0]
    """
    return _by_platform(*_windows("max_pool", inputs, pool_size, strides, padding, data_format), _cpu_max, _xla_max)


@op
def average_pool(
    inputs: Operand,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """Compute the mean of every window. Padded entries do not count.

    Args:
        inputs, pool_size, strides, padding, data_format: as in `max_pool`.

    >>> average_pool(jnp.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0].tolist()
    [0.5, 2.5]
    """
    inputs, windows = _windows("average_pool", floating(jnp.asarray(inputs)), pool_size, strides, padding, data_format)
    return _by_platform(inputs, windows, _cpu_total, _xla_total) / jnp.asarray(_counts(inputs.shape, windows), inputs.dtype)


@op
def adaptive_max_pool(inputs: Operand, output_size: int | Sequence[int], data_format: str | None = None) -> jax.Array:
    """Divide every spatial axis into `output_size` parts, and return the largest entry of each part.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels second for `"channels_first"`.
        output_size: number of parts, one number or one per spatial axis (None there: the axis stays).
        data_format: as in `max_pool`.

    >>> adaptive_max_pool(jnp.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0].tolist()
    [2.0, 4.0]
    """

    def largest(parts: jax.Array, axis: int, inside: Any) -> jax.Array:
        return parts.max(axis) if inside is None else parts.max(axis, where=inside, initial=_lowest(parts.dtype))

    return _adaptive(inputs, output_size, data_format, largest)


@op
def adaptive_average_pool(inputs: Operand, output_size: int | Sequence[int], data_format: str | None = None) -> jax.Array:
    """Divide every spatial axis into `output_size` parts, and compute the mean of each part.

    Args:
        inputs, output_size, data_format: as in `adaptive_max_pool`.

    >>> adaptive_average_pool(jnp.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0].tolist()
    [1.0, 3.0]
    """

    def mean(parts: jax.Array, axis: int, inside: Any) -> jax.Array:
        return parts.mean(axis, where=inside)

    return _adaptive(inputs, output_size, data_format, mean)


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, reduce: Callable) -> jax.Array:
    """Part `i` of `m` of an axis of length `n` is the entries from `floor(i n / m)` up to `ceil((i + 1) n / m)`."""
    inputs = jnp.asarray(inputs)
    rank, first = inputs.ndim - 2, 1 if standardize_data_format(data_format) == "channels_last" else 2
    for axis, parts in enumerate(sizes(output_size, rank, "output_size"), start=first):
        if parts is None:
            continue
        n, shape = inputs.shape[axis], inputs.shape
        if isinstance(n, int) and n % parts == 0:
            inputs = reduce(inputs.reshape(*shape[:axis], parts, n // parts, *shape[axis + 1 :]), axis + 1, None)
            continue
        arange = np.arange if isinstance(n, int) else jnp.arange
        first_of, end_of = arange(parts) * n // parts, -(-(arange(parts) + 1) * n // parts)
        places = first_of[:, None] + arange(n // parts + 2)
        inside = jnp.asarray(places < end_of[:, None]).reshape(*places.shape, *(1,) * (len(shape) - axis - 1))
        places = jnp.asarray(places.clip(max=n - 1).reshape(-1), jnp.int32)
        gathered = jnp.take(inputs, places, axis).reshape(*shape[:axis], *inside.shape[:2], *shape[axis + 1 :])
        inputs = reduce(gathered, axis + 1, inside)
    return inputs


__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]
