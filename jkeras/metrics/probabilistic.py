"""Metrics of predicted probabilities: cross-entropies and divergences, averaged over all samples."""

from typing import Any

from jkeras import losses
from jkeras.metrics.reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """The crossentropy `-mean(y log p + (1 - y) log(1 - p))`, for 0/1 targets.

    Args:
        from_logits: True if `y_pred` holds logits, the inputs of the final sigmoid. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / 2`.

    >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **options)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy `-mean(sum_c y[c] log p[c])`, for one-hot targets.

    Args:
        from_logits: True if `y_pred` holds logits, the inputs of the final softmax. False if it holds probabilities.
        label_smoothing: a number `s` from 0 to 1. Targets become `y * (1 - s) + s / classes`.
        axis: the axis of the classes.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy `-mean(log p[y])`, for targets that are class numbers.

    Args:
        from_logits: True if `y_pred` holds logits, the inputs of the final softmax. False if it holds probabilities.
        ignore_class: targets with this number do not count. None counts all.
        axis: the axis of the classes.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class KLDivergence(MeanMetricWrapper):
    """The Kullback-Leibler divergence of the prediction from the target, `mean(sum_c y[c] log(y[c] / p[c]))`.

    >>> round(float(KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None):
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The negative log-likelihood of counts up to a constant, `mean(y_pred - y_true log y_pred)`.

    >>> round(float(Poisson()([[2.0]], [[1.0]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None):
        super().__init__(losses.poisson, name, dtype)
