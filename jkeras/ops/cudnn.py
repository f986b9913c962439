"""Kernels of cuDNN, NVIDIA's library, that JAX offers: fused attention and the LSTM.

They are alternatives of a program for an NVIDIA GPU, and taken when it is lowered for one (`jax.lax.platform_dependent`). JAX can
trace them only in a process that has such a GPU, so elsewhere nobody asks for them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.runtime.compiler_options import target

OLDEST = 8.0  # the compute capability that the fused attention needs: Ampere


def has_gpu() -> bool:
    """True if this process computes on NVIDIA GPUs that have the kernels."""
    if target() != "gpu":
        return False
    capability = getattr(jax.devices()[0], "compute_capability", None)  # of AMD's a name like "gfx90a"
    try:
        return float(capability or 0) >= OLDEST
    except ValueError:
        return False


# --- attention


def fused_attention(query: Any, key: Any, value: Any, bias: Any, mask: Any, scale: Any, is_causal: bool) -> Any:
    """`ops.dot_product_attention` by the fused kernel, with its arguments."""
    shape = (query.shape[1], key.shape[1])  # the kernel broadcasts over the batch and the heads alone
    bias, mask = (None if a is None else jnp.broadcast_to(a, (*a.shape[:2], *shape)) for a in (bias, mask))
    return jax.nn.dot_product_attention(
        query, key, value, bias, mask, scale=scale, is_causal=is_causal, implementation="cudnn"
    )


def is_fusible(query: Any, key: Any, value: Any, bias: Any, mask: Any, scale: Any, is_causal: bool) -> bool:
    """True if the fused kernel takes such arguments, forward and backward, on this process's GPU."""
    lengths = (query.shape[1], key.shape[1])
    if query.dtype not in (jnp.float16, jnp.bfloat16) or not has_gpu():
        return False
    if not all(isinstance(n, int) for n in (*query.shape, *key.shape)):
        return False  # a program for any number of rows
    if (bias is not None or mask is not None) and any(n % 2 for n in lengths):
        return False  # a gradient with a bias, as which a mask is passed, needs even lengths

    def fused(query: Any, key: Any, value: Any, bias: Any, mask: Any) -> Any:
        return fused_attention(query, key, value, bias, mask, scale, is_causal)

    try:
        jax.eval_shape(fused, query, key, value, bias, mask)  # it checks the rest
    except (ImportError, NotImplementedError, RuntimeError, ValueError):
        return False
    return True


# --- the LSTM


def is_lstm_available(x: Any) -> bool:
    """True if cuDNN's LSTM takes sequences like `x`, (steps, batch, features), on this process's GPU."""
    if x.dtype != jnp.float32 or not all(isinstance(n, int) and n > 0 for n in x.shape) or not has_gpu():
        return False
    from jax.experimental import rnn  # here, because few programs need it

    return rnn.gpu_rnn is not None


def lstm(
    x: Any,
    states: tuple[Any, Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    go_backwards: bool,
    run: Callable | None = None,
) -> tuple[Any, tuple[Any, Any]]:
    """cuDNN's LSTM, with the activations tanh and sigmoid.

    Args:
        x: (steps, batch, features).
        states: the output and the memory at the start, each (batch, units).
        kernel: (features, 4 units), of the gates i, f, c, o.
        recurrent_kernel: (units, 4 units).
        bias: (4 units,), or None.
        go_backwards: whether to start at the end.
        run: what computes, with the arguments and results of `jax.experimental.rnn.lstm`; that by default.

    Returns:
        outputs: (steps, batch, units), in the order in which they were computed.
        states: after the last step.
    """
    from jax.experimental import rnn

    steps, batch, features = x.shape
    units = recurrent_kernel.shape[0]
    bias = jnp.zeros(4 * units, x.dtype) if bias is None else bias
    # cuDNN's weights are one array: the kernels with a row for each unit of each gate, then the two biases, which are added.
    weights = jnp.concatenate([kernel.T.ravel(), recurrent_kernel.T.ravel(), bias, jnp.zeros_like(bias)])
    inputs = (jnp.flip(x, 0) if go_backwards else x).swapaxes(0, 1)
    lengths = jnp.full((batch,), steps, jnp.int32)
    outputs, h, c = (run or rnn.lstm)(
        inputs, states[0][None], states[1][None], weights, lengths, features, units, 1, 0.0, False
    )
    return outputs.swapaxes(0, 1), (h[0], c[0])
