"""The highest value of one rate among the thresholds at which another rate is at least a given value."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.metrics.confusion import ConfusionMetric
from jkeras.ops.elementwise import divide_no_nan


class _OperatingPoint(ConfusionMetric):
    """`max(dependent[k] for thresholds k where constrained[k] >= value)`, over evenly spaced thresholds; 0 if there is none.

    Subclasses name the two rates, and the constructor's argument that gives `value`.
    """

    constrained = dependent = argument = ""

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any):
        if not 0 <= value <= 1:
            raise ValueError(f"{self.argument} must be in [0, 1], got {value}.")
        if num_thresholds <= 0:
            raise ValueError(f"num_thresholds must be at least 1, got {num_thresholds}.")
        thresholds = [k / (num_thresholds - 1) for k in range(num_thresholds)] if num_thresholds > 1 else [0.5]
        super().__init__(thresholds, class_id=class_id, name=name, dtype=dtype)
        self.value, self.num_thresholds = value, num_thresholds
        setattr(self, self.argument, value)
        self._make_histogram()

    def result(self) -> jax.Array:
        true_positives, false_positives, true_negatives, false_negatives = self.counts()
        rates = {
            "sensitivity": (true_positives, false_negatives),
            "specificity": (true_negatives, false_positives),
            "precision": (true_positives, false_positives),
        }
        constrained, dependent = (
            divide_no_nan(right, right + wrong) for right, wrong in (rates[self.constrained], rates[self.dependent])
        )
        return jnp.max(jnp.where(constrained >= self.value, dependent, jnp.zeros_like(dependent)))


class SensitivityAtSpecificity(_OperatingPoint):
    """The highest sensitivity `TP / (TP + FN)` where the specificity `TN / (TN + FP)` is at least a given one.

    Args:
        specificity: in [0, 1].
        num_thresholds: how many thresholds in [0, 1] are tried.
        class_id: if given, only this class of the last axis counts.
        name: the name under which logs show the value.
        dtype: the dtype of the counts. None means the default float.

    >>> metric = SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    constrained, dependent, argument = "specificity", "sensitivity", "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_OperatingPoint):
    """The highest specificity `TN / (TN + FP)` where the sensitivity `TP / (TP + FN)` is at least a given one.

    Args:
        sensitivity: in [0, 1].
        num_thresholds: how many thresholds in [0, 1] are tried.
        class_id: if given, only this class of the last axis counts.
        name: the name under which logs show the value.
        dtype: the dtype of the counts. None means the default float.

    >>> metric = SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    constrained, dependent, argument = "sensitivity", "specificity", "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_OperatingPoint):
    """The highest precision `TP / (TP + FP)` where the recall `TP / (TP + FN)` is at least a given one.

    Args:
        recall: in [0, 1].
        num_thresholds: how many thresholds in [0, 1] are tried.
        class_id: if given, only this class of the last axis counts.
        name: the name under which logs show the value.
        dtype: the dtype of the counts. None means the default float.

    >>> metric = PrecisionAtRecall(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    constrained, dependent, argument = "sensitivity", "precision", "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_OperatingPoint):
    """The highest recall `TP / (TP + FN)` where the precision `TP / (TP + FP)` is at least a given one.

    Args:
        precision: in [0, 1].
        num_thresholds: how many thresholds in [0, 1] are tried.
        class_id: if given, only this class of the last axis counts.
        name: the name under which logs show the value.
        dtype: the dtype of the counts. None means the default float.

    >>> metric = RecallAtPrecision(0.8)
    >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    constrained, dependent, argument = "precision", "sensitivity", "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
