"""Drawing many arrays of many shapes with few compilations."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.initializers.base import Shape, as_shape, on_device
from jkeras.random import is_tracing

_SIZES = (2**17, 2**20, 2**22, 2**24)


def _draw(sample: Callable, key: Any, shape: Shape, dtype: Any) -> Any:
    """`sample(key, shape, dtype)`, an array of independent entries, without one compilation per shape.

    JAX's counter-based generator computes entry i from (key, i) alone, so the first n of N > n entries are what a draw of
    n gives. We draw one of a few sizes and cut: a compilation takes 50-200 ms, a million entries 10 ms (one CPU core).
    """
    shape, dtype = as_shape(shape), dtypes.canonical(dtype)
    size = math.prod(shape)
    padded = next((n for n in _SIZES if n >= size), None)
    counts = jax.config.jax_threefry_partitionable and jax.config.jax_default_prng_impl == "threefry2x32"  # type: ignore[attr-defined]
    if padded is None or not counts or not isinstance(key, np.ndarray) or is_tracing():
        return sample(on_device(key), shape, dtype)
    return np.asarray(sample(on_device(key), (padded,), dtype))[:size].reshape(shape).copy()


def normal(key: Any, shape: Shape, dtype: Any, mean: float, stddev: float) -> jax.Array:
    """Normally distributed entries."""
    return _affine(_draw(jax.random.normal, key, shape, dtype), stddev, mean)


def truncated_normal(key: Any, shape: Shape, dtype: Any, mean: float, stddev: float) -> jax.Array:
    """Normally distributed entries, cut at two standard deviations from the mean (before which `stddev` is meant)."""
    return _affine(_draw(_standard_truncated_normal, key, shape, dtype), stddev, mean)


def uniform(key: Any, shape: Shape, dtype: Any, low: float, high: float) -> jax.Array:
    """Entries uniformly distributed in `[low, high)`."""
    return on_device(_draw(lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, low, high), key, shape, dtype))


def _standard_truncated_normal(key: Any, shape: Any, dtype: Any) -> jax.Array:
    return jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)


def _affine(sample: Any, scale: float, shift: float) -> jax.Array:
    """`sample * scale + shift` in the sample's dtype, rounded after each operation."""
    scale, shift = np.asarray([scale, shift], sample.dtype)
    return on_device(sample * scale + shift)
