"""Arrays from nothing but a shape, and from their diagonals. The dtype is the default float unless one is given."""

import jax.numpy as jnp
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core import dtype as dtypes
from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, array_op, family
from jkeras.ops.op import spec_of

__all__ = [
    "arange", "array", "bartlett", "blackman", "diag", "diagflat", "diagonal", "empty", "empty_like", "eye", "full",
    "full_like", "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "ones", "ones_like",
    "tri", "tril", "triu", "vander", "zeros", "zeros_like",
]  # fmt: skip


def _optional(dtype):
    return None if dtype is None else dtypes.canonical(dtype)


@array_op
def array(x, dtype=None):
    """A new array of the values of an array, a number or a nested list.

    Args:
        x: the values.
        dtype: by default that of `x`.
    """
    return jnp.array(x, dtype=_optional(dtype))


@family
def filled(function, shape, dtype=None):
    """Args:
    shape: tuple of lengths, or one length.
    dtype: the dtype; by default the default float.
    """
    return function(shape, dtypes.canonical(dtype))


zeros = filled(jnp.zeros, "An array of zeros.")
ones = filled(jnp.ones, "An array of ones.")
empty = filled(jnp.empty, "An array whose values do not matter; they are zeros.")


@family
def filled_like(function, x: Array, dtype=None):
    """Args:
    x: array that gives the shape.
    dtype: the dtype; by default that of `x`.
    """
    return function(x, dtype=_optional(dtype))


zeros_like = filled_like(jnp.zeros_like, "Zeros in the shape of an array.")
ones_like = filled_like(jnp.ones_like, "Ones in the shape of an array.")
empty_like = filled_like(jnp.empty_like, "An array in the shape of another; its values do not matter, and are zeros.")


@array_op
def full(shape, fill_value, dtype=None):
    """One value everywhere.

    Args:
        shape: tuple of lengths, or one length.
        fill_value: the value, a number or an array that broadcasts to the shape.
        dtype: the dtype; by default the default float.
    """
    return jnp.full(shape, fill_value, dtypes.canonical(dtype))


@array_op
def full_like(x: Array, fill_value, dtype=None):
    """One value everywhere, in the shape of an array.

    Args:
        x: array that gives the shape.
        fill_value: the value, a number or an array that broadcasts to the shape.
        dtype: the dtype; by default that of `x`.
    """
    return jnp.full_like(x, fill_value, dtype=_optional(dtype))


@array_op
def arange(start, stop=None, step=None, dtype=None):
    """Numbers at a constant distance.

    Args:
        start: the first number; when it is the only argument, the numbers are 0, 1, ... below `start`.
        stop: where to end; it is not included.
        step: the distance, 1 by default.
        dtype: by default int32, or the default float if one of the numbers is floating-point.

    >>> arange(3).tolist(), arange(1, 2, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    if dtype is None:
        given = [number for number in (start, stop, step) if number is not None]
        dtype = jnp.result_type(*given)
        if all(isinstance(number, (int, float)) for number in given) and any(isinstance(n, float) for n in given):
            dtype = None
    return jnp.arange(start, stop, step, dtype=dtypes.canonical(dtype))


@array_op
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Numbers at equal distances between two bounds.

    Args:
        start: the first number, or an array of them.
        stop: the last number, likewise.
        num: how many.
        endpoint: whether `stop` is among them.
        retstep: whether to return the distance as well.
        dtype: by default floating-point.
        axis: where the new axis stands when the bounds are arrays.

    Returns:
        array of `num` numbers along `axis`; with `retstep`, a pair of it and the distance.
    """
    return jnp.linspace(start, stop, num, endpoint, retstep, _optional(dtype), axis)


@array_op
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """Powers whose exponents are at equal distances.

    Args:
        start: the first exponent, or an array of them.
        stop: the last exponent, likewise.
        num: how many.
        endpoint: whether `stop` is among the exponents.
        base: the base of the powers.
        dtype: by default floating-point.
        axis: where the new axis stands when the exponents are arrays.
    """
    return jnp.logspace(start, stop, num, endpoint, base, _optional(dtype), axis)


