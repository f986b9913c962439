"""Functions that work on each entry by itself: arithmetic, exponentials, trigonometry, complex numbers.

Two arguments broadcast against each other. Dtypes promote as in JAX (a Python number takes the dtype of the array it meets),
and functions whose values are not integers compute integers and booleans in the default float.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.ops.family import Array, Operand, array_op, family, floating

__all__ = [
    "abs", "absolute", "add", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "cbrt", "ceil", "clip", "conj", "conjugate", "copy", "cos", "cosh", "deg2rad", "divide", "divide_no_nan", "erf",
    "erfc", "erfinv", "exp", "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd",
    "heaviside", "hypot", "i0", "imag", "lcm", "ldexp", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
    "maximum", "minimum", "mod", "multiply", "nan_to_num", "negative", "nextafter", "polar", "power", "rad2deg",
    "real", "reciprocal", "round", "rsqrt", "saturate_cast", "sign", "sin", "sinc", "sinh", "sqrt", "square",
    "subtract", "tan", "tanh", "true_divide", "trunc", "view_as_complex", "view_as_real",
]  # fmt: skip


@family
def unary(function, x: Array):
    """Args:
        x: array of any shape.

    Returns:
        array of the same shape.
    """
    return function(x)


absolute = unary(
    jnp.absolute, "Compute the absolute value; of complex entries, the modulus.", "absolute([-1.0, 2.0]) -> [1.0, 2.0]"
)
abs = unary(jnp.absolute, "Compute the absolute value; the same as `absolute`.", "abs([-1.0, 2.0]) -> [1.0, 2.0]", "abs")
negative = unary(jnp.negative, "Compute `-x`.", "negative([1, -2]) -> [-1, 2]")
reciprocal = unary(jnp.reciprocal, "Compute `1 / x`.", "reciprocal([2.0, 4.0]) -> [0.5, 0.25]")
square = unary(jnp.square, "Compute `x * x`.", "square([-2, 3]) -> [4, 9]")
sign = unary(jnp.sign, "Return -1, 0 or 1, the sign of each entry.", "sign([-3.0, 0.0, 5.0]) -> [-1.0, 0.0, 1.0]")
conjugate = unary(jnp.conjugate, "Compute the complex conjugate.", "conjugate([1 + 2j]) -> [(1-2j)]")
conj = unary(jnp.conjugate, "Compute the complex conjugate; the same as `conjugate`.", "conj([1 + 2j]) -> [(1-2j)]", "conj")
real = unary(jnp.real, "Return the real part.", "real([1 + 2j, 3.0]) -> [1.0, 3.0]")
imag = unary(jnp.imag, "Return the imaginary part. It is 0 for real entries.", "imag([1 + 2j, 3.0]) -> [2.0, 0.0]")
copy = unary(jnp.copy, "Return a copy of `x`.", "copy([1, 2]) -> [1, 2]")


@family
def real_unary(function, x: Array):
    """Args:
        x: array of any shape; integers and booleans are taken as the default float.

    Returns:
        floating-point array of the same shape.
    """
    return function(floating(x))


sqrt = real_unary(jnp.sqrt, "Compute the square root. It is NaN for negative entries.", "sqrt([4.0, 9.0]) -> [2.0, 3.0]")
rsqrt = real_unary(jax.lax.rsqrt, "Compute `1 / sqrt(x)`.", "rsqrt([4.0, 16.0]) -> [0.5, 0.25]")
cbrt = real_unary(jnp.cbrt, "Compute the cube root.", "cbrt([0.0, 1.0]) -> [0.0, 1.0]")
exp = real_unary(jnp.exp, "Compute e to the power `x`.", "exp([0.0, 1.0]) -> [1.0, 2.718...]")
exp2 = real_unary(jnp.exp2, "Compute 2 to the power `x`.", "exp2([0.0, 3.0]) -> [1.0, 8.0]")
expm1 = real_unary(
    jnp.expm1, "Compute `exp(x) - 1`, precisely also where `x` is small.", "expm1([0.0, 1.0]) -> [0.0, 1.718...]"
)
log = real_unary(jnp.log, "Compute the natural logarithm.", "log([1.0, 2.0]) -> [0.0, 0.693...]")
log10 = real_unary(jnp.log10, "Compute the logarithm to base 10.", "log10([1.0, 2.0]) -> [0.0, 0.301...]")
log1p = real_unary(
    jnp.log1p, "Compute `log(1 + x)`, precisely also where `x` is small.", "log1p([0.0, 1.0]) -> [0.0, 0.693...]"
)
log2 = real_unary(jnp.log2, "Compute the logarithm to base 2.", "log2([1.0, 8.0]) -> [0.0, 3.0]")
sin = real_unary(jnp.sin, "Compute the sine of an angle in radians.", "sin([0.0, 1.0]) -> [0.0, 0.841...]")
cos = real_unary(jnp.cos, "Compute the cosine of an angle in radians.", "cos([0.0, 1.0]) -> [1.0, 0.540...]")
tan = real_unary(jnp.tan, "Compute the tangent of an angle in radians.", "tan([0.0, 1.0]) -> [0.0, 1.557...]")
arcsin = real_unary(
    jnp.arcsin, "Compute the inverse sine, in radians from -pi/2 to pi/2.", "arcsin([0.0, 1.0]) -> [0.0, 1.570...]", "arcsin"
)
arccos = real_unary(
    jnp.arccos, "Compute the inverse cosine, in radians from 0 to pi.", "arccos([1.0, 0.0]) -> [0.0, 1.570...]", "arccos"
)
arctan = real_unary(
    jnp.arctan,
    "Compute the inverse tangent, in radians from -pi/2 to pi/2.",
    "arctan([0.0, 1.0]) -> [0.0, 0.785...]",
    "arctan",
)
sinh = real_unary(jnp.sinh, "Compute the hyperbolic sine.", "sinh([0.0, 1.0]) -> [0.0, 1.175...]")
cosh = real_unary(jnp.cosh, "Compute the hyperbolic cosine.", "cosh([0.0, 1.0]) -> [1.0, 1.543...]")
tanh = real_unary(jnp.tanh, "Compute the hyperbolic tangent.", "tanh([0.0, 1.0]) -> [0.0, 0.761...]")
arcsinh = real_unary(
    jnp.arcsinh, "Compute the inverse hyperbolic sine.", "arcsinh([0.0, 1.0]) -> [0.0, 0.881...]", "arcsinh"
)
arccosh = real_unary(
    jnp.arccosh,
    "Compute the inverse hyperbolic cosine. It is NaN below 1.",
    "arccosh([1.0, 2.0]) -> [0.0, 1.316...]",
    "arccosh",
)
arctanh = real_unary(
    jnp.arctanh,
    "Compute the inverse hyperbolic tangent. It is NaN outside of -1 to 1.",
    "arctanh([0.0, 0.5]) -> [0.0, 0.549...]",
    "arctanh",
)
sinc = real_unary(jnp.sinc, "Compute `sin(pi x) / (pi x)`, which is 1 at 0.", "sinc([0.0, 0.5]) -> [1.0, 0.636...]")
deg2rad = real_unary(jnp.deg2rad, "Convert degrees to radians.", "deg2rad([0.0, 180.0]) -> [0.0, 3.141...]")
rad2deg = real_unary(jnp.rad2deg, "Convert radians to degrees.", "rad2deg([0.0, 1.0]) -> [0.0, 57.29...]")
angle = real_unary(jnp.angle, "Compute the argument of complex entries, in radians.", "angle([1.0, 1j]) -> [0.0, 1.570...]")
i0 = real_unary(
    jnp.i0, "Compute the modified Bessel function of the first kind, of order 0.", "i0([0.0, 1.0]) -> [1.0..., 1.266...]"
)
erf = real_unary(
    jax.lax.erf,
    "Compute the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to `x`.",
    "erf([0.0, 1.0]) -> [0.0, 0.842...]",
)
erfc = real_unary(
    jax.lax.erfc, "Compute `1 - erf(x)`, precisely also where `x` is large.", "erfc([0.0, 1.0]) -> [1.0, 0.157...]"
)
erfinv = real_unary(
    jax.lax.erf_inv, "Compute the inverse error function.", "erfinv([0.0, 0.5]) -> [0.0, 0.476...]", "erfinv"
)
ceil = real_unary(
    jnp.ceil, "Round up: return the smallest whole number that is not below `x`.", "ceil([-1.5, 1.5]) -> [-1.0, 2.0]"
)
floor = real_unary(
    jnp.floor, "Round down: return the largest whole number that is not above `x`.", "floor([-1.5, 1.5]) -> [-2.0, 1.0]"
)
fabs = real_unary(
    jnp.fabs, "Compute the absolute value of real entries, as floating-point numbers.", "fabs([-1, 2]) -> [1.0, 2.0]"
)


@family
def binary(function, x1: Array, x2: Array):
    """Args:
        x1: array.
        x2: array whose shape broadcasts with that of `x1`.

    Returns:
        array of the broadcast shape.
    """
    return function(x1, x2)


add = binary(jnp.add, "Compute `x1 + x2`.", "add([1, 2], 10) -> [11, 12]")
subtract = binary(jnp.subtract, "Compute `x1 - x2`.", "subtract([5, 7], [1, 2]) -> [4, 5]")
multiply = binary(jnp.multiply, "Compute `x1 * x2`.", "multiply([2, 3], [4, 5]) -> [8, 15]")
divide = binary(
    jnp.divide, "Compute `x1 / x2`. Integers give floating-point numbers.", "divide([1, 3], 2) -> [0.5, 1.5]", "divide"
)
true_divide = binary(
    jnp.divide, "Compute `x1 / x2`; the same as `divide`.", "true_divide([1, 3], 2) -> [0.5, 1.5]", "true_divide"
)
floor_divide = binary(jnp.floor_divide, "Compute `x1 / x2`, rounded down.", "floor_divide([7, -7], 2) -> [3, -4]")
mod = binary(jnp.mod, "Compute the remainder of a division, with the sign of `x2`.", "mod([7, -7], 3) -> [1, 2]", "mod")
fmod = binary(
    jnp.fmod, "Compute the remainder of a division, with the sign of `x1`.", "fmod([7.0, -7.0], 3.0) -> [1.0, -1.0]"
)
maximum = binary(jnp.maximum, "Return the larger entry, or NaN if one of the two is NaN.", "maximum([1, 5], 3) -> [3, 5]")
minimum = binary(jnp.minimum, "Return the smaller entry, or NaN if one of the two is NaN.", "minimum([1, 5], 3) -> [1, 3]")
fmax = binary(
    jnp.fmax,
    "Return the larger entry. If one of the two is NaN, return the other.",
    "fmax([1.0, float('nan')], 0.5) -> [1.0, 0.5]",
)
fmin = binary(
    jnp.fmin,
    "Return the smaller entry. If one of the two is NaN, return the other.",
    "fmin([1.0, float('nan')], 0.5) -> [0.5, 0.5]",
)
arctan2 = binary(
    jnp.arctan2,
    "Compute the angle of the point (`x2`, `x1`), in radians from -pi to pi.",
    "arctan2([0.0, 1.0], [1.0, 0.0]) -> [0.0, 1.570...]",
    "arctan2",
)
hypot = binary(jnp.hypot, "Compute `sqrt(x1^2 + x2^2)` without overflow.", "hypot([3.0], [4.0]) -> [5.0]")
heaviside = binary(
    jnp.heaviside,
    "Return 0 where `x1` is negative, 1 where it is positive, and `x2` where it is 0.",
    "heaviside([-1.0, 0.0, 2.0], 0.5) -> [0.0, 0.5, 1.0]",
)
logaddexp = binary(
    jnp.logaddexp,
    "Compute `log(exp(x1) + exp(x2))` without overflow.",
    "logaddexp([0.0, 1000.0], [0.0, 0.0]) -> [0.693..., 1000.0]",
)
logaddexp2 = binary(
    jnp.logaddexp2, "Compute `log2(2^x1 + 2^x2)` without overflow.", "logaddexp2([0.0, 1000.0], [0.0, 0.0]) -> [1.0, 1000.0]"
)
gcd = binary(jnp.gcd, "Compute the greatest common divisor of integers.", "gcd([12, 7], 18) -> [6, 1]")
lcm = binary(jnp.lcm, "Compute the least common multiple of integers.", "lcm([4, 5], 6) -> [12, 30]")
nextafter = binary(
    jnp.nextafter,
    "Return the floating-point number next to `x1` in the direction of `x2`.",
    "nextafter([1.0], [2.0]) -> [1.0000001...]",
)


@array_op
def power(x1: Array, x2: Operand):
    """Compute `x1` to the power `x2`.

    Args:
        x1: array of any shape.
        x2: array whose shape broadcasts with that of `x1`. A Python integer becomes a chain of multiplications.

    >>> power([1.0, 2.0, 3.0], 2).tolist()
    [1.0, 4.0, 9.0]
    """
    return jnp.power(x1, x2 if isinstance(x2, int) else jnp.asarray(x2))


@array_op
def ldexp(x1: Array, x2: Array):
    """Compute `x1 * 2^x2` for integer exponents.

    Args:
        x1: array of any shape.
        x2: array of integers whose shape broadcasts with that of `x1`.

    Raises:
        TypeError: `x2` is not of an integer dtype.

    >>> ldexp([1.0, 3.0], [2, -1]).tolist()
    [4.0, 1.5]
    """
    if not jnp.issubdtype(x2.dtype, jnp.integer):
        raise TypeError(f"ldexp() needs integer exponents, got x2 of dtype {x2.dtype.name}. Use x1 * power(2.0, x2).")
    return jnp.ldexp(x1, x2)


@array_op
def divide_no_nan(x1: Array, x2: Array):
    """Compute `x1 / x2`, or 0 where `x2` is 0. The gradients are 0 there, too.

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
    """Limit `x` to the interval from `x_min` to `x_max`.

    Args:
        x: array of any shape; booleans become int32.
        x_min: the lower bound, a number or an array that broadcasts with `x`.
        x_max: the upper bound, likewise.

    >>> clip([-2, 0, 5], -1, 3).tolist()
    [-1, 0, 3]
    """
    return jnp.clip(x.astype("int32") if x.dtype == bool else x, x_min, x_max)


