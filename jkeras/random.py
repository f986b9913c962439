"""Random numbers: functions of a seed.

A draw is a pure function of a JAX key. What may be passed as `seed`:

    an int            the key [seed, 0]: the same numbers at every call
    a SeedGenerator   a counter: the next key at every call
    a JAX key         used as it is
    None              the next key of the call we are in (`layer.apply(..., key=key)`), and outside of calls that of a
                      global generator, which `jkeras.utils.set_random_seed` starts anew

Inside `apply(..., key=key)` a SeedGenerator also takes the call's next key and stands still: the call is a pure function
of `key`. The numbers for a given seed are Keras's (JAX backend).
"""

import random as _python
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core.frame import Frame
from jkeras.core.own_variables import OwnVariables
from jkeras.core.variable import Variable
from jkeras.errors import unexpected_keywords
from jkeras.ops.op import op
from jkeras.runtime.placement import to_device
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import auto_name, represent

Shape = Sequence[int]


class SeedGenerator(OwnVariables):
    """A counter that yields a new key at every use.

    Args:
        seed: an int; by default one is drawn from Python's `random`.
        name: of the generator.
        **kwargs: there are no other arguments; a wrong name is answered with a suggestion.

    Attributes:
        state: a variable of shape (2,), dtype uint32: the seed, and how often it was used.

    >>> generator = SeedGenerator(7)
    >>> generator.next().tolist(), generator.next().tolist()
    ([7, 0], [7, 1])
    """

    labels = ("name",)
    backend = jax  # what computes
    is_generator = True  # its state stands before other submodules' variables, as in Keras

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        if kwargs:
            raise unexpected_keywords("SeedGenerator()", kwargs, ("seed", "name"))
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ValueError(f"SeedGenerator's seed must be an int or None, got seed={seed!r}.")
        self.name = name or auto_name("seed_generator")
        self._initial_seed = seed
        start = _Start(default_seed() if seed is None else int(seed), given=seed is not None)
        self.state = Variable(start, (2,), "uint32", trainable=False, aggregation="none", name="seed_generator_state")
        self.state.path = f"{self.name}/seed_generator_state"

    def next(self, ordered: bool = True) -> jax.Array:
        """The next key.

        Args:
            ordered: whether keys count up; otherwise they hop through the numbers below 933199.
        """
        frame = governing_frame()
        if frame is not None and frame.key is not None:
            return frame.next_key()
        if frame is not None and frame.abstract:
            if is_tracing():
                return jnp.zeros((2,), "uint32")  # shape inference: any key will do, and none is used up
            key = self.state.read_box()  # an initializer that draws for real while shapes are inferred
            self.state._box = _following(key, ordered)  # past the frame, which would forget it
            return key
        key = self.state.value
        self.state.assign(_following(key, ordered))
        return key

    def __repr__(self) -> str:
        return represent(self)

    def get_config(self) -> dict:
        """The arguments that make this generator again."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> "SeedGenerator":
        """Make a generator from `get_config()`."""
        return cls(**config)


class _Start:
    """The initializer of a generator's state: `[seed, 0]`, where `Module.init(key)` draws a seed if none was given."""

    def __init__(self, seed: int, given: bool):
        self.seed, self.given = seed, given

    def __call__(self, shape: Any, dtype: Any = None) -> jax.Array:
        return to_device(raw_key(self.seed))

    def fork(self) -> "_Start":
        return self

    def with_key(self, key: jax.Array) -> Callable:
        if self.given:
            return self
        return lambda shape, dtype=None: jnp.append(jax.random.bits(key, (1,), "uint32"), jnp.uint32(0))


def _following(key: jax.Array, ordered: bool) -> jax.Array:
    return key + np.array([0, 1], "uint32") if ordered else (key + 1) * 5387 % 933199


def governing_frame() -> Frame | None:
    """The innermost frame that says where random numbers come from: a pure one, one with a key, or shape inference."""
    return next((f for f in reversed(frames.stack()) if f.pure or f.abstract or f.key is not None), None)


def is_tracing() -> bool:
    """True if a computation made here and now would be recorded by JAX (under `jit`, `scan`, ...) instead of run."""
    return isinstance(jnp.zeros(()), jax.core.Tracer)


watchers: list[Callable[[int], int]] = []  # the last one is told of each seed that is drawn, and returns what is kept of it


def default_seed() -> int:
    """A seed from Python's `random`, for what was given none."""
    seed = _python.randint(1, int(1e9))
    return watchers[-1](seed) if watchers else seed


def raw_key(seed: int, draw: int = 0) -> np.ndarray:
    """The data of the key for an int seed: `[seed, draw]`, uint32."""
    return np.array([int(seed) & 0xFFFFFFFF, draw], "uint32")


_global: list[SeedGenerator] = []


def reset_global_generator() -> None:
    """Forget the global generator; the next unseeded draw makes a new one from Python's `random`."""
    _global.clear()


def take_global_generator() -> list:
    """What `set_global_generator` takes back later."""
    return list(_global)


def set_global_generator(kept: list) -> None:
    """Put a global generator back that `take_global_generator` returned."""
    _global[:] = kept


def draw_key(seed: Any) -> jax.Array:
    """The JAX key for a `seed` argument (see the top of this module).

    Raises:
        ValueError: `seed` is None where there is no source of randomness, or is of another type.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return to_device(raw_key(seed))  # type: ignore[arg-type]
    if isinstance(seed, (jax.Array, np.ndarray)):
        return seed  # type: ignore[return-value]
    if seed is not None:
        raise ValueError(f"seed must be an int, a SeedGenerator, a JAX key or None, got {seed!r} ({type(seed).__name__}).")
    frame = governing_frame()
    if frame is not None and frame.key is not None:
        return frame.next_key()
    if is_tracing() or (frame is not None and frame.pure):
        if frame is not None and frame.abstract:
            return jnp.zeros((2,), "uint32")
        raise ValueError(
            "A random function was called without a seed inside a pure or traced function, where its numbers would be "
            "baked in once and for all. Give the layer a generator and pass it:\n"
            "    self.seed_generator = jkeras.random.SeedGenerator(1337)      # in __init__\n"
            "    jkeras.random.normal((2, 3), seed=self.seed_generator)       # in call\n"
            "or pass a key to the call: layer.apply(variables, x, key=jax.random.key(0))."
        )
    if not _global:
        _global.append(SeedGenerator())
    return _global[0].next(ordered=False)


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


_functions = (beta, binomial, categorical, dropout, gamma, normal, randint, shuffle, truncated_normal, uniform)
publish("keras.random", {"SeedGenerator": SeedGenerator, **{function.__name__: function for function in _functions}})

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

__getattr__, __dir__ = namespace(__name__, __all__)
