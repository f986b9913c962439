"""Depthwise convolutions, whose kernels see one channel each, and separable ones, which mix the channels afterwards.

A separable convolution is the product of two cheap ones: `size * channels * multiplier + channels * multiplier * filters`
weights instead of `size * channels * filters` (Chollet 2017, arXiv:1610.02357).
"""

from collections.abc import Iterator
from typing import Any

from jkeras import ops
from jkeras.layers.convolutional import Convolution, Weight

__all__ = [
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D",
    "SeparableConvolution2D",
]  # fmt: skip


class _DepthwiseConv(Convolution):
    """Each channel has kernels of its own; nothing is summed over channels.

    Args:
        depth_multiplier: the number of kernels, and so of output channels, for each input channel.
        depthwise_initializer: the first values of the weight `kernel`: a name such as `"glorot_uniform"`, an
            `Initializer`, or a function `(shape, dtype) -> array`.
        depthwise_regularizer: a penalty on the weight `kernel`, which is added to the loss. None means no penalty.
        depthwise_constraint: a function that is applied to the weight `kernel` after each step of the optimizer. None
            means that the weight is free.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        options = {
            "depthwise_initializer": depthwise_initializer,
            "bias_initializer": bias_initializer,
            "depthwise_regularizer": depthwise_regularizer,
            "bias_regularizer": bias_regularizer,
            "depthwise_constraint": depthwise_constraint,
            "bias_constraint": bias_constraint,
        }
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        super().__init__(*windows, activation, use_bias, activity_regularizer, options, kwargs)
        self.depth_multiplier = depth_multiplier

    def weights_for(self, channels: int) -> Iterator[Weight]:
        yield "kernel", "depthwise", (*self.kernel_size, channels, self.depth_multiplier)

    def output_channels(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def convolve(self, inputs: Any) -> Any:
        return ops.depthwise_conv(inputs, self.kernel, **self.windows)


class DepthwiseConv1D(_DepthwiseConv):
    """A layer that convolves each channel by itself, along one axis.

    Shapes:
        inputs `(batch, steps, channels)`, kernel `(size, channels, multiplier)`, bias `(channels * multiplier,)`, outputs
        `(batch, new steps, channels * multiplier)`; with `channels_first` the channels follow the batch.

    >>> DepthwiseConv1D(3, depth_multiplier=2).compute_output_shape((None, 8, 3))
    (None, 6, 6)
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """A layer that convolves each channel by itself, over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, kernel `(height, width, channels, multiplier)`, bias `(channels * multiplier,)`,
        outputs `(batch, new height, new width, channels * multiplier)`; with `channels_first` the channels follow the batch.

    >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 8, 8, 3))
    (None, 6, 6, 6)
    """

    rank = 2


class _SeparableConv(Convolution):
    """A depthwise convolution, then one that mixes the channels of each place.

    Args:
        filters: the number of output channels.
        dilation_rate: the distance between neighbouring entries of one window: an integer or one per spatial axis.
        depth_multiplier: the number of depthwise kernels for each input channel.
        depthwise_initializer: the first values of the weight `depthwise_kernel`: a name such as `"glorot_uniform"`, an
            `Initializer`, or a function `(shape, dtype) -> array`.
        depthwise_regularizer: a penalty on the weight `depthwise_kernel`, which is added to the loss. None means no penalty.
        depthwise_constraint: a function that is applied to the weight `depthwise_kernel` after each step of the optimizer. None
            means that the weight is free.
        pointwise_initializer: the first values of the weight `pointwise_kernel`: a name such as `"glorot_uniform"`, an
            `Initializer`, or a function `(shape, dtype) -> array`.
        pointwise_regularizer: a penalty on the weight `pointwise_kernel`, which is added to the loss. None means no penalty.
        pointwise_constraint: a function that is applied to the weight `pointwise_kernel` after each step of the optimizer. None
            means that the weight is free.
    """

    strided_dilation = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        options = {
            "depthwise_initializer": depthwise_initializer,
            "pointwise_initializer": pointwise_initializer,
            "bias_initializer": bias_initializer,
            "depthwise_regularizer": depthwise_regularizer,
            "pointwise_regularizer": pointwise_regularizer,
            "bias_regularizer": bias_regularizer,
            "depthwise_constraint": depthwise_constraint,
            "pointwise_constraint": pointwise_constraint,
            "bias_constraint": bias_constraint,
        }
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        super().__init__(*windows, activation, use_bias, activity_regularizer, options, kwargs)
        self.filters, self.depth_multiplier = filters, depth_multiplier

    def weights_for(self, channels: int) -> Iterator[Weight]:
        inner = channels * self.depth_multiplier
        yield "depthwise_kernel", "depthwise", (*self.kernel_size, channels, self.depth_multiplier)
        yield "pointwise_kernel", "pointwise", (*(1,) * self.rank, inner, self.filters)

    def convolve(self, inputs: Any) -> Any:
        return ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self.windows)


class SeparableConv1D(_SeparableConv):
    """A layer that applies a depthwise convolution along one axis, then a convolution of size 1 that mixes the
    channels.

    Shapes:
        inputs `(batch, steps, channels)`, depthwise kernel `(size, channels, multiplier)`, pointwise kernel
        `(1, channels * multiplier, filters)`, bias `(filters,)`, outputs `(batch, new steps, filters)`; with
        `channels_first` the channels follow the batch.

    >>> SeparableConv1D(5, 3).compute_output_shape((None, 8, 3))
    (None, 6, 5)
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """A layer that applies a depthwise convolution over height and width, then a convolution of size 1 that mixes the
    channels.

    Shapes:
        inputs `(batch, height, width, channels)`, depthwise kernel `(height, width, channels, multiplier)`, pointwise kernel
        `(1, 1, channels * multiplier, filters)`, bias `(filters,)`, outputs `(batch, new height, new width, filters)`; with
        `channels_first` the channels follow the batch.

    >>> SeparableConv2D(5, 3).compute_output_shape((None, 8, 8, 3))
    (None, 6, 6, 5)
    """

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
