"""Convolutions: a small kernel slides over one, two or three spatial axes.

All of them share the windows (size, strides, padding, dilation, data format), the bias and the activation. The base
class of a family defines the weights and the function of `jkeras.ops` that uses them. A layer defines the number of
spatial axes.

With `same` padding and stride 1, the spatial axes keep their lengths. With `valid` padding, they become shorter.
"""

from collections.abc import Iterator
from typing import Any

from jkeras import ops
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.adaptable import Adaptable, stored
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.layout import Layout, kernel_layout
from jkeras.layers.options import Configured, sizes
from jkeras.ops.ranks import add

__all__ = [
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Convolution1D",
    "Convolution2D", "Convolution3D", "Convolution1DTranspose", "Convolution2DTranspose", "Convolution3DTranspose",
]  # fmt: skip

Weight = tuple[str, str, tuple[int, ...]]  # name, prefix of its options, shape


class Convolution(Configured):
    """The base of all convolutions.

    Args:
        kernel_size: the size of the window: an integer for all spatial axes, or a tuple with one integer per axis.
        strides: the distance from one window to the next, in steps of the input: an integer or one per spatial axis.
        padding: `"valid"` uses only windows that lie inside of the input. `"same"` adds zeros on both sides, so that with
            strides of 1 the output is as long as the input.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
        dilation_rate: the distance between neighbouring entries of one window: an integer or one per spatial axis. Above 1 it
            needs strides of 1.
        activation: the function that is applied to the result: a name such as `"relu"`, or a function. None means none.
        use_bias: True if a bias, one number per output channel, is added before the activation.
    """

    rank: int
    paddings: tuple[str, ...] = ("valid", "same")
    strided_dilation = False  # whether strides and dilation go together

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        activity_regularizer: Any,
        options: dict,
        kwargs: dict,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, self.rank)
        self.strides = sizes(self, "strides", strides, self.rank)
        self.dilation_rate = sizes(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = str(padding).lower()
        if self.padding not in self.paddings:
            raise ValueError(f"{type(self).__name__} needs padding= one of {self.paddings}, got padding={padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not self.strided_dilation:
            raise ValueError(
                f"{type(self).__name__} cannot have both strides and dilation_rate above 1, got strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}."
            )
        self.data_format = standardize_data_format(data_format)
        self.use_bias = use_bias
        self.keep(activation=activation, **options)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def weights_for(self, channels: int) -> Iterator[Weight]:
        """The weights but for the bias."""
        raise TypeError(f"{type(self).__name__} must define weights_for(channels).")

    def output_channels(self, channels: int) -> int:
        """The size of the bias."""
        return self.filters  # type: ignore[attr-defined]

    def convolve(self, inputs: Any) -> Any:
        """The convolution without bias and activation."""
        raise TypeError(f"{type(self).__name__} must define convolve(inputs).")

    @property
    def windows(self) -> dict:
        """The arguments that the functions of `jkeras.ops` share."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def build(self, input_shape: Any) -> None:
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs to know the number of channels, axis {axis} of its "
                f"input, but got shape {tuple(input_shape)}."
            )
        for name, options, shape in self.weights_for(channels):
            setattr(self, name, self.weight(name, shape, options))
        if self.use_bias:
            self.bias = self.weight("bias", (self.output_channels(channels),))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Any) -> Any:
        outputs = self.convolve(inputs)
        if 0 in outputs.shape[1:]:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) has kernel_size={self.kernel_size} and "
                f"dilation_rate={self.dilation_rate}, which does not fit its input of shape {tuple(inputs.shape)}. Use a "
                'smaller kernel or padding="same".'
            )
        if self.use_bias:
            along = (1,) * self.rank if self.data_format == "channels_first" else ()
            outputs = add(outputs, self.bias.value.reshape(-1, *along))
        return outputs if self.activation is None else self.activation(outputs)  # type: ignore[attr-defined]


class _Conv(Convolution, Adaptable):  # type: ignore[override]
    """Each filter sums over a window and the input channels (of its group).

    Args:
        filters: the number of output channels.
        groups: into how many groups the input channels are split. Each group is convolved with its own `filters / groups`
            filters. Both numbers of channels must be multiples of it.
    """

    _kernel = stored("kernel")
    modes = ()

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        options = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        super().__init__(*windows, activation, use_bias, activity_regularizer, options, kwargs)
        self.filters, self.groups = filters, groups
        if filters % groups:
            raise ValueError(f"{type(self).__name__} needs filters in {groups} equal groups, got filters={filters}.")

    def weights_for(self, channels: int) -> Iterator[Weight]:
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs channels in {self.groups} equal groups, but its input "
                f"has {channels}."
            )
        yield "kernel", "kernel", (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.adapt_if_asked()

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        return kernel_layout(shape, low_rank=self.groups == 1 and self.data_format == "channels_last")

    def convolve(self, inputs: Any) -> Any:
        return self.product("kernel", self.convolution_op, inputs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution with a kernel; a subclass may compute it in another way."""
        return ops.conv(inputs, kernel, **self.windows)


class Conv1D(_Conv):
    """A layer that convolves its inputs along one axis, such as time.

    Args:
        padding: `"valid"` uses only windows that lie inside of the input. `"same"` adds zeros on both sides, so that with
            strides of 1 the output is as long as the input. `"causal"` adds them in front, so that an output depends on no
            later input.

    Shapes:
        inputs `(batch, steps, channels)`, kernel `(size, channels / groups, filters)`, bias `(filters,)`, outputs
        `(batch, new steps, filters)`; with `channels_first` the channels follow the batch.

    Raises:
        ValueError: an argument is out of range, strides and dilation are both above 1, the kernel does not fit the input, or the
            channels do not fit the groups.

    >>> import numpy as np
    >>> x = np.array([[[1.0], [2.0], [3.0]]], "float32")
    >>> Conv1D(1, 2, kernel_initializer="ones")(x)[0, :, 0].tolist()
    [3.0, 5.0]
    """

    rank = 1
    paddings = ("valid", "same", "causal")

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        if self.padding != "causal":
            return super().convolution_op(inputs, kernel)
        before = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        last = self.data_format == "channels_last"
        padded = ops.pad(inputs, ((0, 0), before, (0, 0)) if last else ((0, 0), (0, 0), before))
        return ops.conv(padded, kernel, **(self.windows | {"padding": "valid"}))


class Conv2D(_Conv):
    """A layer that convolves images over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, kernel `(height, width, channels / groups, filters)`, bias
        `(filters,)`, outputs `(batch, new height, new width, filters)`; with `channels_first` the channels follow the
        batch.

    Raises:
        ValueError: an argument is out of range, strides and dilation are both above 1, the kernel does not fit the input, or the
            channels do not fit the groups.

    >>> Conv2D(8, 3, padding="same").compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 8)
    """

    rank = 2


class Conv3D(_Conv):
    """A layer that convolves volumes over three spatial axes.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, kernel `(depth, height, width, channels / groups, filters)`, bias
        `(filters,)`, outputs `(batch, new depth, new height, new width, filters)`; with `channels_first` the channels follow
        the batch.

    Raises:
        ValueError: an argument is out of range, strides and dilation are both above 1, the kernel does not fit the input, or the
            channels do not fit the groups.

    >>> Conv3D(4, 3).compute_output_shape((None, 8, 8, 8, 1))
    (None, 6, 6, 6, 4)
    """

    rank = 3


class _ConvTranspose(Convolution):
    """The transpose of a convolution's linear map: each input spreads a kernel over its window, and windows add up.

    Args:
        filters: the number of output channels.
        strides: the distance from one window of the output to the next: an integer or one per spatial axis. The output is
            about `strides` times as long as the input.
        padding: `"valid"` keeps every place that a window reaches. `"same"` gives `strides` times the length of the input.
        output_padding: how much longer the output is than the shortest one that fits: an integer or one per spatial axis, from 0
            to `strides - 1`. None leaves the length to `padding`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        options = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        windows = (kernel_size, strides, padding, data_format, dilation_rate)
        super().__init__(*windows, activation, use_bias, activity_regularizer, options, kwargs)
        self.filters = filters
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = sizes(self, "output_padding", output_padding, self.rank, zero=True)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{type(self).__name__} needs output_padding below strides, got output_padding={self.output_padding} "
                    f"and strides={self.strides}."
                )

    def weights_for(self, channels: int) -> Iterator[Weight]:
        yield "kernel", "kernel", (*self.kernel_size, self.filters, channels)

    def convolve(self, inputs: Any) -> Any:
        return ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self.windows)


class Conv1DTranspose(_ConvTranspose):
    """A layer for the transposed convolution along one axis. It turns the output shape of a `Conv1D` back into the
    input shape.

    Shapes:
        inputs `(batch, steps, channels)`, kernel `(size, filters, channels)`, bias `(filters,)`, outputs
        `(batch, new steps, filters)`; with `channels_first` the channels follow the batch.

    >>> Conv1DTranspose(4, 3, strides=2, padding="same").compute_output_shape((None, 5, 2))
    (None, 10, 4)
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """A layer for the transposed convolution over height and width. It turns the output shape of a `Conv2D` back into
    the input shape.

    Shapes:
        inputs `(batch, height, width, channels)`, kernel `(height, width, filters, channels)`, bias `(filters,)`, outputs
        `(batch, new height, new width, filters)`; with `channels_first` the channels follow the batch.

    >>> Conv2DTranspose(4, 3, strides=2, padding="same").compute_output_shape((None, 5, 6, 2))
    (None, 10, 12, 4)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """A layer for the transposed convolution over three spatial axes. It turns the output shape of a `Conv3D` back into
    the input shape.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, kernel `(depth, height, width, filters, channels)`, bias
        `(filters,)`, outputs `(batch, new depth, new height, new width, filters)`; with `channels_first` the channels follow
        the batch.

    >>> Conv3DTranspose(4, 2, strides=2).compute_output_shape((None, 5, 5, 5, 2))
    (None, 10, 10, 10, 4)
    """

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
