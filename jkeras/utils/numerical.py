"""Prepare arrays of labels and features for training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as one-hot vectors.

    Args:
        x: integers from 0 to `num_classes - 1`, of any shape; a last axis of size 1 is dropped.
        num_classes: by default the largest number plus one.

    Returns:
        An array of x's shape and a last axis of size `num_classes`: float32 on JAX for a JAX array, which gets zeros for
        numbers out of range, and otherwise a float64 NumPy array.

    Raises:
        ValueError: a class number is negative or too large, or `num_classes` is missing where it cannot be found out.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    on_jax = isinstance(x, jax.Array)
    x = x if on_jax else np.asarray(x).astype("int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    if num_classes is None:
        if isinstance(x, jax.core.Tracer) or not x.size:
            raise ValueError("to_categorical() needs num_classes=... here: the class numbers cannot be looked at.")
        num_classes = int(x.max()) + 1
    if on_jax:
        return jax.nn.one_hot(x, num_classes, dtype="float32")
    if x.size and not 0 <= x.min() <= x.max() < num_classes:
        raise ValueError(f"to_categorical() got class numbers from {x.min()} to {x.max()}, outside 0 ... {num_classes - 1}.")
    return (x[..., None] == np.arange(num_classes)).astype("float64")


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """Divide `x` by its norms along `axis`. Entries with norm 0 stay 0.

    Args:
        x: an array; what comes back is a JAX array for a JAX array, and otherwise a NumPy array.
        axis: of the vectors.
        order: of the norm: 2 is Euclid's.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    xp = jnp if isinstance(x, jax.Array) else np
    x = xp.asarray(x)
    norm = xp.linalg.norm(x, order, axis, keepdims=True)
    return x / xp.where(norm == 0, xp.ones_like(norm), norm)
