"""Functions of each entry by itself: arithmetic, comparison, logic, bits, exponentials, trigonometry.

Two arguments broadcast against each other. Dtypes promote as in JAX (a Python number takes the dtype of the array it meets),
and functions whose values are not integers compute integers and booleans in the default float.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.ops.family import Array, array_op, family, floating

__all__ = [
    "abs", "absolute", "add", "allclose", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "cbrt", "ceil", "clip", "conj", "conjugate", "copy", "cos", "cosh", "deg2rad", "divide",
    "divide_no_nan", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "gcd", "greater", "greater_equal", "heaviside", "hypot", "i0", "imag", "isclose", "isfinite",
    "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "left_shift", "less", "less_equal", "log",
    "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor",
    "maximum", "minimum", "mod", "multiply", "nan_to_num", "negative", "nextafter", "not_equal", "polar", "power",
    "rad2deg", "real", "reciprocal", "right_shift", "round", "rsqrt", "saturate_cast", "sign", "signbit", "sin", "sinc",
    "sinh", "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc", "view_as_complex", "view_as_real",
]  # fmt: skip


@family
def unary(function, x: Array):
    """Args:
        x: array of any shape.

    Returns:
        array of the same shape.
    """
    return function(x)


absolute = unary(jnp.absolute, "Absolute value; the modulus of complex entries.")
abs = unary(jnp.absolute, "Absolute value; the same as `absolute`.", "abs")
negative = unary(jnp.negative, "`-x`.")
reciprocal = unary(jnp.reciprocal, "`1 / x`.")
square = unary(jnp.square, "`x * x`.")
sign = unary(jnp.sign, "-1, 0 or 1, by the sign.")
signbit = unary(jnp.signbit, "Whether the sign bit is set (it is for -0.0), as booleans.")
conjugate = unary(jnp.conjugate, "Complex conjugate.")
conj = unary(jnp.conjugate, "Complex conjugate; the same as `conjugate`.", "conj")
real = unary(jnp.real, "Real part.")
imag = unary(jnp.imag, "Imaginary part; zeros for real entries.")
copy = unary(jnp.copy, "A copy.")
isfinite = unary(jnp.isfinite, "Whether entries are neither infinite nor NaN, as booleans.")
isinf = unary(jnp.isinf, "Whether entries are infinite, as booleans.")
isnan = unary(jnp.isnan, "Whether entries are NaN, as booleans.")
isneginf = unary(jnp.isneginf, "Whether entries are minus infinity, as booleans.")
isposinf = unary(jnp.isposinf, "Whether entries are plus infinity, as booleans.")
isreal = unary(jnp.isreal, "Whether the imaginary part is zero, as booleans.")
logical_not = unary(jnp.logical_not, "Whether entries are zero or False, as booleans.")
bitwise_not = unary(jnp.invert, "Flip every bit of integers (of booleans: not).", "bitwise_not")
bitwise_invert = unary(jnp.invert, "Flip every bit; the same as `bitwise_not`.", "bitwise_invert")


@family
def real_unary(function, x: Array):
    """Args:
        x: array of any shape; integers and booleans are taken as the default float.

    Returns:
        floating-point array of the same shape.
    """
    return function(floating(x))


sqrt = real_unary(jnp.sqrt, "Square root; NaN for negative entries.")
rsqrt = real_unary(jax.lax.rsqrt, "`1 / sqrt(x)`.")
cbrt = real_unary(jnp.cbrt, "Cube root.")
exp = real_unary(jnp.exp, "e to the power `x`.")
exp2 = real_unary(jnp.exp2, "2 to the power `x`.")
expm1 = real_unary(jnp.expm1, "`exp(x) - 1`, precise where `x` is small.")
log = real_unary(jnp.log, "Natural logarithm.")
log10 = real_unary(jnp.log10, "Logarithm to base 10.")
log1p = real_unary(jnp.log1p, "`log(1 + x)`, precise where `x` is small.")
log2 = real_unary(jnp.log2, "Logarithm to base 2.")
sin = real_unary(jnp.sin, "Sine of an angle in radians.")
cos = real_unary(jnp.cos, "Cosine of an angle in radians.")
tan = real_unary(jnp.tan, "Tangent of an angle in radians.")
arcsin = real_unary(jnp.arcsin, "Inverse sine, in radians from -pi/2 to pi/2.", "arcsin")
arccos = real_unary(jnp.arccos, "Inverse cosine, in radians from 0 to pi.", "arccos")
arctan = real_unary(jnp.arctan, "Inverse tangent, in radians from -pi/2 to pi/2.", "arctan")
sinh = real_unary(jnp.sinh, "Hyperbolic sine.")
cosh = real_unary(jnp.cosh, "Hyperbolic cosine.")
tanh = real_unary(jnp.tanh, "Hyperbolic tangent.")
arcsinh = real_unary(jnp.arcsinh, "Inverse hyperbolic sine.", "arcsinh")
arccosh = real_unary(jnp.arccosh, "Inverse hyperbolic cosine; NaN below 1.", "arccosh")
arctanh = real_unary(jnp.arctanh, "Inverse hyperbolic tangent; NaN outside -1 to 1.", "arctanh")
sinc = real_unary(jnp.sinc, "`sin(pi x) / (pi x)`, and 1 at 0.")
deg2rad = real_unary(jnp.deg2rad, "Degrees to radians.")
rad2deg = real_unary(jnp.rad2deg, "Radians to degrees.")
angle = real_unary(jnp.angle, "Argument of complex entries, in radians.")
i0 = real_unary(jnp.i0, "Modified Bessel function of the first kind, order 0.")
erf = real_unary(jax.lax.erf, "Error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to `x`.")
erfc = real_unary(jax.lax.erfc, "`1 - erf(x)`, precise where `x` is large.")
erfinv = real_unary(jax.lax.erf_inv, "Inverse error function.", "erfinv")
ceil = real_unary(jnp.ceil, "The smallest whole number that is not below `x`.")
floor = real_unary(jnp.floor, "The largest whole number that is not above `x`.")
fabs = real_unary(jnp.fabs, "Absolute value of real entries, floating-point.")


@family
def binary(function, x1: Array, x2: Array):
    """Args:
        x1: array.
        x2: array whose shape broadcasts with that of `x1`.

    Returns:
        array of the broadcast shape.
    """
    return function(x1, x2)


add = binary(jnp.add, "`x1 + x2`.")
subtract = binary(jnp.subtract, "`x1 - x2`.")
multiply = binary(jnp.multiply, "`x1 * x2`.")
divide = binary(jnp.divide, "`x1 / x2`; of integers it is floating-point.", "divide")
true_divide = binary(jnp.divide, "`x1 / x2`; the same as `divide`.", "true_divide")
floor_divide = binary(jnp.floor_divide, "`x1 / x2` rounded down.")
mod = binary(jnp.mod, "Remainder of the division, with the sign of `x2`.", "mod")
fmod = binary(jnp.fmod, "Remainder of the division, with the sign of `x1`.")
maximum = binary(jnp.maximum, "The larger entry; NaN if either is NaN.")
minimum = binary(jnp.minimum, "The smaller entry; NaN if either is NaN.")
fmax = binary(jnp.fmax, "The larger entry; a NaN gives way to the other.")
fmin = binary(jnp.fmin, "The smaller entry; a NaN gives way to the other.")
equal = binary(jnp.equal, "`x1 == x2`, as booleans.")
not_equal = binary(jnp.not_equal, "`x1 != x2`, as booleans.")
greater = binary(jnp.greater, "`x1 > x2`, as booleans.")
greater_equal = binary(jnp.greater_equal, "`x1 >= x2`, as booleans.")
less = binary(jnp.less, "`x1 < x2`, as booleans.")
less_equal = binary(jnp.less_equal, "`x1 <= x2`, as booleans.")
logical_and = binary(jnp.logical_and, "Whether both are true (not zero), as booleans.")
logical_or = binary(jnp.logical_or, "Whether one of the two is true (not zero), as booleans.")
logical_xor = binary(jnp.logical_xor, "Whether exactly one of the two is true (not zero), as booleans.")
arctan2 = binary(jnp.arctan2, "Angle in radians of the point with height `x1` and abscissa `x2`.", "arctan2")
hypot = binary(jnp.hypot, "`sqrt(x1^2 + x2^2)` without overflow.")
heaviside = binary(jnp.heaviside, "0 where `x1` is negative, 1 where it is positive, `x2` where it is 0.")
logaddexp = binary(jnp.logaddexp, "`log(exp(x1) + exp(x2))` without overflow.")
logaddexp2 = binary(jnp.logaddexp2, "`log2(2^x1 + 2^x2)` without overflow.")
gcd = binary(jnp.gcd, "Greatest common divisor of integers.")
lcm = binary(jnp.lcm, "Least common multiple of integers.")
nextafter = binary(jnp.nextafter, "The floating-point number that follows `x1` in the direction of `x2`.")


@family
def bitwise(function, x: Array, y: Array):
    """Args:
        x: array of integers or booleans.
        y: array of integers or booleans whose shape broadcasts with that of `x`.

    Returns:
        array of the broadcast shape.
    """
    return function(x, y)


bitwise_and = bitwise(jnp.bitwise_and, "The bits set in both.")
bitwise_or = bitwise(jnp.bitwise_or, "The bits set in one of the two.")
bitwise_xor = bitwise(jnp.bitwise_xor, "The bits set in exactly one of the two.")
left_shift = bitwise(jnp.left_shift, "`x * 2^y`, by moving bits.")
right_shift = bitwise(jnp.right_shift, "`x / 2^y` rounded down, by moving bits.")
bitwise_left_shift = bitwise(jnp.left_shift, "The same as `left_shift`.", "bitwise_left_shift")
bitwise_right_shift = bitwise(jnp.right_shift, "The same as `right_shift`.", "bitwise_right_shift")


@array_op
def power(x1: Array, x2):
    """`x1` to the power `x2`.

    Args:
        x1: array of any shape.
        x2: array whose shape broadcasts with that of `x1`. A Python integer becomes a chain of multiplications.

    >>> power([1.0, 2.0, 3.0], 2).tolist()
    [1.0, 4.0, 9.0]
    """
    return jnp.power(x1, x2 if isinstance(x2, int) else jnp.asarray(x2))


@array_op
def ldexp(x1: Array, x2: Array):
    """`x1 * 2^x2` for integer exponents.

    Args:
        x1: array of any shape.
        x2: array of integers whose shape broadcasts with that of `x1`.

    Raises:
        TypeError: `x2` is not of an integer dtype.
    """
    if not jnp.issubdtype(x2.dtype, jnp.integer):
        raise TypeError(f"ldexp() needs integer exponents, got x2 of dtype {x2.dtype.name}. Use x1 * power(2.0, x2).")
    return jnp.ldexp(x1, x2)


@array_op
def divide_no_nan(x1: Array, x2: Array):
    """`x1 / x2`, and 0 where `x2` is 0. The gradients are 0 there, too.

    Args:
        x1: array.
        x2: array whose shape broadcasts with that of `x1`.

    Returns:
        floating-point array of the broadcast shape.

    >>> divide_no_nan([1.0, 2.0], [0.0, 4.0]).tolist()
    [0.0, 0.5]
    """
    return jnp.where(x2 == 0, 0, jnp.divide(x1, jnp.where(x2 == 0, 1, x2)))


@array_op
def clip(x: Array, x_min, x_max):
    """`x`, moved to the nearest of two bounds where it lies outside of them.

    Args:
        x: array of any shape; booleans become int32.
        x_min: the lower bound, a number or an array that broadcasts with `x`.
        x_max: the upper bound, likewise.
    """
    return jnp.clip(x.astype("int32") if x.dtype == bool else x, x_min, x_max)


@array_op
def round(x: Array, decimals=0):
    """`x` rounded to the given number of decimals, halves to the even neighbour.

    Args:
        x: array of any shape.
        decimals: how many; negative ones round to tens, hundreds, and so on.

    >>> round([0.5, 1.5, 2.26]).tolist(), round([126, 25], -1).tolist()
    ([0.0, 2.0, 2.0], [130, 20])
    """
    if decimals < 0 and not jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.round(floating(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


@array_op
def trunc(x: Array):
    """`x` without its fractional part; integers stay as they are.

    Args:
        x: array of any shape.

    Returns:
        array of the same shape and dtype.

    >>> trunc([-1.5, 1.5]).tolist()
    [-1.0, 1.0]
    """
    return jnp.trunc(x) if jnp.issubdtype(x.dtype, jnp.inexact) else x


@array_op
def nan_to_num(x: Array, nan=0.0, posinf=None, neginf=None):
    """`x` with finite numbers in the place of NaN and infinities.

    Args:
        x: array of any shape.
        nan: what replaces NaN.
        posinf: what replaces plus infinity; None means the largest number of the dtype.
        neginf: what replaces minus infinity; None means the smallest.
    """
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@array_op
def isclose(x1: Array, x2: Array, rtol=1e-5, atol=1e-8, equal_nan=False):
    """True where `|x1 - x2| <= atol + rtol |x2|`, as an array of booleans.

    Args:
        x1, x2: arrays that broadcast against each other.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN counts as close to NaN.
    """
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@array_op
def allclose(x1: Array, x2: Array, rtol=1e-5, atol=1e-8, equal_nan=False):
    """True if `isclose` holds everywhere: `|x1 - x2| <= atol + rtol * |x2|`.

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


