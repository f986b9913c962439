"""Functions that find, order, pick and write entries: search, sort, gather, scatter, select."""

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.symbolic import KerasTensor
from jkeras.errors import suggest
from jkeras.ops.family import Array, Arrays, Indices, Operand, array_op, as_indices
from jkeras.ops.op import spec_of

__all__ = [
    "argpartition", "argsort", "digitize", "get_item", "in_top_k", "isin", "nonzero", "scatter", "scatter_update",
    "searchsorted", "select", "slice", "slice_update", "sort", "take", "take_along_axis", "top_k", "unique",
    "unravel_index", "where",
]  # fmt: skip


@array_op
def get_item(x: Array, key: Operand):
    """Return a part of an array, `x[key]`.

    Args:
        x: array of any shape.
        key: an integer, a slice, an array of integers or booleans, None, `...`, or a tuple of these.

    >>> get_item([[1, 2], [3, 4]], (0, -1)).tolist()
    2

    Raises:
        IndexError: a position is beyond the end of its axis.
    """
    keys = key if isinstance(key, tuple) else (key,)
    if not any(k is None or k is Ellipsis or isinstance(k, (list, np.ndarray, jax.Array)) for k in keys):
        for axis, (k, size) in enumerate(zip(keys, x.shape, strict=False)):
            if isinstance(k, int) and isinstance(size, int) and not -size <= k < size:
                raise IndexError(
                    f"Position {k} is beyond the end of axis {axis}, which has size {size}: x has shape {x.shape}."
                )
    return x[key]


@array_op
def take(x: Array, indices: Indices, axis=None):
    """Return the slices of `x` at given positions along an axis.

    Args:
        x: array of any shape.
        indices: array of integers; negative ones count from the end. Out of bounds gives NaN (integers: the smallest).
        axis: the axis; None means all entries in order.

    Returns:
        `x` with the axes of `indices` in the place of `axis`.

    >>> take([10, 20, 30], [2, 0]).tolist()
    [30, 10]
    """
    return jnp.take(x, indices, axis)


@array_op
def take_along_axis(x: Array, indices: Indices, axis=None):
    """Pick, for each position, the entry whose place along an axis is given there, as `argsort` and `argmax` return
    places.

    Args:
        x: array of any shape.
        indices: array of integers of as many axes as `x`, whose other axes broadcast with those of `x`.
        axis: the axis; None means all entries in order.

    >>> take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).tolist()
    [[20], [30]]
    """
    return jnp.take_along_axis(x, indices, axis)


