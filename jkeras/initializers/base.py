"""The base of all initializers, and functions that make arrays without waiting for a compiler."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Checked
from jkeras.errors import suggest
from jkeras.runtime.placement import is_tracing, to_device
from jkeras.serialization import arguments_of, deserialize, serialize_arguments
from jkeras.serialization.naming import represent

Shape = Sequence[int]


class Initializer(Checked):
    """The base class of initializers. A subclass defines `__call__(shape, dtype)` and, to be saved, `get_config`.

    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.full(shape, 7, dtype)
    >>> Sevens()((2,), "int32").tolist()
    [7, 7]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        """The initial values.

        Args:
            shape: of the array.
            dtype: of the array; by default `floatx()`.
        """
        raise TypeError(f"{type(self).__name__} must define __call__(self, shape, dtype=None), returning an array.")

    def __repr__(self) -> str:
        return represent(self)

    def get_config(self) -> dict:
        """Return the constructor's arguments of this initializer, as plain data."""
        return serialize_arguments(self, arguments_of(self))

    @classmethod
    def from_config(cls, config: dict) -> "Initializer":
        """Make an initializer from `get_config()`."""
        return cls(**{name: deserialize(value) for name, value in config.items()})

    def clone(self) -> "Initializer":
        """Return another initializer with the same config. If it had no seed, the copy gets a new seed."""
        return self.from_config(self.get_config())


def array_library() -> Any:
    """NumPy where values can be computed now, and jnp where they are being traced.

    NumPy compiles nothing, where XLA compiles every operation once per shape (20-30 ms each).
    """
    return jnp if is_tracing() else np


def on_device(array: Any) -> jax.Array:
    """A NumPy array as a JAX array: a mere transfer (`jnp.asarray` would compile for each shape, at 25 ms)."""
    return to_device(array) if isinstance(array, np.ndarray) else array


def as_shape(shape: Shape) -> tuple[int, ...]:
    """The shape as a tuple of ints."""
    return tuple(int(d) for d in shape)


def choose(name: str, value: Any, options: tuple) -> None:
    """Raise a ValueError unless `value` is one of the options."""
    if value not in options:
        known = [option for option in options if option is not None]
        raise ValueError(f"{name} must be one of {options}, got {name}={value!r}.{suggest(value, known)}")
