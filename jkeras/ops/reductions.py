"""From many entries to one, along axes: sums, means, extremes, quantiles; and running sums and products.

Means and variances of integers are floating-point; those of 16-bit floats are accumulated in float32. The functions
that start with `nan` pass over NaN.
"""

import builtins
import math

import jax
import jax.numpy as jnp
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core import dtype as dtypes
from jkeras.ops.family import Array, array_op, family, floating

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "bincount", "corrcoef", "count_nonzero", "cumprod",
    "cumsum", "diff", "histogram", "logsumexp", "max", "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod",
    "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd",
    "nansum", "nanvar", "percentile", "prod", "ptp", "quantile", "std", "sum", "trapezoid", "var",
]  # fmt: skip


def _axes(axis):
    return tuple(axis) if isinstance(axis, list) else axis


@family
def reduction(function, x: Array, axis=None, keepdims=False):
    """Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
        keepdims: whether these axes stay, with length 1.

    Returns:
        array without the axes gone over.
    """
    return function(x, axis=_axes(axis), keepdims=keepdims)


sum = reduction(jnp.sum, "Sum.")
mean = reduction(jnp.mean, "Arithmetic mean.")
var = reduction(jnp.var, "Variance, the mean squared distance from the mean.")
std = reduction(jnp.std, "Standard deviation, the square root of the variance.")
median = reduction(jnp.median, "Median: the middle value, or the mean of the two in the middle.")
ptp = reduction(jnp.ptp, "Range: the largest entry minus the smallest.", "ptp")
amax = reduction(jnp.max, "Largest entry.", "amax")
amin = reduction(jnp.min, "Smallest entry.", "amin")
all = reduction(jnp.all, "Whether all entries are true (not zero), as booleans.")
any = reduction(jnp.any, "Whether any entry is true (not zero), as booleans.")
nansum = reduction(jnp.nansum, "Sum of the entries that are not NaN.")
nanprod = reduction(jnp.nanprod, "Product of the entries that are not NaN.")
nanmean = reduction(jnp.nanmean, "Mean of the entries that are not NaN.")
nanvar = reduction(jnp.nanvar, "Variance of the entries that are not NaN.")
nanstd = reduction(jnp.nanstd, "Standard deviation of the entries that are not NaN.")
nanmedian = reduction(jnp.nanmedian, "Median of the entries that are not NaN.")
nanmax = reduction(jnp.nanmax, "Largest of the entries that are not NaN.")
nanmin = reduction(jnp.nanmin, "Smallest of the entries that are not NaN.")
logsumexp = reduction(jax.scipy.special.logsumexp, "`log(sum(exp(x)))` without overflow.", "logsumexp")


@family
def arg_reduction(function, x: Array, axis=None, keepdims=False):
    """Args:
        x: array of any shape.
        axis: the axis to go over; None means all entries in order.
        keepdims: whether the axis stays, with length 1.

    Returns:
        int32 array of positions along the axis.
    """
    return function(x, axis=axis, keepdims=keepdims)


argmax = arg_reduction(jnp.argmax, "Position of the largest entry, the first of equals.")
argmin = arg_reduction(jnp.argmin, "Position of the smallest entry, the first of equals.")
nanargmax = arg_reduction(jnp.nanargmax, "Position of the largest entry that is not NaN, or -1 if there is none.")
nanargmin = arg_reduction(jnp.nanargmin, "Position of the smallest entry that is not NaN, or -1 if there is none.")


@family
def extremum(function, x: Array, axis=None, keepdims=False, initial=None):
    """Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
        keepdims: whether these axes stay, with length 1.
        initial: a value to compare with as well; it makes the result defined where there are no entries.

    Returns:
        array without the axes gone over, of the dtype of `x`.
    """
    return function(x, axis=_axes(axis), keepdims=keepdims, initial=initial)


max = extremum(jnp.max, "Largest entry.", "max")
min = extremum(jnp.min, "Smallest entry.", "min")


@array_op
def prod(x: Array, axis=None, keepdims=False, dtype=None):
    """Product.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
        keepdims: whether these axes stay, with length 1.
        dtype: dtype to multiply in; by default that of `x`, with short integers widened.
    """
    return jnp.prod(x, axis=_axes(axis), keepdims=keepdims, dtype=_optional(dtype))


@family
def running(function, x: Array, axis=None, dtype=None):
    """Args:
        x: array of any shape.
        axis: the axis to go along; None means all entries in order, and a flat result.
        dtype: dtype to compute in; by default that of `x`.

    Returns:
        array of the shape of `x`; entry i covers the entries 0 to i.
    """
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        (axis,) = axis
    return function(x, axis=axis, dtype=_optional(dtype))


cumsum = running(jnp.cumsum, "Running sum.")
cumprod = running(jnp.cumprod, "Running product.")
nancumsum = running(jnp.nancumsum, "Running sum of the entries that are not NaN.")
nancumprod = running(jnp.nancumprod, "Running product of the entries that are not NaN.")


@array_op
def diff(a: Array, n=1, axis=-1):
    """Differences of neighbours, `a[i + 1] - a[i]`.

    Args:
        a: array of any shape.
        n: how many times.
        axis: the axis to go along.

    Returns:
        array that is `n` shorter along the axis.
    """
    return jnp.diff(a, n, normalize_axis_index(axis, a.ndim))


