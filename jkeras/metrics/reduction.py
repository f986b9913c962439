"""Sums and means of values, with sample weights. Most metrics are built from them.

For values `v[i]` of samples with weights `w[i]`,

    Sum    sum_i w[i] v[i]
    Mean   sum_i w[i] v[i] / sum_i w[i]

over all batches. A sample with several values (`v` of shape `(batch, ...)`) counts with their mean.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import known_arguments
from jkeras.core.dimensions import as_float
from jkeras.core.frame import Frame
from jkeras.errors import keywords_of
from jkeras.losses.base import one_by_one
from jkeras.metrics.base import Metric
from jkeras.metrics.shapes import as_array, batch_weight, match_weights
from jkeras.ops.elementwise import divide_no_nan
from jkeras.serialization import deserialize, published, serialize


class Sum(Metric):
    """The weighted sum of all values.

    >>> from jkeras.metrics import Sum
    >>> metric = Sum()
    >>> metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    >>> float(metric.result())
    4.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values of shape `(batch, ...)`, with weights of shape `(batch,)` or one that broadcasts to the values'."""
        values = as_array(values).astype(self.dtype)
        if sample_weight is not None:
            sample_weight = as_array(sample_weight).astype(self.dtype)
            values, sample_weight = match_weights(values, sample_weight, self.name)
            values = _reduce_inner(jnp.sum, values, sample_weight.ndim) * sample_weight
        self.total.assign_add(jnp.sum(values))

    def result(self) -> jax.Array:
        return self.total.value


class Mean(Metric):
    """The weighted mean of all values. It stores two scalars, the weighted total and the weight.

    >>> from jkeras.metrics import Mean
    >>> metric = Mean()
    >>> metric.update_state([1, 3])
    >>> metric.update_state([5])
    >>> float(metric.result())
    3.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")
        self.count = self.add_variable((), "zeros", self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values of shape `(batch, ...)`, with weights of shape `(batch,)` or one that broadcasts to the values'."""
        values = as_array(values).astype(self.dtype)
        if sample_weight is None:
            count: Any = as_float(values.shape[0]) if values.ndim else 1.0
        else:
            sample_weight = as_array(sample_weight).astype(self.dtype)
            values, sample_weight = match_weights(values, sample_weight, self.name)
            values = _reduce_inner(jnp.mean, values, sample_weight.ndim) * sample_weight
            count = jnp.sum(sample_weight)
        per_sample = math.prod(values.shape[1:])
        total = jnp.sum(values)
        if per_sample > 1:  # the mean of each sample's values, summed: one reduction and one division
            total = total / per_sample
            count = count if sample_weight is None else count / per_sample
        self.total.assign_add(total)
        self.count.assign(self.count.value + count)

    def result(self) -> jax.Array:
        return divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred) -> values` over all samples.

    Args:
        fn: returns one value for each sample, or several, of which the mean counts. A loss instance counts with its
            per-sample values.
        name: the name under which logs show the value.
        dtype: the dtype of the accumulated numbers. None means the default float.
        **kwargs: further arguments for `fn`.

    >>> import jax.numpy as jnp
    >>> from jkeras.metrics import MeanMetricWrapper
    >>> def worst(y_true, y_pred):
    ...     return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
    >>> metric = MeanMetricWrapper(worst)
    >>> float(metric([[0.0, 0.0]], [[1.0, 3.0]]))
    3.0
    """

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name, dtype)
        self._fn = fn
        known_arguments(type(self), fn, kwargs)
        self._fn_kwargs = kwargs
        losses = published("keras.losses").values()
        if any(fn is loss or type(fn) is loss for loss in losses):
            self._direction = "down"  # for callbacks that must know whether smaller is better

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add a batch. A mask that `y_pred` carries, or that `fn` gives its values, is a sample weight of 0 or 1.

        Raises:
            ValueError: the shapes do not fit each other, or the weights do not fit the values.
        """
        weight = batch_weight(y_pred, sample_weight, self.dtype)
        y_true, y_pred = (x if isinstance(x, (dict, tuple)) else as_array(x) for x in (y_true, y_pred))
        if weight is not None and getattr(self._fn, "elementwise", False) and self._fn_kwargs.get("axis", -1) == -1:
            y_true, y_pred = one_by_one(y_true, y_pred, weight)
        with Frame():  # of its own: a function that ignores some values (`ignore_class`) leaves their mask there
            values = self._function(y_true, y_pred, **self._fn_kwargs)
            weight = batch_weight(values, weight, self.dtype)
        super().update_state(values, weight)

    @property
    def _function(self) -> Callable:
        # A loss instance would return the mean of the batch, and an uneven last batch would weigh too much.
        per_sample = getattr(self._fn, "reduction", None) in ("sum_over_batch_size", "mean", "mean_with_sample_weight")
        return self._fn.call if per_sample else self._fn  # type: ignore[attr-defined]

    def get_config(self) -> dict:
        config = {"name": self.name, "dtype": self.dtype, **serialize(self._fn_kwargs)}
        return {**config, "fn": serialize(self._fn)} if "fn" in keywords_of(type(self).__init__) else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "MeanMetricWrapper":
        return cls(**deserialize(dict(config)))


def _reduce_inner(reduce: Callable, values: jax.Array, ndim: int) -> jax.Array:
    """Reduce the axes of `values` from `ndim` on: those that the weights do not have."""
    return reduce(values, axis=tuple(range(ndim, values.ndim))) if values.ndim > ndim else values
