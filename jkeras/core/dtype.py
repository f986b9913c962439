"""Number formats: the default float, the small constant `epsilon`, and per-layer dtype policies.

A `DTypePolicy` names two dtypes: the one the weights are stored in and the one the layer computes in. `"float32"` uses
one for both; `"mixed_bfloat16"` stores float32 and computes in bfloat16 (Micikevicius et al. 2018, arXiv:1710.03740).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.errors import suggest

FLOATS = ("bfloat16", "float16", "float32", "float64")
DTYPES = (*FLOATS, "float8_e4m3fn", "float8_e5m2", "bool", "complex64", "complex128", "string") + tuple(
    f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)
)
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "policy": None}
_PYTHON = {bool: "bool", int: "int32", float: "floatx"}


def floatx() -> str:
    """The default floating-point dtype, `"float32"` unless changed by `set_floatx`."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default floating-point dtype: `"bfloat16"`, `"float16"`, `"float32"` or `"float64"`.

    `"float64"` needs `jax.config.update("jax_enable_x64", True)` to have an effect.
    """
    if value not in FLOATS:
        raise ValueError(f"floatx must be one of {FLOATS}, got {value!r}.{suggest(value, FLOATS)}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The fuzz factor that keeps logarithms and divisions finite, `1e-7` unless changed."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the fuzz factor returned by `epsilon()`."""
    _settings["epsilon"] = float(value)


def standardize(dtype: Any) -> str:
    """The name of a dtype given as a name, a Python type, a NumPy or JAX dtype, or None (the default float).

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
        raise ValueError(f"Invalid dtype: {dtype!r}.{suggest(dtype, DTYPES)}")
    return name


def is_float(dtype: Any) -> bool:
    """Whether a dtype is a floating-point one (bfloat16 and the float8 formats included)."""
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


class DTypePolicy:
    """Which dtype a layer stores its weights in, and which it computes in.

    Args:
        name: a float dtype (both are that), or `"mixed_float16"` / `"mixed_bfloat16"` (float32 weights).

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.variable_dtype, policy.compute_dtype
    ('float32', 'bfloat16')
    """

    def __init__(self, name: str | None = None):
        name = standardize(name) if name is None or not str(name).startswith("mixed_") else str(name)
        if name.startswith("mixed_") and name not in ("mixed_float16", "mixed_bfloat16"):
            raise ValueError(f"Unknown dtype policy {name!r}; use 'mixed_float16' or 'mixed_bfloat16'.")
        self._name = name
        self._compute_dtype = name.removeprefix("mixed_")
        self._variable_dtype = "float32" if name.startswith("mixed_") else name

    @property
    def name(self) -> str:
        """The name the policy was made from."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype of the layer's inputs, outputs and arithmetic."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the layer's weights."""
        return self._variable_dtype

    def get_config(self) -> dict:
        """The arguments that make this policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> "DTypePolicy":
        """Make a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def dtype_policy() -> DTypePolicy:
    """The policy of layers that name none: the one set by `set_dtype_policy`, or `floatx()`."""
    return _settings["policy"] or DTypePolicy(floatx())


def set_dtype_policy(policy: "DTypePolicy | str | None") -> None:
    """Set the policy of layers made from now on; None returns to `floatx()`."""
    _settings["policy"] = None if policy is None else get_policy(policy)


def get_policy(identifier: Any) -> DTypePolicy:
    """A policy from a policy, its name, a dtype, a serialized policy, or None (the global one)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier.get("config", identifier))
    return DTypePolicy(identifier if isinstance(identifier, str) else standardize(identifier))