@family
def quantiles(function, x: Array, q: Array, axis=None, method="linear", keepdims=False):
    """Args:
        x: array of any shape.
        q: number, or 1-D array of numbers, that say which ones.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
        method: what to return between two entries: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether these axes stay, with length 1.

    Returns:
        array without the axes gone over; if `q` is an array, with an axis for it in front.
    """
    return function(floating(x), q.astype(floating(x).dtype), axis=_axes(axis), method=method, keepdims=keepdims)


quantile = quantiles(jnp.quantile, "The values below which the given parts (0 to 1) of the entries lie.")
percentile = quantiles(jnp.percentile, "The values below which the given percentages of the entries lie.")
nanquantile = quantiles(jnp.nanquantile, "`quantile` of the entries that are not NaN.")
nanpercentile = quantiles(jnp.nanpercentile, "`percentile` of the entries that are not NaN.")


@array_op
def count_nonzero(x: Array, axis=None):
    """The number of entries that are not zero, as int32.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
    """
    return jnp.count_nonzero(x, axis=_axes(axis)).astype("int32")


@array_op
def average(x: Array, axis=None, weights: Array | None = None):
    """Weighted mean, `sum(weights x) / sum(weights)`.

    Args:
        x: array of any shape.
        axis: the axis to go over; None means all of them.
        weights: array of the shape of `x`, or of the length of `axis`; None gives all entries the same weight.

    >>> float(average([1.0, 3.0], weights=[3.0, 1.0]))
    1.5
    """
    given, x = x, floating(x)
    if weights is None:
        return jnp.mean(x, axis=_axes(axis))
    dtype = jnp.promote_types(given.dtype, weights.dtype)
    dtype = dtype if jnp.issubdtype(dtype, jnp.inexact) else x.dtype
    return jnp.average(x.astype(dtype), axis=_axes(axis), weights=weights.astype(dtype))


@array_op
def bincount(x: Array, weights: Array | None = None, minlength=0, sparse=False):
    """The numbers of occurrences of the integers 0, 1, 2, ...

    The length of the result depends on the values, so it cannot run inside `jit`.

    Args:
        x: array of integers that are not negative, of shape (n,) or (batch, n).
        weights: array of the shape of `x`; then the weights of each integer are added up.
        minlength: the smallest length of the result.
        sparse: whether to return a `jax.experimental.sparse.BCOO`.

    Returns:
        array of shape (length,) or (batch, length); length is one more than the largest integer, or `minlength`.

    >>> bincount([0, 2, 2]).tolist()
    [1, 0, 2]
    """
    largest = int(jnp.max(x)) if x.size else -1  # as a Python integer, which the dtype does not bound
    length = builtins.max(largest + 1, minlength)
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    rows = (
        rows if x.size and x.dtype.itemsize >= 4 else rows.astype("int32")
    )  # so that `length` itself can be told from an entry
    if weights is None:
        counts = jax.vmap(lambda row: jnp.bincount(row, length=length))(rows)
    else:
        counts = jax.vmap(lambda row, w: jnp.bincount(row, w, length=length))(rows, weights.reshape(rows.shape))
    counts = counts.reshape(*x.shape[:-1], length)
    if sparse:
        from jax.experimental.sparse import BCOO  # 0.5 s to import, and rarely used

        return BCOO.fromdense(counts)
    return counts


@array_op
def histogram(x: Array, bins=10, range=None):
    """The numbers of entries in each of some bins of equal width.

    Args:
        x: array of shape (n,).
        bins: number of bins.
        range: (lower, upper) bound of all bins; None means from the smallest to the largest entry. Entries outside
            are not counted.

    Returns:
        (counts, edges): arrays of shape (bins,) and (bins + 1,).

    Raises:
        TypeError: `bins` is not an integer.
        ValueError: `x` is not 1-D, `bins` is negative, or `range` is not an increasing pair.
    """
    if not isinstance(bins, int):
        raise TypeError(f"histogram() needs an integer number of bins, got bins={bins!r}.")
    if bins < 0:
        raise ValueError(f"histogram() needs a number of bins that is not negative, got bins={bins}.")
    if range and (not isinstance(range, tuple) or len(range) != 2 or range[1] < range[0]):
        raise ValueError(f"histogram() needs range=(lower, upper), got range={range!r}.")
    if x.ndim > 1:
        raise ValueError(f"histogram() needs a 1-D array, got shape {x.shape}. Flatten it: ops.ravel(x).")
    return jnp.histogram(x, bins=bins, range=range or None)


@array_op
def corrcoef(x: Array):
    """Pearson's correlation coefficients between rows.

    Args:
        x: array of shape (variables, observations).

    Returns:
        floating-point array of shape (variables, variables).
    """
    return jnp.corrcoef(floating(x))


@array_op
def trapezoid(y: Array, x: Array | None = None, dx=1.0, axis=-1):
    """Integral of sampled values, by the trapezoidal rule.

    Args:
        y: array of samples.
        x: array of the places they were taken at, of the shape of `y` or of the length of its axis; None means places
            at distance `dx`.
        dx: distance between samples.
        axis: the axis to integrate along.
    """
    y = floating(y)
    if x is None:
        return jnp.trapezoid(y, dx=dx, axis=axis)
    dtype = jnp.promote_types(y.dtype, x.dtype)
    return jnp.trapezoid(y.astype(dtype), x.astype(dtype), axis=axis)


def _optional(dtype):
    return None if dtype is None else dtypes.canonical(dtype)
