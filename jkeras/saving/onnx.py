"""Programs as ONNX, by the package jax2onnx.

Its converter knows most of JAX's operations, but not in all forms. So they are first brought into forms that it knows. What is
computed stays the same. Only `jax.lax` is used: while the converter traces, functions of `jax.numpy` are its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

from jkeras.runtime.portable import portable


def to_onnx(function: Callable, arguments: Sequence[jax.ShapeDtypeStruct]) -> bytes:
    """The content of an ONNX file.

    Args:
        function: of arrays.
        arguments: their shapes, with symbols for sizes that vary, and dtypes.

    Raises:
        ValueError: the function holds a computation that the converter does not know.
    """
    import jax2onnx  # optional, and slow to import

    try:
        plain = portable(portable(function, arguments), arguments, FORMS)
        return jax2onnx.to_onnx(plain, arguments).SerializeToString()
    except Exception as error:  # its own kinds, and those of what it does not expect
        raise ValueError(
            f"The model contains a computation that the converter to ONNX does not support: {type(error).__name__}: {error!s:.500}"
        ) from error


def _pooled(x: Any, **windows: Any) -> Any:
    """The largest entries of windows, along one axis after the other: the converter takes all axes for ones with a window, and
    onnxruntime takes three of those at most."""
    lowest = np.array(-np.inf if jax.dtypes.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min, x.dtype)
    names = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
    for axis, (size, stride, pad, *dilations) in enumerate(zip(*(windows[name] for name in names), strict=True)):
        if (size, stride, tuple(pad), dilations[0]) != (1, 1, (0, 0), 1):
            last = [a for a in range(x.ndim) if a != axis] + [axis]
            moved = lax.transpose(x, last)
            sides: Any = ((1, size), (1, stride), ((0, 0), pad), *((1, dilation) for dilation in dilations))
            pooled = lax.reduce_window(lax.collapse(moved, 0, x.ndim - 1), lowest, lax.max, *sides)
            x = lax.transpose(lax.reshape(pooled, (*moved.shape[:-1], pooled.shape[-1])), np.argsort(last))
    return x


def _padded(x: Any, value: Any, *, padding_config: Any) -> Any:
    """Padding as a concatenation: that of the converter wants sizes that are known."""
    if any(size < 0 for sizes in padding_config for size in sizes) or any(between for _, _, between in padding_config):
        return lax.pad(x, value, padding_config)
    for axis, (low, high, _) in enumerate(padding_config):
        sides = [lax.broadcast(value, (*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in (low, high) if size]
        if sides:
            x = lax.concatenate([*sides[: bool(low)], x, *sides[bool(low) :]], axis)
    return x


def _convolved(x: Any, kernel: Any, *, dimension_numbers: Any, **options: Any) -> Any:
    """Convolution with the axes in the order of ONNX: examples, channels, then space."""
    inputs, kernels, outputs = dimension_numbers
    options = {name: options[name] for name in _CONVOLUTION}
    found = lax.conv_general_dilated(lax.transpose(x, inputs), lax.transpose(kernel, kernels), **options)
    return lax.transpose(found, np.argsort(outputs))


_CONVOLUTION = (
    "window_strides",
    "padding",
    "lhs_dilation",
    "rhs_dilation",
    "feature_group_count",
    "batch_group_count",
    "precision",
)
FORMS: dict[str, Callable] = {"reduce_window_max": _pooled, "pad": _padded, "conv_general_dilated": _convolved}
