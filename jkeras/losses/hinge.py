"""Margin losses: a prediction must be right by a margin of 1.

Targets are -1 or 1; if all targets of a batch are 0 or 1, then 0 stands for -1.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.losses.base import MEAN
from jkeras.losses.wrapper import ONE_HOT, LossFunctionWrapper, loss_function


def _signs(y_true: jax.Array) -> jax.Array:
    is_binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(is_binary, 2 * y_true - 1, y_true)


@loss_function()
def hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean(max(1 - y * p, 0))` over the last axis.

    Args:
        y_true: targets of shape `(batch, ..., d)`, -1 or 1. If all are 0 or 1, then 0 stands for -1.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
    [1.0]
    """
    return jnp.mean(jnp.maximum(1 - _signs(y_true) * y_pred, 0), axis=-1)


@loss_function()
def squared_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean(max(1 - y * p, 0)^2)` over the last axis.

    Args:
        y_true: targets of shape `(batch, ..., d)`, -1 or 1. If all are 0 or 1, then 0 stands for -1.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> squared_hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
    [1.25]
    """
    return jnp.mean(jnp.square(jnp.maximum(1 - _signs(y_true) * y_pred, 0)), axis=-1)


@loss_function(ONE_HOT)
def categorical_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `max(max((1 - y) * p) - sum(y * p) + 1, 0)` for one-hot targets. It is 0 if the right class leads the
    best wrong one by 1.

    Args:
        y_true: one-hot targets of shape `(batch, ..., classes)`.
        y_pred: scores of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> categorical_hinge([[0, 1, 0]], [[0.5, 1.0, 0.25]]).tolist()
    [0.5]
    """
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1 - y_true) * y_pred, axis=-1)
    return jnp.maximum(wrong - right + 1, 0)


class Hinge(LossFunctionWrapper, function=hinge):
    """The margin loss `mean(max(1 - y * p, 0))` for targets -1 and 1.

    >>> Hinge()([[1.0], [-1.0]], [[0.5], [0.5]]).item()
    1.0
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper, function=squared_hinge):
    """The squared margin loss `mean(max(1 - y * p, 0)^2)` for targets -1 and 1.

    >>> SquaredHinge()([[1.0], [-1.0]], [[0.5], [0.5]]).item()
    1.25
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper, function=categorical_hinge):
    """The margin loss of several classes: the score of the right class must be higher than the best wrong one by 1.

    >>> CategoricalHinge()([[0, 1, 0]], [[0.5, 1.0, 0.25]]).item()
    0.5
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(categorical_hinge, reduction, name, dtype)
