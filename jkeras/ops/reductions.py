"""Functions that reduce many entries along axes to one: sums, means, extremes, quantiles; and running sums and
products.

Means and variances of integers are floating-point; those of 16-bit floats are accumulated in float32. The functions
that start with `nan` pass over NaN.
"""

import builtins
import math

import jax
import jax.numpy as jnp
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core import dtype as dtypes
from jkeras.ops.family import Array, Setting, array_op, family, floating

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


sum = reduction(jnp.sum, "Compute the sum along axes.", "sum([[1, 2], [3, 4]], axis=0) -> [4, 6]")
mean = reduction(jnp.mean, "Compute the arithmetic mean along axes.", "mean([[1, 2], [3, 4]], axis=0) -> [2.0, 3.0]")
var = reduction(
    jnp.var, "Compute the variance along axes, the mean squared distance from the mean.", "var([1.0, 3.0]) -> 1.0"
)
std = reduction(
    jnp.std, "Compute the standard deviation along axes, the square root of the variance.", "std([1.0, 5.0]) -> 2.0"
)
median = reduction(
    jnp.median,
    "Compute the median along axes: the middle value, or the mean of the two in the middle.",
    "median([1.0, 2.0, 9.0]) -> 2.0",
)
ptp = reduction(
    jnp.ptp,
    "Compute the range along axes: the largest entry minus the smallest.",
    "ptp([[1, 5], [2, 9]], axis=1) -> [4, 7]",
    "ptp",
)
amax = reduction(
    jnp.max, "Return the largest entry along axes; the same as `max`.", "amax([[1, 5], [7, 2]], axis=1) -> [5, 7]", "amax"
)
amin = reduction(
    jnp.min, "Return the smallest entry along axes; the same as `min`.", "amin([[1, 5], [7, 2]], axis=1) -> [1, 2]", "amin"
)
all = reduction(
    jnp.all,
    "Return True where all entries along axes are true (not zero).",
    "all([[True, False], [True, True]], axis=1) -> [False, True]",
)
any = reduction(
    jnp.any,
    "Return True where any entry along axes is true (not zero).",
    "any([[True, False], [False, False]], axis=1) -> [True, False]",
)
nansum = reduction(jnp.nansum, "Compute the sum of the entries that are not NaN.", "nansum([1.0, float('nan'), 3.0]) -> 4.0")
nanprod = reduction(
    jnp.nanprod, "Compute the product of the entries that are not NaN.", "nanprod([2.0, float('nan'), 3.0]) -> 6.0"
)
nanmean = reduction(
    jnp.nanmean, "Compute the mean of the entries that are not NaN.", "nanmean([1.0, float('nan'), 3.0]) -> 2.0"
)
nanvar = reduction(
    jnp.nanvar, "Compute the variance of the entries that are not NaN.", "nanvar([1.0, float('nan'), 3.0]) -> 1.0"
)
nanstd = reduction(
    jnp.nanstd, "Compute the standard deviation of the entries that are not NaN.", "nanstd([1.0, float('nan'), 5.0]) -> 2.0"
)
nanmedian = reduction(
    jnp.nanmedian, "Compute the median of the entries that are not NaN.", "nanmedian([1.0, float('nan'), 2.0, 9.0]) -> 2.0"
)
nanmax = reduction(jnp.nanmax, "Return the largest entry that is not NaN.", "nanmax([1.0, float('nan'), 3.0]) -> 3.0")
nanmin = reduction(jnp.nanmin, "Return the smallest entry that is not NaN.", "nanmin([1.0, float('nan'), 3.0]) -> 1.0")
logsumexp = reduction(
    jax.scipy.special.logsumexp,
    "Compute `log(sum(exp(x)))` along axes without overflow.",
    "logsumexp([1000.0, 0.0]) -> 1000.0",
    "logsumexp",
)


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


argmax = arg_reduction(
    jnp.argmax,
    "Return the position of the largest entry; of equal entries, the first.",
    "argmax([[1, 5], [7, 2]], axis=1) -> [1, 0]",
)
argmin = arg_reduction(
    jnp.argmin,
    "Return the position of the smallest entry; of equal entries, the first.",
    "argmin([[1, 5], [7, 2]], axis=1) -> [0, 1]",
)
nanargmax = arg_reduction(
    jnp.nanargmax,
    "Return the position of the largest entry that is not NaN, or -1 if all are NaN.",
    "nanargmax([1.0, float('nan'), 3.0]) -> 2",
)
nanargmin = arg_reduction(
    jnp.nanargmin,
    "Return the position of the smallest entry that is not NaN, or -1 if all are NaN.",
    "nanargmin([float('nan'), 1.0, 3.0]) -> 1",
)


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


