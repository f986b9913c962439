"""Convolutions of one, two and three spatial axes, in Keras's conventions.

With stride `s` and dilation `d`, the output at place `p` is `sum over k of x[s p + d k - l] w[k]`, where `l` places of padding
stand before the first entry. Kernels are `(*spatial, channels in, channels out)`; where the kernel has fewer input channels
than the input, the channels are convolved in groups.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.op import op


def sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """One number per spatial axis, from one for all or one each."""
    result = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(result) != rank:
        raise ValueError(f"{name} must be an integer or {rank} of them, one per spatial axis; got {name}={value!r}.")
    return result


def _dimensions(rank: int, data_format: str) -> tuple[str, str, str]:
    spatial = "DHW"[3 - rank :]
    layout = f"N{spatial}C" if data_format == "channels_last" else f"NC{spatial}"
    return layout, f"{spatial}IO", layout


def _pads(padding: str) -> str:
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}.")
    return padding.upper()


@op
def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """Convolve inputs with a kernel.

    Args:
        inputs: `(batch, *spatial, channels)`, or with the channels second for `"channels_first"`.
        kernel: `(*spatial, channels / groups, filters)`.
        strides: steps of the window, one number or one per spatial axis.
        padding: `"valid"` (none) or `"same"` (zeros, so that with stride 1 the output is as large as the input).
        data_format: `"channels_last"` or `"channels_first"`; None for `config.image_data_format()`.
        dilation_rate: distance between the kernel's entries.

    Returns:
        `(batch, *spatial, filters)`.

    Raises:
        ValueError: the kernel's channels do not divide the inputs' channels or filters.

    >>> conv(jnp.ones((1, 4, 1)), jnp.ones((2, 1, 1)))[0, :, 0].tolist()
    [2.0, 2.0, 2.0]
    """
    inputs, kernel = jnp.asarray(inputs), jnp.asarray(kernel)
    rank, data_format = inputs.ndim - 2, standardize_data_format(data_format)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    if channels % kernel.shape[-2] or kernel.shape[-1] % (channels // kernel.shape[-2]):
        raise ValueError(
            f"A kernel of shape {kernel.shape} cannot be applied to inputs of shape {inputs.shape}: the {channels} channels and "
            f"{kernel.shape[-1]} filters must be multiples of channels / {kernel.shape[-2]}."
        )
    return lax.conv_general_dilated(
        inputs,
        kernel.astype(inputs.dtype),
        sizes(strides, rank, "strides"),
        _pads(padding),
        rhs_dilation=sizes(dilation_rate, rank, "dilation_rate"),
        dimension_numbers=_dimensions(rank, data_format),
        feature_group_count=channels // kernel.shape[-2],
    )


@op
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """Convolve each channel with kernels of its own.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
        kernel: `(*spatial, channels, multiplier)`.

    Returns:
        `(batch, *spatial, channels * multiplier)`.

    >>> depthwise_conv(jnp.ones((1, 3, 2)), jnp.ones((2, 2, 1))).shape
    (1, 2, 2)
    """
    kernel = jnp.asarray(kernel)
    kernel = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@op
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """A depthwise convolution, and a convolution of width 1 that mixes its channels.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
        depthwise_kernel: `(*spatial, channels, multiplier)`.
        pointwise_kernel: `(*ones, channels * multiplier, filters)`.

    >>> separable_conv(jnp.ones((1, 3, 2)), jnp.ones((2, 2, 1)), jnp.ones((1, 2, 5))).shape
    (1, 2, 5)
    """
    depthwise = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(depthwise, pointwise_kernel, 1, "valid", data_format)


@op
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """The transpose of a convolution: it maps an output's shape back to an input's.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
        kernel: `(*spatial, filters, channels)`.
        output_padding: entries added at the end of each output axis, less than the stride; None for the largest output that
            the convolution maps to these inputs (`"same"`: `strides` times the input).

    >>> conv_transpose(jnp.ones((1, 2, 1)), jnp.ones((2, 1, 1)), strides=2).shape
    (1, 4, 1)
    """
    inputs, kernel = jnp.asarray(inputs), jnp.asarray(kernel)
    rank, data_format = inputs.ndim - 2, standardize_data_format(data_format)
    strides, dilation = sizes(strides, rank, "strides"), sizes(dilation_rate, rank, "dilation_rate")
    extra = (None,) * rank if output_padding is None else sizes(output_padding, rank, "output_padding")
    pads = [
        _transposed_padding(k, s, d, _pads(padding), e)
        for k, s, d, e in zip(kernel.shape[:rank], strides, dilation, extra, strict=True)
    ]
    return lax.conv_transpose(
        inputs,
        kernel.astype(inputs.dtype),
        strides,
        pads,
        rhs_dilation=dilation,
        dimension_numbers=_dimensions(rank, data_format),
        transpose_kernel=True,
    )


def _transposed_padding(kernel: int, stride: int, dilation: int, padding: str, extra: int | None) -> tuple[int, int]:
    """The padding of the stretched input that makes a plain convolution of it the transpose, for one axis.

    The output is `(inputs - 1) * stride + 2 + total - reach` long; Keras asks for
    `(inputs - 1) * stride + max(reach, stride)` ("valid") or `inputs * stride` ("same") if `extra` is None, and otherwise for
    `extra` more than `(inputs - 1) * stride` and the reach, or 1 or 0 as the reach is odd or even.
    """
    reach = (kernel - 1) * dilation + 1  # entries that the window spans
    if padding == "VALID":
        return reach - 1, reach - 1 + (max(stride - reach, 0) if extra is None else extra)
    total = reach - 2 + (stride if extra is None else reach % 2 + extra)
    before = min((total + 1) // 2, reach - 1)
    return before, total - before


__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]
