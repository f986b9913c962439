"""Losses of structured outputs: distributions and counts, overlap of regions, similarity of embeddings, sequences."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jkeras.core import frame as frames
from jkeras.core.dtype import epsilon
from jkeras.losses.base import MEAN
from jkeras.losses.wrapper import LABELS, LossFunctionWrapper, loss_function

# -- distributions and counts -----------------------------------------------------------------------------------------


@loss_function(elementwise=False)
def kl_divergence(y_true: Any, y_pred: Any) -> jax.Array:
    """Kullback-Leibler divergence, `sum(y * log(y / p))` over the last axis, of distributions clipped to `[eps, 1]`.

    Args:
        y_true: probabilities of shape `(batch, ..., d)`.
        y_pred: probabilities of the same shape, floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).tolist()
    [0.0]
    """
    y_true, y_pred = jnp.clip(y_true, epsilon(), 1), jnp.clip(y_pred, epsilon(), 1)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


@loss_function()
def poisson(y_true: Any, y_pred: Any) -> jax.Array:
    """Compute `mean(p - y * log(p + eps))` over the last axis, the negative log-likelihood of counts `y` with mean `p`.

    Args:
        y_true: counts of shape `(batch, ..., d)`.
        y_pred: their expected values, of the same shape, positive floats.

    Returns:
        array of shape `(batch, ...)`: one value per sample.

    >>> poisson([[3.0, 0.0]], [[1.0, 1.0]]).round(4).tolist()
    [1.0]
    """
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + epsilon()), axis=-1)


# -- overlap of regions -----------------------------------------------------------------------------------------------


@loss_function(elementwise=False)
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> jax.Array:
    """Compute `1 - 2 * sum(y * p) / (sum(y) + sum(p) + eps)` over `axis`; by default over everything, which gives a
    scalar.

    Args:
        y_true: targets of any shape, 0 or 1.
        y_pred: probabilities of the same shape.
        axis: the axis or the axes to sum over. None sums over all, the batch included.

    Returns:
        array of the shape of `y_pred` without `axis`, or a scalar.

    Source: Milletari et al. 2016, arXiv:1606.04797, after Dice 1945.

    >>> round(float(dice([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)
    0.3333
    """
    overlap = jnp.sum(y_true * y_pred, axis)
    return 1 - 2 * overlap / (jnp.sum(y_true, axis) + jnp.sum(y_pred, axis) + epsilon())


@loss_function(elementwise=False)
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> jax.Array:
    """Compute `1 - o / (o + alpha * sum((1 - p) * y) + beta * sum(p * (1 - y)) + eps)` with the overlap `o = sum(y *
    p)`.

    `alpha` weighs what was missed and `beta` what was claimed too much; with 1/2 each it is `dice`.

    Args:
        y_true: targets of any shape, 0 or 1.
        y_pred: probabilities of the same shape.
        alpha: the weight of what was missed.
        beta: the weight of what was claimed too much.
        axis: the axis or the axes to sum over. None sums over all, the batch included.

    Returns:
        array of the shape of `y_pred` without `axis`, or a scalar.

    Source: Salehi et al. 2017, arXiv:1706.05721.

    >>> round(float(tversky([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], alpha=1.0, beta=0.0)), 4)
    0.5
    """
    overlap = jnp.sum(y_true * y_pred, axis)
    missed, excess = jnp.sum((1 - y_pred) * y_true, axis), jnp.sum(y_pred * (1 - y_true), axis)
    return 1 - overlap / (overlap + missed * alpha + excess * beta + epsilon())


# -- similarity of embeddings -----------------------------------------------------------------------------------------


@loss_function(LABELS)
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> jax.Array:
    """Circle loss of embeddings: near to those of the same class, far from the others, each pair paced by its own error.

    With the cosine distance `d = max(1 - <a, b>, 0)` between a sample and each reference, and the margin `m`,

        log(1 + sum_same exp(gamma * (d + m) * (d - m)) * sum_other exp(gamma * max(1 + m - d, 0) * (1 - m - d)))

    Args:
        y_true: class numbers, of shape `(batch,)` or `(batch, 1)`.
        y_pred: embeddings of length 1, of shape `(batch, d)`.
        ref_labels: class numbers of the references, of shape `(references,)`; by default `y_true`.
        ref_embeddings: embeddings of the references, of shape `(references, d)`; by default `y_pred`.
        remove_diagonal: True if the i-th reference is left out for the i-th sample, as it is the sample itself.
        gamma: the scale of the exponents, a positive number.
        margin: the margin `m`, a number from 0 to 1.

    Returns:
        Values of shape `(batch,)`. A sample without a pair of both kinds has loss 0, and a `Loss` takes the mean over the
        others.

    Source: Sun et al. 2020, arXiv:2002.10857.

    >>> circle([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).round(4).tolist()
    [0.0, 0.0, 0.0]
    """
    labels = y_true.astype("int32").reshape(-1, 1)
    references = labels if ref_labels is None else jnp.asarray(ref_labels).astype("int32").reshape(-1, 1)
    embeddings = y_pred if ref_embeddings is None else jnp.asarray(ref_embeddings).astype(y_pred.dtype)
    distance = jnp.maximum(1 - y_pred @ embeddings.T, 0)
    same = labels == references.T
    other = ~same
    if remove_diagonal:
        same &= ~jnp.eye(*same.shape, dtype=bool)  # type: ignore[misc]
    never = jnp.finfo(distance.dtype).min / 4  # finite, so that the gradient of a sample without pairs is 0 and not NaN
    pull = gamma * (distance + margin) * (distance - margin)
    push = gamma * jnp.maximum(1 + margin - distance, 0) * (1 - margin - distance)
    same_sum = jax.nn.logsumexp(jnp.where(same, pull, never), axis=1)
    other_sum = jax.nn.logsumexp(jnp.where(other, push, never), axis=1)
    values = jax.nn.softplus(same_sum + other_sum)
    frame = frames.current()
    if frame is not None:
        frame.set_mask(values, values > 0)
    return values


# -- sequences --------------------------------------------------------------------------------------------------------


@loss_function(LABELS)
def ctc(y_true: Any, y_pred: Any) -> jax.Array:
    """Connectionist temporal classification: minus the log-probability of a label sequence, over all its alignments.

    Args:
        y_true: class numbers from 1, padded with 0 at the end, of shape `(batch, labels)`; class 0 is the blank.
        y_pred: logits, of shape `(batch, time, classes)`.

    Returns:
        Values of shape `(batch,)`.

    Raises:
        ValueError: the shapes are not of these ranks.

    Source: Graves et al. 2006, "Connectionist Temporal Classification".

    >>> ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(4)
    Array([0.2877], dtype=float32)
    """
    if y_true.ndim != 2 or y_pred.ndim != 3:
        raise ValueError(
            f"ctc needs y_true of shape (batch, labels) and y_pred of shape (batch, time, classes), but they have shapes "
            f"{y_true.shape} and {y_pred.shape}."
        )
    logits = y_pred.astype(jnp.promote_types(y_pred.dtype, "float32"))
    labels = y_true.astype("int32")
    length = jnp.sum(labels != 0, axis=-1, keepdims=True)
    padding = (jnp.arange(labels.shape[1]) >= length).astype(logits.dtype)
    return optax.ctc_loss(logits, jnp.zeros(logits.shape[:2], logits.dtype), labels, padding, blank_id=0)


# -- classes ----------------------------------------------------------------------------------------------------------


class KLDivergence(LossFunctionWrapper, function=kl_divergence):
    """The Kullback-Leibler divergence of two distributions, `sum(y * log(y / p))`.

    >>> round(KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]]).item(), 4)
    0.6931
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper, function=poisson):
    """The negative log-likelihood of counts, `mean(p - y * log(p))`, without the part that depends on the targets alone.

    >>> round(Poisson()([[3.0], [0.0]], [[1.0], [1.0]]).item(), 4)
    1.0
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "poisson", dtype: Any = None):
        super().__init__(poisson, reduction, name, dtype)


class Dice(LossFunctionWrapper, function=dice):
    """One minus the overlap of two regions, `1 - 2 * sum(y * p) / (sum(y) + sum(p))`, for segmentation.

    >>> round(Dice()([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]).item(), 4)
    0.3333
    """

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper, function=tversky):
    """A loss like `Dice`, with separate weights for missed places and for places that are wrongly claimed.

    >>> round(Tversky(alpha=1.0, beta=0.0)([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]).item(), 4)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = MEAN,
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(LossFunctionWrapper, function=circle):
    """The circle loss of embeddings: it pulls samples of the same class together and pushes other samples apart.

    >>> round(Circle(gamma=1.0)([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]).item(), 4)
    0.789
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = MEAN,
        name: str | None = "circle",
        dtype: Any = None,
    ):
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)


class CTC(LossFunctionWrapper, function=ctc):
    """Connectionist temporal classification: the loss of a sequence of labels for outputs at more steps than labels.

    >>> round(CTC()([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).item(), 4)
    0.2877
    """

    def __init__(self, reduction: str | None = MEAN, name: str | None = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction, name, dtype)
