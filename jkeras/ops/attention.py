"""Attention: each query takes a mean of the values, weighted by how well the keys match it (arXiv:1706.03762)."""

import math

import jax
import jax.numpy as jnp

from jkeras.ops.family import Array, array_op

__all__ = ["dot_product_attention"]


@array_op
def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """`softmax(scale query key^T + bias) value`, for each head. The softmax is computed in float32.

    Args:
        query: array of shape (batch, targets, heads, depth).
        key, value: arrays of shape (batch, sources, heads, depth); they may have fewer heads, of which each then serves
            several heads of the query (grouped-query attention, arXiv:2305.13245).
        bias: array that broadcasts to (batch, heads, targets, sources), added to the logits.
        mask: array of booleans that broadcasts likewise; False keeps a target from attending to a source.
        scale: factor of the products, by default `1 / sqrt(depth)`.
        is_causal: whether a target attends only to the sources up to its own position.
        flash_attention: True asks for cuDNN's fused kernel, which needs an NVIDIA GPU and 16-bit floats; None and False
            leave the fusion to XLA.
        attn_logits_soft_cap: the logits are kept within this bound, by `cap tanh(logits / cap)` (arXiv:2408.00118).

    Returns:
        array of the shape of `query`.

    Raises:
        ValueError: an array does not have four axes, or `flash_attention` and a soft cap are asked for together.

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
    if attn_logits_soft_cap is None:
        kernel = "cudnn" if flash_attention else None
        return jax.nn.dot_product_attention(
            query, key, value, bias, mask, scale=scale, is_causal=is_causal, implementation=kernel
        )
    if flash_attention:
        raise ValueError("dot_product_attention() has no fused kernel with attn_logits_soft_cap; leave flash_attention out.")
    groups = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(x, groups, axis=2) for x in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = jnp.einsum("btnh,bsnh->bnts", query, key, preferred_element_type=jnp.promote_types(dtype, jnp.float32)) * scale
    if bias is not None:
        logits += bias.astype(logits.dtype)
    logits = attn_logits_soft_cap * jnp.tanh(logits / attn_logits_soft_cap)
    allowed = jnp.tri(*logits.shape[-2:], dtype=bool) if is_causal else True
    allowed = allowed if mask is None else mask & allowed
    weights = jax.nn.softmax(jnp.where(allowed, logits, -0.7 * float(jnp.finfo(logits.dtype).max)))
    return jnp.einsum("bnts,bsnh->btnh", weights.astype(dtype), value)


def _four_axes(x):
    return x.reshape((1,) * (4 - x.ndim) + x.shape)
