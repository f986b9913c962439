"""Cells: one step of a recurrent layer, `cell(inputs, states) -> (outputs, new_states)`.

A cell of the library declares weights and names its `Network` in `jkeras.ops.recurrent`, which `call` applies once and
the layers run over whole sequences. Masks for dropout are drawn once per sequence and stay the same at all its steps
(Gal and Ghahramani 2016, arXiv:1512.05287); with `recurrent_dropout`, each gate of an LSTM or GRU has its own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jkeras import activations, random
from jkeras.core.variable import Variable
from jkeras.initializers.base import array_library, on_device
from jkeras.layers.base import Layer
from jkeras.layers.options import Configured
from jkeras.ops import recurrent
from jkeras.ops.recurrent import Network, Product

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]


class DropoutMasks(NamedTuple):
    """The masks for one sequence: none, one for all gates, or one for each."""

    inputs: tuple = ()  # each (batch, features)
    states: tuple = ()  # each (batch, units)


class Cell(Configured):
    """The base of the three cells.

    Args:
        units: the length of the output of one step.
        activation: the function of the new state before the gates: a name such as `"tanh"`, or a function. None means none.
        recurrent_activation: the function of the gates: a name such as `"sigmoid"`, or a function. None means none.
        use_bias: True if a bias is added to the products.
        recurrent_initializer: the first values of the weight `recurrent_kernel`, by which the last output is multiplied: a name
            such as `"orthogonal"`, an `Initializer`, or a function `(shape, dtype) -> array`.
        recurrent_regularizer: a penalty on the weight `recurrent_kernel`, which is added to the loss. None means no penalty.
        recurrent_constraint: a function that is applied to the weight `recurrent_kernel` after each step of the optimizer. None
            means that the weight is free.
        dropout: the fraction of the inputs that is set to zero in training, from 0 to 1. One choice holds for all steps of a
            sequence.
        recurrent_dropout: the fraction of the last output that is set to zero in training, from 0 to 1. One choice holds for all
            steps of a sequence.
        seed: an integer that makes the dropout reproducible. None takes a new one.
    """

    gates = 1
    seed_first = False  # whether the dropout draws its seed before the initializers draw theirs, as one cell of Keras does

    def __init__(self, units: int, dropout: float, recurrent_dropout: float, seed: Any, options: dict, kwargs: dict):
        kwargs.pop("implementation", None)  # of Keras's old models: how it computes the same thing
        super().__init__(**kwargs)
        self.units, self.seed = units, seed
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        for name in ("activation", "recurrent_activation"):
            if name in options:
                self.keep(**{name: options.pop(name)})
        generator = random.SeedGenerator(seed) if self.seed_first else None
        self.keep(**options)
        self.seed_generator = generator or random.SeedGenerator(seed)
        self.state_size: Any = units
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        width = self.gates * self.units
        self.kernel = self.weight("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.weight("recurrent_kernel", (self.units, width), "recurrent")
        self.bias: Variable | None = self._make_bias() if self.use_bias else None

    def _make_bias(self) -> Variable:
        return self.weight("bias", (self.gates * self.units,))

    def network(self, products: int) -> Network:
        """The mathematics of a step, with one product of all gates or one for each."""
        raise TypeError(f"{type(self).__name__} must define network(products).")

    def biases(self) -> tuple[Any, Any]:
        """The biases of the inputs' projection and of the recurrent product."""
        return (None if self.bias is None else self.bias.value), None

    def parts(self, masks: DropoutMasks) -> tuple[Network, list[Product]]:
        """The network and the arrays of its products."""
        kernel, bias = self.recurrent_kernel.value, self.biases()[1]
        network = self.network(max(len(masks.states), 1))
        count = len(network.lefts)
        # All gates in one product, each in its own, or (the reset gate stands before the last product) all but the last.
        ends = [self.units * k for k in range(1, self.gates)][self.gates - count :] if count > 1 else []
        kernels = jnp.split(kernel, ends, -1)
        biases = [None] * count if bias is None else jnp.split(bias, ends, -1)
        return network, [Product(*arrays) for arrays in zip(kernels, biases, masks.states or [None] * count, strict=True)]

    def project(self, inputs: Any, masks: DropoutMasks) -> Any:
        """The inputs of any number of steps, as the network takes them."""
        return recurrent.project(inputs, self.kernel.value, self.biases()[0], masks.inputs)

    def of_cudnn(self) -> tuple[Any, Any, Any] | None:
        """The kernel, the recurrent kernel and the bias, if the mathematics is that of cuDNN's LSTM."""
        return None

    def draw_masks(self, inputs: Any, state: Any) -> DropoutMasks:
        """The masks for a sequence whose steps have the shape of `inputs`."""
        count = self.gates if self.recurrent_dropout > 0 else 1

        def draw(rate: float, like: Any) -> tuple:
            ones = jnp.ones_like(like)
            return tuple(random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count)) if rate > 0 else ()

        return DropoutMasks(draw(self.dropout, inputs), draw(self.recurrent_dropout, state))

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        nested = isinstance(states, (list, tuple))
        states = tuple(states) if nested else (states,)
        masks = self.draw_masks(inputs, states[0])  # in every call, as in Keras: what is drawn next depends on it
        masks = masks if training else DropoutMasks()
        network, products = self.parts(masks)
        states = recurrent.step(network, self.project(inputs, masks), states, products)
        return states[0], list(states) if nested else states[0]

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Zeros, one array of shape (batch, units) per state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in sizes]


