"""Cross-entropies of targets and predictions, which losses use, and encodings of classes as zeros and ones.

Predictions are probabilities or logits (`from_logits=True`). Probabilities are clipped to stay `epsilon` away from 0
and 1. For logits, the logarithm is computed directly, without clipping.
"""

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.errors import unexpected_keywords
from jkeras.ops.family import Array, array_op, floating

__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "multi_hot", "one_hot", "psnr", "sparse_categorical_crossentropy",
]  # fmt: skip


def _clip(probabilities):
    return jnp.clip(probabilities, dtypes.epsilon(), 1.0 - dtypes.epsilon())


def _log_probabilities(output, from_logits, axis):
    if from_logits:
        return jax.nn.log_softmax(output, axis)
    return jnp.log(_clip(output / jnp.sum(output, axis, keepdims=True)))


def _check_same(name, target, output):
    if target.shape != output.shape:
        raise ValueError(
            f"{name}() needs target and output of one shape, got target.shape={target.shape}, output.shape={output.shape}."
        )


@array_op
def binary_crossentropy(target: Array, output: Array, from_logits=False):
    """Compute `-target log(output) - (1 - target) log(1 - output)` for each entry.

    Args:
        target: array of zeros and ones, or of probabilities.
        output: array of the same shape, of probabilities or logits.
        from_logits: whether `output` is logits, whose sigmoid is the probability.

    Returns:
        array of that shape.

    Raises:
        ValueError: the shapes differ.

    >>> binary_crossentropy([1.0, 0.0], [0.5, 0.5]).tolist()
    [0.693..., 0.693...]
    """
    _check_same("binary_crossentropy", target, output)
    output = floating(output)
    dtype = jnp.promote_types(target.dtype, output.dtype)
    target = target.astype(dtype)
    if from_logits:
        log_p, log_q = jax.nn.log_sigmoid(output), jax.nn.log_sigmoid(-output)
    else:
        output = _clip(output)
        log_p, log_q = jnp.log(output), jnp.log(1.0 - output)
    return -(target * log_p.astype(dtype) + (1.0 - target) * log_q.astype(dtype))


@array_op
def categorical_crossentropy(target: Array, output: Array, from_logits=False, axis=-1):
    """Compute `-sum(target log(output))` along an axis of classes.

    Args:
        target: array of the probability of each class; one 1 and zeros, for one class.
        output: array of the same shape, of probabilities (which are divided by their sum) or logits.
        from_logits: whether `output` is logits, whose softmax is the probability.
        axis: the axis of classes.

    Returns:
        array without that axis.

    Raises:
        ValueError: the shapes differ, or there is no axis.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
    [0.693...]
    """
    _check_same("categorical_crossentropy", target, output)
    if not target.ndim:
        raise ValueError("categorical_crossentropy() needs arrays with an axis of classes, got scalars.")
    log_p = _log_probabilities(floating(output), from_logits, axis)
    dtype = jnp.promote_types(target.dtype, log_p.dtype)
    return -jnp.sum(target.astype(dtype) * log_p.astype(dtype), axis)


@array_op
def sparse_categorical_crossentropy(target: Array, output: Array, from_logits=False, axis=-1):
    """Compute `-log(output[target])` along an axis of classes. It is 0 for a target that is no class, such as -1.

    Args:
        target: array of integers, the classes, of the shape of `output` without `axis` (or with 1 in its place at the end).
        output: array of probabilities (which are divided by their sum) or logits.
        from_logits: whether `output` is logits, whose softmax is the probability.
        axis: the axis of classes.

    Returns:
        array of the shape of `target`.

    Raises:
        ValueError: the shapes do not fit.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).tolist()
    [0.693...]
    """
    if not output.ndim:
        raise ValueError("sparse_categorical_crossentropy() needs an output with an axis of classes, got a scalar.")
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    expected = tuple(d for i, d in enumerate(output.shape) if i != axis % output.ndim)
    if target.shape != expected:
        raise ValueError(
            f"sparse_categorical_crossentropy() needs targets of shape {expected} for output.shape={output.shape} with the "
            f"classes along axis {axis}, got target.shape={target.shape}."
        )
    log_p = _log_probabilities(floating(output), from_logits, axis)
    wide = jnp.promote_types(log_p.dtype, jnp.float32)
    chosen = jax.nn.one_hot(target.astype("int32"), output.shape[axis], axis=axis, dtype=wide)
    return -jnp.sum(chosen * log_p.astype(wide), axis)


@array_op
def one_hot(x: Array, num_classes, axis=-1, dtype=None, sparse=False):
    """Encode each class as a vector with 1 at its place and 0 elsewhere. A number that is no class, such as -1, gives
    zeros.

    Args:
        x: array of integers.
        num_classes: the number of classes.
        axis: the place of the axis of classes in the result.
        dtype: dtype of the result, by default the default float.
        sparse: whether to return a `jax.experimental.sparse.BCOO`.

    Returns:
        array of the shape of `x` with the new axis.

    >>> one_hot([1, -1], 3).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return _sparse_if(sparse, jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtypes.canonical(dtype)), x.size)


@array_op
def multi_hot(inputs: Array, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Encode several classes as one vector with 1 at their places and 0 elsewhere.

    Args:
        inputs: array of integers of shape (batch, n, ...), or (n,): the n classes of a sample.
        num_classes: the number of classes.
        axis: the axis of the classes in `one_hot(inputs)`. The result is the maximum of that array over the n classes.
        dtype: dtype of the result, by default the default float.
        sparse: True returns a `jax.experimental.sparse.BCOO`.
        kwargs: `num_tokens`, an older name of `num_classes`.

    Returns:
        array of shape (batch, ..., num_classes), or (num_classes,).

    Raises:
        ValueError: `num_classes` is missing.

    >>> multi_hot([[0, 2], [1, 1]], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise unexpected_keywords("multi_hot()", kwargs, ["inputs", "num_classes", "axis", "dtype", "sparse"])
    if num_classes is None:
        raise ValueError("multi_hot() needs the number of classes: multi_hot(inputs, num_classes).")
    each = jax.nn.one_hot(inputs.astype("int32"), num_classes, axis=axis, dtype=dtypes.canonical(dtype))
    return _sparse_if(sparse, jnp.max(each, axis=1 if inputs.ndim > 1 else 0), inputs.size)


def _sparse_if(sparse, dense, entries):
    if not sparse:
        return dense
    from jax.experimental.sparse import BCOO  # 0.5 s to import, and rarely used

    made = BCOO.fromdense(dense, nse=entries)  # which makes integers of booleans
    return BCOO((made.data.astype(dense.dtype), made.indices), shape=made.shape)


@array_op
def psnr(x1: Array, x2: Array, max_val):
    """Compute the peak signal-to-noise ratio in decibels, `20 log10(max_val) - 10 log10(mean((x1 - x2)^2))`.

    Args:
        x1, x2: arrays of the same shape.
        max_val: the largest value that the signals may have.

    Returns:
        scalar.

    Raises:
        ValueError: the shapes differ.

    >>> float(psnr([0.0, 0.0], [0.0, 1.0], max_val=1.0))
    3.010...
    """
    if x1.shape != x2.shape:
        raise ValueError(f"psnr() needs arrays of one shape, got {x1.shape} and {x2.shape}.")
    peak = jnp.asarray(max_val, x2.dtype)
    return 20 * jnp.log10(peak) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))
