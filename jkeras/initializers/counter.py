"""JAX's random numbers, computed by NumPy.

XLA takes longer to compile a random generator than to draw a million numbers, and compiles it for every shape. JAX's
generator (Threefry, Salmon et al. 2011) computes entry i only from (key, i), with integers. So NumPy computes the
same numbers, bit for bit.
"""

import math
from typing import Any

import jax
import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)  # of the key schedule
PIECE = 2**14  # entries at a time, whose intermediate results stay in the cache
NUMPY_ENTRIES = 2**25  # up to so many entries NumPy is as fast as XLA with its compilation


def is_counted() -> bool:
    """True if JAX draws as this module does, with the switches as they are."""
    config: Any = jax.config
    return config.jax_threefry_partitionable and config.jax_default_prng_impl == "threefry2x32"


def uniform(key: np.ndarray, size: int, low: Any, high: Any) -> np.ndarray:
    """`jax.random.uniform(key, (size,), "float32", low, high)`.

    >>> uniform(np.array([0, 0], "uint32"), 2, 0, 1).shape
    (2,)
    """
    low, high = np.float32(low), np.float32(high)
    result = np.empty(size, np.float32)
    for start in range(0, size, PIECE):
        stop = min(size, start + PIECE)
        # 23 random bits are the fraction of a number in [1, 2)
        unit = (_bits(key, start, stop) >> np.uint32(9) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
        # XLA rounds once after the product and the sum, as float64 does for these numbers of digits.
        wide = unit.astype(np.float64) * np.float64(high - low) + np.float64(low)
        np.maximum(low, wide.astype(np.float32), out=result[start:stop])
    return result


def _bits(key: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The random words of the entries from `start` to `stop`."""
    numbers = np.arange(start, stop, dtype=np.uint64)
    keys = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    a, b = (numbers >> np.uint64(32)).astype(np.uint32) + keys[0], numbers.astype(np.uint32) + keys[1]
    for i in range(5):
        for rotation in ROTATIONS[i % 2]:
            a += b
            low = b >> np.uint32(32 - rotation)
            b <<= np.uint32(rotation)
            b |= low
            b ^= a
        a += keys[(i + 1) % 3]
        b += np.uint32((int(keys[(i + 2) % 3]) + i + 1) % 2**32)
    a ^= b
    return a


def factored(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The QR factors of a matrix with at least as many rows as columns, by the LAPACK that XLA has on a CPU.

    >>> q, r = factored(np.eye(3, 2))
    >>> abs(q @ r).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    from scipy.linalg import get_lapack_funcs, lapack  # here, because most models need none

    geqrf, orgqr = get_lapack_funcs(("geqrf", "orgqr"), (matrix,))
    (length,) = get_lapack_funcs(("geqrf_lwork",), (matrix,))
    columns = matrix.shape[1]
    packed, scales, _, _ = geqrf(matrix, lwork=lapack._compute_lwork(length, *matrix.shape))
    reflectors = packed[:, :columns]
    q, _, _ = orgqr(reflectors, scales, lwork=int(orgqr(reflectors, scales, lwork=-1)[1][0].real))
    return q, np.triu(packed[:columns])


def is_small(shape: tuple[int, ...]) -> bool:
    """True if NumPy draws an array of such a shape sooner than XLA."""
    return math.prod(shape) <= NUMPY_ENTRIES
