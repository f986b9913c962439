"""Hinge metrics: the distance of predictions from being right with a margin. Targets are -1 and 1 (0 and 1 count as these)."""

from typing import Any

from jkeras import losses
from jkeras.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The margin loss `mean(max(1 - y_true * y_pred, 0))`.

    >>> float(Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.25
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The squared margin loss `mean(max(1 - y_true * y_pred, 0)^2)`.

    >>> float(SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]]))
    0.125
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The margin loss `mean(max(1 + best wrong score - right score, 0))`, for one-hot targets.

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.75, 0.5]]))
    1.25
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(losses.categorical_hinge, name, dtype)
