"""Explicit broadcasting: arrays get equal ranks before they are combined.

`x + bias` lets NumPy add the leading axes that `bias` lacks. `jax.numpy_rank_promotion("raise")` makes that an error, so that users
find such places in their own code. The library's own code adds the axes itself, then. Otherwise it leaves them to NumPy, which is
faster where operations run one by one; the compiled program is the same.
"""

from typing import Any

import jax
import jax.numpy as jnp


def same_rank(*arrays: Any) -> list[jax.Array]:
    """Return the arrays, with leading axes of length 1 where one has fewer axes than another.

    Args:
        arrays: arrays of any shapes.

    Returns:
        a list of arrays of the largest rank among them.

    >>> [a.shape for a in same_rank(jnp.ones((2, 5, 3)), jnp.ones(3))]
    [(2, 5, 3), (1, 1, 3)]
    """
    rank = max(a.ndim for a in arrays)
    return [a if a.ndim == rank else jax.lax.expand_dims(a, range(rank - a.ndim)) for a in arrays]


def _may_promote() -> bool:
    return jax.config.jax_numpy_rank_promotion == "allow"  # type: ignore[attr-defined]


def add(x: jax.Array, bias: Any) -> jax.Array:
    """Compute `x + bias` for a bias that may have fewer axes. Its gradient, a sum over all rows, takes at least 32 bits.

    >>> add(jnp.zeros((1, 2)), jnp.ones(2)).tolist()
    [[1.0, 1.0]]
    """
    if not _may_promote():
        x, bias = same_rank(x, bias)
    if bias.dtype.itemsize == 2 and jnp.issubdtype(bias.dtype, jnp.floating):  # the transpose of a broadcast is a sum
        shape = jnp.broadcast_shapes(x.shape, bias.shape)
        bias = jnp.broadcast_to(bias.astype(jnp.float32), shape).astype(bias.dtype)
    return x + bias


def multiply(x: jax.Array, scale: Any) -> jax.Array:
    """Compute `x * scale` for a scale that may have fewer axes.

    >>> multiply(jnp.ones((1, 2)), jnp.full(2, 3.0)).tolist()
    [[3.0, 3.0]]
    """
    if not _may_promote():
        x, scale = same_rank(x, scale)
    return x * scale
