"""The area under a curve that a classifier draws as its threshold moves, by a Riemann sum over the thresholds.

    curve      x                                    y
    ROC        false positive rate FP / (FP + TN)   recall TP / (TP + FN)
    PR         recall                               precision TP / (TP + FP)
    PRGAIN     recall gain 1 - r FN / TP            precision gain 1 - r FP / TP,   r = positives / negatives

The area under ROC is the probability that a positive gets a higher score than a negative (Hanley & McNeil 1982). Between
two thresholds precision is not linear in recall, but follows from TP being linear in TP + FP, and is integrated so
(Davis & Goadrich 2006, "The relationship between Precision-Recall and ROC curves"). The gains make PR comparable between
class ratios (Flach & Kull 2015, "Precision-Recall-Gain curves").
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.errors import suggest
from jkeras.metrics.confusion import ConfusionMetric
from jkeras.metrics.shapes import as_array
from jkeras.ops.elementwise import divide_no_nan

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(ConfusionMetric):
    """The area under the ROC, the precision-recall or the precision-recall-gain curve.

    Args:
        num_thresholds: how many thresholds discretize the curve, at least 2.
        curve: `"ROC"`, `"PR"` or `"PRGAIN"`.
        summation_method: the height of each step: `"interpolation"` (the middle; for PR the exact integral),
            `"minoring"` (the lower side) or `"majoring"` (the upper).
        name: the name under which logs show the value.
        dtype: the dtype of the counts. None means the default float.
        thresholds: those between 0 and 1, in place of evenly spaced ones; the two ends are added.
        multi_label: whether each label (the last axis of `(batch, labels)`) has a curve of its own; the result is their
            mean.
        num_labels: needed only with `multi_label`, and only to make the variables before the first batch.
        label_weights: one for each label: of the mean with `multi_label`, and of the labels' predictions without.
        from_logits: whether predictions are logits, to which the sigmoid is applied.

    Raises:
        ValueError: an argument is out of its range, or the shapes do not fit.

    >>> metric = AUC(num_thresholds=3)
    >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        self.curve = _one_of("curve", curve.upper(), CURVES)
        self.summation_method = _one_of("summation_method", summation_method.lower(), SUMMATIONS)
        if num_labels and not multi_label:
            raise ValueError("num_labels is only for multi_label=True: AUC(multi_label=True, num_labels=n).")
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"num_thresholds must be at least 2, got {num_thresholds}.")
        if thresholds is None:
            inner = [k / (num_thresholds - 1) for k in range(1, num_thresholds - 1)]
        else:
            inner = sorted(thresholds)
        # The ends lie just outside of [0, 1], so that scores of exactly 0 and 1 are between them.
        super().__init__([-epsilon(), *inner, 1 + epsilon()], name=name, dtype=dtype)
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else as_array(label_weights).astype(self.dtype)
        self._given_thresholds = thresholds is not None
        self._built = not multi_label or bool(num_labels)
        if self._built:
            self._make_histogram(num_labels or 1)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add targets (0 or not) and scores of the same shape; `(batch, labels)` with `multi_label`."""
        y_pred = as_array(y_pred)
        shape = y_pred.shape
        if self.multi_label and (len(shape) != 2 or (self.num_labels and shape[1] != self.num_labels)):
            wanted = self.num_labels or "labels"
            raise ValueError(f"{self.name}: multi_label=True takes y_pred of shape (batch, {wanted}), got {shape}.")
        if self.label_weights is not None and self.label_weights.shape != shape[-1:]:
            raise ValueError(
                f"{self.name}: label_weights has shape {self.label_weights.shape}, but y_pred has shape {shape}; "
                "there must be one for each entry of the last axis."
            )
        if not self._built:
            self._make_histogram(shape[1])
            self._built = True
        self._add(y_true, y_pred, sample_weight, None if self.multi_label else self.label_weights)

    def _scores(self, y_pred: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(y_pred) if self.from_logits else y_pred

    def result(self) -> jax.Array:
        if self.curve == "PR" and self.summation_method == "interpolation":
            steps = self._interpolated_precision_steps()
        else:
            x, y = self._points()
            left, right = y[:-1], y[1:]
            heights = {
                "interpolation": (left + right) / 2,
                "minoring": jnp.minimum(left, right),
                "majoring": jnp.maximum(left, right),
            }
            steps = (x[:-1] - x[1:]) * heights[self.summation_method]
        areas = jnp.sum(steps, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return jnp.mean(areas)
        return divide_no_nan(jnp.sum(areas * self.label_weights), jnp.sum(self.label_weights))

    def _points(self) -> tuple[jax.Array, jax.Array]:
        true_positives, false_positives, true_negatives, false_negatives = self.counts()
        positives, negatives = true_positives + false_negatives, false_positives + true_negatives
        recall = divide_no_nan(true_positives, positives)
        if self.curve == "ROC":
            return divide_no_nan(false_positives, negatives), recall
        if self.curve == "PR":
            return recall, divide_no_nan(true_positives, true_positives + false_positives)
        ratio = divide_no_nan(positives, negatives)
        none = true_positives == 0  # both gains diverge: no recall, and no false alarm
        recall_gain = jnp.where(none, 0.0, 1 - ratio * divide_no_nan(false_negatives, true_positives))
        precision_gain = jnp.where(none, 1.0, 1 - ratio * divide_no_nan(false_positives, true_positives))
        return jnp.maximum(recall_gain, 0.0), precision_gain  # below 0 the classifier is worse than "always yes"

    def _interpolated_precision_steps(self) -> jax.Array:
        """The integral of precision over recall between neighbouring thresholds, with TP = slope * P + intercept and
        P = TP + FP: `slope / positives * (dTP + intercept * log(P_left / P_right))`."""
        true_positives, false_positives, _, false_negatives = self.counts()
        predicted = true_positives + false_positives
        left, right = predicted[:-1], predicted[1:]
        gained = true_positives[:-1] - true_positives[1:]
        slope = divide_no_nan(gained, jnp.maximum(left - right, 0))
        intercept = true_positives[1:] - slope * right
        ratio = jnp.where((left > 0) & (right > 0), divide_no_nan(left, right), jnp.ones_like(left))
        return divide_no_nan(slope * (gained + intercept * jnp.log(ratio)), (true_positives + false_negatives)[1:])

    def get_config(self) -> dict:
        weights = None if self.label_weights is None else self.label_weights.tolist()
        config = super().get_config() | {"label_weights": weights, "thresholds": self.thresholds[1:-1]}
        if not self._given_thresholds:
            del config["thresholds"]
        return config


def _one_of(argument: str, value: str, options: tuple[str, ...]) -> str:
    if value not in options:
        raise ValueError(f"{argument} must be one of {options}, got {value!r}.{suggest(value, options)}")
    return value
