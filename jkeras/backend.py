"""The names of `keras.backend` that Keras 3 has kept, for older programs: `from keras import backend as K`."""

from collections import Counter
from typing import Any

import jax.numpy as jnp

from jkeras.config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from jkeras.core import dtype as dtypes
from jkeras.core import masks
from jkeras.core.dtype import standardize as standardize_dtype
from jkeras.core.frame import current, mask_of
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from jkeras.serialization.namespace import namespace
from jkeras.utils import clear_session, is_keras_tensor

_numbers: Counter[str] = Counter()


def get_uid(prefix: str = "") -> int:
    """Count the calls with a prefix: 1 at the first call, 2 at the second, and so on.

    Args:
        prefix: any text.

    >>> get_uid("documented"), get_uid("documented")
    (1, 2)
    """
    _numbers[prefix] += 1
    return _numbers[prefix]


def is_float_dtype(dtype: Any) -> bool:
    """Return True if the dtype is a floating-point one.

    Args:
        dtype: a name or a NumPy or JAX dtype.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
    (True, False)
    """
    return dtypes.is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Return True if the dtype is an integer one, signed or unsigned.

    Args:
        dtype: a name or a NumPy or JAX dtype.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return bool(jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.integer))


def result_type(*dtypes: Any) -> str:
    """Return the dtype of an operation on arrays of these dtypes; `int` and `float` stand for Python's numbers.

    Args:
        *dtypes: names or dtypes, or Python types such as `int`.

    Returns:
        the name of the dtype.

    >>> result_type("int32", "float16")
    'float16'
    """
    if not dtypes:
        return floatx()
    weak = (bool, int, float)  # Python's numbers give way to arrays
    return jnp.result_type(*(d if d in weak else jnp.dtype(standardize_dtype(d)) for d in dtypes)).name


def get_keras_mask(x: Any) -> Any:
    """Return the mask of an array or a symbolic tensor, or None if it has none. The mask is True where an entry counts.

    A mask lives as long as its array. It does not go through the boundary of a `jax.jit`: return it as a second output there.

    Args:
        x: an array or a symbolic tensor.

    >>> import jkeras, numpy as np
    >>> words = jkeras.layers.Embedding(5, 2, mask_zero=True)(np.array([[3, 0]]))
    >>> get_keras_mask(words).tolist()
    [[True, False]]
    """
    return x._keras_mask if isinstance(x, KerasTensor) else mask_of(x)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Let a JAX array or a symbolic tensor carry a mask.

    Args:
        x: the array or symbolic tensor.
        mask: True where an entry counts, of the leading axes' shape; None takes the mask away.

    Raises:
        TypeError: `x` is a NumPy array or a number, which carry nothing.
        RuntimeError: outside of a layer's call, but inside a JAX transformation; give `mask=` to the layer there.

    >>> import jax.numpy as jnp
    >>> x = jnp.ones((1, 2, 3))
    >>> set_keras_mask(x, jnp.array([[True, False]]))
    >>> get_keras_mask(x).tolist()
    [[True, False]]
    """
    if isinstance(x, KerasTensor):
        x._keras_mask = mask
    elif (frame := current()) is not None:
        frame.set_mask(x, mask)
    else:
        masks.attach(x, mask)


__all__ = [
    "Variable",
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_keras_mask",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_keras_mask",
    "standardize_dtype",
]

__getattr__, __dir__ = namespace(__name__, __all__)
