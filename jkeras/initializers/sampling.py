"""Draw many arrays of many shapes with few compilations."""

import functools
import math
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.initializers import counter
from jkeras.initializers.base import Shape, as_shape, on_device
from jkeras.runtime.placement import is_tracing

_SIZES = (2**14, 2**17, 2**20, 2**22, 2**25)
_ALMOST_ONE, _ALMOST_TWO = (np.nextafter(np.float32(n), np.float32(0)) for n in (1, 2))
_WITHIN_TWO = np.float32(0.9544997)  # the probability to be within two standard deviations, erf(sqrt(2))


def _counts(key: Any, shape: Shape, dtype: Any) -> bool:
    """True if NumPy may draw."""
    wanted = isinstance(key, np.ndarray) and dtype == "float32" and counter.is_small(as_shape(shape))
    return wanted and counter.is_counted() and not is_tracing()


def normal(key: Any, shape: Shape, dtype: Any, mean: float, stddev: float) -> jax.Array:
    """Normally distributed entries."""
    shape, dtype = as_shape(shape), dtypes.canonical(dtype)
    if _counts(key, shape, dtype):
        sample: Any = _quantiles(counter.uniform(key, math.prod(shape), -_ALMOST_ONE, 1)).reshape(shape)
    else:
        sample = jax.random.normal(on_device(key), shape, dtype)
    return _affine(sample, stddev, mean)


def truncated_normal(key: Any, shape: Shape, dtype: Any, mean: float, stddev: float) -> jax.Array:
    """Normally distributed entries, cut at two standard deviations from the mean (before which `stddev` is meant)."""
    shape, dtype = as_shape(shape), dtypes.canonical(dtype)
    if _counts(key, shape, dtype):
        sample: Any = _quantiles(counter.uniform(key, math.prod(shape), -_WITHIN_TWO, _WITHIN_TWO))
        sample = np.clip(sample, -_ALMOST_TWO, _ALMOST_TWO).reshape(shape)
    else:
        sample = jax.random.truncated_normal(on_device(key), -2.0, 2.0, shape, dtype)
    return _affine(sample, stddev, mean)


def uniform(key: Any, shape: Shape, dtype: Any, low: float, high: float) -> jax.Array:
    """Entries uniformly distributed in `[low, high)`."""
    shape, dtype = as_shape(shape), dtypes.canonical(dtype)
    if _counts(key, shape, dtype):
        return on_device(counter.uniform(key, math.prod(shape), low, high).reshape(shape))
    return jax.random.uniform(on_device(key), shape, dtype, low, high)


def _quantiles(u: np.ndarray) -> np.ndarray:
    """Normally distributed numbers from numbers between -1 and 1. The function is XLA's, compiled for a few sizes."""
    padded = np.zeros(next(size for size in _SIZES if size >= u.size), u.dtype)
    padded[: u.size] = u
    return np.asarray(_inverse()(padded))[: u.size]


@functools.cache
def _inverse() -> Any:
    return jax.jit(lambda u: np.sqrt(2).astype(u.dtype) * jax.lax.erf_inv(u))


def _affine(sample: Any, scale: float, shift: float) -> jax.Array:
    """`sample * scale + shift` in the sample's dtype, rounded after each operation."""
    scale, shift = np.asarray([scale, shift], sample.dtype)
    return on_device(sample * scale + shift)
