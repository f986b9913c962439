"""The settings that hold for everything: number formats, the fuzz factor, where channels stand."""

from jkeras.core.data_format import image_data_format, set_image_data_format
from jkeras.core.dtype import dtype_policy, epsilon, floatx, set_dtype_policy, set_epsilon, set_floatx


def backend() -> str:
    """The name of the array library underneath: always `"jax"`.

    >>> backend()
    'jax'
    """
    return "jax"


__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]
