"""A loss is a function `(y_true, y_pred) -> per-sample values`, and a reduction of those values to one number.

The functions compute formulas; `reduce_weighted_values` applies weights and reduces. A `Loss` does both. With values
`v[i]`, weights `w[i]` and a mask `m[i]` of zeros and ones,

    "sum_over_batch_size", "mean"    sum_i w[i] v[i] / n, or with a mask sum_i m[i] w[i] v[i] / sum_i m[i]
    "mean_with_sample_weight"        sum_i m[i] w[i] v[i] / sum_i m[i] w[i]
    "sum"                            sum_i m[i] w[i] v[i]
    "none", None                     the vector of m[i] w[i] v[i]
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import Checked
from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core.frame import Frame
from jkeras.core.policy import get_policy
from jkeras.core.tree import map_leaves
from jkeras.core.variable import Variable
from jkeras.errors import suggest
from jkeras.ops.elementwise import divide_no_nan
from jkeras.serialization.naming import auto_name, represent

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)
MEAN = "sum_over_batch_size"


class Loss(Checked):
    """The base class of losses. A subclass defines `call(y_true, y_pred)`, which returns one value per sample.

    Args:
        name: the name of the loss in messages and configs. None means the class name in snake case.
        reduction: how the values of a batch become one number: `"sum_over_batch_size"` or `"mean"` (their sum divided by their
            number), `"mean_with_sample_weight"` (their sum divided by the sum of the weights), `"sum"`, or `"none"` or None,
            which return the values as they are.
        dtype: the dtype of the computation, such as `"float32"`, or a `DTypePolicy`, whose compute dtype counts. None means the
            default float.

    Raises:
        ValueError: an unknown reduction.

    >>> class WorstCase(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
    >>> loss = WorstCase()
    >>> loss([[0, 0], [1, 1]], [[1, 3], [1, 2]]).item()
    2.0
    >>> loss([[0, 0], [1, 1]], [[1, 3], [1, 2]], sample_weight=[1, 0]).item()
    1.5
    """

    keeps_integers = False  # True where integer targets are class numbers, which a cast to a short float would blur

    elementwise = False  # True where each number of the targets may have a weight of its own, see `one_by_one`
    labels = ("name",)  # see `runtime.identity`

    def __init__(self, name: str | None = None, reduction: str | None = MEAN, dtype: Any = None):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = check_reduction(reduction)
        self._dtype = get_policy(dtype if dtype is not None else dtypes.floatx()).compute_dtype

    @property
    def dtype(self) -> str:
        """The dtype of the computation."""
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> jax.Array:
        """The loss of a batch.

        Args:
            y_true: targets, an array or a structure of them.
            y_pred: outputs of a model. A mask that travels with them in the current call is honoured.
            sample_weight: a weight per sample, of shape `(batch,)`, or per value. Losses that are means over the last axis
                (squared error, binary crossentropy, ...) take a weight for each number of the targets, in their shape.

        Returns:
            A scalar, or the weighted values if there is no reduction.
        """
        mask = frames.mask_of(y_pred)
        with Frame() as call:  # of its own: what runs inside a loss is not part of the model's call, nor in training
            y_pred = _as_arrays(y_pred, self.dtype)
            y_true = _as_arrays(y_true, self.dtype, self.keeps_integers)
            if self.elementwise and sample_weight is not None:
                y_true, y_pred = one_by_one(y_true, y_pred, sample_weight)
            if mask is not None:
                call.set_mask(y_pred, mask)
            values = self.call(y_true, y_pred)
            own_mask = call.get_mask(values)  # which values count, if the loss itself decides (`ignore_class`)
        if mask is None or own_mask is None:
            mask = own_mask if mask is None else mask
        else:
            mask = jnp.logical_and(mask, own_mask)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> jax.Array:
        """Return the values of the samples, before weights and reduction."""
        raise TypeError(
            f"{type(self).__name__} must define call(self, y_true, y_pred), which returns one loss value per sample."
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments of this loss. Subclasses add their own."""
        config = {"name": self.name, "reduction": self.reduction}
        return config if self.dtype == dtypes.floatx() else {**config, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Loss":
        """Make a loss from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return represent(self)


def check_reduction(reduction: Any) -> str | None:
    """The reduction itself, if it is one.

    >>> check_reduction("avg_with_sample_weight")
    Traceback (most recent call last):
    ValueError: Unknown reduction 'avg_with_sample_weight': use one of ... Did you mean 'mean_with_sample_weight'?
    """
    if reduction not in REDUCTIONS:
        hint = suggest(reduction, [r for r in REDUCTIONS if r])
        raise ValueError(f"Unknown reduction {reduction!r}: use one of {REDUCTIONS}.{hint}")
    return reduction


def reduce_weighted_values(
    values: Any, sample_weight: Any = None, mask: Any = None, reduction: str | None = MEAN, dtype: Any = None
) -> jax.Array:
    """Weigh the values of the samples, and reduce them: the formulas stand at the top of this file.

    Args:
        values: of shape `(batch, ...)`, or a scalar.
        sample_weight: weights for the leading axes of the values; an axis of size 1 is repeated.
        mask: what counts, of a shape like the weights'; nonzero is True.
        reduction: one of `REDUCTIONS`.
        dtype: of the result, by default that of the values.

    Returns:
        A scalar; without reduction, an array of the shape of the values. Where nothing counts, a mean is 0.

    Raises:
        ValueError: an unknown reduction, or weights or a mask that do not fit the values.

    >>> reduce_weighted_values(jnp.array([1.0, 3.0]), sample_weight=[1, 3]).item()
    5.0
    >>> reduce_weighted_values(jnp.array([1.0, 3.0]), sample_weight=[1, 3], reduction="mean_with_sample_weight").item()
    2.5
    >>> reduce_weighted_values(jnp.array([1.0, 3.0]), mask=[False, True]).item()
    3.0
    """
    check_reduction(reduction)
    values = as_array(values)
    values = values if dtype is None else values.astype(dtypes.canonical(dtype))
    is_mean = reduction in (MEAN, "mean")
    scale: Any = 1.0
    weight = None if sample_weight is None else as_array(sample_weight).astype(values.dtype)
    if mask is not None:
        mask = as_array(mask).astype(values.dtype)
        if is_mean:  # the mean over what counts: n / (number that counts) times the mean over all
            scale = divide_no_nan(jnp.asarray(mask.size, values.dtype), jnp.sum(mask))
        weight = mask if weight is None else jnp.multiply(*_leading_axes(mask, weight, "The mask"))
    if weight is not None:
        values, weight = _leading_axes(values, weight, "The loss")
        if values.size > 1 and jnp.broadcast_shapes(values.shape, weight.shape) != values.shape:
            raise _misfit("The loss", values, weight)
        values = values * weight
    if reduction in ("none", None):
        return values
    total = jnp.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(total, jnp.sum(weight))
    return total * scale / max(values.size, 1) if is_mean or reduction == "mean_with_sample_weight" else total


def _leading_axes(a: jax.Array, b: jax.Array, what: str) -> tuple[jax.Array, jax.Array]:
    """Reshape two arrays so that multiplying them matches their leading axes; a scalar goes with everything."""
    given = b
    a, b = same_rank(a, b)
    if a.ndim and b.ndim:
        rank = max(a.ndim, b.ndim)
        a, b = (x.reshape(x.shape + (1,) * (rank - x.ndim)) for x in (a, b))
        if any(m != n and 1 not in (m, n) for m, n in zip(a.shape, b.shape, strict=True)):
            raise _misfit(what, a, given)
    return a, b


def _misfit(what: str, values: jax.Array, weight: jax.Array) -> ValueError:
    return ValueError(
        f"{what} has values of shape {values.shape}, which the weights (sample_weight, or the mask) of shape {weight.shape} "
        f"do not fit. Give one weight per sample, of shape {values.shape[:1]}, or one per value, of shape {values.shape}."
    )


def same_rank(a: Any, b: Any) -> tuple[Any, Any]:
    """Return both arrays with the same number of axes. If the ranks differ by one and the extra last axis has length 1,
    it is dropped, as in Keras; a vector gets such an axis instead.

    >>> [x.shape for x in same_rank(jnp.ones(4), jnp.ones((4, 1)))]
    [(4, 1), (4, 1)]
    >>> [x.shape for x in same_rank(jnp.ones((4, 2, 1)), jnp.ones((4, 2)))]
    [(4, 2), (4, 2)]
    """
    if b.ndim == a.ndim + 1:
        return same_rank(b, a)[::-1]
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 else (a[..., 0], b)
    return a, b


def one_by_one(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Give targets and outputs a last axis of size 1, so that a mean over it is no mean, if the weights have their shape.

    >>> weights = jnp.ones((4, 3))
    >>> [x.shape for x in one_by_one(jnp.ones((4, 3)), jnp.ones((4, 3, 1)), weights)]
    [(4, 3, 1), (4, 3, 1)]
    >>> [x.shape for x in one_by_one(jnp.ones((4, 2)), jnp.ones((4, 2)), weights)]
    [(4, 2), (4, 2)]
    """
    shape = jnp.shape(sample_weight) if not isinstance(sample_weight, dict) else ()
    both = (y_true, y_pred)
    if len(shape) < 2 or shape[-1] == 1 or any(getattr(x, "shape", None) not in (shape, (*shape, 1)) for x in both):
        return both
    return y_true.reshape((*shape, 1)), y_pred.reshape((*shape, 1))


def as_array(x: Any) -> jax.Array:
    """A JAX array from an array, a variable, a list or a number."""
    if isinstance(x, Variable):
        return x.value
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def _as_arrays(structure: Any, dtype: str, keep_integers: bool = False) -> Any:
    """Cast a structure of array-likes, in which a list of numbers is one array."""

    def cast(x: Any) -> jax.Array | None:
        if x is None:  # no target, for a loss that needs none
            return None
        x = as_array(x)
        if keep_integers and jnp.issubdtype(x.dtype, jnp.integer):
            return x
        return x if x.dtype == dtype else x.astype(dtypes.canonical(dtype))

    return map_leaves(cast, structure, is_leaf=_is_numbers)


def _is_numbers(x: Any) -> bool:
    return all(map(_is_numbers, x)) if isinstance(x, (list, tuple)) else isinstance(x, (bool, int, float))
