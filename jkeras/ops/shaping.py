"""Functions that arrange entries in another way: reshaping, moving axes, joining, splitting, repeating, padding."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, Arrays, array_op, family
from jkeras.ops.op import spec_of

__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "dsplit", "dstack", "expand_dims", "flip", "fliplr",
    "flipud", "hsplit", "hstack", "meshgrid", "moveaxis", "pad", "ravel", "rearrange", "repeat", "reshape", "roll",
    "rot90", "split", "squeeze", "stack", "swapaxes", "tile", "transpose", "unstack", "vsplit", "vstack",
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
    """All entries in order, as a 1-D array.

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
    """`x` without axes of length 1.

    Args:
        x: array of any shape.
        axis: the axis, or a tuple of axes, to drop; None means all of length 1.

    Raises:
        ValueError: an axis to drop is longer than 1.
    """
    return jnp.squeeze(x, tuple(axis) if isinstance(axis, list) else axis)


@array_op
def expand_dims(x: Array, axis):
    """`x` with new axes of length 1.

    Args:
        x: array of any shape.
        axis: where they stand in the result, an integer or a tuple.
    """
    return jnp.expand_dims(x, axis)


@array_op
def transpose(x: Array, axes=None):
    """`x` with its axes in another order.

    Args:
        x: array of any shape.
        axes: axis i of the result is axis `axes[i]` of `x`; None reverses the order.
    """
    if axes is not None and sorted(normalize_axis_index(axis, x.ndim) for axis in axes) != list(range(x.ndim)):
        raise ValueError(f"transpose() needs each axis of shape {x.shape} once, got axes={axes}.")
    return jnp.transpose(x, axes)


@array_op
def swapaxes(x: Array, axis1, axis2):
    """`x` with two axes exchanged.

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
    """`x` with axes moved to other places; the others keep their order.

    Args:
        x: array of any shape.
        source: the axis, or tuple of axes, to move.
        destination: where they stand in the result.
    """
    return jnp.moveaxis(x, source, destination)


@array_op
def flip(x: Array, axis=None):
    """The entries in reverse order along one axis or several.

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
    """The columns in reverse order: the entries along axis 1.

    Args:
        x: array with two axes or more.

    >>> fliplr([[1, 2], [3, 4]]).tolist()
    [[2, 1], [4, 3]]
    """
    return jnp.fliplr(x)


@array_op
def flipud(x: Array):
    """The rows in reverse order: the entries along axis 0.

    Args:
        x: array with one axis or more.

    >>> flipud([[1, 2], [3, 4]]).tolist()
    [[3, 4], [1, 2]]
    """
    return jnp.flipud(x)


