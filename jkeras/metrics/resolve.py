"""Turn an entry of `compile(metrics=[...])` into a metric, once the shapes of targets and predictions are known."""

from typing import Any

from jkeras.metrics.accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from jkeras.metrics.base import Metric
from jkeras.metrics.names import get, look_up
from jkeras.metrics.probabilistic import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from jkeras.metrics.reduction import MeanMetricWrapper
from jkeras.serialization.naming import object_name

BY_SHAPE = {
    "accuracy": {
        "binary": BinaryAccuracy,
        "sparse_categorical": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    },
    "crossentropy": {
        "binary": BinaryCrossentropy,
        "sparse_categorical": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    },
}
BY_SHAPE.update(acc=BY_SHAPE["accuracy"], ce=BY_SHAPE["crossentropy"])


def problem_kind(y_true_shape: tuple, y_pred_shape: tuple) -> str:
    """Tell from shapes whether targets are two classes, class numbers, or one-hot rows.

    Args:
        y_true_shape: the shape of the targets.
        y_pred_shape: the shape of the outputs.

    Returns:
        `"binary"`, `"sparse_categorical"` or `"categorical"`.

    >>> problem_kind((8, 1), (8, 1)), problem_kind((8,), (8, 3)), problem_kind((8, 3), (8, 3))
    ('binary', 'sparse_categorical', 'categorical')
    """
    if y_pred_shape[-1] == 1 or len(y_pred_shape) == 1:
        return "binary"
    sparse = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
    return "sparse_categorical" if sparse else "categorical"


def check_identifier(identifier: Any, what: str = "metrics") -> None:
    """Look an identifier up before any shape is known; makes no metric.

    Args:
        identifier: as for `resolve`.
        what: the argument it stands in, for messages.

    Raises:
        ValueError: the name is unknown (a similar one is suggested), or the identifier is nothing that `resolve` takes.

    >>> check_identifier("F1")
    Traceback (most recent call last):
    ...
    ValueError: Unknown metric: 'F1'. Did you mean 'F1Score'?
    """
    if isinstance(identifier, str) and identifier.lower() in BY_SHAPE:
        return
    if isinstance(identifier, str):
        look_up(identifier)
    elif not callable(identifier) and not isinstance(identifier, dict):
        raise ValueError(
            f"{what}= holds {identifier!r}, of type {type(identifier).__name__}. Give names such as 'accuracy', "
            "jkeras.metrics.Metric objects, or functions (y_true, y_pred) -> values."
        )


def resolve(identifier: Any, y_true: Any = None, y_pred: Any = None) -> Metric:
    """Return the metric for an identifier. It has the name that logs show, and all its variables are made.

    Args:
        identifier: a name, a metric, a class, a config, or a function `(y_true, y_pred) -> values`, of which the mean is
            taken. `"accuracy"` and `"crossentropy"` (or `"acc"`, `"ce"`) pick the kind that fits the shapes.
        y_true: the targets, or anything with their shape and dtype.
        y_pred: the predictions, likewise.

    Raises:
        ValueError: the name is unknown, or the metric cannot take the shapes.

    >>> import jax
    >>> labels, scores = jax.ShapeDtypeStruct((8,), "int32"), jax.ShapeDtypeStruct((8, 3), "float32")
    >>> resolve("accuracy", labels, scores)
    <SparseCategoricalAccuracy name=accuracy>
    """
    if identifier is None:
        raise ValueError("A metric is None; give a name, a jkeras.metrics.Metric or a function (y_true, y_pred) -> values.")
    kinds = BY_SHAPE.get(identifier.lower()) if isinstance(identifier, str) else None
    if kinds is None:
        metric = get(identifier)
    elif y_true is None or y_pred is None:
        raise ValueError(
            f"The metric {identifier!r} depends on the shapes of the targets, but there are no targets. Pass y, or name "
            f"one kind of the metric, such as {kinds['binary'].__name__}."
        )
    else:
        metric = kinds[problem_kind(y_true.shape, y_pred.shape)]()
    name = identifier if isinstance(identifier, str) else object_name(metric)
    if not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric, name=name)
    metric.name = name
    if y_true is not None and y_pred is not None:
        metric.build_abstractly(y_true, y_pred)
    return metric
