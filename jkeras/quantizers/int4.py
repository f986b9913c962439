"""Two integers of 4 bits in a byte: the first of a pair in the low half, the second in the high half."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.ops.family import Array, array_op
from jkeras.runtime.placement import to_device

__all__ = ["pack_int4", "unpack_int4"]


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[jax.Array, tuple[int, ...], int]:
    """Put pairs of neighbours along an axis into one byte each. Computed on the host: it is done once, when a layer is quantized.

    Args:
        arr: integers of `dtype`, in [-8, 7], or in [0, 15] for `"uint8"`.
        axis: along which neighbours are paired; a last one without a partner is paired with 0.
        dtype: `"int8"` or `"uint8"`.

    Returns:
        `(packed, its shape, the length of the axis before)`.

    Raises:
        ValueError: another `dtype`.
        TypeError: the array has another one.

    >>> packed, shape, length = pack_int4(np.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> packed.tolist(), shape, length
    ([[45, -121], [1, 0]], (2, 2), 3)
    """
    array = np.asarray(arr)
    if array.dtype != _known(dtype):
        raise TypeError(f"Expected {dtype} tensor for packing, got {array.dtype}.")
    array = np.moveaxis(array, axis, 0)
    length = array.shape[0]
    padded = np.concatenate([array, np.zeros((length % 2, *array.shape[1:]), dtype)]).view("uint8")
    packed = (padded[::2] & 15) | (padded[1::2] << 4)
    packed = np.ascontiguousarray(np.moveaxis(packed, 0, axis)).view(dtype)
    return to_device(packed), packed.shape, length


@array_op
def unpack_int4(packed: Array, orig_len: int, axis: int = 0, dtype: str = "int8"):
    """Undo `pack_int4`.

    Args:
        packed: bytes.
        orig_len: the length of the axis before it was packed.
        axis: the axis along which it was.
        dtype: `"int8"` for integers in [-8, 7], `"uint8"` for [0, 15].

    Raises:
        ValueError: another `dtype`.
        TypeError: the array does not consist of bytes.

    >>> unpack_int4(np.array([[45, -121], [1, 0]], "int8"), 3).tolist()
    [[-3, 7], [2, -8], [1, 0]]
    """
    if packed.dtype.name not in ("int8", "uint8"):
        raise TypeError(f"Expected bytes, int8 or uint8, got {packed.dtype}.")
    packed = jax.lax.bitcast_convert_type(packed, _known(dtype))
    axis %= packed.ndim
    low = (packed << 4) >> 4 if dtype == "int8" else packed & 15  # shifts of signed integers keep the sign
    pairs = jnp.stack([low, packed >> 4], axis=axis + 1)
    whole = pairs.reshape(*packed.shape[:axis], -1, *packed.shape[axis + 1 :])
    return jax.lax.slice_in_dim(whole, 0, orig_len, axis=axis)


def _known(dtype: str) -> str:
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got {dtype!r}.")
    return dtype
