"""Intersection over union of predicted and true regions, `TP / (TP + FP + FN)` of each class: the measure of image
segmentation. The state is the confusion matrix, rows for true classes, columns for predicted ones.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon, is_float
from jkeras.metrics.base import Metric
from jkeras.metrics.shapes import as_array, batch_weight, match_weights


class IoU(Metric):
    """The mean intersection over union of some classes.

    Args:
        num_classes: how many classes there are; entries with other class numbers do not count.
        target_class_ids: the classes that the result is the mean of. A class that occurs nowhere is left out.
        name: the name under which logs show the value.
        dtype: the dtype of the confusion matrix. None means integers; sample weights then count as integers.
        ignore_class: a true class whose entries do not count (such as "void").
        sparse_y_true: True for class numbers, False for one-hot targets.
        sparse_y_pred: True for class numbers, False for scores.
        axis: that of the classes, where targets or predictions are not class numbers.

    Raises:
        ValueError: a target class is out of range, or the shapes do not fit.

    >>> metric = IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype or "int", name)
        self.target_class_ids = list(target_class_ids)
        wrong = [k for k in self.target_class_ids if not 0 <= k < num_classes]
        if wrong or not self.target_class_ids:
            raise ValueError(f"target_class_ids must be in [0, {num_classes}), got {self.target_class_ids}.")
        self.num_classes, self.ignore_class = num_classes, ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        self.total_cm = self.add_variable((num_classes, num_classes), dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add targets and predictions of any shape, the same for both once they are class numbers."""
        if sample_weight is not None:
            self._warn_of_fractions(sample_weight)
        weight = batch_weight(y_pred, sample_weight, self.dtype)
        y_true, y_pred = as_array(y_true), as_array(y_pred)
        y_true = y_true if self.sparse_y_true else jnp.argmax(y_true, axis=self.axis)
        y_pred = self._predicted_classes(y_pred)
        if y_true.size != y_pred.size:
            raise ValueError(
                f"{self.name}: there are {y_true.size} true classes and {y_pred.size} predicted ones: the shapes of class "
                f"numbers are {y_true.shape} and {y_pred.shape}."
            )
        if weight is None:
            weight = jnp.ones((), self.dtype)
        elif weight.ndim:
            values, weight = match_weights(y_pred, weight, self.name)
            weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
            weight = jnp.broadcast_to(weight, values.shape).reshape(-1)
        y_true, y_pred = y_true.reshape(-1).astype("int32"), y_pred.reshape(-1).astype("int32")
        known = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            known &= y_true != self.ignore_class
        weight = jnp.where(known, weight.astype(self.dtype), jnp.zeros((), self.dtype))
        cell = jnp.where(known, y_true * self.num_classes + y_pred, 0)
        matrix = jax.ops.segment_sum(weight, cell, self.num_classes**2)
        self.total_cm.assign_add(matrix.reshape(self.total_cm.shape))

    def _predicted_classes(self, y_pred: jax.Array) -> jax.Array:
        return y_pred if self.sparse_y_pred else jnp.argmax(y_pred, axis=self.axis)

    def _warn_of_fractions(self, sample_weight: Any) -> None:
        weights = as_array(sample_weight)
        if is_float(self.dtype) or not is_float(weights.dtype):
            return
        if isinstance(weights, jax.core.Tracer) or bool(jnp.any(weights % 1)):
            warnings.warn(
                f"{self.name} counts in {self.dtype}, which cuts the fractions of sample weights off. To count them, "
                'make it with dtype="float32".',
                stacklevel=3,
            )

    def result(self) -> jax.Array:
        matrix = self.total_cm.value
        intersection = jnp.diagonal(matrix)
        union = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - intersection
        wanted = jnp.asarray(self.target_class_ids)
        intersection, union = (x[wanted].astype("float32") for x in (intersection, union))
        occurs = union > 1e-9
        iou = jnp.where(occurs, intersection / (union + epsilon()), jnp.zeros_like(union))
        return jnp.sum(iou) / (jnp.sum(occurs.astype("float32")) + epsilon())


class BinaryIoU(IoU):
    """The mean intersection over union of the background (0) and the foreground (1), for predicted probabilities.

    Args:
        target_class_ids: which of the two the result is the mean of.
        threshold: from which a prediction is foreground.
        name: the name under which logs show the value.
        dtype: the dtype of the confusion matrix.

    >>> metric = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def _predicted_classes(self, y_pred: jax.Array) -> jax.Array:
        return (y_pred >= self.threshold).astype("int32")


class MeanIoU(IoU):
    """The mean intersection over union of all classes.

    >>> metric = MeanIoU(num_classes=2)
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """The metric `IoU` for one-hot targets.

    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0, 1])
    >>> round(float(metric([[1, 0], [1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """The metric `MeanIoU` for one-hot targets.

    >>> metric = OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[1, 0], [1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
