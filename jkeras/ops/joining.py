"""Functions that join arrays and split them."""

import jax
import jax.numpy as jnp
from numpy.lib.array_utils import normalize_axis_index

from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, Arrays, array_op, family
from jkeras.ops.op import spec_of

__all__ = [
    "append", "array_split", "concatenate", "dsplit", "dstack", "hsplit", "hstack", "split", "stack", "unstack",
    "vsplit", "vstack",
]  # fmt: skip


@array_op
def concatenate(xs: Arrays, axis=0):
    """Join arrays along an existing axis.

    Args:
        xs: list of arrays whose shapes differ in `axis` only.
        axis: the axis.

    >>> concatenate([[[1, 2]], [[3, 4]]], axis=1).tolist()
    [[1, 2, 3, 4]]
    """
    return jnp.concatenate(xs, axis)


@array_op
def stack(x: Arrays, axis=0):
    """Join arrays of one shape along a new axis.

    Args:
        x: list of arrays of the same shape.
        axis: the place of the new axis in the result.

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.stack(x, axis)


@family
def stacking(function, xs: Arrays):
    """Args:
    xs: list of arrays whose shapes differ in that axis only.
    """
    return function(xs)


hstack = stacking(
    jnp.hstack,
    "Join arrays along axis 1, or 1-D arrays along axis 0.",
    "hstack([[[1], [2]], [[3], [4]]]) -> [[1, 3], [2, 4]]",
)
vstack = stacking(
    jnp.vstack, "Join arrays along axis 0. A 1-D array is a row.", "vstack([[1, 2], [3, 4]]) -> [[1, 2], [3, 4]]"
)
dstack = stacking(jnp.dstack, "Join arrays along axis 2.", "dstack([[[1, 2]], [[3, 4]]]) -> [[[1, 3], [2, 4]]]")


@array_op
def append(x1: Array, x2: Array, axis=None):
    """Append `x2` to `x1`.

    Args:
        x1, x2: arrays whose shapes differ in `axis` only.
        axis: the axis to join along; None flattens both.

    >>> append([1, 2], [3]).tolist()
    [1, 2, 3]
    """
    return jnp.append(x1, x2, axis)


@array_op
def split(x: Array, indices_or_sections, axis=0):
    """Cut `x` into pieces along an axis.

    Args:
        x: array of any shape.
        indices_or_sections: the number of equal pieces, or a list of the positions to cut at.
        axis: the axis.

    Returns:
        list of arrays.

    Raises:
        ValueError: the axis cannot be cut into that many equal pieces.

    >>> [part.tolist() for part in split([1, 2, 3, 4], 2)]
    [[1, 2], [3, 4]]
    """
    return jnp.split(x, _static(indices_or_sections), normalize_axis_index(axis, x.ndim))


@array_op
def array_split(x: Array, indices_or_sections, axis=0):
    """Cut `x` into a number of pieces whose lengths differ by 1 at most, the longer ones first.

    Args:
        x: array of any shape.
        indices_or_sections: the number of pieces.
        axis: the axis.

    Returns:
        list of arrays.

    >>> [part.tolist() for part in array_split([1, 2, 3], 2)]
    [[1, 2], [3]]
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


hsplit = splitting(
    jnp.hsplit,
    "Cut `x` into pieces along axis 1, or a 1-D array along axis 0.",
    ">>> [part.tolist() for part in hsplit([[1, 2], [3, 4]], 2)]\n[[[1], [3]], [[2], [4]]]",
)
vsplit = splitting(
    jnp.vsplit,
    "Cut `x` into pieces along axis 0.",
    ">>> [part.tolist() for part in vsplit([[1, 2], [3, 4]], 2)]\n[[[1, 2]], [[3, 4]]]",
)
dsplit = splitting(
    jnp.dsplit,
    "Cut `x` into pieces along axis 2.",
    ">>> [part.tolist() for part in dsplit([[[1, 2]]], 2)]\n[[[[1]]], [[[2]]]]",
)


def _static(indices_or_sections):
    return tuple(indices_or_sections) if isinstance(indices_or_sections, list) else indices_or_sections


@array_op
def unstack(x: Array, num=None, axis=0):
    """Return the slices of `x` along an axis, without that axis.

    Args:
        x: array of any shape.
        num: how many there are; it may be left out.
        axis: the axis.

    Returns:
        list of arrays.

    Raises:
        ValueError: `num` is not the length of the axis.

    >>> [part.tolist() for part in unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
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
