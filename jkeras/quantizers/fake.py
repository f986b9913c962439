"""Round floats to the values that integers can represent, so that a model is trained for its later quantization.

Source: Jacob et al. 2018, arXiv:1712.05877.
"""

import jax
import jax.numpy as jnp

from jkeras.ops.family import Array, array_op

__all__ = ["fake_quant_with_min_max_vars"]


@array_op
def fake_quant_with_min_max_vars(inputs: Array, min_vals: Array, max_vals: Array, num_bits=8, narrow_range=False, axis=None):
    """Round to the `2**num_bits` equidistant values between a minimum and a maximum, which are moved a little so that 0 is one.

    The gradient is that of clipping: what is inside passes it on, what is outside gives it to the minimum or the maximum.

    Args:
        inputs: array of floats.
        min_vals, max_vals: a number, or one for each entry along `axis`.
        num_bits: of the integers.
        narrow_range: whether the smallest integer is not used.
        axis: along which the minimum and the maximum vary; None if they do not.

    >>> fake_quant_with_min_max_vars([-0.2, 0.4, 0.9], 0.0, 1.0, num_bits=2).tolist()
    [0.0, 0.3333333432674408, 1.0]
    """
    across = None if axis is None else tuple(i for i in range(inputs.ndim) if i != axis % inputs.ndim)
    first, last = int(narrow_range), (1 << int(num_bits)) - 1

    def spread(x: jax.Array) -> jax.Array:
        return x.reshape([-1 if i == axis % inputs.ndim else 1 for i in range(inputs.ndim)]) if x.size > 1 else x.reshape(())

    def nudged(low: jax.Array, high: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        low, high = (spread(x).astype(jnp.promote_types(x.dtype, "float32")) for x in (low, high))
        scale, per_unit = (high - low) / (last - first), (last - first) / (high - low)
        zero = jnp.round(jnp.clip(first - low / scale, first, last))
        return (first - zero) * scale, (last - zero) * scale, scale, per_unit

    @jax.custom_vjp
    def fake(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
        low, high, scale, per_unit = nudged(low, high)
        zero = jnp.floor(-low * per_unit + 0.5)
        shifted = jnp.clip(x.astype(low.dtype), low, high) - low
        return (jnp.floor(shifted * per_unit - zero + 0.5) * scale).astype(x.dtype)

    def forward(x: jax.Array, low: jax.Array, high: jax.Array) -> tuple:
        return fake(x, low, high), (x, low, high)

    def backward(kept: tuple, upstream: jax.Array) -> tuple:
        x, low, high = kept
        first_value, last_value, *_ = nudged(low, high)
        inside = (x >= first_value) & (x <= last_value)

        def total(mask: jax.Array, like: jax.Array) -> jax.Array:
            summed = jnp.where(mask, upstream, 0).sum(axis=across if like.size > 1 else None)
            return summed.reshape(like.shape).astype(like.dtype)

        return jnp.where(inside, upstream, 0), total(x <= first_value, low), total(x >= last_value, high)

    fake.defvjp(forward, backward)
    return fake(inputs, min_vals, max_vals)
