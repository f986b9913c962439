"""Convolutions of one, two and three spatial axes, in Keras's conventions.

With stride `s` and dilation `d`, the output at place `p` is `sum over k of x[s p + d k - l] w[k]`, where `l` places of padding
are in front of the first entry. Kernels are `(*spatial, channels in, channels out)`; where the kernel has fewer input channels
than the input, the channels are convolved in groups. All of them call
`jkeras.ops.trilinear`, which computes and differentiates them.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.convolution_cpu import Axis
from jkeras.ops.op import Operand, op
from jkeras.ops.trilinear import Form, convolve, convolve_transposed


def sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """Return one number per spatial axis, given one number for all or one for each."""
    result = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(result) != rank:
        raise ValueError(f"{name} must be an integer or {rank} of them, one per spatial axis; got {name}={value!r}.")
    return result


def _last(x: jax.Array, data_format: str | None) -> jax.Array:
    """`x` with its channels last. Where the compiler prefers them second, the layout of the array is its choice."""
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, 1, -1)


def _back(x: jax.Array, data_format: str | None) -> jax.Array:
    return x if standardize_data_format(data_format) == "channels_last" else jnp.moveaxis(x, -1, 1)


def _check_rank(inputs: jax.Array, kernel: jax.Array) -> None:
    if inputs.ndim != kernel.ndim or inputs.ndim < 3:
        raise ValueError(
            "A convolution needs inputs and a kernel with one axis each for 1 to 3 spatial dimensions and two axes more, got "
            f"inputs of shape {inputs.shape} and a kernel of shape {kernel.shape}."
        )


def padding_of(name: str, padding: str) -> str:
    """The padding of a function, as XLA calls it."""
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"{name}() needs padding='valid' or 'same', got padding={padding!r}.")
    return padding.upper()


@op
def conv(
    inputs: Operand,
    kernel: Operand,
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
    inputs, kernel = _last(jnp.asarray(inputs), data_format), jnp.asarray(kernel)
    _check_rank(inputs, kernel)
    channels, rank = inputs.shape[-1], inputs.ndim - 2
    if channels % kernel.shape[-2] or kernel.shape[-1] % (channels // kernel.shape[-2]):
        raise ValueError(
            f"A kernel of shape {kernel.shape} cannot be applied to inputs of shape {inputs.shape}: the {channels} channels and "
            f"{kernel.shape[-1]} filters must be multiples of channels / {kernel.shape[-2]}."
        )
    strides, dilation = sizes(strides, rank, "strides"), sizes(dilation_rate, rank, "dilation_rate")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    pads = lax.padtype_to_pads(inputs.shape[1:-1], reach, strides, padding_of("conv", padding))
    placed = zip(inputs.shape[1:-1], pads, reach, strides, strict=False)
    outputs = [jax.core.max_dim(0, (n + sum(pad) - r) // s + 1) for n, pad, r, s in placed]
    lows = [low for low, _ in pads]
    axes = tuple(map(Axis, inputs.shape[1:-1], outputs, kernel.shape[:-2], strides, dilation, lows))
    form = Form(axes, channels // kernel.shape[-2])
    return _back(convolve(inputs.astype(kernel.dtype), kernel, form), data_format)


@op
def depthwise_conv(
    inputs: Operand,
    kernel: Operand,
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
    inputs: Operand,
    depthwise_kernel: Operand,
    pointwise_kernel: Operand,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """Apply a depthwise convolution, then a convolution of width 1 that mixes its channels.

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
    inputs: Operand,
    kernel: Operand,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> jax.Array:
    """Apply the transpose of a convolution. It maps an output's shape back to an input's.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in `conv`.
        kernel: `(*spatial, filters, channels)`.
        output_padding: entries added at the end of each output axis, less than the stride; None for the largest output that
            the convolution maps to these inputs (`"same"`: `strides` times the input).

    >>> conv_transpose(jnp.ones((1, 2, 1)), jnp.ones((2, 1, 1)), strides=2).shape
    (1, 4, 1)
    """
    inputs, kernel = _last(jnp.asarray(inputs), data_format), jnp.asarray(kernel)
    _check_rank(inputs, kernel)
    rank = inputs.ndim - 2
    if inputs.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"A transposed convolution needs a kernel of shape (*spatial, filters, channels), but its shape is {kernel.shape}, "
            f"and the inputs of shape {inputs.shape} have {inputs.shape[-1]} channels."
        )
    strides, dilation = sizes(strides, rank, "strides"), sizes(dilation_rate, rank, "dilation_rate")
    extra = (None,) * rank if output_padding is None else sizes(output_padding, rank, "output_padding")
    settings = zip(inputs.shape[1:-1], kernel.shape[:-2], strides, dilation, extra, strict=True)
    axes = tuple(_transposed_axis(*setting, padding_of("conv_transpose", padding)) for setting in settings)
    return _back(convolve_transposed(inputs.astype(kernel.dtype), kernel, Form(axes)), data_format)


def _transposed_axis(places: int, kernel: int, stride: int, dilation: int, extra: int | None, padding: str) -> Axis:
    """The axis of the convolution whose outputs are the `places`, and whose inputs come out.

    "valid" asks for `max(reach, stride)` inputs per place, less what places share; "same" for `stride` per place. If `extra`
    is given, there are that many more than what all places reach, where "same" lets the last reach only 1 or 0 of its own,
    as the reach is odd or even.
    """
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID":
        cut, size = 0, (places - 1) * stride + reach + (max(stride - reach, 0) if extra is None else extra)
    else:
        own = stride if extra is None else reach % 2 + extra
        cut, size = max((reach - own) // 2, 0), (places - 1) * stride + own
    return Axis(size, places, kernel, stride, dilation, cut)


__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]
