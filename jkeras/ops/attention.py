"""Attention: for each query, the mean of the values, weighted by how well each key matches the query
(arXiv:1706.03762).
"""

import functools
import math

import jax
import jax.numpy as jnp

from jkeras.ops.attention_blocks import in_blocks, is_long
from jkeras.ops.cudnn import fused_attention, is_fusible
from jkeras.ops.family import Array, Operand, array_op
from jkeras.runtime.switches import is_flash_attention_enabled

__all__ = ["dot_product_attention"]


@array_op
def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale: Operand = None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """Compute `softmax(scale query key^T + bias) value` for each head. The softmax is computed in float32.

    Args:
        query: array of shape (batch, targets, heads, depth).
        key: array of shape (batch, sources, heads, depth). It may have fewer heads than the query, each of which then
            serves several (grouped-query attention, arXiv:2305.13245).
        value: array of shape (batch, sources, heads, value_depth), with as many heads as `key`.
        bias: array that broadcasts to (batch, heads, targets, sources), added to the logits.
        mask: array of booleans that broadcasts likewise; False keeps a target from attending to a source. A target that
            may attend to nothing takes the plain mean of all values.
        scale: factor of the products, by default `1 / sqrt(depth)`.
        is_causal: whether a target attends only to the sources up to its own position.
        flash_attention: True asks for cuDNN's fused kernel, which needs an NVIDIA GPU and 16-bit floats. None takes it where it
            can be had, unless `config.disable_flash_attention()` was called. False leaves the fusion to XLA.
        attn_logits_soft_cap: the logits are kept within this bound, by `cap tanh(logits / cap)` (arXiv:2408.00118).

    Returns:
        array of shape (batch, targets, heads, value_depth).

    Raises:
        ValueError: an array does not have four axes; `flash_attention` is asked for together with a soft cap, or where
            there is no GPU.

    >>> x = jnp.ones((1, 2, 1, 4))
    >>> dot_product_attention(x, x, x).shape
    (1, 2, 1, 4)
    """
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "dot_product_attention() needs query, key and value of shape (batch, time, heads, depth), got shapes "
            f"{query.shape}, {key.shape} and {value.shape}."
        )
    dtype = jnp.promote_types(jnp.promote_types(query.dtype, key.dtype), value.dtype)
    query, key, value = (x.astype(dtype) for x in (query, key, value))
    bias = None if bias is None else _four_axes(bias.astype(dtype))
    mask = None if mask is None else _four_axes(mask.astype(bool))
    if flash_attention:
        _check_fused(attn_logits_soft_cap)
        return fused_attention(query, key, value, bias, mask, scale, is_causal)

    def plain(query, key, value, bias, mask):
        options = {"scale": scale, "cap": attn_logits_soft_cap}
        if is_long(query, key):
            return in_blocks(functools.partial(_plain, **options), query, key, value, bias, mask, is_causal)
        return _plain(query, key, value, bias, mask, is_causal, **options)

    def fused(query, key, value, bias, mask):
        return fused_attention(query, key, value, bias, mask, scale, is_causal)

    arrays = query, key, value, bias, mask
    wanted = flash_attention is None and is_flash_attention_enabled() and attn_logits_soft_cap is None
    if wanted and is_fusible(*arrays, scale, is_causal):
        return jax.lax.platform_dependent(*arrays, cuda=fused, default=plain)
    return plain(*arrays)


def _plain(query, key, value, bias, mask, is_causal=False, scale=None, cap=None):
    dtype = query.dtype
    if is_causal:
        causal = jnp.tri(query.shape[1], key.shape[1], dtype=bool)[None, None]
        mask = causal if mask is None else mask & causal
    # The softmax's division comes after the product with the values, where it has `depth / sources` as many numbers to divide.
    logits = attention_logits(query, key, bias, mask, scale, cap)
    exponentials = jnp.exp(logits - jax.lax.stop_gradient(logits.max(-1, keepdims=True)))
    totals = exponentials.sum(-1).swapaxes(1, 2)[..., None]
    return (weighted_sum(exponentials.astype(dtype), value).astype(totals.dtype) / totals).astype(dtype)


def attention_weights(query, key, mask=None, scale=None):
    """Compute `softmax(scale query key^T)`: the weight of each source for each target.

    Args:
        query, key, mask, scale: as for `dot_product_attention`; the mask has four axes.

    Returns:
        array of shape (batch, heads, targets, sources), in the dtype of `key`.
    """
    return jax.nn.softmax(attention_logits(query, key, mask=mask, scale=scale)).astype(key.dtype)


def attention_logits(query, key, bias=None, mask=None, scale=None, cap=None):
    """Compute the products of queries and keys before the softmax, in at least 32 bits.

    Args:
        query: array of shape (batch, targets, heads, depth).
        key: array of shape (batch, sources, key_heads, depth); head `i` of the query meets head `i // (heads / key_heads)`.
        bias, mask: arrays that broadcast to (batch, heads, targets, sources).
        scale: factor of the products, by default `1 / sqrt(depth)`.
        cap: bound of the logits.

    Returns:
        array of shape (batch, heads, targets, sources).
    """
    batch, targets, heads, depth = query.shape
    key_heads = key.shape[2]
    accumulator = jnp.float32 if query.dtype.itemsize < 4 else query.dtype
    # To scale the query takes a `sources / depth`-th of scaling the logits: 8% of a training step of attention on a CPU.
    query = (query.astype(accumulator) * (1 / math.sqrt(depth) if scale is None else scale)).astype(query.dtype)
    # Products of matrices, one for each head of the keys, below each other the targets of all heads that share it. With
    # einsum on the arguments as they come XLA:CPU transposes weights: 26.4 ms of CPU time for forward and backward (batch 32,
    # 128 steps, 4 heads of 32), like this 17.5.
    query = query.swapaxes(1, 2).reshape(batch, key_heads, heads // key_heads * targets, depth)
    logits = jnp.matmul(query, key.transpose(0, 2, 3, 1), preferred_element_type=accumulator)
    logits = logits.reshape(batch, heads, targets, -1)
    if bias is not None:
        logits += bias.astype(logits.dtype)
    if cap is not None:
        logits = cap * jnp.tanh(logits / cap)
    if mask is not None:
        logits = jnp.where(mask, logits, -0.7 * float(jnp.finfo(logits.dtype).max))
    return logits


def weighted_sum(weights, value):
    """Compute the weighted sum of the values for each target.

    Args:
        weights: array of shape (batch, heads, targets, sources).
        value: array of shape (batch, sources, key_heads, depth); each of its heads serves `heads / key_heads`.

    Returns:
        array of shape (batch, targets, heads, depth).
    """
    batch, heads, targets, sources = weights.shape
    key_heads, depth = value.shape[2:]
    weights = weights.reshape(batch, key_heads, heads // key_heads * targets, sources)
    return (weights @ value.swapaxes(1, 2)).reshape(batch, heads, targets, depth).swapaxes(1, 2)


def _check_fused(cap):
    if cap is not None:
        raise ValueError("dot_product_attention() has no fused kernel with attn_logits_soft_cap; leave flash_attention out.")
    if jax.default_backend() != "gpu":
        raise ValueError(
            "flash_attention=True asks for cuDNN's fused attention, which runs on NVIDIA GPUs only; this is a "
            f"{jax.default_backend()!r} backend. Leave flash_attention out: XLA then fuses what it can."
        )


def _four_axes(x):
    return x.reshape((1,) * (4 - x.ndim) + x.shape)
