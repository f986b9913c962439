"""Functions that pick and write entries: gather, scatter, select."""

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.symbolic import KerasTensor
from jkeras.errors import suggest
from jkeras.ops.family import Array, Arrays, Indices, Operand, array_op, as_indices
from jkeras.ops.op import spec_of

__all__ = [
    "get_item", "nonzero", "scatter", "scatter_update", "select", "slice", "slice_update", "take", "take_along_axis",
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
        raise ValueError(
            f"scatter_update() needs reduction=None or one of {known}, got {reduction!r}.{suggest(reduction, known)}"
        )
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