class SimpleRNNCell(Cell):
    """A cell that computes one step of a `SimpleRNN`: `activation(inputs @ kernel + states @ recurrent_kernel + bias)`.

    >>> import jax.numpy as jnp
    >>> cell = SimpleRNNCell(4)
    >>> output, states = cell(jnp.ones((2, 3)), [jnp.zeros((2, 4))])
    >>> output.shape, len(states)
    ((2, 4), 1)
    """

    seed_first = True

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(units, dropout, recurrent_dropout, seed, _options(locals()), kwargs)

    def network(self, products: int) -> Network:
        return recurrent.simple_rnn(self.activation or activations.linear)


class LSTMCell(Cell):
    """A cell that computes one step of an `LSTM`. Its states are the output and the memory.

    Args:
        unit_forget_bias: True if the bias of the forget gate starts at 1, so that the memory is kept at first
            (Jozefowicz et al. 2015).

    >>> import jax.numpy as jnp
    >>> cell = LSTMCell(4)
    >>> output, (h, c) = cell(jnp.ones((2, 3)), [jnp.zeros((2, 4)), jnp.zeros((2, 4))])
    >>> output.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(units, dropout, recurrent_dropout, seed, _options(locals()), kwargs)
        self.state_size = [units, units]

    def network(self, products: int) -> Network:
        linear = activations.linear
        return recurrent.lstm(self.activation or linear, self.recurrent_activation or linear, products)

    def of_cudnn(self) -> tuple[Any, Any, Any] | None:
        if (self.activation, self.recurrent_activation) != (activations.tanh, activations.sigmoid):
            return None
        return self.kernel.value, self.recurrent_kernel.value, None if self.bias is None else self.bias.value

    def _make_bias(self) -> Variable:
        if not self.unit_forget_bias:
            return super()._make_bias()
        rest, units = self.bias_initializer, self.units

        def open_forget_gate(shape: Any, dtype: Any = None) -> Any:
            first, last = rest((units,), dtype), rest((2 * units,), dtype)
            library = array_library()  # a program for each LSTM would take longer to compile than all else that builds it
            return on_device(library.concatenate([library.asarray(a) for a in (first, library.ones_like(first), last)]))

        settings = {"regularizer": self.bias_regularizer, "constraint": self.bias_constraint}
        return self.add_weight((4 * units,), open_forget_gate, name="bias", **settings)


class GRUCell(Cell):
    """A cell that computes one step of a `GRU`.

    Args:
        reset_after: True multiplies the reset gate with the product of the last output and its kernel, which has a bias of its
            own (as in cuDNN: the bias has shape (2, 3 units)). False multiplies it with the last output, as in the paper.

    >>> import jax.numpy as jnp
    >>> cell = GRUCell(4)
    >>> output, states = cell(jnp.ones((2, 3)), [jnp.zeros((2, 4))])
    >>> output.shape
    (2, 4)
    """

    gates = 3

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(units, dropout, recurrent_dropout, seed, _options(locals()), kwargs)

    def network(self, products: int) -> Network:
        linear = activations.linear
        return recurrent.gru(self.activation or linear, self.recurrent_activation or linear, self.reset_after, products)

    def _make_bias(self) -> Variable:
        return self.weight("bias", (2, 3 * self.units)) if self.reset_after else super()._make_bias()

    def biases(self) -> tuple[Any, Any]:
        if self.bias is None or not self.reset_after:
            return super().biases()
        return self.bias[0], self.bias[1]


def _options(arguments: dict) -> dict:
    """The constructor's arguments that are kept as they are, from its `locals()`."""
    done = ("self", "units", "dropout", "recurrent_dropout", "seed", "kwargs", "__class__")
    return {name: value for name, value in arguments.items() if name not in done}


