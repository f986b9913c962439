"""Number formats: their names, the default float, and the small constant `epsilon`. `policy.py` has the dtypes
of layers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.errors import suggest
from jkeras.runtime.identity import programs_depend_on

FLOATS = ("bfloat16", "float16", "float32", "float64")
DTYPES = (*FLOATS, "float8_e4m3fn", "float8_e5m2", "bool", "complex64", "complex128", "string") + tuple(
    f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)
)
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7}
_PYTHON = {bool: "bool", int: "int32", float: "floatx"}


def floatx() -> str:
    """Return the default floating-point dtype, `"float32"` unless changed by `set_floatx`.

    >>> floatx()
    'float32'
    """
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default floating-point dtype: `"bfloat16"`, `"float16"`, `"float32"` or `"float64"`.

    `"float64"` needs `jax.config.update("jax_enable_x64", True)` to have an effect.

    Args:
        value: the name of the dtype.

    Raises:
        ValueError: it is none of the four.

    >>> set_floatx("bfloat16"); floatx()
    'bfloat16'
    >>> set_floatx("float32")
    """
    if value not in FLOATS:
        raise ValueError(f"floatx must be one of {FLOATS}, got {value!r}.{suggest(value, FLOATS)}")
    _settings["floatx"] = value


def epsilon() -> float:
    """Return the small number that keeps logarithms and divisions finite, `1e-7` unless changed.

    >>> epsilon()
    1e-07
    """
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the small number that `epsilon()` returns.

    Args:
        value: a small positive number.

    >>> set_epsilon(1e-5)
    >>> epsilon()
    1e-05
    >>> set_epsilon(1e-7)
    """
    _settings["epsilon"] = float(value)


def standardize(dtype: Any) -> str:
    """Return the name of a dtype given as a name, a Python type, a NumPy or JAX dtype, or None (the default float).

    Args:
        dtype: the dtype in any form.

    >>> standardize(None), standardize(int), standardize(np.float32)
    ('float32', 'int32', 'float32')
    """
    if dtype is None:
        return floatx()
    if isinstance(dtype, type) and dtype in _PYTHON:
        return floatx() if dtype is float else _PYTHON[dtype]
    if isinstance(dtype, str):
        if dtype in DTYPES:
            return dtype
        dtype = {"int": "int32", "float": floatx()}.get(dtype, dtype)
    try:
        name = jnp.dtype(dtype).name
        name = "string" if np.dtype(jnp.dtype(dtype)).kind in "SUT" else name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise ValueError(f"Invalid dtype: {dtype!r}.{suggest(dtype, DTYPES) or f' The dtypes are {sorted(DTYPES)}.'}")
    return name


def is_float(dtype: Any) -> bool:
    """True if a dtype is a floating-point one (bfloat16 and the float8 formats included)."""
    return jnp.issubdtype(jnp.dtype(dtype), jnp.floating)


def canonical(dtype: Any) -> np.dtype:
    """The dtype that JAX will really use, with 64-bit formats narrowed unless x64 is enabled."""
    name = standardize(dtype)
    if name == "string":
        raise ValueError(
            "Strings are no numbers, and only numbers can be computed with in a model. Let it start with a layer that takes strings: "
            "jkeras.layers.StringLookup for categories, TextVectorization for texts, Hashing for both."
        )
    return jax.dtypes.canonicalize_dtype(jnp.dtype(name))


programs_depend_on(floatx, epsilon)
