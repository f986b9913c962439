"""`SimpleRNN`, `LSTM` and `GRU`: recurrent layers that make their cell themselves."""

from typing import Any

from jkeras.errors import keywords_of
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.recurrent_cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
)
from jkeras.layers.rnn import RNN
from jkeras.serialization.naming import snake_case

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class _OwnCell(RNN):
    """An `RNN` whose constructor takes the arguments of its cell; they are attributes of both."""

    unsaved = ("use_cudnn",)
    cell_class: Any

    def __init__(self, arguments: dict, kwargs: dict):
        arguments = {name: value for name, value in arguments.items() if name not in ("self", "kwargs", "__class__")}
        use_cudnn = arguments.pop("use_cudnn", "auto")
        if use_cudnn not in ("auto", False):
            raise ValueError(
                f'{type(self).__name__} takes use_cudnn="auto" or False, got use_cudnn={use_cudnn!r}: one program serves '
                "every kind of device, so cuDNN cannot be required."
            )
        self.use_cudnn = use_cudnn
        options = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "activity_regularizer")
        own = {name: arguments.pop(name) for name in options if name in arguments}
        shared = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        kwargs.pop("implementation", None)  # of Keras's old models: how it computes the same thing
        cell = self.cell_class(**arguments, **shared, name=snake_case(self.cell_class.__name__))
        super().__init__(cell, **own, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def __getattr__(self, name: str) -> Any:
        if name in keywords_of(self.cell_class.__init__) and "cell" in self.__dict__:
            return getattr(self.cell, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_config(self) -> dict:
        """The constructor's arguments, and `zero_output_for_mask`, which Keras's configs have too."""
        return super().get_config() | {"zero_output_for_mask": self.zero_output_for_mask}


class SimpleRNN(_OwnCell):
    """The simple recurrent network, `h' = activation(x @ kernel + h @ recurrent_kernel + bias)` (Elman 1990).

    Calls:
        `layer(sequences, initial_state=None, mask=None, training=False)` with sequences (batch, steps, features), a list of one
        state (batch, units), and a mask (batch, steps).

    >>> import numpy as np
    >>> SimpleRNN(4)(np.zeros((2, 5, 3), "float32")).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell
    described_by = (SimpleRNNCell,)

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)


class LSTM(_OwnCell):
    """The long short-term memory (Hochreiter and Schmidhuber 1997). Gates control which values its memory keeps, adds
    and outputs.

    With the gates `i, f, o = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias)` and the candidate `g`, which has
    `activation` instead, a step makes the memory `c' = f * c + i * g` and the output `h' = o * activation(c')`.

    Args:
        use_cudnn: `"auto"` calls cuDNN's LSTM on a GPU, if the arguments, shapes and dtypes allow it; the numbers are the same up to
            rounding. False never does. True is refused, because one program serves every kind of device.

    Calls:
        `layer(sequences, initial_state=None, mask=None, training=False)` with sequences (batch, steps, features), a list of two
        states (batch, units), the output and the memory, and a mask (batch, steps).

    >>> import numpy as np
    >>> outputs, h, c = LSTM(4, return_sequences=True, return_state=True)(np.zeros((2, 5, 3), "float32"))
    >>> outputs.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell
    described_by = (LSTMCell,)

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)


class GRU(_OwnCell):
    """The gated recurrent unit (Cho et al. 2014, arXiv:1406.1078). One gate forgets the old state; another mixes old
    and new state.

    Args:
        use_cudnn: `"auto"` or False. XLA compiles this layer on every device. True is refused.

    Calls:
        `layer(sequences, initial_state=None, mask=None, training=False)` with sequences (batch, steps, features), a list of one
        state (batch, units), and a mask (batch, steps).

    >>> import numpy as np
    >>> GRU(4, return_sequences=True)(np.zeros((2, 5, 3), "float32")).shape
    (2, 5, 4)
    """

    cell_class = GRUCell
    described_by = (GRUCell,)

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(locals(), kwargs)
