"""`Layout`: how the product of a layer uses a weight. A form that stores the weight as integers needs this."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


def _same(scale: jax.Array) -> jax.Array:
    return scale


class Layout(NamedTuple):
    """The axes of a weight in a product.

    Args:
        shape: of the weight.
        summed: the axes that the product sums over. What is summed to one number shares a scale.
        order: for each axis of the scale the axis of the weight that it belongs to, or None for one of length 1: in this form the
            scale stands in files, and broadcasts to the product.
        matrix: the shape in which integers of 4 bits are packed.
        grouped: the axis of that matrix along which there are groups with a scale of their own.
        packed: the axis along which two neighbours share a byte.
        input_axes: the axes of the inputs that the product sums over.
        spread: makes a scale of the inputs, of length 1 along those axes, broadcast to the product.
        low_rank: whether the last axis of the weight is the last of the product, so that `(x @ a) @ b` is `x @ (a @ b)`.
    """

    shape: tuple[int, ...]
    summed: tuple[int, ...]
    order: tuple[int | None, ...]
    matrix: tuple[int, int]
    grouped: int = 0
    packed: int = 1
    input_axes: tuple[int, ...] = (-1,)
    spread: Callable[[jax.Array], jax.Array] = _same
    low_rank: bool = True

    @property
    def kept(self) -> tuple[int, ...]:
        """The axes that the product has, too."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.summed)

    @property
    def scale_shape(self) -> tuple[int, ...]:
        """The shape of the scale in files."""
        return tuple(1 if axis is None else self.shape[axis] for axis in self.order)

    def to_file(self, scale: Any) -> jax.Array:
        """A scale with length 1 along the summed axes, in the form that files have.

        >>> Layout((4, 2, 3), (0,), (None, 2, 1), (4, 6)).to_file(jnp.ones((1, 2, 3))).shape
        (1, 3, 2)
        """
        squeezed = jnp.squeeze(scale, self.summed)
        permuted = jnp.transpose(squeezed, [self.kept.index(axis) for axis in self.order if axis is not None])
        return permuted.reshape(self.scale_shape)

    def to_weight(self, scale: jax.Array) -> jax.Array:
        """A scale in the form that files have, so that it broadcasts to the weight.

        >>> Layout((4, 2, 3), (0,), (None, 2, 1), (4, 6)).to_weight(jnp.ones((1, 3, 2))).shape
        (1, 2, 3)
        """
        present = [axis for axis in self.order if axis is not None]
        dense = scale.reshape([self.shape[axis] for axis in present])
        return jnp.expand_dims(jnp.transpose(dense, [present.index(axis) for axis in self.kept]), self.summed)


def kernel_layout(shape: tuple[int, ...], low_rank: bool = True) -> Layout:
    """Of a kernel whose last axis is the product's, such as that of `inputs @ kernel`."""
    last = len(shape) - 1
    return Layout(shape, tuple(range(last)), (last,), (math.prod(shape[:-1]), shape[-1]), low_rank=low_rank)


def table_layout(shape: tuple[int, int]) -> Layout:
    """Of a table whose rows are looked up: each row has a scale."""
    return Layout(shape, (1,), (0,), shape, grouped=1, low_rank=False)


def einsum_layout(inputs: str, weight: str, outputs: str, shape: tuple[int, ...]) -> Layout:
    """Of the kernel of a contraction, from the letters of the axes.

    >>> layout = einsum_layout("btd", "ndh", "btnh", (2, 4, 3))
    >>> layout.summed, layout.order, layout.scale_shape
    ((1,), (None, None, 0, 2), (1, 1, 2, 3))
    """
    summed = tuple(i for i, letter in enumerate(weight) if letter not in outputs)
    rows = math.prod(shape[i] for i in summed)
    input_axes = tuple(i for i, letter in enumerate(inputs) if letter not in outputs)
    kept = [letter for letter in inputs if letter in outputs]

    def spread(scale: jax.Array) -> jax.Array:
        permuted = jnp.transpose(jnp.squeeze(scale, input_axes), [kept.index(c) for c in outputs if c in kept])
        sizes = iter(permuted.shape)
        return permuted.reshape([next(sizes) if letter in kept else 1 for letter in outputs])

    order = tuple(weight.index(letter) if letter in weight else None for letter in outputs)
    low_rank = weight[-1] == outputs[-1] and weight[-1] not in inputs
    matrix = (rows, math.prod(shape) // rows)
    return Layout(shape, summed, order, matrix, input_axes=input_axes, spread=spread, low_rank=low_rank)
