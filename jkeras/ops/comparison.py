"""Functions of each entry that answer yes or no, and functions of bits: comparison, logic, shifts.

Two arguments broadcast against each other.
"""

import jax.numpy as jnp

from jkeras.ops.family import Array, Operand, array_op, family

__all__ = [
    "allclose", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "equal", "greater", "greater_equal", "isclose", "isfinite", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "left_shift", "less", "less_equal", "logical_and", "logical_not",
    "logical_or", "logical_xor", "not_equal", "right_shift", "signbit",
]  # fmt: skip


@family
def condition(function, x: Array):
    """Args:
        x: array of any shape.

    Returns:
        array of booleans of the same shape.
    """
    return function(x)


isfinite = condition(
    jnp.isfinite,
    "Return True where an entry is neither infinite nor NaN.",
    "isfinite([1.0, float('inf'), float('nan')]) -> [True, False, False]",
)
isinf = condition(
    jnp.isinf,
    "Return True where an entry is plus or minus infinity.",
    "isinf([1.0, float('inf'), float('nan')]) -> [False, True, False]",
)
isnan = condition(
    jnp.isnan, "Return True where an entry is NaN.", "isnan([1.0, float('inf'), float('nan')]) -> [False, False, True]"
)
isneginf = condition(
    jnp.isneginf, "Return True where an entry is minus infinity.", "isneginf([float('-inf'), float('inf')]) -> [True, False]"
)
isposinf = condition(
    jnp.isposinf, "Return True where an entry is plus infinity.", "isposinf([float('-inf'), float('inf')]) -> [False, True]"
)
isreal = condition(jnp.isreal, "Return True where the imaginary part is 0.", "isreal([1 + 2j, 3.0]) -> [False, True]")
signbit = condition(
    jnp.signbit,
    "Return True where the sign bit is set. It is set for -0.0.",
    "signbit([-1.0, 0.0, -0.0]) -> [True, False, True]",
)
logical_not = condition(
    jnp.logical_not, "Return True where an entry is zero or False.", "logical_not([True, False]) -> [False, True]"
)


@family
def comparison(function, x1: Array, x2: Array):
    """Args:
        x1: array.
        x2: array whose shape broadcasts with that of `x1`.

    Returns:
        array of booleans of the broadcast shape.
    """
    return function(x1, x2)


equal = comparison(jnp.equal, "Return True where `x1 == x2`.", "equal([1, 2], [1, 3]) -> [True, False]")
not_equal = comparison(jnp.not_equal, "Return True where `x1 != x2`.", "not_equal([1, 2], [1, 3]) -> [False, True]")
greater = comparison(jnp.greater, "Return True where `x1 > x2`.", "greater([1, 2, 3], 2) -> [False, False, True]")
greater_equal = comparison(
    jnp.greater_equal, "Return True where `x1 >= x2`.", "greater_equal([1, 2, 3], 2) -> [False, True, True]"
)
less = comparison(jnp.less, "Return True where `x1 < x2`.", "less([1, 2, 3], 2) -> [True, False, False]")
less_equal = comparison(jnp.less_equal, "Return True where `x1 <= x2`.", "less_equal([1, 2, 3], 2) -> [True, True, False]")
logical_and = comparison(
    jnp.logical_and,
    "Return True where both entries are true (not zero).",
    "logical_and([True, True], [True, False]) -> [True, False]",
)
logical_or = comparison(
    jnp.logical_or,
    "Return True where one entry or both are true (not zero).",
    "logical_or([True, False], [False, False]) -> [True, False]",
)
logical_xor = comparison(
    jnp.logical_xor,
    "Return True where exactly one entry is true (not zero).",
    "logical_xor([True, True], [True, False]) -> [False, True]",
)


@array_op
def isclose(x1: Array, x2: Array, rtol: Operand = 1e-5, atol: Operand = 1e-8, equal_nan=False):
    """Return True where `|x1 - x2| <= atol + rtol |x2|`.

    Args:
        x1, x2: arrays that broadcast against each other.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN counts as close to NaN.

    Returns:
        array of booleans of the broadcast shape.

    >>> isclose([1.0, 2.0], [1.000001, 2.1]).tolist()
    [True, False]
    """
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@array_op
def allclose(x1: Array, x2: Array, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Return True if `isclose` holds everywhere: `|x1 - x2| <= atol + rtol * |x2|`.

    Args:
        x1: array.
        x2: array whose shape broadcasts with that of `x1`.
        rtol: the allowed difference relative to `x2`.
        atol: the allowed difference.
        equal_nan: True if two NaNs count as close.

    Returns:
        a boolean scalar.

    >>> bool(allclose([1.0, 2.0], [1.0, 2.000001]))
    True
    """
    return jnp.allclose(x1, x2, rtol, atol, equal_nan)


@family
def inversion(function, x: Array):
    """Args:
        x: array of integers or booleans.

    Returns:
        array of the same shape and dtype.
    """
    return function(x)


bitwise_not = inversion(
    jnp.invert, "Flip every bit of integers; negate booleans.", "bitwise_not([0, 5]) -> [-1, -6]", "bitwise_not"
)
bitwise_invert = inversion(
    jnp.invert, "Flip every bit; the same as `bitwise_not`.", "bitwise_invert([0, 5]) -> [-1, -6]", "bitwise_invert"
)


@family
def bitwise(function, x: Array, y: Array):
    """Args:
        x: array of integers or booleans.
        y: array of integers or booleans whose shape broadcasts with that of `x`.

    Returns:
        array of the broadcast shape.
    """
    return function(x, y)


bitwise_and = bitwise(
    jnp.bitwise_and, "Return the bits that are set in both integers.", "bitwise_and([12, 5], 10) -> [8, 0]"
)
bitwise_or = bitwise(
    jnp.bitwise_or, "Return the bits that are set in one integer or in both.", "bitwise_or([12, 5], 10) -> [14, 15]"
)
bitwise_xor = bitwise(
    jnp.bitwise_xor, "Return the bits that are set in exactly one of two integers.", "bitwise_xor([12, 5], 10) -> [6, 15]"
)
left_shift = bitwise(jnp.left_shift, "Compute `x * 2^y` by moving bits.", "left_shift([1, 3], 2) -> [4, 12]")
right_shift = bitwise(
    jnp.right_shift, "Compute `x / 2^y`, rounded down, by moving bits.", "right_shift([4, 13], 2) -> [1, 3]"
)
bitwise_left_shift = bitwise(
    jnp.left_shift,
    "Compute `x * 2^y` by moving bits; the same as `left_shift`.",
    "bitwise_left_shift([1, 3], 2) -> [4, 12]",
    "bitwise_left_shift",
)
bitwise_right_shift = bitwise(
    jnp.right_shift,
    "Compute `x / 2^y`, rounded down; the same as `right_shift`.",
    "bitwise_right_shift([4, 13], 2) -> [1, 3]",
    "bitwise_right_shift",
)
