"""Convolutional LSTMs: an LSTM whose two matrix products are convolutions, over sequences of signals, images or volumes.

X. Shi et al.: Convolutional LSTM Network (2015), arXiv:1506.04214. All inputs are convolved at once; the loop over time
contains only the convolution of the state.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jkeras import ops, random
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured, sizes
from jkeras.layers.recurrent import _OwnCell
from jkeras.layers.recurrent_cells import DropoutMasks
from jkeras.ops import recurrent

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class ConvLSTMCell(Configured):
    """One step of a convolutional LSTM; the states are the output and the memory.

    Args:
        rank: the number of spatial axes.
        filters, ..., seed: see `ConvLSTM`.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rank, self.filters, self.seed = rank, filters, seed
        self.kernel_size = sizes(self, "kernel_size", kernel_size, rank)
        self.strides = sizes(self, "strides", strides, rank)
        self.dilation_rate = sizes(self, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"ConvLSTM{rank}D cannot have both strides and dilation_rate above 1, got strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}."
            )
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"ConvLSTM{rank}D needs padding='valid' or 'same', got padding={padding!r}.")
        self.data_format = standardize_data_format(data_format)
        self.use_bias, self.unit_forget_bias = use_bias, unit_forget_bias
        self.dropout, self.recurrent_dropout = min(1.0, max(0.0, dropout)), min(1.0, max(0.0, recurrent_dropout))
        self.keep(
            activation=activation,
            recurrent_activation=recurrent_activation,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size = [(filters,), (filters,)]  # of one place; `get_initial_state` knows the whole shape

    @property
    def _axis(self) -> int:
        return -1 if self.data_format == "channels_last" else -1 - self.rank

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[1:])
        if None in shape:
            raise ValueError(
                f"ConvLSTM{self.rank}D needs to know all sizes of its inputs but for batch and steps, because its state has the size "
                f"of its outputs; got steps of shape {tuple(input_shape)}."
            )
        self._step_shape, channels = shape, shape[self._axis]
        self.kernel = self.weight("kernel", (*self.kernel_size, channels, 4 * self.filters))
        self.recurrent_kernel = self.weight(
            "recurrent_kernel", (*self.kernel_size, self.filters, 4 * self.filters), "recurrent"
        )
        self.bias: Any = None
        if self.use_bias:
            settings = {"regularizer": self.bias_regularizer, "constraint": self.bias_constraint}
            start = self._open_forget_gate if self.unit_forget_bias else self.bias_initializer
            self.bias = self.add_weight((4 * self.filters,), start, name="bias", **settings)

    def _open_forget_gate(self, shape: Any, dtype: Any = None) -> Any:
        rest, n = self.bias_initializer, self.filters
        return jnp.concatenate([rest((n,), dtype), jnp.ones(n, dtype), rest((2 * n,), dtype)])

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Zeros, two arrays of the shape of the outputs."""
        like = jax.ShapeDtypeStruct((1, *self._step_shape), self.compute_dtype)
        kernel = jax.ShapeDtypeStruct((*self.kernel_size, self._step_shape[self._axis], self.filters), self.compute_dtype)
        shape = jax.eval_shape(self._convolve, like, kernel).shape
        return [jnp.zeros((batch_size, *shape[1:]), self.compute_dtype) for _ in range(2)]

    def _convolve(self, x: Any, kernel: Any) -> Any:
        return ops.conv(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def draw_masks(self, inputs: Any, state: Any) -> DropoutMasks:
        """The masks for a sequence, one per gate; drawn in every call, as in Keras."""

        def draw(rate: float, like: Any) -> tuple:
            ones = jnp.ones_like(like)
            return tuple(random.dropout(ones, rate, seed=self.seed_generator) for _ in range(4)) if rate > 0 else ()

        return DropoutMasks(draw(self.dropout, inputs), draw(self.recurrent_dropout, state))

    def project(self, x: Any, masks: DropoutMasks) -> Any:
        """The convolutions of all inputs, (steps, batch, ...), for all gates along the channels."""

        def convolve(x: Any, kernel: Any) -> Any:
            y = self._convolve(x.reshape(-1, *x.shape[2:]), kernel)
            return y.reshape(*x.shape[:2], *y.shape[1:])

        z = self._for_gates(convolve, x, self.kernel.value, masks.inputs)
        if self.bias is None:
            return z
        return z + self.bias.value.reshape(-1, *(1,) * (-1 - self._axis))

    def _for_gates(self, convolve: Any, x: Any, kernel: Any, masks: tuple) -> Any:
        """One convolution for all gates, or one for each with its mask."""
        if not masks:
            return convolve(x, kernel)
        kernels = jnp.split(kernel, 4, -1)
        return jnp.concatenate([convolve(x * m, k) for m, k in zip(masks, kernels, strict=True)], self._axis)

    def advance(self, z: Any, states: Any, masks: DropoutMasks) -> list:
        """The states after a step, from its inputs' convolutions and the states before."""

        def convolve(h: Any, kernel: Any) -> Any:
            return ops.conv(h, kernel, 1, "same", self.data_format)

        h, c = states
        z = z + self._for_gates(convolve, h, self.recurrent_kernel.value, masks.states)
        i, f, new, o = jnp.split(z, 4, self._axis)
        gate, activation = self.recurrent_activation or _same, self.activation or _same
        c = gate(f) * c + gate(i) * activation(new)
        return [gate(o) * activation(c), c]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        masks = self.draw_masks(inputs, states[0])
        masks = masks if training else DropoutMasks()
        states = self.advance(self.project(inputs[None], masks)[0], states, masks)
        return states[0], states


