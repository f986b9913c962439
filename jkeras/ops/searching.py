"""Functions that order entries and search among them."""

import jax
import jax.numpy as jnp

from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, Indices, array_op
from jkeras.ops.op import spec_of

__all__ = ["argpartition", "argsort", "digitize", "in_top_k", "isin", "searchsorted", "sort", "top_k", "unique"]


@array_op
def sort(x: Array, axis=-1):
    """Sort the entries in ascending order along an axis.

    Args:
        x: array of any shape.
        axis: the axis. None flattens `x` first.

    Returns:
        array of the shape and dtype of `x`.

    >>> sort([3, 1, 2]).tolist()
    [1, 2, 3]
    """
    return jnp.sort(x, axis=axis)


@array_op
def argsort(x: Array, axis=-1):
    """Return the positions that would sort `x` along an axis. Equal entries keep their order.

    Args:
        x: array of any shape.
        axis: the axis. None sorts all entries.

    Returns:
        int32 array of the shape of `x`.

    >>> argsort([3, 1, 2]).tolist()
    [1, 2, 0]
    """
    return jnp.argsort(x, axis=axis if x.ndim else None)


@array_op
def argpartition(x: Array, kth, axis=-1):
    """Return positions of entries, ordered so that the entry at place `kth` is where sorting would put it, with none
    larger before it.

    Args:
        x: array of any shape.
        kth: the place.
        axis: the axis; None means all entries in order.

    >>> int(argpartition([30, 10, 20], 0)[0])  # the position of the smallest entry
    1
    """
    return jnp.argpartition(jnp.ravel(x) if axis is None else x, kth, axis=0 if axis is None else axis)


@array_op
def top_k(x: Array, k, sorted=True):
    """Return the `k` largest entries along the last axis, and their positions.

    Args:
        x: array of shape (..., n).
        k: how many.
        sorted: whether they must be in descending order; they always are.

    Returns:
        (values, indices): arrays of shape (..., k), the indices int32.

    >>> [part.tolist() for part in top_k([1.0, 3.0, 2.0], 2)]
    [[3.0, 2.0], [1, 2]]
    """
    values, indices = jax.lax.top_k(x, k)
    return values, indices


@array_op
def in_top_k(targets: Indices, predictions: Array, k):
    """Return True where the predicted value of the target class is among the `k` largest.

    Args:
        targets: array of integers of shape (batch,), the classes.
        predictions: array of shape (batch, classes).
        k: how many. A tie at the boundary counts as in.

    Returns:
        array of booleans of shape (batch,).

    >>> in_top_k([0, 1], [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]], k=1).tolist()
    [False, True]
    """
    score = jnp.take_along_axis(predictions, targets[..., None], axis=-1)
    score = jnp.where(jnp.isnan(score), -jnp.inf, score).astype(predictions.dtype)
    return jnp.sum(predictions > score, axis=-1) < k


@array_op
def searchsorted(sorted_sequence: Array, values: Array, side="left"):
    """Return the positions at which values can be inserted into a sorted array so that it stays sorted.

    Args:
        sorted_sequence: array of shape (n,) in ascending order.
        values: array of any shape.
        side: "left" of equal entries, or "right".

    Returns:
        int32 array of the shape of `values`, of places from 0 to n.

    Raises:
        ValueError: `sorted_sequence` is not 1-D.

    >>> searchsorted([1, 3, 5], [0, 3, 9]).tolist()
    [0, 1, 3]
    """
    if sorted_sequence.ndim != 1:
        raise ValueError(
            f"searchsorted() needs a 1-D sorted array, got shape {sorted_sequence.shape}. For several, map it over their "
            "first axis: ops.vectorized_map(lambda pair: ops.searchsorted(*pair), (sequences, values))."
        )
    return jnp.searchsorted(sorted_sequence, values, side=side)


@array_op
def digitize(x: Array, bins: Array):
    """Return the bin of each value: the number of bounds that are not above it.

    Args:
        x: array of any shape.
        bins: array of shape (n,), the bounds between bins in ascending order.

    Returns:
        int32 array of the shape of `x`, from 0 to n.

    >>> digitize([0.5, 1.5, 9.0], [1.0, 2.0]).tolist()
    [0, 1, 2]
    """
    return jnp.digitize(x, bins)


@array_op
def isin(x1: Array, x2: Array, assume_unique=False, invert=False):
    """Return True where an entry of `x1` occurs in `x2`.

    Args:
        x1, x2: arrays of any shape.
        assume_unique: whether neither has equal entries (a promise that may save time).
        invert: whether to say instead that they do not occur.

    Returns:
        array of booleans of the shape of `x1`.

    >>> isin([1, 2, 3], [3, 1]).tolist()
    [True, False, True]
    """
    return jnp.isin(x1, x2, assume_unique=assume_unique, invert=invert)


@array_op
def unique(
    x: Array,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """Return the different entries of an array.

    Args:
        x: array of any shape.
        sorted: whether they must be in ascending order.
        return_index: whether to return where each occurs first, too.
        return_inverse: whether to return which of them each entry of `x` is, too.
        return_counts: whether to return how often each occurs, too.
        axis: compare the slices along this axis instead of entries.
        size: the length of the result; without it the length depends on the values, and `unique` cannot run in `jit`.
        fill_value: what fills the result up to `size`; by default the smallest entry.

    Returns:
        array, or a tuple of arrays in the order of the arguments.

    >>> unique([3, 1, 3]).tolist()
    [1, 3]
    """
    options = {"equal_nan": False, "size": size, "fill_value": fill_value, "sorted": sorted}
    return jnp.unique(x, return_index, return_inverse, return_counts, axis, **options)


@spec_of(unique)
def _unique_spec(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None
):
    if size is not None or not isinstance(x, KerasTensor):
        return NotImplemented
    axis = None if axis is None else range(x.ndim)[axis]
    entries = (None,) if axis is None else (*x.shape[:axis], None, *x.shape[axis + 1 :])
    inverse = x.shape if axis is None else (x.shape[axis],)
    asked = ((return_index, (None,)), (return_inverse, inverse), (return_counts, (None,)))
    found = [KerasTensor(entries, x.dtype), *(KerasTensor(shape, "int32") for wanted, shape in asked if wanted)]
    return tuple(found) if len(found) > 1 else found[0]
