"""Metrics of predicted numbers: errors, cosine similarity, and the coefficient of determination."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import losses
from jkeras.core.dimensions import as_float
from jkeras.core.dtype import epsilon
from jkeras.metrics.base import Metric
from jkeras.metrics.reduction import Mean, MeanMetricWrapper
from jkeras.metrics.shapes import align, batch_weight, match_weights


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """The cosine of the angle between target and prediction, from -1 (opposite) to 1 (same direction).

    Args:
        y_true: vectors along `axis`.
        y_pred: vectors of the same shape.
        axis: the axis along which the vectors lie.

    >>> cosine_similarity([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [2.0, 2.0]]).round(4).tolist()
    [0.0, 1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "cosine_similarity")
    y_true = y_true.astype(y_pred.dtype)
    return jnp.sum(y_true * y_pred, axis=axis) * _inverse_length(y_true, axis) * _inverse_length(y_pred, axis)


def _inverse_length(x: jax.Array, axis: int) -> jax.Array:
    return jnp.minimum(jax.lax.rsqrt(jnp.sum(jnp.square(x), axis=axis)), 1 / epsilon())


class MeanSquaredError(MeanMetricWrapper):
    """The mean squared error, `mean((y_true - y_pred)^2)`.

    >>> float(MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.25
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean absolute error, `mean(|y_true - y_pred|)`.

    >>> float(MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.25
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean error in percent of the targets, `100 * mean(|y_true - y_pred| / |y_true|)`, with `|y_true|` kept above
    epsilon.

    >>> float(MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]]))
    25.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean squared error of logarithms, `mean((log(1 + y_true) - log(1 + y_pred))^2)`.

    >>> round(float(MeanSquaredLogarithmicError()([[0.0], [1.0]], [[1.0], [1.0]])), 4)
    0.2402
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of `log(cosh(y_pred - y_true))`, which is quadratic for small errors and linear for large ones.

    >>> round(float(LogCoshError()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between targets and predictions along `axis`.

    Args:
        axis: the axis along which the vectors lie.

    >>> round(float(CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])), 4)
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)
        self.axis = axis


class RootMeanSquaredError(Mean):
    """The root of the mean squared error, `sqrt(mean((y_true - y_pred)^2))`, over all samples (not a mean of roots).

    >>> float(RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]]))
    5.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add a batch of targets and predictions of the same shape."""
        weight = batch_weight(y_pred, sample_weight, self.dtype)
        y_true, y_pred = align(y_true, y_pred, self.name)
        super().update_state(jnp.square(y_pred.astype(self.dtype) - y_true.astype(self.dtype)), weight)

    def result(self) -> jax.Array:
        return jnp.sqrt(super().result())


class R2Score(Metric):
    """The coefficient of determination, `1 - sum (y - p)^2 / sum (y - mean(y))^2`, of each output.

    The sums of `y`, `y^2` and the squared errors are kept, from which both terms follow at the end.

    Args:
        class_aggregation: `"uniform_average"` over the outputs, `"variance_weighted_average"`, or None for one score for
            each output.
        num_regressors: the number `p` of independent variables; not 0 for the adjusted score
            `1 - (1 - R2) (n - 1) / (n - p - 1)`.
        name: the name under which logs show the value.
        dtype: the dtype of the computation. None means the default float.

    Raises:
        ValueError: an argument is out of its range, or (at the first batch) the shapes are not `(batch, outputs)`.

    >>> round(float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        aggregations = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in aggregations:
            raise ValueError(f"class_aggregation must be one of {aggregations}, got {class_aggregation!r}.")
        if num_regressors < 0:
            raise ValueError(f"num_regressors must be at least 0, got {num_regressors}.")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), name="squared_sum")
        self.sum = self.add_variable((outputs,), name="sum")
        self.total_mse = self.add_variable((outputs,), name="residual")
        self.count = self.add_variable((outputs,), name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add targets and predictions of shape `(batch, outputs)`, with weights `(batch,)` or `(batch, outputs)`."""
        weight = batch_weight(y_pred, sample_weight, self.dtype)
        y_true, y_pred = (x.astype(self.dtype) for x in align(y_true, y_pred, self.name))
        if y_true.ndim != 2:
            raise ValueError(f"{self.name}: expected shapes (batch, outputs), got {y_true.shape} and {y_pred.shape}.")
        if not self._built:
            self._build(y_pred.shape[-1])
        if weight is None:
            weight = jnp.ones((), self.dtype)
        else:
            _, weight = match_weights(y_true, weight, self.name)
            weight = weight[:, None] if weight.ndim == 1 else weight
        weight = jnp.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign_add(jnp.sum(weighted, axis=0))
        self.squared_sum.assign_add(jnp.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(jnp.sum(jnp.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(jnp.sum(weight, axis=0))
        self.num_samples.assign_add(as_float(y_true.size))

    def result(self) -> jax.Array:
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1 - self.total_mse / total
        scores = jnp.where(jnp.isinf(scores), jnp.zeros_like(scores), scores)  # a constant target explains nothing
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = jnp.sum(total * scores) / jnp.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: jax.Array) -> jax.Array:
        samples = self.num_samples.value
        freedom = samples - self.num_regressors - 1
        if not isinstance(freedom, jax.core.Tracer) and freedom <= 0:
            warnings.warn(
                f"{self.name}: {int(samples)} data points are too few for {self.num_regressors} regressors; this is the "
                "score without the adjustment.",
                stacklevel=2,
            )
        enough = freedom > 0
        adjusted = 1 - (1 - scores) * (samples - 1) / jnp.where(enough, freedom, 1.0)
        return jnp.where(enough, adjusted, scores)
