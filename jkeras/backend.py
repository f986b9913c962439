"""The names of `keras.backend` that Keras 3 has kept, for older programs: `from keras import backend as K`."""

from collections import Counter
from typing import Any

import jax.numpy as jnp

from jkeras.config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from jkeras.core import dtype as dtypes
from jkeras.core.dtype import standardize as standardize_dtype
from jkeras.core.namespace import namespace
from jkeras.utils import clear_session, is_keras_tensor

_numbers: Counter[str] = Counter()


def get_uid(prefix: str = "") -> int:
    """1 at the first call with this prefix, 2 at the second, ...

    >>> get_uid("documented"), get_uid("documented")
    (1, 2)
    """
    _numbers[prefix] += 1
    return _numbers[prefix]


def is_float_dtype(dtype: Any) -> bool:
    """Whether the dtype is a floating-point one.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
    (True, False)
    """
    return dtypes.is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether the dtype is an integer one, signed or unsigned.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.integer))


def result_type(*dtypes: Any) -> str:
    """The dtype of an operation on arrays of these dtypes.

    >>> result_type("int32", "float16")
    'float16'
    """
    return jnp.result_type(*(jnp.dtype(standardize_dtype(dtype)) for dtype in dtypes)).name


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

__getattr__, __dir__ = namespace(__name__, __all__)
