"""Draws from distributions, each a function of its arguments and a seed."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.ops.op import op
from jkeras.random.seeds import draw_key

Shape = Sequence[int]


def _float(name: str, dtype: Any) -> str:
    dtype = dtypes.standardize(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(
            f"random.{name} draws floating-point numbers, got dtype={dtype!r}. For integers use random.randint."
        )
    return dtype


@op
def normal(shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw from the normal distribution.

    Args:
        shape: the shape of the result, a tuple of integers.
        mean: the mean. A number, or an array that broadcasts to the shape.
        stddev: the standard deviation. A number, or an array that broadcasts to the shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> normal((2, 3), seed=0).shape
    (2, 3)
    """
    return jax.random.normal(draw_key(seed), tuple(shape), _float("normal", dtype)) * stddev + mean


@op
def truncated_normal(shape: Shape, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw from the normal distribution, restricted to two standard deviations around the mean.

    Args:
        shape: the shape of the result, a tuple of integers.
        mean: the mean. A number, or an array that broadcasts to the shape.
        stddev: the standard deviation, before the distribution is cut. A number, or an array that broadcasts to the shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> bool(abs(truncated_normal((100,), seed=0)).max() < 2)
    True
    """
    sample = jax.random.truncated_normal(draw_key(seed), -2.0, 2.0, tuple(shape), _float("truncated_normal", dtype))
    return sample * stddev + mean


@op
def uniform(shape: Shape, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw uniformly from `[minval, maxval)`.

    Args:
        shape: the shape of the result, a tuple of integers.
        minval: the lower bound. A number, or an array that broadcasts to the shape.
        maxval: the upper bound, which is not drawn itself. A number, or an array that broadcasts to the shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> uniform((2, 3), seed=0).shape
    (2, 3)
    """
    return jax.random.uniform(draw_key(seed), tuple(shape), _float("uniform", dtype), minval, maxval)


@op
def randint(shape: Shape, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> jax.Array:
    """Draw integers uniformly from `[minval, maxval)`.

    Args:
        shape: the shape of the result, a tuple of integers.
        minval: the smallest integer. A number, or an array that broadcasts to the shape.
        maxval: the integer after the largest one. A number, or an array that broadcasts to the shape.
        dtype: an integer dtype.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> bool((randint((10,), 0, 2, seed=0) < 2).all())
    True
    """
    dtype = dtypes.standardize(dtype)
    if "int" not in dtype:
        raise ValueError(
            f"random.randint draws integers, got dtype={dtype!r}. For floating-point numbers use random.uniform."
        )
    return jax.random.randint(draw_key(seed), tuple(shape), minval, maxval, dtype)


@op
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> jax.Array:
    """Draw classes with probabilities `softmax(logits)`.

    Args:
        logits: of shape (batch, classes).
        num_samples: the number of independent draws per row.
        dtype: of the result.
        seed: see the top of this module.

    Returns:
        Class numbers, of shape (batch, num_samples).

    >>> categorical(jnp.array([[0.0, 100.0]]), 3, seed=0).tolist()
    [[1, 1, 1]]
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ValueError(f"random.categorical expects logits of shape (batch, classes), got shape {logits.shape}.")
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(draw_key(seed), logits[..., None], axis=1, shape=shape).astype(dtypes.standardize(dtype))


@op
def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> jax.Array:
    """Set entries to zero with probability `rate`, and scale the others by `1 / (1 - rate)` so that the mean is kept.

    Args:
        inputs: floats, of any shape.
        rate: between 0 and 1.
        noise_shape: the shape of the mask, broadcast to that of the inputs; None entries stand for the inputs' dimensions.
        seed: see the top of this module.

    Raises:
        ValueError: the rate is outside [0, 1], or the mask has another number of axes than the inputs.

    >>> sorted(set(dropout(jnp.ones(100), 0.5, seed=0).tolist()))
    [0.0, 2.0]
    """
    inputs = jnp.asarray(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"random.dropout's rate must lie between 0 and 1, got rate={rate!r}.")
    if rate == 0:
        return inputs
    if rate == 1:
        return jnp.zeros_like(inputs)
    shape = inputs.shape
    if noise_shape is not None:
        if len(noise_shape) != len(shape):
            raise ValueError(
                f"random.dropout: noise_shape={tuple(noise_shape)} must have as many axes as the inputs' {shape}."
            )
        shape = tuple(n if d is None else d for d, n in zip(noise_shape, shape, strict=True))
    keep = 1.0 - rate
    mask = jax.random.bernoulli(draw_key(seed), jnp.asarray(keep, "float32"), shape)
    return jnp.where(mask, inputs / keep, jnp.zeros_like(inputs))


@op
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> jax.Array:
    """Permute the entries along `axis`, each slice along it with a permutation of its own.

    Args:
        x: array with at least one axis.
        axis: the axis whose entries are permuted.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the shape and dtype of `x`.

    >>> sorted(shuffle(jnp.arange(5), seed=0).tolist())
    [0, 1, 2, 3, 4]
    """
    return jax.random.permutation(draw_key(seed), jnp.asarray(x), axis, independent=True)


@op
def gamma(shape: Shape, alpha: Any, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw from the gamma distribution with shape parameter `alpha` and scale 1.

    Args:
        shape: the shape of the result, a tuple of integers.
        alpha: the shape parameter, which is the mean, too. It is positive. A number, or an array that broadcasts to the
            shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> gamma((2, 3), 2.0, seed=0).shape
    (2, 3)
    """
    return jax.random.gamma(draw_key(seed), alpha, tuple(shape), _float("gamma", dtype))


@op
def binomial(shape: Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw the number of successes in `counts` trials that each succeed with probability `probabilities`.

    Args:
        shape: the shape of the result, a tuple of integers.
        counts: the number of trials. A number, or an array that broadcasts to the shape.
        probabilities: the probability that a trial succeeds, from 0 to 1. A number, or an array that broadcasts to the
            shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> binomial((2,), 10.0, 1.0, seed=0).tolist()
    [10.0, 10.0]
    """
    counts, probabilities = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(draw_key(seed), counts, probabilities, tuple(shape), _float("binomial", dtype))


@op
def beta(shape: Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> jax.Array:
    """Draw from the beta distribution on (0, 1).

    Args:
        shape: the shape of the result, a tuple of integers.
        alpha: the first parameter, a positive number. A number, or an array that broadcasts to the shape.
        beta: the second parameter, a positive number. The mean is `alpha / (alpha + beta)`. A number, or an array that
            broadcasts to the shape.
        dtype: a floating-point dtype. None means the default float.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, a JAX key, or None for the next numbers of
            the global generator.

    Returns:
        array of the given shape and dtype.

    >>> beta((2, 3), 2.0, 3.0, seed=0).shape
    (2, 3)
    """
    return jax.random.beta(draw_key(seed), jnp.asarray(alpha), jnp.asarray(beta), tuple(shape), _float("beta", dtype))
