"""Metrics by name, from configs and from files: `metrics=["accuracy", "mse"]`."""

from collections.abc import Mapping
from typing import Any

from jkeras import losses, serialization
from jkeras.metrics import (
    accuracy,
    auc,
    base,
    confusion,
    correlation,
    f_score,
    iou,
    margin,
    operating_point,
    probabilistic,
    reduction,
    regression,
)
from jkeras.serialization import Shortcuts, named, publish
from jkeras.serialization.naming import snake_case

CLASSES = named(
    base.Metric,
    reduction.Mean,
    reduction.Sum,
    reduction.MeanMetricWrapper,
    accuracy.Accuracy,
    accuracy.BinaryAccuracy,
    accuracy.CategoricalAccuracy,
    accuracy.SparseCategoricalAccuracy,
    accuracy.TopKCategoricalAccuracy,
    accuracy.SparseTopKCategoricalAccuracy,
    regression.MeanSquaredError,
    regression.RootMeanSquaredError,
    regression.MeanAbsoluteError,
    regression.MeanAbsolutePercentageError,
    regression.MeanSquaredLogarithmicError,
    regression.CosineSimilarity,
    regression.LogCoshError,
    regression.R2Score,
    margin.Hinge,
    margin.SquaredHinge,
    margin.CategoricalHinge,
    probabilistic.BinaryCrossentropy,
    probabilistic.CategoricalCrossentropy,
    probabilistic.SparseCategoricalCrossentropy,
    probabilistic.KLDivergence,
    probabilistic.Poisson,
    confusion.TruePositives,
    confusion.FalsePositives,
    confusion.TrueNegatives,
    confusion.FalseNegatives,
    confusion.Precision,
    confusion.Recall,
    operating_point.SensitivityAtSpecificity,
    operating_point.SpecificityAtSensitivity,
    operating_point.PrecisionAtRecall,
    operating_point.RecallAtPrecision,
    auc.AUC,
    f_score.FBetaScore,
    f_score.F1Score,
    iou.IoU,
    iou.BinaryIoU,
    iou.MeanIoU,
    iou.OneHotIoU,
    iou.OneHotMeanIoU,
    correlation.PearsonCorrelation,
    correlation.ConcordanceCorrelation,
)
SHORT = {
    "bce": probabilistic.BinaryCrossentropy,
    "mse": regression.MeanSquaredError,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "msle": regression.MeanSquaredLogarithmicError,
    "rmse": regression.RootMeanSquaredError,
    "kld": probabilistic.KLDivergence,
}
FUNCTIONS = named(
    accuracy.binary_accuracy,
    accuracy.categorical_accuracy,
    accuracy.sparse_categorical_accuracy,
    accuracy.top_k_categorical_accuracy,
    accuracy.sparse_top_k_categorical_accuracy,
    correlation.pearson_correlation,
    correlation.concordance_correlation,
    losses.binary_crossentropy,
    losses.binary_focal_crossentropy,
    losses.categorical_crossentropy,
    losses.categorical_focal_crossentropy,
    losses.categorical_hinge,
    losses.hinge,
    losses.huber,
    losses.kl_divergence,
    losses.log_cosh,
    losses.mean_absolute_error,
    losses.mean_absolute_percentage_error,
    losses.mean_squared_error,
    losses.mean_squared_logarithmic_error,
    losses.poisson,
    losses.sparse_categorical_crossentropy,
    losses.squared_hinge,
)

_shortcuts = Shortcuts(
    "metric",
    "keras.metrics",
    {
        **named(*CLASSES.values(), *FUNCTIONS.values(), spell=snake_case),
        **SHORT,
        "mean_squared_err": regression.MeanSquaredError,
        **{name.upper(): cls for name, cls in SHORT.items()},
    },
)
publish("keras.metrics", FUNCTIONS)  # in a config `mean_squared_error` is the function; as a shortcut it is the class


def get(identifier: Any) -> Any:
    """Return a metric from a name, a config, a class, an instance or a function. A function is returned unchanged.

    Args:
        identifier: a name such as `"accuracy"` or `"AUC"`, a config, a class, a `Metric`, or a function `(y_true, y_pred) ->
            values`.

    Raises:
        ValueError: the name is unknown; a similar one is suggested.

    >>> get("mse")
    <MeanSquaredError name=mean_squared_error>
    >>> get("precison")
    Traceback (most recent call last):
    ...
    ValueError: Unknown metric: 'precison'. Did you mean 'precision'?
    """
    return _shortcuts.get(identifier)


def look_up(name: str) -> Any:
    """Find the class or function for a name. No metric is made.

    Raises:
        ValueError: the name is unknown; a similar one is suggested.
    """
    return _shortcuts.look_up(name)


def serialize(metric: Any) -> Any:
    """Return the metric's class and config, in Keras 3's form.

    Args:
        metric: the metric, or a function.

    >>> serialize(regression.MeanSquaredError(name="m"))["config"]["name"]
    'm'
    """
    return serialization.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make a metric from the config that `serialize` returned, or from a name.

    Args:
        config: what `serialize` returned, or a name.
        custom_objects: `{name: class}` that the config may name besides those of the library and the registered ones.

    Raises:
        ValueError: the config names something unknown.

    >>> deserialize(serialize(regression.MeanSquaredError(name="m"))).name
    'm'
    """
    return (
        _shortcuts.get(config, custom_objects)
        if isinstance(config, str)
        else serialization.deserialize(config, custom_objects)
    )


__all__ = ["CLASSES", "FUNCTIONS", "deserialize", "get", "serialize"]
