"""Data on the device in few sizes, so that a program does not depend on the number of rows.

The shapes of its arguments are part of a compiled program. So an array becomes the first rows of a larger array on
the device, a bucket. Buckets have only a few sizes, and no batch uses the rows behind the data. On a CPU, filling a
bucket replaces the copy that JAX would make, and the memory of unused rows is never touched.

    rows of 12 bytes:   up to 16384 rows in one bucket, then 32768, 65536, ...
    rows of 600 KB:     up to 64 rows, then 128, 256, then in steps of an eighth of a power of two
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.data import ArrayData
from jkeras.data.arrays import ALIGNMENT, empty
from jkeras.runtime.mesh import current
from jkeras.runtime.placement import platform

# A bucket has so many rows, or takes so much memory, if that is less.
# (With 2**16 rows, an epoch of the tutorial takes 4.1 ms instead of 2.1.)
LEAST_ROWS, LEAST_BYTES = 2**14, 2**26
DOUBLING_BYTES = 2**28  # up to here the next bucket is twice as large
LARGE_BYTES = 2**25  # data that lies where a program can use it, and takes more than this, is used as it is
PIECE_BYTES = 2**26  # how much is moved to another device at a time


def power(number: int) -> int:
    """The smallest power of two that is not less than a positive number.

    >>> [power(n) for n in (1, 2, 3, 32, 33)]
    [1, 2, 4, 32, 64]
    """
    return 1 << (number - 1).bit_length()


def bucket(rows: int, row_bytes: int) -> int:
    """The size of the bucket for a number of rows.

    >>> [bucket(n, row_bytes=12) for n in (5, 4000, 70_000)]
    [16384, 16384, 131072]
    >>> [bucket(n, row_bytes=600_000) for n in (5, 100, 1510, 1600, 1601)]
    [64, 128, 1536, 1664, 1664]
    """
    least = min(LEAST_ROWS, power(max(1, LEAST_BYTES // row_bytes) + 1) // 2)
    size = max(least, power(rows))
    if size * row_bytes <= DOUBLING_BYTES:
        return size
    step = max(1, size // 16)
    return -(-max(rows, least) // step) * step


def place(data: ArrayData) -> tuple[Any, int]:
    """The arrays of some data on the device, and how many rows they have there."""
    rows, is_cpu = data.num_rows, (platform() == "cpu")
    if data.in_place(ALIGNMENT if is_cpu else None) > LARGE_BYTES:
        return current().put_whole(data.tree), rows
    size = bucket(rows, max(1, data.nbytes // rows))
    if is_cpu:
        return current().put_whole(data.padded(size)), size
    piece = min(power(rows + 1) // 2, power(max(1, PIECE_BYTES * rows // max(1, data.nbytes))))
    filled: Any = jax.tree.map(lambda spec: jnp.zeros((size, *spec.shape[1:]), spec.dtype), data.spec())
    for start in range(0, rows, piece):  # the last piece overlaps the one before, so that all have one shape
        start = min(start, rows - piece)
        filled = _put(filled, data.rows(start, start + piece), start)
    return current().put_whole(filled), size


@functools.partial(jax.jit, donate_argnums=0)
def _put(arrays: Any, pieces: Any, start: Any) -> Any:
    return jax.tree.map(lambda a, piece: jax.lax.dynamic_update_slice_in_dim(a, piece, start, 0), arrays, pieces)


def place_order(order: np.ndarray, size: int) -> jax.Array:
    """Row numbers on the device, for data in a bucket of this size."""
    if len(order) == size:
        return current().put_whole(order)
    room = empty((size, *order.shape[1:]), order.dtype)
    room[: len(order)] = order
    return current().put_whole(room)
