"""Attention along any axes: the axes are reordered so that attention runs along one axis, and reordered back."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np


class Order:
    """Brings the axes of inputs to the order (batch, time) and back. The attention axes come last and are flattened.

    Args:
        query, value: the shapes of the inputs, with their features.
        axes: the axes to attend along.

    >>> order = Order((2, 3, 5, 8), (2, 3, 7, 8), axes=(2,))
    >>> order.sequence(jnp.ones((2, 3, 5, 4, 6))).shape         # with 4 heads of depth 6
    (6, 5, 4, 6)
    >>> order.scores(heads=4)
    (2, 3, 4, 5, 7)
    """

    def __init__(self, query: tuple, value: tuple, axes: tuple):
        self.query, self.value = query, value
        self.rest = tuple(axis for axis in range(len(query) - 1) if axis not in axes)
        self.axes = axes
        self.batch = tuple(query[axis] for axis in self.rest)
        self.target_axes, self.source_axes = (tuple(shape[axis] for axis in axes) for shape in (query, value))
        self.targets, self.sources = math.prod(self.target_axes), math.prod(self.source_axes)

    def sequence(self, x: Any) -> Any:
        """(batch, ..., heads, depth) as (batch, time, heads, depth)."""
        x = x.transpose(*self.rest, *self.axes, x.ndim - 2, x.ndim - 1)
        time = math.prod(x.shape[len(self.rest) : -2])
        return x.reshape(math.prod(self.batch), time, *x.shape[-2:])

    def padding(self, mask: Any, shape: tuple) -> Any:
        """A mask over the first axes of an input as (batch, time)."""
        mask = mask.astype(bool).reshape(*mask.shape, *(1,) * (len(shape) - mask.ndim + 1))
        return self.sequence(jnp.broadcast_to(mask, (*shape[:-1], 1, 1)))[..., 0, 0]

    def restored(self, x: Any) -> Any:
        """Bring the results for the targets from (batch, time, heads, depth) back to (batch, ..., heads, depth)."""
        x = x.reshape(*self.batch, *self.target_axes, *x.shape[-2:])
        return x.transpose(*np.argsort([*self.rest, *self.axes]).tolist(), x.ndim - 2, x.ndim - 1)

    def scores(self, heads: int) -> tuple:
        """The shape of the scores."""
        return (*self.batch, heads, *self.target_axes, *self.source_axes)

    def unflattened(self, scores: Any) -> Any:
        """The scores, with an axis for each axis of the inputs."""
        return scores.reshape(self.scores(scores.shape[1]))