@array_op
def rot90(array: Array, k=1, axes=(0, 1)):
    """`array` turned by 90 degrees in the plane of two axes.

    Args:
        array: array of two axes at least.
        k: how many times, from the first axis towards the second.
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
    """`x` moved along an axis, with what falls off at the end put in front.

    Args:
        x: array of any shape.
        shift: by how many places; a tuple for several axes.
        axis: the axis, or a tuple of axes; None means all entries in order.
    """
    return jnp.roll(x, shift, axis)


@array_op
def concatenate(xs: Arrays, axis=0):
    """Arrays joined along an axis they have.

    Args:
        xs: list of arrays whose shapes differ in `axis` only.
        axis: the axis.

    >>> concatenate([[[1, 2]], [[3, 4]]], axis=1).tolist()
    [[1, 2, 3, 4]]
    """
    return jnp.concatenate(xs, axis)


@array_op
def stack(x: Arrays, axis=0):
    """Arrays of one shape joined along a new axis.

    Args:
        x: list of arrays of the same shape.
        axis: where the new axis stands in the result.
    """
    return jnp.stack(x, axis)


@family
def stacking(function, xs: Arrays):
    """Args:
    xs: list of arrays whose shapes differ in that axis only.
    """
    return function(xs)


hstack = stacking(jnp.hstack, "Arrays joined along axis 1 (1-D arrays along axis 0).")
vstack = stacking(jnp.vstack, "Arrays joined along axis 0, 1-D arrays being rows.")
dstack = stacking(jnp.dstack, "Arrays joined along axis 2.")


@array_op
def append(x1: Array, x2: Array, axis=None):
    """`x1` followed by `x2`.

    Args:
        x1, x2: arrays whose shapes differ in `axis` only.
        axis: the axis to join along; None flattens both.
    """
    return jnp.append(x1, x2, axis)


@array_op
def split(x: Array, indices_or_sections, axis=0):
    """`x` cut into pieces along an axis.

    Args:
        x: array of any shape.
        indices_or_sections: the number of equal pieces, or a list of the positions to cut at.
        axis: the axis.

    Returns:
        list of arrays.

    Raises:
        ValueError: the axis cannot be cut into that many equal pieces.
    """
    return jnp.split(x, _static(indices_or_sections), normalize_axis_index(axis, x.ndim))


@array_op
def array_split(x: Array, indices_or_sections, axis=0):
    """`x` cut into a number of pieces whose lengths differ by 1 at most, the longer ones first.

    Args:
        x: array of any shape.
        indices_or_sections: the number of pieces.
        axis: the axis.

    Returns:
        list of arrays.
    """
    if not isinstance(indices_or_sections, int) or indices_or_sections <= 0:
        raise (ValueError if isinstance(indices_or_sections, int) else TypeError)(
            f"array_split() needs a positive number of pieces, got indices_or_sections={indices_or_sections!r}."
        )
    return jnp.array_split(x, indices_or_sections, normalize_axis_index(axis, x.ndim))


@family
def splitting(function, x: Array, indices_or_sections):
    """Args:
        x: array.
        indices_or_sections: the number of equal pieces, or a list of the positions to cut at.

    Returns:
        list of arrays.
    """
    return function(x, _static(indices_or_sections))


hsplit = splitting(jnp.hsplit, "`x` cut into pieces along axis 1 (a 1-D array along axis 0).")
vsplit = splitting(jnp.vsplit, "`x` cut into pieces along axis 0.")
dsplit = splitting(jnp.dsplit, "`x` cut into pieces along axis 2.")


def _static(indices_or_sections):
    return tuple(indices_or_sections) if isinstance(indices_or_sections, list) else indices_or_sections


@array_op
def unstack(x: Array, num=None, axis=0):
    """The slices of `x` along an axis, without that axis.

    Args:
        x: array of any shape.
        num: how many there are; it may be left out.
        axis: the axis.

    Returns:
        list of arrays.

    Raises:
        ValueError: `num` is not the length of the axis.
    """
    axis = normalize_axis_index(axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"unstack() was told num={num}, but axis {axis} of shape {x.shape} has {x.shape[axis]} entries.")
    return [jax.lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


@spec_of(unstack)
def _unstack_spec(x, num=None, axis=0):
    axis = normalize_axis_index(axis, x.ndim)
    if x.shape[axis] is not None:
        return NotImplemented
    if num is None:
        raise ValueError(f"unstack() cannot tell how many slices shape {x.shape} has along axis {axis}: give num.")
    return [KerasTensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype) for _ in range(num)]


@array_op
def repeat(x: Array, repeats, axis=None):
    """`x` with each entry repeated.

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
    """`x` laid side by side.

    Args:
        x: array of any shape.
        repeats: how many times, along the last axis or, as a tuple, along the last axes.
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
def pad(x: Array, pad_width, mode="constant", constant_values=None):
    """`x` with entries added at the ends of its axes.

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
    """The coordinates of a grid's points.

    Args:
        x: n arrays, the coordinates along each axis; what has several axes is flattened.
        indexing: "ij" for results of shape (len(x[0]), len(x[1]), ...); "xy" exchanges the first two axes.

    Returns:
        list of n arrays with n axes.
    """
    return jnp.meshgrid(*map(jnp.ravel, x), indexing=indexing)


@array_op
def rearrange(tensor: Array, pattern, **axes_lengths):
    """Split, reorder and merge axes by a pattern of names, as in einops (Rogozhnikov 2022).

    Args:
        tensor: array of any shape.
        pattern: "before -> after", a name for each axis; names in parentheses are one axis that is split or merged.
        axes_lengths: lengths of named axes, where they do not follow from the shape.

    Raises:
        ValueError: the pattern does not fit the shape, or leaves a length open.

    >>> rearrange(jnp.zeros((2, 6, 4)), "b (h w) c -> b h (w c)", w=2).shape
    (2, 3, 8)
    """
    before, after = ([_names(part) for part in re.findall(r"\([^)]*\)|\S+", side)] for side in pattern.split("->"))
    if len(before) != tensor.ndim:
        raise ValueError(f"rearrange() got pattern {pattern!r} for an array of shape {tensor.shape}.")
    lengths = dict(axes_lengths)
    for names, length in zip(before, tensor.shape, strict=True):
        known = math.prod(lengths[name] for name in names if name in lengths)
        open_names = [name for name in names if name not in lengths]
        if len(open_names) > 1 or (length % known if known else length) or (not open_names and known != length):
            raise ValueError(
                f"rearrange() cannot tell how pattern {pattern!r} fits shape {tensor.shape} with lengths {axes_lengths}."
            )
        lengths |= dict.fromkeys(open_names, length // known if known else 0)
    order = [name for names in before for name in names]
    target = [name for names in after for name in names]
    if sorted(order) != sorted(target):
        raise ValueError(f"rearrange() needs the same names on both sides of {pattern!r}.")
    split = jnp.reshape(tensor, [lengths[name] for name in order])
    moved = jnp.transpose(split, [order.index(name) for name in target])
    return jnp.reshape(moved, [math.prod(lengths[name] for name in names) for names in after])


def _names(part):
    return part.strip("()").split()
