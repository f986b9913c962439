"""Crossentropy of several classes: minus the logarithm of the probability of the true class.

Probabilities are clipped to `[eps, 1 - eps]` before the logarithm, with `eps = jkeras.config.epsilon()`. Logits (the
inputs of the final sigmoid or softmax) need no clipping; `fit` uses them where it can; see `with_logits`.

`label_smoothing = s` moves targets by `s` towards the uniform distribution (Szegedy et al. 2016, arXiv:1512.00567).
`binary.py` has the losses of two classes.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import Numbers
from jkeras.core import frame as frames
from jkeras.core.dtype import epsilon
from jkeras.losses.base import MEAN
from jkeras.losses.wrapper import LABELS, ONE_HOT, LossFunctionWrapper, loss_function


@loss_function(ONE_HOT, link="softmax")
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """Compute `-sum(y * log(p))` over the classes, for one-hot targets (or any distributions).

    Args:
        y_true: targets of shape `(batch, ..., classes)`.
        y_pred: probabilities of the same shape, which are divided by their sum; with `from_logits`, the inputs of the
            softmax.
        from_logits: True if `y_pred` holds logits, the inputs of the final softmax. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / classes`.
        axis: the axis of the classes.

    >>> round(float(categorical_crossentropy([0, 1, 0], [0.25, 0.5, 0.25])), 4)
    0.6931
    """
    y_true = _smooth_categorical(y_true, label_smoothing, axis)
    _warn_about_one_class("categorical_crossentropy", y_pred, axis)
    return -jnp.sum(y_true * _log_probabilities(y_pred, from_logits, axis), axis=axis)


def _smooth_categorical(y: jax.Array, smoothing: float, axis: int) -> jax.Array:
    if isinstance(axis, bool):
        raise ValueError(f"axis must be an integer, got axis={axis}. The arguments are from_logits, label_smoothing, axis.")
    return y * (1 - smoothing) + smoothing / y.shape[axis] if smoothing else y


def _warn_about_one_class(name: str, y_pred: jax.Array, axis: int) -> None:
    if y_pred.shape[axis] == 1:
        warnings.warn(
            f"{name} of outputs of shape {y_pred.shape} has a single class, whose probability is always 1. For two classes "
            "and one output, use 'binary_crossentropy' (and a sigmoid).",
            SyntaxWarning,
            stacklevel=5,
        )


def _probabilities(p: jax.Array, axis: int) -> jax.Array:
    return jnp.clip(p / jnp.sum(p, axis, keepdims=True), epsilon(), 1 - epsilon())


def _log_probabilities(y_pred: jax.Array, from_logits: bool, axis: int) -> jax.Array:
    return jax.nn.log_softmax(y_pred, axis) if from_logits else jnp.log(_probabilities(y_pred, axis))


@loss_function(LABELS, link="softmax")
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> jax.Array:
    """Compute `-log(p[y])`: categorical crossentropy for targets that are class numbers.

    Args:
        y_true: class numbers from 0 to `classes - 1`, of shape `(batch, ...)` or `(batch, ..., 1)`. A number out of range
            has loss 0.
        y_pred: probabilities of shape `(batch, ..., classes)`, which are divided by their sum; with `from_logits`, the inputs of
            the softmax.
        from_logits: True if `y_pred` holds logits, the inputs of the final softmax. False if it holds probabilities.
        ignore_class: targets with this number do not count: their loss is 0, and a `Loss` takes the mean over the others.
        axis: the axis of the classes.

    Raises:
        ValueError: the shape of `y_true` is not that of `y_pred` without its classes.

    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [1.0, 1.0]]).round(4)
    Array([0.6931, 0.6931], dtype=float32)
    """
    y_true = _labels("sparse_categorical_crossentropy", y_true, y_pred, axis)
    if ignore_class is not None:
        counts = y_true != ignore_class
        y_pred = jnp.where(jnp.expand_dims(counts, axis), y_pred, 1)  # so that nothing there can make the gradient NaN
    values = _at_labels(y_true, -_log_probabilities(y_pred, from_logits, axis), axis)
    if ignore_class is not None:
        values = jnp.where(counts, values, 0)
        frame = frames.current()
        if frame is not None:
            frame.set_mask(values, counts)
    return values


def _labels(name: str, y_true: jax.Array, y_pred: jax.Array, axis: int) -> jax.Array:
    """Class numbers as integers, of the shape of the outputs without the classes."""
    if not -y_pred.ndim <= axis < y_pred.ndim:
        raise ValueError(f"{name}: y_pred of shape {y_pred.shape} has no axis {axis} for the classes.")
    axis %= y_pred.ndim
    expected = y_pred.shape[:axis] + y_pred.shape[axis + 1 :]
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = jnp.squeeze(y_true, axis)
    if y_true.shape != expected:
        hint = ""
        if y_true.shape == y_pred.shape:
            hint = " One-hot targets belong to 'categorical_crossentropy', or take their class numbers: y_true.argmax(-1)."
        raise ValueError(
            f"{name}: y_pred has shape {y_pred.shape}, so y_true must hold class numbers in the shape {expected}, but it "
            f"has shape {y_true.shape}.{hint}"
        )
    return y_true.astype("int32")


def _at_labels(labels: jax.Array, values: jax.Array, axis: int) -> jax.Array:
    """The values at the labels. A masked sum, whose gradient is elementwise; that of a lookup would be a scatter."""
    classes = jax.lax.broadcasted_iota("int32", values.shape, axis % values.ndim)
    return jnp.sum(jnp.where(classes == jnp.expand_dims(labels, axis), values, 0), axis)


@loss_function(ONE_HOT)
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Compute `-sum(alpha * (1 - p)^gamma * y * log(p))`: categorical crossentropy in which easy samples count less.

    Args:
        y_true: targets of shape `(batch, ..., classes)`.
        y_pred: probabilities of the same shape, which are divided by their sum; with `from_logits`, the inputs of the
            softmax.
        alpha: a weight for all classes, or a list with one weight per class.
        gamma: the strength of the focus, a number from 0 on. With 0 all samples count the same.
        from_logits: True if `y_pred` holds logits, the inputs of the final softmax. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / classes`.
        axis: the axis of the classes.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    Source: Lin et al. 2017, arXiv:1708.02002.

    >>> round(float(categorical_focal_crossentropy([0, 1], [0.5, 0.5], alpha=1.0)), 4)
    0.1733
    """
    y_true = _smooth_categorical(y_true, label_smoothing, axis)
    _warn_about_one_class("categorical_focal_crossentropy", y_pred, axis)
    p = _probabilities(jax.nn.softmax(y_pred, axis) if from_logits else y_pred, axis)
    alpha = jnp.asarray(alpha, p.dtype)  # type: ignore[assignment]
    return jnp.sum(alpha * jnp.power(1 - p, gamma) * -y_true * jnp.log(p), axis=axis)


@loss_function(LABELS)
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> jax.Array:
    """Compute `(1 - p[y]^q) / q`: from crossentropy (q -> 0) to absolute error (q = 1), for class numbers that may be
    wrong.

    Args:
        y_true: class numbers, of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities, of shape `(batch, ..., classes)`.
        q: a number between 0 and 1.

    Source: Zhang and Sabuncu 2018, arXiv:1805.07836.

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5).tolist()
    [1.0]
    """
    p = _at_labels(_labels("categorical_generalized_cross_entropy", y_true, y_pred, -1), y_pred, -1)
    # The slope of p^q at 0 is infinite, and would be NaN behind a softmax.
    power = jnp.where(p > 0, jnp.power(jnp.where(p > 0, p, 1), q), 0)
    return (1 - power) / q


# -- classes ----------------------------------------------------------------------------------------------------------


class CategoricalCrossentropy(LossFunctionWrapper, function=categorical_crossentropy):
    """Crossentropy for several classes, `-sum(y * log(p))`, with one-hot targets.

    >>> round(CategoricalCrossentropy(from_logits=True)([[0, 1]], [[3.0, 3.0]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper, function=categorical_focal_crossentropy):
    """Categorical crossentropy in which easy samples count less.

    >>> round(CategoricalFocalCrossentropy(alpha=[0.5, 1.0])([[0, 1]], [[0.5, 0.5]]).item(), 4)
    0.1733
    """

    def __init__(
        self,
        alpha: Numbers = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper, function=sparse_categorical_crossentropy):
    """Crossentropy for several classes, `-log(p[y])`, with class numbers as targets.

    >>> round(SparseCategoricalCrossentropy(ignore_class=-1)([0, -1], [[0.5, 0.5], [0.9, 0.1]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = MEAN,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """The loss `(1 - p[y]^q) / q`, a crossentropy for class numbers of which some are wrong.

    Args:
        q: a number between 0 and 1. Near 0 the loss is crossentropy, near 1 the absolute error.

    Raises:
        ValueError: `q` is not between 0 and 1.

    >>> CategoricalGeneralizedCrossEntropy(q=0.5)([1, 1], [[0.75, 0.25], [0.75, 0.25]]).item()
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = MEAN,
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy needs q between 0 and 1, got q={q}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
