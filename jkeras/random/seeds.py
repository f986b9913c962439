"""Seeds, seed generators, and the key of a draw."""

import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import frame as frames
from jkeras.core.frame import Frame
from jkeras.core.own_variables import OwnVariables
from jkeras.core.variable import Variable
from jkeras.errors import unexpected_keywords
from jkeras.runtime.placement import is_tracing, to_device
from jkeras.serialization.naming import auto_name, represent


class SeedGenerator(OwnVariables):
    """A counter that gives a new random key at every use.

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
        """Return the next key, and advance the counter.

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
        """Return the constructor's arguments of this generator."""
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


watchers: list[Callable[[int], int]] = []  # the last one is told of each seed that is drawn, and returns what is kept of it


def default_seed() -> int:
    """A seed from Python's `random`, for what was given none."""
    seed = random.randint(1, int(1e9))
    return watchers[-1](seed) if watchers else seed


def raw_key(seed: int, draw: int = 0) -> np.ndarray:
    """The data of the key for an int seed: `[seed, draw]`, uint32."""
    return np.array([int(seed) & 0xFFFFFFFF, draw], "uint32")


_global: list[SeedGenerator] = []


def reset_global_generator() -> None:
    """Forget the global generator; the next unseeded draw makes a new one from Python's `random`."""
    _global.clear()


def take_global_generator() -> list:
    """Return the state of the global generator, which `set_global_generator` restores later."""
    return list(_global)


def set_global_generator(kept: list) -> None:
    """Put a global generator back that `take_global_generator` returned."""
    _global[:] = kept


def draw_key(seed: Any) -> jax.Array:
    """The JAX key for a `seed` argument (see the top of `jkeras.random`).

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
