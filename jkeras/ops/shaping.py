"""Functions that arrange entries in another way: reshaping, moving axes, repeating, padding."""

import math

import jax.numpy as jnp
import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from jkeras.ops.family import Array, Operand, array_op

__all__ = [
    "broadcast_to", "expand_dims", "flip", "fliplr", "flipud", "meshgrid", "moveaxis", "pad", "ravel",
    "repeat", "reshape", "roll", "rot90", "squeeze", "swapaxes", "tile", "transpose",
]  # fmt: skip


@array_op
def reshape(x: Array, newshape):
    """Give an array another shape. The entries keep their order.

    Args:
        x: array of any shape.
        newshape: the shape. One -1 stands for what is left over. None, as in the shape of a symbolic tensor, is taken
            for -1 if there is no -1, and otherwise for the length of the same axis of `x`.

    Raises:
        ValueError: the number of entries differs, or there are several unknown lengths.

    >>> reshape([[1, 2, 3], [4, 5, 6]], (3, -1)).tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    shape = list(newshape) if isinstance(newshape, (list, tuple)) else jnp.ravel(newshape).tolist()
    if shape.count(None) == 1 and -1 not in shape:
        shape[shape.index(None)] = -1
    shape = tuple(x.shape[i] if d is None and i < x.ndim else d for i, d in enumerate(shape))  # type: ignore[assignment]
    known = math.prod(d for d in shape if d not in (-1, None))
    if shape.count(-1) > 1 or None in shape or any(d < -1 for d in shape):
        raise ValueError(f"reshape() takes one -1 at most, and lengths from 0 on, got newshape={newshape}.")
    if known != x.size and (-1 not in shape or not known or x.size % known):
        raise ValueError(f"reshape() cannot bring shape {x.shape} ({x.size} entries) into newshape={newshape}.")
    return jnp.reshape(x, shape)


@array_op
def ravel(x: Array):
    """Return all entries in order, as a 1-D array.

    Args:
        x: array of any shape.

    Returns:
        array of shape (x.size,).

    >>> ravel([[1, 2], [3, 4]]).tolist()
    [1, 2, 3, 4]
    """
    return jnp.ravel(x)


@array_op
def squeeze(x: Array, axis=None):
    """Remove axes of length 1.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to drop; None means all of length 1.

    Raises:
        ValueError: an axis to drop is longer than 1.

    >>> squeeze([[[1, 2]]]).tolist()
    [1, 2]
    """
    return jnp.squeeze(x, tuple(axis) if isinstance(axis, list) else axis)


@array_op
def expand_dims(x: Array, axis):
    """Insert new axes of length 1.

    Args:
        x: array of any shape.
        axis: the places of the new axes in the result, an integer or a tuple.

    >>> expand_dims([1, 2], axis=0).tolist()
    [[1, 2]]
    """
    return jnp.expand_dims(x, axis)


@array_op
def transpose(x: Array, axes=None):
    """Put the axes into another order.

    Args:
        x: array of any shape.
        axes: axis i of the result is axis `axes[i]` of `x`; None reverses the order.

    >>> transpose([[1, 2], [3, 4]]).tolist()
    [[1, 3], [2, 4]]
    """
    if axes is not None and sorted(normalize_axis_index(axis, x.ndim) for axis in axes) != list(range(x.ndim)):
        raise ValueError(f"transpose() needs each axis of shape {x.shape} once, got axes={axes}.")
    return jnp.transpose(x, axes)


@array_op
def swapaxes(x: Array, axis1, axis2):
    """Exchange two axes.

    Args:
        x: array with two axes or more.
        axis1: one axis.
        axis2: the other axis.

    >>> swapaxes([[1, 2, 3]], 0, 1).shape
    (3, 1)
    """
    return jnp.swapaxes(x, normalize_axis_index(axis1, x.ndim), normalize_axis_index(axis2, x.ndim))


@array_op
def moveaxis(x: Array, source, destination):
    """Move axes to other places. The other axes keep their order.

    Args:
        x: array of any shape.
        source: the axis, or tuple of axes, to move.
        destination: their places in the result.

    >>> moveaxis(jnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return jnp.moveaxis(x, source, destination)


@array_op
def flip(x: Array, axis=None):
    """Reverse the order of the entries along one axis or several.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes. None means all.

    Returns:
        array of the shape and dtype of `x`.

    >>> flip([1, 2, 3]).tolist()
    [3, 2, 1]
    """
    return jnp.flip(x, tuple(axis) if isinstance(axis, list) else axis)


@array_op
def fliplr(x: Array):
    """Reverse the order of the columns: the entries along axis 1.

    Args:
        x: array with two axes or more.

    >>> fliplr([[1, 2], [3, 4]]).tolist()
    [[2, 1], [4, 3]]
    """
    return jnp.fliplr(x)


@array_op
def flipud(x: Array):
    """Reverse the order of the rows: the entries along axis 0.

    Args:
        x: array with one axis or more.

    >>> flipud([[1, 2], [3, 4]]).tolist()
    [[3, 4], [1, 2]]
    """
    return jnp.flipud(x)


@array_op
def rot90(array: Array, k=1, axes=(0, 1)):
    """Rotate an array by 90 degrees in the plane of two axes.

    Args:
        array: array of two axes at least.
        k: the number of rotations, from the first axis towards the second.
        axes: the two axes.

    Raises:
        ValueError: `array` has fewer than two axes, or `axes` are not two different ones.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    if array.ndim < 2:
        raise ValueError(f"rot90() needs an array of two axes at least, got shape {array.shape}.")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"rot90() needs two different axes, got axes={axes}.")
    return jnp.rot90(array, k, tuple(axes))


@array_op
def roll(x: Array, shift, axis=None):
    """Move the entries along an axis. Entries that leave at one end enter at the other.

    Args:
        x: array of any shape.
        shift: by how many places; a tuple for several axes.
        axis: the axis, or a tuple of axes; None means all entries in order.

    >>> roll([1, 2, 3], 1).tolist()
    [3, 1, 2]
    """
    return jnp.roll(x, shift, axis)


@array_op
def repeat(x: Array, repeats, axis=None):
    """Repeat each entry of `x`.

    Args:
        x: array of any shape.
        repeats: how many times, for all entries or one number for each.
        axis: the axis to repeat along; None flattens `x`.

    >>> repeat([1, 2], 2).tolist(), tile([1, 2], 2).tolist()
    ([1, 1, 2, 2], [1, 2, 1, 2])
    """
    return jnp.repeat(x, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats, axis)


@array_op
def tile(x: Array, repeats):
    """Repeat the whole of `x` side by side.

    Args:
        x: array of any shape.
        repeats: how many times, along the last axis or, as a tuple, along the last axes.

    >>> tile([[1, 2]], (2, 2)).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return jnp.tile(x, repeats)


@array_op
def broadcast_to(x: Array, shape):
    """Repeat `x` along axes of length 1, and along new axes in front, so that it has the given shape.

    Args:
        x: array whose shape broadcasts to the other.
        shape: the shape, a tuple of integers.

    Returns:
        array of that shape.

    >>> broadcast_to([1, 2], (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """
    return jnp.broadcast_to(x, shape)


@array_op
def pad(x: Array, pad_width, mode="constant", constant_values: Operand = None):
    """Add entries at the ends of the axes of `x`.

    Args:
        x: array of any shape.
        pad_width: a pair (before, after) for each axis, one pair for all, or one number for all ends.
        mode: what to add: "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "mean",
            "median", "minimum" or "empty".
        constant_values: what mode "constant" adds, 0 by default.

    Raises:
        ValueError: `constant_values` is given with another mode.

    >>> pad([1, 2], (1, 2), constant_values=9).tolist()
    [9, 1, 2, 9, 9]
    """
    if constant_values is None:
        return jnp.pad(x, pad_width, mode)
    if mode != "constant":
        raise ValueError(f"pad() takes constant_values with mode='constant' only, got mode={mode!r}.")
    return jnp.pad(x, pad_width, mode, constant_values=constant_values)


@array_op
def meshgrid(*x: Array, indexing="xy"):
    """Return the coordinates of the points of a grid.

    Args:
        x: n arrays, the coordinates along each axis; what has several axes is flattened.
        indexing: "ij" for results of shape (len(x[0]), len(x[1]), ...); "xy" exchanges the first two axes.

    Returns:
        list of n arrays with n axes.

    >>> [part.tolist() for part in meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    return jnp.meshgrid(*map(jnp.ravel, x), indexing=indexing)