class StackedRNNCells(Configured):
    """A cell that applies several cells: the output of one cell is the input of the next.

    Args:
        cells: a list of cells.

    Raises:
        ValueError: one of them has no `call` or no `state_size`.

    >>> import jkeras, numpy as np
    >>> layer = jkeras.layers.RNN(StackedRNNCells([LSTMCell(4), GRUCell(3)]))
    >>> layer(np.zeros((2, 5, 3), "float32")).shape
    (2, 3)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        """The state sizes of the cells, as a list."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The output size of the last cell."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Return the cells' own initial states, as a list of lists."""
        return [initial_state(cell, batch_size) for cell in self.cells]  # type: ignore[arg-type]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            build_cell(cell, input_shape)
            input_shape = (input_shape[0], output_size(cell))

    def call(self, inputs: Any, states: Any) -> Any:
        new_states = []
        for cell, of_cell in zip(self.cells, states, strict=True):
            inputs, of_cell = call_cell(cell, inputs, list(of_cell))
            new_states.append(of_cell)
        return inputs, new_states


def check_cell(cell: Any) -> None:
    """Raise a ValueError unless `cell` has what a recurrent layer needs."""
    for name, what in (("call", "a method call(inputs, states) -> (outputs, states)"), ("state_size", "an int or a list")):
        if not hasattr(cell, name):
            raise ValueError(f"A cell of a recurrent layer needs `{name}` ({what}), but {cell!r} has none.")


def output_size(cell: Any) -> int:
    """The size of a cell's output: by default that of its first state."""
    size = getattr(cell, "output_size", None)
    size = cell.state_size if size is None else size
    return size[0] if isinstance(size, (list, tuple)) else size


def initial_state(cell: Any, batch_size: int) -> list:
    """A cell's initial states as a list; zeros if it does not say."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [jnp.zeros((batch_size, size), getattr(cell, "compute_dtype", "float32")) for size in sizes]


def build_cell(cell: Any, input_shape: Any) -> None:
    """Build a cell for the inputs of a step; one that leaves `build` to the layers that it holds, by a call on shapes."""
    if not isinstance(cell, Layer) or cell.built:
        return
    if cell.needs_no_build:
        inputs = jax.ShapeDtypeStruct((1, *input_shape[1:]), cell.compute_dtype)
        cell.build_abstractly(inputs, initial_state(cell, 1))
    else:
        cell.build(input_shape)
    cell.built = True


def call_cell(cell: Any, inputs: Any, states: Any) -> tuple[Any, list]:
    """Call a cell, a layer or any object with `call`, on a list of states."""
    outputs, states = (cell if callable(cell) else cell.call)(inputs, states)
    return outputs, list(states) if isinstance(states, (list, tuple)) else [states]