@array_op
def round(x: Array, decimals=0):
    """Round `x` to a number of decimals. Halves go to the even neighbour.

    Args:
        x: array of any shape.
        decimals: the number of decimals. Negative numbers round to tens, hundreds, and so on.

    >>> round([0.5, 1.5, 2.26]).tolist(), round([126, 25], -1).tolist()
    ([0.0, 2.0, 2.0], [130, 20])
    """
    if decimals < 0 and not jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.round(floating(x), decimals).astype(x.dtype)
    return jnp.round(x, decimals)


@array_op
def trunc(x: Array):
    """Remove the fractional part. Integers stay as they are.

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
    """Replace NaN and infinities by finite numbers.

    Args:
        x: array of any shape.
        nan: the number that replaces NaN.
        posinf: the number that replaces plus infinity. None means the largest number of the dtype.
        neginf: the number that replaces minus infinity. None means the smallest number of the dtype.

    >>> nan_to_num([float('nan'), float('inf')], nan=0.0, posinf=9.0).tolist()
    [0.0, 9.0]
    """
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@array_op
def saturate_cast(x: Array, dtype):
    """Convert `x` to another dtype. Values that the dtype cannot hold become its nearest bound.

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
    """Make complex numbers from their moduli and arguments.

    Args:
        abs_: floating-point array, the moduli.
        angle: floating-point array of the same shape, in radians.

    Returns:
        complex array of the same shape.

    >>> polar([1.0, 2.0], [0.0, 0.0]).tolist()
    [(1+0j), (2+0j)]
    """
    return jax.lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


@array_op
def view_as_complex(x: Array):
    """Make complex numbers from pairs (real part, imaginary part) along the last axis.

    Args:
        x: floating-point array of shape (..., 2).

    Returns:
        complex64 array of shape (...).

    Raises:
        ValueError: the last axis does not have length 2.

    >>> view_as_complex([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [(1+2j), (3+4j)]
    """
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex() needs (real, imaginary) pairs along the last axis, got shape {x.shape}.")
    return jax.lax.complex(x[..., 0].astype("float32"), x[..., 1].astype("float32"))


@array_op
def view_as_real(x: Array):
    """Return complex numbers as pairs (real part, imaginary part).

    Args:
        x: complex array of shape (...).

    Returns:
        floating-point array of shape (..., 2).

    >>> view_as_real([1 + 2j, 3 + 4j]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return jnp.stack([jnp.real(x), jnp.imag(x)], axis=-1)
