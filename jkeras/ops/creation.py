"""Functions that make arrays from a shape or from diagonals. The dtype is the default float unless one is given."""

import jax.numpy as jnp
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core import dtype as dtypes
from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, Operand, array_op, family
from jkeras.ops.op import spec_of

__all__ = [
    "arange", "array", "bartlett", "blackman", "diag", "diagflat", "diagonal", "empty", "empty_like", "eye", "full",
    "full_like", "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "ones", "ones_like",
    "tri", "tril", "triu", "vander", "zeros", "zeros_like",
]  # fmt: skip


def _optional(dtype):
    return None if dtype is None else dtypes.canonical(dtype)


@array_op
def array(x: Operand, dtype=None):
    """Make a new array from the values of an array, a number or a nested list.

    Args:
        x: the values.
        dtype: by default that of `x`.

    >>> array([[1, 2], [3, 4]], dtype="float32").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return jnp.array(x, dtype=_optional(dtype))


@family
def filled(function, shape, dtype=None):
    """Args:
    shape: tuple of lengths, or one length.
    dtype: the dtype; by default the default float.
    """
    return function(shape, dtypes.canonical(dtype))


zeros = filled(jnp.zeros, "Make an array of zeros.", "zeros((2, 2)) -> [[0.0, 0.0], [0.0, 0.0]]")
ones = filled(jnp.ones, "Make an array of ones.", "ones(3) -> [1.0, 1.0, 1.0]")
empty = filled(
    jnp.empty, "Make an array whose values do not matter. Here they are zeros.", ">>> empty((2, 3)).shape\n(2, 3)"
)


@family
def filled_like(function, x: Array, dtype=None):
    """Args:
    x: array that gives the shape.
    dtype: the dtype; by default that of `x`.
    """
    return function(x, dtype=_optional(dtype))


zeros_like = filled_like(
    jnp.zeros_like, "Make an array of zeros in the shape of another array.", "zeros_like([[1, 2]]) -> [[0, 0]]"
)
ones_like = filled_like(
    jnp.ones_like, "Make an array of ones in the shape of another array.", "ones_like([[1, 2]]) -> [[1, 1]]"
)
empty_like = filled_like(
    jnp.empty_like,
    "Make an array in the shape of another. Its values do not matter; here they are zeros.",
    ">>> empty_like([[1, 2]]).shape\n(1, 2)",
)


@array_op
def full(shape, fill_value: Operand, dtype=None):
    """Make an array with one value everywhere.

    Args:
        shape: tuple of lengths, or one length.
        fill_value: the value, a number or an array that broadcasts to the shape.
        dtype: the dtype; by default the default float.

    >>> full((2,), 7.0).tolist()
    [7.0, 7.0]
    """
    return jnp.full(shape, fill_value, dtypes.canonical(dtype))


@array_op
def full_like(x: Array, fill_value: Operand, dtype=None):
    """Make an array with one value everywhere, in the shape of another array.

    Args:
        x: array that gives the shape.
        fill_value: the value, a number or an array that broadcasts to the shape.
        dtype: the dtype; by default that of `x`.

    >>> full_like([[1, 2]], 7).tolist()
    [[7, 7]]
    """
    return jnp.full_like(x, fill_value, dtype=_optional(dtype))


@array_op
def arange(start: Operand, stop: Operand = None, step: Operand = None, dtype=None):
    """Make an array of numbers at a constant distance.

    Args:
        start: the first number; when it is the only argument, the numbers are 0, 1, ... below `start`.
        stop: the end. It is not included.
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
def linspace(start: Operand, stop: Operand, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Make an array of numbers at equal distances between two bounds.

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

    >>> linspace(0, 1, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    return jnp.linspace(start, stop, num, endpoint, retstep, _optional(dtype), axis)


@array_op
def logspace(start: Operand, stop: Operand, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """Make an array of powers whose exponents are at equal distances.

    Args:
        start: the first exponent, or an array of them.
        stop: the last exponent, likewise.
        num: how many.
        endpoint: whether `stop` is among the exponents.
        base: the base of the powers.
        dtype: by default floating-point.
        axis: where the new axis stands when the exponents are arrays.

    >>> logspace(0, 2, 3, base=2).tolist()
    [1.0, 2.0, 4.0]
    """
    return jnp.logspace(start, stop, num, endpoint, base, _optional(dtype), axis)


@array_op
def geomspace(start: Operand, stop: Operand, num=50, endpoint=True, dtype=None, axis=0):
    """Make an array of numbers with equal ratios between two bounds.

    Args:
        start: the first number, or an array of them.
        stop: the last number, likewise.
        num: how many.
        endpoint: whether `stop` is among them.
        dtype: by default floating-point.
        axis: where the new axis stands when the bounds are arrays.

    >>> geomspace(1, 4, 3).round(4).tolist()
    [1.0, 2.0, 4.0]
    """
    return jnp.geomspace(start, stop, num, endpoint, _optional(dtype), axis)


@array_op
def eye(N, M=None, k=0, dtype=None):
    """Make a matrix of zeros with ones along a diagonal.

    Args:
        N: number of rows.
        M: number of columns; by default `N`.
        k: which diagonal: 0 the main one, positive above it, negative below.
        dtype: by default the default float.

    Raises:
        TypeError: `N` or `M` is floating-point.

    >>> eye(2, 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    for name, value in (("N", N), ("M", M)):
        if isinstance(value, float) or (hasattr(value, "dtype") and dtypes.is_float(value.dtype)):
            raise TypeError(f"eye() needs whole numbers of rows and columns, got {name}={value!r}.")
    return jnp.eye(N, M, k, dtypes.canonical(dtype))


@array_op
def identity(n, dtype=None):
    """Make the identity matrix of `n` rows.

    Args:
        n: the number of rows and columns.
        dtype: the dtype. None means the default float.

    >>> identity(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return jnp.identity(n, dtypes.canonical(dtype))


@array_op
def tri(N, M=None, k=0, dtype=None):
    """Make a matrix with ones on and below a diagonal, and zeros above.

    Args:
        N: number of rows.
        M: number of columns; by default `N`.
        k: which diagonal: 0 the main one, positive above it, negative below.
        dtype: by default the default float.

    >>> tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return jnp.tri(N, M, k, dtypes.canonical(dtype))


@family
def triangle(function, x: Array, k=0):
    """Args:
    x: array of shape (..., rows, columns).
    k: which diagonal: 0 the main one, positive above it, negative below.
    """
    return function(x, k)


tril = triangle(
    jnp.tril, "Return matrices with the entries above a diagonal set to zero.", "tril([[1, 2], [3, 4]]) -> [[1, 0], [3, 4]]"
)
triu = triangle(
    jnp.triu, "Return matrices with the entries below a diagonal set to zero.", "triu([[1, 2], [3, 4]]) -> [[1, 2], [0, 4]]"
)


@array_op
def diag(x: Array, k=0):
    """Make the matrix with a given diagonal, or return the diagonal of a matrix.

    Args:
        x: array of shape (n,), or of shape (rows, columns).
        k: which diagonal: 0 the main one, positive above it, negative below.

    >>> diag([1, 2]).tolist(), diag([[1, 2], [3, 4]]).tolist()
    ([[1, 0], [0, 2]], [1, 4])
    """
    return jnp.diag(x, k)


@spec_of(diag)
def _diag_spec(x, k=0):
    # The shorter side, of which one is not known.
    return KerasTensor((None,), x.dtype) if x.ndim == 2 and None in x.shape else NotImplemented


@array_op
def diagflat(x: Array, k=0):
    """Make the matrix that has all entries of `x`, in order, along a diagonal.

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
    """Return the diagonals of the matrices that two axes span.

    Args:
        x: array of two axes at least.
        offset: which diagonal: 0 the main one, positive above it, negative below.
        axis1, axis2: the two axes.

    Returns:
        array without these axes, and the diagonal along a new last axis.

    Raises:
        ValueError: `axis1` and `axis2` are the same.

    >>> diagonal([[1, 2], [3, 4]]).tolist()
    [1, 4]
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
    """Make Vandermonde's matrix, whose columns are the powers of some numbers.

    Args:
        x: array of shape (n,).
        N: number of columns; by default n.
        increasing: whether the powers 0, 1, 2, ... stand from left to right, and not from right to left.

    Raises:
        ValueError: `x` is not 1-D, or `N` is negative.

    >>> vander([1, 2, 3], N=2).tolist()
    [[1, 1], [2, 1], [3, 1]]
    """
    if x.ndim != 1:
        raise ValueError(f"vander() needs a 1-D array, got shape {x.shape}.")
    if N is not None and (not isinstance(N, int) or N < 0):
        raise (ValueError if isinstance(N, int) else TypeError)(f"vander() needs a number of columns from 0 on, got N={N}.")
    return jnp.vander(x, N, increasing)


@family
def window(function, x: Operand):
    """Args:
        x: the number of samples, an integer.

    Returns:
        array of shape (x,) in the default float.
    """
    return function(int(x)).astype(dtypes.canonical(None))


bartlett = window(jnp.bartlett, "Make Bartlett's (triangular) window.", "bartlett(5) -> [0.0, 0.5, 1.0, 0.5, 0.0]")
blackman = window(jnp.blackman, "Make Blackman's window.", "blackman(3).round(4) -> [-0.0, 1.0, -0.0]")
hamming = window(jnp.hamming, "Make Hamming's window.", "hamming(3)[1] -> 1.0")
hanning = window(jnp.hanning, "Make the Hann window.", "hanning(3).round(4) -> [0.0, 1.0, 0.0]")


@array_op
def kaiser(x: Operand, beta: Operand):
    """Make Kaiser's window.

    Args:
        x: the number of samples, an integer.
        beta: its shape: the larger, the narrower; 0 is the rectangle.

    Returns:
        array of shape (x,) in the default float.

    >>> kaiser(3, beta=0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    return jnp.kaiser(int(x), beta).astype(dtypes.canonical(None))
