"""The face of an array: what an object with a value needs in order to stand in the place of that array."""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.operators import Operators
from jkeras.runtime.mesh import on_host


class ArrayFace(Operators[jax.Array]):
    """Operators, methods, attributes and conversions of an array, for an object that has one as its `value`."""

    __array_priority__ = 100  # NumPy gives way to our operators

    path: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def value(self) -> jax.Array:
        """The array."""
        raise TypeError(f"{type(self).__name__} must define value.")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        """The number of bytes of an entry."""
        return dtypes.canonical(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """The number of bytes of all entries."""
        return self.size * self.itemsize

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array: a copy, which may be written to."""
        return np.array(on_host(self.value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return (np.array if copy else np.asarray)(on_host(self.value), dtype=dtype)

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __getattr__(self, name: str) -> Any:
        # .astype, .sum, .T, .at, ... of the array. `hasattr` must not read the value, which may be on loan: a method is
        # looked up when it is called.
        if name in _METHODS:
            return partial(_call_method, self, name)
        if name in _PROPERTIES:
            return getattr(self.value, name)
        raise AttributeError(f"Variable {self.__dict__.get('path', '')!r} has no attribute {name!r}.")

    def operate(self, name: str, *operands: Any) -> jax.Array:
        """Compute an operator with the values of variables."""
        return _ON_ARRAYS[name](*map(_other, operands))

    def __eq__(self, other: Any) -> Any:
        return self.value == _other(other)

    def __ne__(self, other: Any) -> Any:
        return self.value != _other(other)

    def __getitem__(self, index: Any) -> jax.Array:
        return self.value[index]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"Variable {self.path!r} is a scalar, which has no len().")
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter(self.value)

    def __bool__(self) -> bool:
        return bool(self._number("bool"))

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __index__(self) -> int:
        return operator.index(self._number("int"))

    def _number(self, kind: str) -> jax.Array:
        value = self.value
        if isinstance(value, jax.core.Tracer):
            raise TypeError(
                f"Variable {self.path!r} was turned into a Python {kind} inside a compiled function, where its value is not known "
                "yet. Compute with it as an array (jkeras.ops.cast(variable, 'float32'), jkeras.ops.where(variable > 0, ...)), or "
                "compile(run_eagerly=True)."
            )
        return value

    def __round__(self, ndigits: int | None = None) -> jax.Array:
        return jnp.round(self.value, ndigits or 0)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)


def _call_method(face: ArrayFace, name: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(face.value, name)(*args, **kwargs)


_OF_ARRAYS = {name for name in dir(jax.Array) if not name.startswith("_")}
_PROPERTIES = {name for name in _OF_ARRAYS if isinstance(getattr(jax.Array, name), property)} | {"aval", "weak_type"}
_METHODS = _OF_ARRAYS - _PROPERTIES | {"block_until_ready", "devices", "is_deleted", "is_ready", "tobytes", "tolist"}


def _other(x: Any) -> Any:
    return x.value if isinstance(x, ArrayFace) else x


_ON_ARRAYS: dict[str, Callable] = {
    **{"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "true_divide": operator.truediv},
    **{"floor_divide": operator.floordiv, "mod": operator.mod, "power": operator.pow, "matmul": operator.matmul},
    **{"logical_and": jnp.logical_and, "logical_or": jnp.logical_or, "logical_xor": jnp.logical_xor},
    **{"less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge},
    **{"negative": operator.neg, "positive": operator.pos, "absolute": operator.abs, "logical_not": operator.invert},
}
