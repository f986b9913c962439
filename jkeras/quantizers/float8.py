"""Numbers of 8 bits for training (Micikevicius et al. 2022, arXiv:2209.05433).

An 8-bit float has a small range, so numbers are divided by a scale first. The scale is computed from the largest
magnitudes of the last steps, because those of the current step are not known before it is computed.
"""

import jax.numpy as jnp
import ml_dtypes

from jkeras.ops.family import Array, array_op

__all__ = ["compute_float8_amax_history", "compute_float8_scale", "quantize_and_dequantize"]


def largest(dtype: str) -> float:
    """The largest number of an 8-bit float.

    >>> largest("float8_e4m3fn"), largest("float8_e5m2")
    (448.0, 57344.0)
    """
    return float(ml_dtypes.finfo(dtype).max)


@array_op
def compute_float8_scale(amax: Array, scale: Array, dtype_max, margin=0):
    """Compute the scale for the next step, `amax * 2**margin / dtype_max`. The old scale is kept if there is no
    magnitude.

    Args:
        amax: the largest magnitude of the last steps.
        scale: the scale so far.
        dtype_max: the largest number of the 8-bit float.
        margin: by how many powers of two the range is left unused.

    >>> round(float(compute_float8_scale(3.0, 4.0, 448.0)), 6)
    0.006696
    """
    wanted = amax * 2**margin / dtype_max
    return jnp.where((amax > 0) & jnp.isfinite(amax), wanted, scale)


@array_op
def compute_float8_amax_history(x: Array, amax_history: Array):
    """Return the largest magnitudes of the last steps, with that of `x` in the first place and without the oldest one.

    Args:
        x: array of any shape.
        amax_history: array of shape `(steps,)`.

    >>> compute_float8_amax_history([-3.0, 2.0], [0.0, 1.0, 5.0]).tolist()
    [3.0, 5.0, 0.0]
    """
    return jnp.roll(amax_history, -1).at[0].set(jnp.max(jnp.abs(x)).astype(amax_history.dtype))


@array_op
def quantize_and_dequantize(inputs: Array, scale: Array, quantized_dtype, compute_dtype):
    """Divide numbers by a scale, round them to 8 bits, and multiply them by the scale again.

    Args:
        inputs: array of any shape.
        scale: a number.
        quantized_dtype: `"float8_e4m3fn"` (more digits) or `"float8_e5m2"` (more range).
        compute_dtype: of the result.

    >>> quantize_and_dequantize([1.0, 1.1], 1.0, "float8_e4m3fn", "float32").tolist()
    [1.0, 1.125]
    """
    scale, bound = scale.astype(compute_dtype), largest(quantized_dtype)
    held = jnp.clip(inputs / scale, -bound, bound).astype(quantized_dtype)
    return held.astype(compute_dtype) * scale
