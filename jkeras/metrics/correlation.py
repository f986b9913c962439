"""Correlations of predictions and targets along an axis.

    Pearson       cov(y, p) / (std(y) std(p))
    concordance   2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2)

Pearson's is 1 for any increasing line; Lin's concordance (1989, Biometrics 45) is 1 only where prediction and target agree.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.metrics.reduction import MeanMetricWrapper
from jkeras.metrics.shapes import align


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Pearson's correlation along `axis`; NaN where targets or predictions are constant.

    Args:
        y_true: targets of any shape.
        y_pred: predictions of the same shape.
        axis: the axis along which the numbers vary.

    Returns:
        array of the shape of the targets without `axis`.

    >>> pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).round(4).tolist()
    [1.0]
    """
    y_true, y_pred = _floats(y_true, y_pred, "pearson_correlation")
    y_true, y_pred = _centered(y_true, axis), _centered(y_pred, axis)
    spread = jnp.std(y_true, axis=axis) * jnp.std(y_pred, axis=axis)
    return jnp.mean(y_true * y_pred, axis=axis) / spread


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Lin's concordance correlation along `axis`.

    Args:
        y_true: targets of any shape.
        y_pred: predictions of the same shape.
        axis: the axis along which the numbers vary.

    Returns:
        array of the shape of the targets without `axis`.

    >>> round(concordance_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]).item(), 4)
    0.5714
    """
    y_true, y_pred = _floats(y_true, y_pred, "concordance_correlation")
    covariance = jnp.mean(_centered(y_true, axis) * _centered(y_pred, axis), axis=axis)
    shift = jnp.mean(y_true, axis=axis) - jnp.mean(y_pred, axis=axis)
    return 2 * covariance / (jnp.var(y_true, axis=axis) + jnp.var(y_pred, axis=axis) + jnp.square(shift) + epsilon())


def _floats(y_true: Any, y_pred: Any, name: str) -> tuple[jax.Array, jax.Array]:
    y_true, y_pred = align(y_true, y_pred, name)
    return y_true.astype(y_pred.dtype), y_pred


def _centered(x: jax.Array, axis: int) -> jax.Array:
    return x - jnp.mean(x, axis=axis, keepdims=True)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlations along `axis`.

    Args:
        axis: the axis along which the numbers vary.

    >>> round(float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[5.0, 3.0, 1.0]])), 4)
    -1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of Lin's concordance correlations along `axis`.

    Args:
        axis: the axis along which the numbers vary.

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 4)
    1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
