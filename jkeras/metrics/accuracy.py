"""The share of predictions that are right.

Each function gives 1.0 or 0.0 for each sample; each class is the mean of one of them. They differ in what a target and a
prediction are: a value, a probability, a one-hot row against scores, or a class number against scores.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import floatx
from jkeras.metrics.reduction import MeanMetricWrapper
from jkeras.metrics.shapes import align, as_array


def accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1.0 where a prediction equals its target, and 0.0 elsewhere, for two arrays of the same shape.

    >>> accuracy([1, 2, 3], [1, 0, 3]).tolist()
    [1.0, 0.0, 1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "accuracy")
    return (y_true.astype(y_pred.dtype) == y_pred).astype(floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> jax.Array:
    """Return 1.0 where `y_pred > threshold` agrees with the target, and 0.0 elsewhere.

    Args:
        y_true: targets of any shape, 0 or 1.
        y_pred: probabilities of the same shape.
        threshold: a number from 0 to 1.

    Returns:
        array of the shape of the targets.

    >>> binary_accuracy([1, 1, 0], [0.9, 0.2, 0.2]).tolist()
    [1.0, 0.0, 1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "binary_accuracy")
    return (y_true == (y_pred > threshold).astype(y_true.dtype)).astype(floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """Return 1.0 where the largest score has the same position as the largest target, and 0.0 elsewhere.

    Args:
        y_true: one-hot targets of shape `(..., classes)`.
        y_pred: scores of the same shape.

    Returns:
        array of shape `(...)`.

    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]).tolist()
    [0.0, 1.0]
    """
    y_true, y_pred = _one_hot_targets(y_true, y_pred, "categorical_accuracy")
    return (jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)).astype(floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """Return 1.0 where the largest score has the position of the target class, and 0.0 elsewhere.

    Args:
        y_true: class numbers of shape `(...)` or `(..., 1)`.
        y_pred: scores of shape `(..., classes)`.

    Returns:
        array of shape `(...)`.

    >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]]).tolist()
    [0.0, 1.0]
    """
    y_true, y_pred = _class_targets(y_true, y_pred, "sparse_categorical_accuracy")
    best = jnp.argmax(y_pred, axis=-1)
    if jnp.issubdtype(y_true.dtype, jnp.floating):
        return (y_true == best.astype(y_true.dtype)).astype(floatx())
    return (y_true.astype(best.dtype) == best).astype(floatx())  # as integers: a float16 does not tell 2048 from 2049


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> jax.Array:
    """Return 1.0 where the target class is among the `k` highest scores, and 0.0 elsewhere.

    Args:
        y_true: one-hot targets of shape `(..., classes)`.
        y_pred: scores of the same shape.
        k: the number of scores that count.

    Returns:
        array of shape `(...)`.

    >>> top_k_categorical_accuracy([[0, 0, 1], [1, 0, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.5]], k=2).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _one_hot_targets(y_true, y_pred, "top_k_categorical_accuracy")
    return _in_top_k(jnp.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> jax.Array:
    """Return 1.0 where the target class is among the `k` highest scores, and 0.0 elsewhere.

    Args:
        y_true: class numbers of shape `(...)` or `(..., 1)`.
        y_pred: scores `(..., classes)`; or, with `from_sorted_ids`, the numbers of the best classes, best first.
        k: the number of scores that count.
        from_sorted_ids: True if `y_pred` holds class numbers instead of scores.

    >>> sparse_top_k_categorical_accuracy([2, 0], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.5]], k=2).tolist()
    [1.0, 0.0]
    """
    shape = as_array(y_true).shape
    y_true, y_pred = _class_targets(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        hit = jnp.any(y_true[..., None].astype(y_pred.dtype) == y_pred[..., :k], axis=-1).astype(floatx())
    else:
        hit = _in_top_k(y_true.astype("int32"), y_pred, k)
    return hit.reshape(shape)


def _in_top_k(classes: jax.Array, scores: jax.Array, k: int) -> jax.Array:
    """True if fewer than `k` scores are above the target's: a comparison and a sum where others sort."""
    k = min(k, scores.shape[-1])
    score = jnp.take_along_axis(scores, classes[..., None], axis=-1)
    return (jnp.sum(scores <= score, axis=-1) > scores.shape[-1] - k).astype(floatx())


def _one_hot_targets(y_true: Any, y_pred: Any, name: str) -> tuple[jax.Array, jax.Array]:
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    if y_true.shape != y_pred.shape or y_pred.ndim == 0:
        hint = " For targets that are class numbers use its sparse_ twin." if y_true.shape[:1] == y_pred.shape[:1] else ""
        raise ValueError(
            f"{name}: y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}; both must be "
            f"(..., classes), one-hot rows and scores.{hint}"
        )
    return y_true, y_pred


def _class_targets(y_true: Any, y_pred: Any, name: str) -> tuple[jax.Array, jax.Array]:
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1:] == (1,):
        y_true = y_true[..., 0]
    if y_pred.ndim == 0 or y_true.shape != y_pred.shape[:-1]:
        hint = f" For one-hot targets use {name.removeprefix('sparse_')}." if y_true.shape == y_pred.shape else ""
        raise ValueError(
            f"{name}: y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}; y_true must hold class numbers, "
            f"of shape {y_pred.shape[:-1]} or {(*y_pred.shape[:-1], 1)}.{hint}"
        )
    return y_true, y_pred


class Accuracy(MeanMetricWrapper):
    """The share of predictions that equal their targets.

    >>> metric = Accuracy()
    >>> float(metric([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """The share of predictions on the right side of a threshold.

    Args:
        threshold: the probability above which a prediction means 1.

    >>> metric = BinaryAccuracy()
    >>> float(metric([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose highest score is at the one-hot target. Scores may be logits or probabilities.

    >>> metric = CategoricalAccuracy()
    >>> float(metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose highest score is at the target class. Scores may be logits or probabilities.

    >>> metric = SparseCategoricalAccuracy()
    >>> float(metric([[2], [1]], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose one-hot target is among the `k` highest scores.

    Args:
        k: the number of scores that count.

    >>> metric = TopKCategoricalAccuracy(k=1)
    >>> float(metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose target class is among the `k` highest scores (or, with `from_sorted_ids`, among the
    first `k` class numbers that the model gives).

    Args:
        k: the number of scores that count.
        from_sorted_ids: True if the model gives the numbers of the best classes, best first, instead of scores.

    >>> metric = SparseTopKCategoricalAccuracy(k=1)
    >>> float(metric([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.k, self.from_sorted_ids = k, from_sorted_ids