@array_op
def where(condition: Array, x1: Array | None = None, x2: Array | None = None):
    """Return `x1` where the condition is true and `x2` elsewhere. Without `x1` and `x2`, return the positions where it
    is true.

    Args:
        condition: array of booleans.
        x1, x2: arrays that broadcast with the condition; both, or neither.

    Raises:
        ValueError: only one of `x1` and `x2` is given.

    >>> where([True, False], [1.0, 2.0], 0.0).tolist()
    [1.0, 0.0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where() takes both x1 and x2, or neither: where(condition, x1, x2).")
    return jnp.where(condition, x1, x2)  # type: ignore[arg-type]


@spec_of(where)
def _where_spec(condition, x1=None, x2=None):
    return _nonzero_spec(condition) if x1 is None and x2 is None else NotImplemented


@array_op
def select(condlist: Arrays, choicelist: Arrays, default: Operand = 0):
    """Return the first of several choices whose condition is true.

    Args:
        condlist: list of arrays of booleans.
        choicelist: list of as many arrays, which broadcast with them.
        default: the value where no condition is true.

    Raises:
        ValueError: the lists are empty, or differ in length.

    >>> select([[True, False], [True, True]], [[1, 2], [3, 4]]).tolist()
    [1, 4]
    """
    if not len(condlist) or len(condlist) != len(choicelist):
        raise ValueError(f"select() needs a choice for each condition, got {len(condlist)} and {len(choicelist)} of them.")
    return jnp.select(condlist, choicelist, default)


@array_op
def nonzero(x: Array):
    """Return the positions of entries that are not zero. Their number depends on the values, so it cannot run inside
    `jit`.

    Args:
        x: array of any shape.

    Returns:
        tuple of int32 arrays, one for each axis.

    >>> [positions.tolist() for positions in nonzero([[0, 1], [2, 0]])]
    [[0, 1], [1, 0]]
    """
    return jnp.nonzero(x)


@spec_of(nonzero)
def _nonzero_spec(x):
    return tuple(KerasTensor((None,), "int32") for _ in x.shape)


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


@array_op
def unravel_index(indices: Array, shape):
    """Turn positions in a flat array into positions along each axis of an array of the given shape.

    Args:
        indices: array of integers.
        shape: the shape.

    Returns:
        a tuple with one array of integers per axis, each of the shape of `indices`.

    >>> [positions.tolist() for positions in unravel_index([3, 5], (2, 3))]
    [[1, 1], [0, 2]]
    """
    return jnp.unravel_index(indices, tuple(shape))


@array_op
def scatter(indices: Indices, values: Array, shape):
    """Make an array of zeros with values added at given positions.

    Args:
        indices: array of integers of shape (n, k), a position along the first k axes in each row.
        values: array of shape (n, *shape[k:]); values for the same position add up.
        shape: the shape of the result.

    >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,)).tolist()
    [1.0, 0.0, 5.0, 0.0]
    """
    return jnp.zeros(shape, values.dtype).at[tuple(jnp.moveaxis(indices, -1, 0))].add(values)


@array_op
def scatter_update(inputs: Array, indices: Indices, updates: Array, reduction=None):
    """Return `inputs` with values written at given positions.

    Args:
        inputs: array of any shape.
        indices: array of integers of shape (n, k), a position along the first k axes in each row.
        updates: array of shape (n, *inputs.shape[k:]).
        reduction: None replaces; "add", "max", "min" and "mul" combine with what is there.

    Raises:
        ValueError: another `reduction`.

    >>> scatter_update([1, 1, 1], [[1]], [5], reduction="add").tolist()
    [1, 6, 1]
    """
    methods = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}
    method = methods.get(reduction.lower() if isinstance(reduction, str) else reduction)
    if method is None:
        known = [name for name in methods if name]
        raise ValueError(f"Unknown reduction {reduction!r}; use None or one of {known}.{suggest(reduction, known)}")
    place = inputs.at[tuple(jnp.moveaxis(indices, -1, 0))]
    return getattr(place, method)(updates.astype(inputs.dtype))


@array_op
def slice(inputs: Array, start_indices: Operand, shape):
    """Return the block of the given shape that starts at a position. The position may be known only when the program
    runs.

    Args:
        inputs: array of n axes.
        start_indices: n positions, a list or an array of integers.
        shape: n lengths; -1 means up to the end (the position must be known then).

    >>> slice([[1, 2], [3, 4], [5, 6]], (1, 0), (2, 1)).tolist()
    [[3], [5]]
    """
    shape = [inputs.shape[i] - start_indices[i] if length == -1 else length for i, length in enumerate(shape)]
    return jax.lax.dynamic_slice(inputs, _start(start_indices), shape)


@array_op
def slice_update(inputs: Array, start_indices: Operand, updates: Array):
    """Return `inputs` with a block of values written from a position on.

    Args:
        inputs: array of n axes.
        start_indices: n positions, a list or an array of integers.
        updates: array of n axes, the block.

    >>> slice_update([1, 2, 3], [1], [8, 9]).tolist()
    [1, 8, 9]
    """
    return jax.lax.dynamic_update_slice(inputs, updates.astype(inputs.dtype), _start(start_indices))


def _start(indices):
    """Return the start of a block, from a list of numbers or of scalars, or from an array."""
    return as_indices(indices) if isinstance(indices, (jax.Array, np.ndarray)) else list(map(as_indices, indices))