max = extremum(jnp.max, "Return the largest entry along axes.", "max([[1, 5], [7, 2]], axis=1) -> [5, 7]", "max")
min = extremum(jnp.min, "Return the smallest entry along axes.", "min([[1, 5], [7, 2]], axis=1) -> [1, 2]", "min")


@array_op
def prod(x: Array, axis=None, keepdims=False, dtype=None):
    """Compute the product along axes.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.
        keepdims: whether these axes stay, with length 1.
        dtype: dtype to multiply in; by default that of `x`, with short integers widened.

    >>> prod([[1, 2], [3, 4]], axis=0).tolist()
    [3, 8]
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


cumsum = running(jnp.cumsum, "Compute the running sum along an axis.", "cumsum([1, 2, 3]) -> [1, 3, 6]")
cumprod = running(jnp.cumprod, "Compute the running product along an axis.", "cumprod([1, 2, 3]) -> [1, 2, 6]")
nancumsum = running(
    jnp.nancumsum,
    "Compute the running sum of the entries that are not NaN.",
    "nancumsum([1.0, float('nan'), 3.0]) -> [1.0, 1.0, 4.0]",
)
nancumprod = running(
    jnp.nancumprod,
    "Compute the running product of the entries that are not NaN.",
    "nancumprod([2.0, float('nan'), 3.0]) -> [2.0, 2.0, 6.0]",
)


@array_op
def diff(a: Array, n=1, axis=-1):
    """Compute the differences of neighbours, `a[i + 1] - a[i]`.

    Args:
        a: array of any shape.
        n: how many times the differences are taken.
        axis: the axis to go along.

    Returns:
        array that is `n` shorter along the axis.

    >>> diff([1, 4, 9]).tolist()
    [3, 5]
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


quantile = quantiles(
    jnp.quantile,
    "Compute the values below which the given parts (0 to 1) of the entries lie.",
    "quantile([1.0, 2.0, 3.0], [0.0, 0.5]) -> [1.0, 2.0]",
)
percentile = quantiles(
    jnp.percentile,
    "Compute the values below which the given percentages of the entries lie.",
    "percentile([1.0, 2.0, 3.0], [0, 50]) -> [1.0, 2.0]",
)
nanquantile = quantiles(
    jnp.nanquantile,
    "Compute the quantiles of the entries that are not NaN.",
    "nanquantile([1.0, float('nan'), 3.0], 0.5) -> 2.0",
)
nanpercentile = quantiles(
    jnp.nanpercentile,
    "Compute the percentiles of the entries that are not NaN.",
    "nanpercentile([1.0, float('nan'), 3.0], 50) -> 2.0",
)


@array_op
def count_nonzero(x: Array, axis=None):
    """Count the entries that are not zero. The result is int32.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to go over; None means all of them.

    >>> count_nonzero([[0, 1], [2, 3]], axis=1).tolist()
    [1, 2]
    """
    return jnp.count_nonzero(x, axis=_axes(axis)).astype("int32")


@array_op
def average(x: Array, axis=None, weights: Array | None = None):
    """Compute the weighted mean, `sum(weights x) / sum(weights)`.

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
def bincount(x: Array, weights: Setting = None, minlength=0, sparse=False):
    """Count how often each of the integers 0, 1, 2, ... occurs.

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
    """Count the entries in bins of equal width.

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

    >>> counts, edges = histogram([1.0, 2.0, 2.5, 3.0], bins=2)
    >>> counts.tolist(), edges.tolist()
    ([1.0, 3.0], [1.0, 2.0, 3.0])
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
    """Compute Pearson's correlation coefficients between rows.

    Args:
        x: array of shape (variables, observations).

    Returns:
        floating-point array of shape (variables, variables).

    >>> corrcoef([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]).round(4).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return jnp.corrcoef(floating(x))


@array_op
def trapezoid(y: Array, x: Setting = None, dx=1.0, axis=-1):
    """Integrate sampled values by the trapezoidal rule.

    Args:
        y: array of samples.
        x: array of the places they were taken at, of the shape of `y` or of the length of its axis; None means places
            at distance `dx`.
        dx: distance between samples.
        axis: the axis to integrate along.

    >>> float(trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    y = floating(y)
    if x is None:
        return jnp.trapezoid(y, dx=dx, axis=axis)
    dtype = jnp.promote_types(y.dtype, x.dtype)
    return jnp.trapezoid(y.astype(dtype), x.astype(dtype), axis=axis)


def _optional(dtype):
    return None if dtype is None else dtypes.canonical(dtype)