@array_op
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Numbers with equal ratios between two bounds.

    Args:
        start: the first number, or an array of them.
        stop: the last number, likewise.
        num: how many.
        endpoint: whether `stop` is among them.
        dtype: by default floating-point.
        axis: where the new axis stands when the bounds are arrays.
    """
    return jnp.geomspace(start, stop, num, endpoint, _optional(dtype), axis)


@array_op
def eye(N, M=None, k=0, dtype=None):
    """A matrix of zeros with ones along a diagonal.

    Args:
        N: number of rows.
        M: number of columns; by default `N`.
        k: which diagonal: 0 the main one, positive above it, negative below.
        dtype: by default the default float.

    Raises:
        TypeError: `N` or `M` is floating-point.
    """
    for name, value in (("N", N), ("M", M)):
        if isinstance(value, float) or (hasattr(value, "dtype") and dtypes.is_float(value.dtype)):
            raise TypeError(f"eye() needs whole numbers of rows and columns, got {name}={value!r}.")
    return jnp.eye(N, M, k, dtypes.canonical(dtype))


@array_op
def identity(n, dtype=None):
    """The identity matrix of `n` rows.

    Args:
        n: the number of rows and columns.
        dtype: the dtype. None means the default float.

    >>> identity(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return jnp.identity(n, dtypes.canonical(dtype))


@array_op
def tri(N, M=None, k=0, dtype=None):
    """A matrix with ones on and below a diagonal, and zeros above.

    Args:
        N: number of rows.
        M: number of columns; by default `N`.
        k: which diagonal: 0 the main one, positive above it, negative below.
        dtype: by default the default float.
    """
    return jnp.tri(N, M, k, dtypes.canonical(dtype))


@family
def triangle(function, x: Array, k=0):
    """Args:
    x: array of shape (..., rows, columns).
    k: which diagonal: 0 the main one, positive above it, negative below.
    """
    return function(x, k)


tril = triangle(jnp.tril, "Matrices with zeros above a diagonal.")
triu = triangle(jnp.triu, "Matrices with zeros below a diagonal.")


@array_op
def diag(x: Array, k=0):
    """The matrix with a given diagonal, or the diagonal of a matrix.

    Args:
        x: array of shape (n,), or of shape (rows, columns).
        k: which diagonal: 0 the main one, positive above it, negative below.
    """
    return jnp.diag(x, k)


@spec_of(diag)
def _diag_spec(x, k=0):
    # The shorter side, of which one is not known.
    return KerasTensor((None,), x.dtype) if x.ndim == 2 and None in x.shape else NotImplemented


@array_op
def diagflat(x: Array, k=0):
    """The matrix with all entries of `x`, in order, along a diagonal.

    Args:
        x: array of any shape.
        k: the diagonal: 0 is the main one, positive numbers are above it, negative ones below.

    Returns:
        array of shape (n, n) with n = x.size + abs(k).

    >>> diagflat([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diagflat(x, k)


@array_op
def diagonal(x: Array, offset=0, axis1=0, axis2=1):
    """The diagonals of the matrices that two axes span.

    Args:
        x: array of two axes at least.
        offset: which diagonal: 0 the main one, positive above it, negative below.
        axis1, axis2: the two axes.

    Returns:
        array without these axes, and the diagonal along a new last axis.

    Raises:
        ValueError: `axis1` and `axis2` are the same.
    """
    if normalize_axis_index(axis1, x.ndim) == normalize_axis_index(axis2, x.ndim):
        raise ValueError(f"diagonal() needs two different axes, got axis1={axis1} and axis2={axis2} for shape {x.shape}.")
    return jnp.diagonal(x, offset, axis1, axis2)


@spec_of(diagonal)
def _diagonal_spec(x, offset=0, axis1=0, axis2=1):
    pair = {normalize_axis_index(axis, x.ndim) for axis in (axis1, axis2)}
    if len(pair) < 2 or all(x.shape[axis] is not None for axis in pair):
        return NotImplemented
    return KerasTensor((*(d for axis, d in enumerate(x.shape) if axis not in pair), None), x.dtype)


@array_op
def vander(x: Array, N=None, increasing=False):
    """The powers of some numbers, as the columns of a matrix (Vandermonde's).

    Args:
        x: array of shape (n,).
        N: number of columns; by default n.
        increasing: whether the powers 0, 1, 2, ... stand from left to right, and not from right to left.

    Raises:
        ValueError: `x` is not 1-D, or `N` is negative.
    """
    if x.ndim != 1:
        raise ValueError(f"vander() needs a 1-D array, got shape {x.shape}.")
    if N is not None and (not isinstance(N, int) or N < 0):
        raise (ValueError if isinstance(N, int) else TypeError)(f"vander() needs a number of columns from 0 on, got N={N}.")
    return jnp.vander(x, N, increasing)


@family
def window(function, x):
    """Args:
        x: the number of samples, an integer.

    Returns:
        array of shape (x,) in the default float.
    """
    return function(int(x)).astype(dtypes.canonical(None))


bartlett = window(jnp.bartlett, "Bartlett's (triangular) window.")
blackman = window(jnp.blackman, "Blackman's window.")
hamming = window(jnp.hamming, "Hamming's window.")
hanning = window(jnp.hanning, "The Hann window.")


@array_op
def kaiser(x, beta):
    """Kaiser's window.

    Args:
        x: the number of samples, an integer.
        beta: its shape: the larger, the narrower; 0 is the rectangle.

    Returns:
        array of shape (x,) in the default float.
    """
    return jnp.kaiser(int(x), beta).astype(dtypes.canonical(None))