@array_op
def saturate_cast(x: Array, dtype):
    """`x` in another dtype, with values the dtype cannot hold moved to its nearest bound.

    Args:
        x: array of any shape.
        dtype: name of the dtype.

    >>> saturate_cast([-5.0, 300.0], "uint8").tolist()
    [0, 255]
    """
    target = dtypes.canonical(dtype)
    (low, high), (own_low, own_high) = _range(target), _range(x.dtype)
    if own_low < low:
        x = jnp.maximum(x, _within(low, x.dtype))
    if own_high > high:
        x = jnp.minimum(x, _within(high, x.dtype))
    return x.astype(target)


def _range(dtype):
    """The smallest and the largest finite number of a dtype, as Python numbers (which compare exactly)."""
    if jnp.issubdtype(dtype, jnp.bool_):
        return 0, 1
    if jnp.issubdtype(dtype, jnp.integer):
        return int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    return float(jnp.finfo(dtype).min), float(jnp.finfo(dtype).max)


def _within(bound, dtype):
    """The number of `dtype` nearest to `bound` that does not exceed it in magnitude (float32 has no 2^31 - 1)."""
    value = np.asarray(bound).astype(dtype)
    exceeds = value.item() != bound and math.fabs(value) > math.fabs(bound)
    return np.nextafter(value, np.zeros((), dtype)) if exceeds else value


@array_op
def polar(abs_: Array, angle: Array):
    """The complex numbers with the given moduli and arguments.

    Args:
        abs_: floating-point array, the moduli.
        angle: floating-point array of the same shape, in radians.

    Returns:
        complex array of the same shape.
    """
    return jax.lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


@array_op
def view_as_complex(x: Array):
    """Real and imaginary parts along the last axis, as complex numbers.

    Args:
        x: floating-point array of shape (..., 2).

    Returns:
        complex64 array of shape (...).

    Raises:
        ValueError: the last axis does not have length 2.
    """
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex() needs (real, imaginary) pairs along the last axis, got shape {x.shape}.")
    return jax.lax.complex(x[..., 0].astype("float32"), x[..., 1].astype("float32"))


@array_op
def view_as_real(x: Array):
    """Complex numbers as pairs (real part, imaginary part).

    Args:
        x: complex array of shape (...).

    Returns:
        floating-point array of shape (..., 2).
    """
    return jnp.stack([jnp.real(x), jnp.imag(x)], axis=-1)
