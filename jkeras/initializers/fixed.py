"""Initial values that are not random: constants and the identity."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Numbers
from jkeras.core import dtype as dtypes
from jkeras.initializers.base import Initializer, Shape, array_library, as_shape, on_device


class Fixed(Initializer):
    """An initializer whose values depend on the shape alone."""

    def fork(self) -> Initializer:
        """Return the initializer itself: every variable gets the same values."""
        return self


class Constant(Fixed):
    """An initializer that sets all entries to `value` (a number, or an array that is broadcast to the shape).

    Args:
        value: a number, or an array that is broadcast to the shape.

    >>> Constant(2.0)((2,)).tolist()
    [2.0, 2.0]
    """

    _exact = False  # whether the value must have the very shape that is asked for

    def __init__(self, value: Numbers = 0.0):
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        shape, value = as_shape(shape), self.value
        if self._exact and np.shape(value) != shape:
            raise ValueError(f"A weight of shape {shape} cannot be initialized by an array of shape {np.shape(value)}.")
        if isinstance(value, jax.Array):
            return jnp.broadcast_to(value.astype(dtypes.canonical(dtype)), shape)
        return _full(shape, value, dtype)


class Zeros(Fixed):
    """An initializer that sets all entries to 0.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _full(as_shape(shape), 0, dtype)


class Ones(Fixed):
    """An initializer that sets all entries to 1.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _full(as_shape(shape), 1, dtype)


def _full(shape: tuple[int, ...], value: Any, dtype: Any) -> jax.Array:
    return on_device(array_library().full(shape, value, dtypes.canonical(dtype)))


class Identity(Fixed):
    """An initializer that makes `gain` times the identity matrix (with ones on the main diagonal if it is not square).

    Args:
        gain: the number on the diagonal.

    Raises:
        ValueError: the shape has not two axes.

    >>> Identity()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices (2 axes), but was asked for shape {tuple(shape)}.")
        dtype = dtypes.canonical(dtype)
        return on_device(array_library().eye(*shape, dtype=dtype) * dtype.type(self.gain))
