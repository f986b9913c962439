"""A dtype policy: the dtype in which a layer stores its weights, and the dtype in which it computes.

`"float32"` uses one dtype for both; `"mixed_bfloat16"` stores float32 and computes in bfloat16 (Micikevicius et al. 2018,
arXiv:1710.03740).
"""

from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.runtime.placement import to_device

settings: dict[str, Any] = {"policy": None}


class DTypePolicy:
    """A dtype policy: the dtype in which a layer stores its weights, and the dtype in which it computes.

    Args:
        name: a dtype (both are that), or `"mixed_float16"` / `"mixed_bfloat16"` (float32 weights); by default the global policy's.

    Raises:
        TypeError: the name is no text.
        ValueError: there is no such dtype.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.variable_dtype, policy.compute_dtype
    ('float32', 'bfloat16')
    """

    is_plain_value = True  # equal policies are the same: a config does not say which of them are one object
    _quantization_mode: str | None = None

    def __init__(self, name: str | None = None):
        self._name = dtype_policy().name if name is None else name
        self._compute_dtype, self._variable_dtype = dtypes_of(self._name)

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
        """The dtype of the layer's weights; of those that are held as integers, the dtype they stand for."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The form in which weights are quantized: `"int8"`, `"int4"`, `"float8"`, `"gptq"`, `"awq"`; None if they are not."""
        return self._quantization_mode

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """Convert an input to the array that a layer gets. It is cast to `dtype` if it is of floats and `autocast` is
        True.

        >>> DTypePolicy("bfloat16").convert_input(np.ones(2, "float32"), True, "bfloat16").dtype.name
        'bfloat16'
        """
        dtype = dtypes.standardize(dtype)
        if not hasattr(x, "astype") and not hasattr(x, "__array__"):
            return x
        if isinstance(x, (np.ndarray, np.generic)) or not hasattr(x, "astype"):
            x = to_device(np.array(x))
        if autocast and dtypes.is_float(x.dtype) and dtypes.standardize(x.dtype) != dtype:
            x = x.astype(dtype)
        return x

    def get_config(self) -> dict:
        """Return the constructor's arguments of this policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> "DTypePolicy":
        """Make a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.name == other.name  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


def dtypes_of(name: Any) -> tuple[str, str]:
    """The compute dtype and the variable dtype that a name stands for."""
    if not isinstance(name, str):
        raise TypeError(f"'name' must be a string, such as 'mixed_float16', got name={name!r}.")
    if name in ("mixed_float16", "mixed_bfloat16"):
        return name.removeprefix("mixed_"), "float32"
    try:
        dtype = dtypes.standardize(name)
    except ValueError as error:
        raise ValueError(
            f"Cannot convert {name!r:.200} to a dtype policy: use 'mixed_float16', 'mixed_bfloat16', or the name of a dtype such as "
            f"'float32'. {error!s:.300}"
        ) from None
    return dtype, dtype


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none: the one set by `set_dtype_policy`, or `floatx()`.

    >>> dtype_policy().name
    'float32'
    """
    return settings["policy"] or DTypePolicy(dtypes.floatx())
