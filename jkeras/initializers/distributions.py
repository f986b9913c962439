"""Initializers that draw from a random distribution."""

import copy
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.initializers import counter, sampling
from jkeras.initializers.base import Initializer, Shape, as_shape, on_device
from jkeras.random.seeds import SeedGenerator, default_seed, raw_key
from jkeras.serialization import deserialize, serialize


class RandomInitializer(Initializer):
    """The base class of initializers that draw random numbers.

    Args:
        seed: an int; a `SeedGenerator`, which gives a new draw at every call; or None, for an int that is drawn from Python's
            `random` now.

    >>> class Signs(RandomInitializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.sign(jax.random.normal(jax.random.key(self.seed), shape))
    >>> Signs(seed=1)((2, 3)).shape
    (2, 3)
    """

    untraced = ("seed", "_key", "_number")  # no step depends on initial values; `_init_seed` is the seed that was given
    _key: Any = None  # draws from this key, when it is not None, and otherwise from (seed, draw number)

    def __init__(self, seed: Any = None):
        if isinstance(seed, dict):
            seed = deserialize(seed)
        if seed is not None and not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(f"{type(self).__name__}'s seed must be an int, a SeedGenerator or None, got seed={seed!r}.")
        self._init_seed = seed
        self.seed = default_seed() if seed is None else seed
        self._number, self._forks = 0, 0

    def fork(self) -> "RandomInitializer":
        """Return a copy with a draw number of its own. The first copy draws the same numbers as this initializer."""
        other = copy.copy(self)
        other._number, other._forks = self._forks, 0
        self._forks += 1
        if isinstance(self.seed, SeedGenerator):
            with jax.ensure_compile_time_eval():
                other._key = self.seed.next()  # now, so that variables draw in the order they are made
        return other

    def with_key(self, key: jax.Array) -> "RandomInitializer":
        """Return a copy that draws from a JAX key, or this initializer itself if the user gave it a seed."""
        if self._init_seed is not None:
            return self
        other = copy.copy(self)
        other._key = key
        return other

    def key(self) -> Any:
        """Return the JAX key of the next draw."""
        if self._key is not None:
            return self._key
        return self.seed.next() if isinstance(self.seed, SeedGenerator) else raw_key(self.seed, self._number)  # type: ignore[arg-type]

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": serialize(self._init_seed)}


class _Normal(RandomInitializer):
    """The base of the two normal distributions.

    Args:
        mean: the mean of the distribution.
        stddev: the standard deviation of the distribution (before it is cut, where it is).
    """

    sample: Callable

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return self.sample(self.key(), shape, dtype, self.mean, self.stddev)


class RandomNormal(_Normal):
    """An initializer that draws from a normal distribution.

    >>> RandomNormal(stddev=1.0, seed=0)((2, 3)).shape
    (2, 3)
    """

    sample = staticmethod(sampling.normal)


class TruncatedNormal(_Normal):
    """An initializer that draws from a normal distribution, at most two standard deviations from the mean.

    >>> bool(abs(TruncatedNormal(stddev=1.0, seed=0)((100,))).max() < 2)
    True
    """

    sample = staticmethod(sampling.truncated_normal)


class RandomUniform(RandomInitializer):
    """An initializer that draws from a uniform distribution over `[minval, maxval)`.

    Args:
        minval: the lower bound.
        maxval: the upper bound, which is not drawn itself.

    >>> bool(RandomUniform(2.0, 3.0, seed=0)((100,)).min() >= 2)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return sampling.uniform(self.key(), shape, dtype, self.minval, self.maxval)


class Orthogonal(RandomInitializer):
    """An initializer that makes `gain` times a random matrix with orthonormal rows or columns, whichever are fewer
    (Saxe et al. 2014).

    A kernel with more than two axes is seen as a matrix with as many columns as its last axis is long.

    Args:
        gain: a factor for all entries.

    Raises:
        ValueError: the shape has fewer than two axes.

    >>> w = Orthogonal(seed=0)((3, 2))
    >>> abs((w.T @ w).round(3)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes matrices (2 axes or more), but was asked for shape {tuple(shape)}.")
        dtype = dtypes.canonical(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        gaussian = sampling.normal(self.key(), tall, dtype if dtype.itemsize > 2 else "float32", 0.0, 1.0)
        q: Any
        r: Any
        if isinstance(gaussian, jax.core.Tracer):
            q, r = jax.lax.linalg.qr(gaussian, full_matrices=False)
        else:
            q, r = counter.factored(np.asarray(gaussian))  # which needs no compilation
        sign = np.sign if isinstance(r, np.ndarray) else jnp.sign
        q = q * sign(r.diagonal())  # makes Q uniformly distributed (Mezzadri 2007, math-ph/0609050)
        q = (q if rows >= columns else q.T).reshape(as_shape(shape)) * q.dtype.type(self.gain)
        return on_device(q.astype(dtype))
