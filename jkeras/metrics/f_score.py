"""F-scores: one number for precision and recall, their weighted harmonic mean,

    F_beta = (1 + beta^2) * precision * recall / (beta^2 * precision + recall)

(van Rijsbergen 1979, "Information Retrieval"), for one-hot targets and scores of shape `(batch, classes)`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.metrics.base import Metric
from jkeras.metrics.shapes import align, batch_weight, match_weights

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """The F-score with a recall that counts `beta` times as much as the precision.

    Args:
        average: over the classes: None (one score each), `"micro"` (all decisions in one pot), `"macro"` (the mean), or
            `"weighted"` (the mean weighted by how frequent each class is).
        beta: a float above 0.
        threshold: a float in (0, 1] above which a class is predicted; if left out, the class with the highest score is.
        name: the name under which logs show the value.
        dtype: the dtype of the computation. None means the default float.

    Raises:
        ValueError: an argument is out of its range, or (at a batch) the shapes are not `(batch, classes)`.

    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> y_true, y_pred = [[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    >>> [round(score, 4) for score in metric(y_true, y_pred).tolist()]
    [0.3846, 0.9091, 0.8333]
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ValueError(f"average must be one of {AVERAGES}, got {average!r}.")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"beta must be a float above 0, got {beta!r}.")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(f"threshold must be a float in (0, 1], got {threshold!r}.")
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, dtype=self.dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, dtype=self.dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, dtype=self.dtype, name="false_negatives")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add 0/1 targets and scores of shape `(batch, classes)`, with weights of shape `(batch,)`."""
        weight = batch_weight(y_pred, sample_weight, self.dtype)
        y_true, y_pred = (x.astype(self.dtype) for x in align(y_true, y_pred, self.name))
        if y_pred.ndim != 2:
            raise ValueError(f"{self.name}: expected shapes (batch, classes), got {y_true.shape} and {y_pred.shape}.")
        if not self._built:
            self._build(y_pred.shape[-1])
        if self.threshold is None:
            chosen = (y_pred >= jnp.max(y_pred, axis=-1, keepdims=True)) & (jnp.abs(y_pred) > 1e-9)  # no score, no choice
        else:
            chosen = y_pred > self.threshold
        chosen = chosen.astype(self.dtype)
        if weight is not None:
            _, weight = match_weights(y_pred, weight, self.name)
            weight = weight[:, None] if weight.ndim == 1 else weight
        axis = None if self.average == "micro" else 0

        def count(hits: jax.Array) -> jax.Array:
            return jnp.sum(hits if weight is None else hits * weight, axis=axis)

        self.true_positives.assign_add(count(chosen * y_true))
        self.false_positives.assign_add(count(chosen * (1 - y_true)))
        self.false_negatives.assign_add(count((1 - chosen) * y_true))

    def result(self) -> jax.Array:
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon())
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon())
        square = self.beta**2
        scores = (1 + square) * (precision * recall / (square * precision + recall + epsilon()))
        if self.average == "weighted":
            frequency = self.true_positives + self.false_negatives
            return jnp.sum(scores * (frequency / (jnp.sum(frequency) + epsilon())))
        return scores if self.average is None else jnp.mean(scores)


class F1Score(FBetaScore):
    """The F-score with equal weights of precision and recall, `2 precision recall / (precision + recall)`.

    >>> metric = F1Score(threshold=0.5, average="micro")
    >>> round(float(metric([[1, 0], [0, 1]], [[0.9, 0.6], [0.2, 0.7]])), 4)
    0.8
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)
