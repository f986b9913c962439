"""Bring targets, predictions and weights to one shape, or raise an error.

An axis of length 1 at the end may be missing: `(batch,)` and `(batch, 1)` mean the same. Everything else that NumPy would
broadcast is an error, because a metric of `(batch,)` targets against `(batch, n)` predictions is a wrong number.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import frame as frames
from jkeras.losses.base import as_array, same_rank


def align(y_true: Any, y_pred: Any, name: str) -> tuple[jax.Array, jax.Array]:
    """Targets and predictions as arrays of the same shape.

    Raises:
        ValueError: the shapes differ in more than a last axis of length 1.

    >>> align([1, 2], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "accuracy")
    Traceback (most recent call last):
    ...
    ValueError: accuracy: y_true has shape (2,) and y_pred has shape (2, 3); they must have the same shape.
    """
    y_true, y_pred = same_rank(as_array(y_true), as_array(y_pred))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{name}: y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}; they must have the same shape."
        )
    return y_true, y_pred


def match_weights(values: jax.Array, weights: jax.Array, name: str) -> tuple[jax.Array, jax.Array]:
    """Broadcast weights to the leading axes of the values that they weigh.

    Raises:
        ValueError: the weights do not fit.

    >>> values, weights = match_weights(jnp.ones((4, 3)), jnp.ones((4,)), "mean")
    >>> weights.shape
    (4,)
    """
    values, weights = same_rank(values, weights)
    leading = values.shape[: weights.ndim]
    if weights.ndim > values.ndim or any(w not in (1, n) for w, n in zip(weights.shape, leading)):
        raise ValueError(
            f"{name}: sample_weight has shape {weights.shape}, but the values have shape {values.shape}. "
            f"Give one weight per sample, of shape {values.shape[:1]}, or one per value."
        )
    return values, jnp.broadcast_to(weights, leading)


def batch_weight(y_pred: Any, sample_weight: Any, dtype: str) -> jax.Array | None:
    """The weights of a batch: the sample weights, times the mask that travels with the predictions; None without either."""
    mask = frames.mask_of(y_pred)
    weight = None if sample_weight is None else as_array(sample_weight).astype(dtype)
    if mask is None:
        return weight
    mask = as_array(mask).astype(dtype)
    if weight is None:
        return mask
    ndim = max(mask.ndim, weight.ndim)
    mask, weight = (x.reshape(x.shape + (1,) * (ndim - x.ndim)) for x in (mask, weight))
    return mask * weight
