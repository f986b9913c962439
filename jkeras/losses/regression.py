"""Losses for numbers: means over the last axis of distances between `p = y_pred` and `y = y_true`.

All take arrays of one shape `(batch, ..., d)` and return values of shape `(batch, ...)`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.losses.base import MEAN
from jkeras.losses.wrapper import LossFunctionWrapper, loss_function


@loss_function()
def mean_squared_error(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean((y - p)^2)`.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> mean_squared_error([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
    [5.0]
    """
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@loss_function()
def mean_absolute_error(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean(|y - p|)`.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> mean_absolute_error([[0.0, 0.0]], [[1.0, -3.0]]).tolist()
    [2.0]
    """
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@loss_function()
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `100 * mean(|y - p| / max(|y|, eps))`, in percent; `eps` is `jkeras.config.epsilon()`.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> mean_absolute_percentage_error([[4.0, 2.0]], [[3.0, 2.0]]).tolist()
    [12.5]
    """
    return 100 * jnp.mean(jnp.abs((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), epsilon())), axis=-1)


@loss_function()
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean((log(max(p, eps) + 1) - log(max(y, eps) + 1))^2)`, for targets that grow by factors.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> mean_squared_logarithmic_error([[1.0]], [[1.0]]).tolist()
    [0.0]
    """
    return jnp.mean(jnp.square(_log_plus_one(y_pred) - _log_plus_one(y_true)), axis=-1)


def _log_plus_one(x: jax.Array) -> jax.Array:
    return jnp.log(jnp.maximum(x, epsilon()) + 1)


@loss_function()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> jax.Array:
    """Compute the mean of `e^2 / 2` where `|e| <= delta`, and of `delta * |e| - delta^2 / 2` beyond, for `e = y - p`.

    Written as `a * (|e| - a / 2)` with `a = min(|e|, delta)`, which is both. Source: Huber 1964, "Robust Estimation of a
    Location Parameter".

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.
        delta: the size of an error up to which it counts with its square, a positive number.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> huber([[0.0, 0.0]], [[1.0, 4.0]], delta=2.0).tolist()
    [3.25]
    """
    error = jnp.abs(y_pred - y_true)
    bounded = jnp.minimum(error, delta)
    return jnp.mean(bounded * (error - bounded / 2), axis=-1)


@loss_function()
def log_cosh(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean(log(cosh(p - y)))`, which is like a square near 0 and like a straight line far away.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> log_cosh([[1.0]], [[1.0]]).tolist()
    [0.0]
    """
    error = y_pred - y_true
    return jnp.mean(error + jax.nn.softplus(-2 * error) - jnp.log(jnp.asarray(2, error.dtype)), axis=-1)


@loss_function(elementwise=False)
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Minus the cosine of the angle between the vectors along `axis`: -1 if they point the same way. 0 for a zero vector.

    Args:
        y_true: targets of shape `(batch, ..., d)`. They are cast to the dtype of `y_pred`.
        y_pred: outputs of the same shape, floats.
        axis: the axis along which the vectors lie.

    Returns:
        array of the shape of `y_pred` without `axis`.

    >>> cosine_similarity([[1.0, 0.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]]).tolist()
    [-1.0, -0.0]
    """
    return -jnp.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


def _unit(x: jax.Array, axis: int) -> jax.Array:
    # The bound is inside of the root, so that the gradient at a zero vector is finite.
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis, keepdims=True), epsilon() ** 2))


class MeanSquaredError(LossFunctionWrapper, function=mean_squared_error):
    """The mean of the squared errors, `mean((y - p)^2)`.

    >>> MeanSquaredError()([[0.0], [0.0]], [[1.0], [3.0]]).item()
    5.0
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper, function=mean_absolute_error):
    """The mean of the absolute errors, `mean(|y - p|)`.

    >>> MeanAbsoluteError()([[0.0], [0.0]], [[1.0], [3.0]]).item()
    2.0
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper, function=mean_absolute_percentage_error):
    """The mean of the errors in percent of the targets, `100 * mean(|y - p| / |y|)`.

    >>> MeanAbsolutePercentageError()([[4.0], [2.0]], [[3.0], [2.0]]).item()
    12.5
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper, function=mean_squared_logarithmic_error):
    """The mean of the squared errors of logarithms, `mean((log(y + 1) - log(p + 1))^2)`. It suits targets that grow by
    factors.

    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.718281828]]).item(), 4)
    1.0
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper, function=huber):
    """Huber's loss: small errors count with their square, large ones with their size.

    >>> Huber(delta=2.0)([[0.0], [0.0]], [[1.0], [4.0]]).item()
    3.25
    """

    def __init__(self, delta: float = 1.0, reduction: str | None = MEAN, name: str | None = "huber_loss", dtype: Any = None):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper, function=log_cosh):
    """The mean of `log(cosh(p - y))`: small errors count with their square, large ones with their size.

    >>> round(LogCosh()([[0.0]], [[100.0]]).item(), 4)
    99.3069
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "log_cosh", dtype: Any = None):
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper, function=cosine_similarity):
    """Minus the cosine of the angle between target and output: -1 if they point the same way, 1 if they are opposite.

    >>> CosineSimilarity(axis=-1)([[1.0, 0.0]], [[3.0, 0.0]]).item()
    -1.0
    """

    def __init__(
        self, axis: int = -1, reduction: str | None = MEAN, name: str | None = "cosine_similarity", dtype: Any = None
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
