"""Reshaping and moving axes by a pattern of names."""

import math
import re

import jax.numpy as jnp

from jkeras.ops.family import Array, Operand, array_op

__all__ = ["rearrange"]


@array_op
def rearrange(tensor: Array, pattern: Operand, **axes_lengths: Operand):
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
        raise ValueError(
            f"rearrange() got the pattern {pattern!r}, whose left side has {len(before)} axes, for an array of shape {tensor.shape}."
        )
    lengths = dict(axes_lengths)
    for names, length in zip(before, tensor.shape, strict=True):
        known = math.prod(lengths[name] for name in names if name in lengths)
        open_names = [name for name in names if name not in lengths]
        if len(open_names) > 1 or (length % known if known else length) or (not open_names and known != length):
            raise ValueError(
                f"rearrange() cannot tell how pattern {pattern!r} fits shape {tensor.shape} with lengths {axes_lengths}: "
                "in each pair of parentheses, give the lengths of all names but one, such that their product divides the axis."
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