def _same(x: Any) -> Any:
    return x


class ConvLSTM(_OwnCell):
    """The base of the layers for signals, images and volumes.

    Inputs have shape (batch, steps, *spatial, channels), or (batch, steps, channels, *spatial) with `"channels_first"`; all sizes
    but batch and steps must be known.

    Args:
        filters: the number of channels of the output.
        kernel_size: the size of the window: an integer, or one per spatial axis. The state is convolved with a window of the same
            size, with `"same"` padding and without strides.
        strides: the distance from one window of the inputs to the next: an integer or one per spatial axis.
        padding: `"valid"` uses only windows that lie inside of the inputs, `"same"` adds zeros on both sides.
        data_format: `"channels_last"` or `"channels_first"`. None takes the setting of `jkeras.config`, which is `"channels_last"`
            at first.
        dilation_rate: the distance between neighbouring entries of a window of the inputs: an integer or one per spatial axis.
        activation: the function of the candidate and of the output: a name such as `"tanh"`, or a function. None means none.
        recurrent_activation: the function of the gates: a name such as `"sigmoid"`, or a function. None means none.
        use_bias: True if a bias is added to the convolutions.
        recurrent_initializer: the first values of the weight `recurrent_kernel`, with which the state is convolved: a name such as
            `"orthogonal"`, an `Initializer`, or a function `(shape, dtype) -> array`.
        recurrent_regularizer: a penalty on the weight `recurrent_kernel`, which is added to the loss. None means no penalty.
        recurrent_constraint: a function that is applied to the weight `recurrent_kernel` after each step of the optimizer. None
            means that the weight is free.
        unit_forget_bias: True if the bias of the forget gate starts at 1, so that the memory is kept at first.
        dropout: the fraction of the inputs that is set to zero in training, from 0 to 1. One choice holds for all steps of a
            sequence.
        recurrent_dropout: the fraction of the state that is set to zero in training, from 0 to 1. One choice holds for all steps of
            a sequence.
        seed: an integer that makes the dropout reproducible. None takes a new one.
        return_sequences: True returns the outputs of all steps. False returns the last one.
        return_state: True if the output and the memory of the last step are returned, too, as `(outputs, h, c)`.

    Raises:
        ValueError: sizes that are not known, or arguments that are no positive integers.
    """

    rank: int
    cell_class = ConvLSTMCell

    def __init__(self, arguments: dict, kwargs: dict):
        super().__init__(arguments | {"rank": self.rank}, kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def get_config(self) -> dict:
        """The constructor's arguments, and `unroll`, which Keras's configs have too."""
        return super().get_config() | {"unroll": self.unroll}

    def _run(self, cell: Any, x: Any, states: list, mask: Any, training: bool, backwards: bool | None = None) -> tuple:
        masks = cell.draw_masks(x[0], states[0])
        masks = masks if training else DropoutMasks()

        def hold(keep: Any, new: Any, old: Any) -> Any:
            return new if keep is None else jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - 1)), new, old)

        def body(carry: tuple, inputs: tuple) -> tuple[tuple, Any]:
            (states, before), (z, keep) = carry, inputs
            new = [hold(keep, n, o) for n, o in zip(cell.advance(z, states, masks), states, strict=True)]
            output = hold(keep, new[0], before)  # a masked step repeats the output before it, zeros at the start
            return (new, output if keep is not None else before), output

        start = (states, jnp.zeros_like(states[0]))
        steps = (cell.project(x, masks), mask)
        unroll = recurrent.unrolling(x, self.unroll)
        (states, _), outputs = lax.scan(body, start, steps, reverse=self.go_backwards, unroll=unroll)
        return (jnp.flip(outputs, 0) if self.go_backwards else outputs), states


class ConvLSTM1D(ConvLSTM):
    """An LSTM over sequences of signals, such as measurements of many sensors in a row. It uses convolutions in the
    place of matrix products.

    Shapes:
        sequences `(batch, steps, length, channels)`, outputs `(batch, new length, filters)`, and
        `(batch, steps, new length, filters)` with `return_sequences=True`.

    >>> import numpy as np
    >>> ConvLSTM1D(4, 3, padding="same")(np.zeros((2, 5, 6, 1), "float32")).shape
    (2, 6, 4)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)


class ConvLSTM2D(ConvLSTM):
    """An LSTM over sequences of images. It uses convolutions in the place of matrix products.

    Shapes:
        sequences `(batch, steps, height, width, channels)`, outputs `(batch, new height, new width, filters)`, and
        `(batch, steps, new height, new width, filters)` with `return_sequences=True`.

    >>> import numpy as np
    >>> ConvLSTM2D(4, 3, padding="same")(np.zeros((2, 5, 6, 6, 1), "float32")).shape
    (2, 6, 6, 4)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)


class ConvLSTM3D(ConvLSTM):
    """An LSTM over sequences of volumes. It uses convolutions in the place of matrix products.

    Shapes:
        sequences `(batch, steps, depth, height, width, channels)`, outputs `(batch, new depth, new height, new width, filters)`, and
        `(batch, steps, new depth, new height, new width, filters)` with `return_sequences=True`.

    >>> import numpy as np
    >>> ConvLSTM3D(4, 3, padding="same")(np.zeros((2, 5, 6, 6, 6, 1), "float32")).shape
    (2, 6, 6, 6, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)
