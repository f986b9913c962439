"""`RNN`: any cell over the steps of a sequence `(batch, steps, features)`.

A cell of the library runs as a whole recurrence of `jkeras.ops.recurrent`, all inputs projected at once. Another cell is called step
by step inside a `lax.scan`. JAX allows no side effects within a loop. Cells of the library draw what is random before it. What
another cell draws, writes or adds to the losses is carried through the loop.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.frame import Frame
from jkeras.core.variable import STATE, Variable
from jkeras.layers.base import Layer
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured
from jkeras.layers.recurrent_cells import (
    Cell,
    DropoutMasks,
    StackedRNNCells,
    build_cell,
    call_cell,
    check_cell,
    initial_state,
)
from jkeras.ops import cudnn, recurrent

__all__ = ["RNN"]


class RNN(Configured):
    """A layer that runs a cell over the steps of a sequence.

    Args:
        cell: with `call(inputs, states) -> (outputs, new_states)`, `state_size` (an int, or a list of them) and, if they
            are not the first state's, `output_size` and `get_initial_state(batch_size)`. A list of cells is stacked.
        return_sequences: True returns the outputs of all steps, (batch, steps, units). False returns the last one.
        return_state: True if the last states are returned, too, as `(outputs, *states)`.
        go_backwards: True if the layer starts at the end of the sequence. Outputs come in the order in which they are computed.
        stateful: True if a call starts with the states that the last call ended with, until `reset_state()`. All batches must have
            one size then.
        unroll: True if the loop is written out step by step. Use it for short sequences only: compiling takes long.
        zero_output_for_mask: True if the outputs of masked steps are zeros. False repeats the output of the step before.
        **kwargs: the arguments of every layer, and `time_major`, a keyword of older programs: with True, sequences, masks and the
            outputs of all steps are (steps, batch, ...).

    Call arguments:
        sequences: (batch, steps, features).
        initial_state: a list of arrays of shape (batch, units); by default the cell's, zeros.
        mask: (batch, steps), bool; where it is False the states stay what they were.

    Raises:
        ValueError: the cell lacks what it needs, or the batch size of a stateful layer changes or is not known.

    >>> import jkeras, numpy as np
    >>> class Counter(jkeras.layers.Layer):
    ...     state_size = 1
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> RNN(Counter(), return_sequences=True)(np.ones((1, 3, 1), "float32")).tolist()
    [[[1.0], [2.0], [3.0]]]
    """

    use_cudnn: Any = "auto"  # which LSTM and GRU set

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        check_cell(cell)
        self.time_major = bool(kwargs.pop("time_major", False))
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        self.states: Any = None
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=3)

    @property
    def state_size(self) -> list:
        """The state sizes of the cell, as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            batch = sequences_shape[1 if self.time_major else 0]
            if batch is None:
                raise ValueError(
                    f"Layer {self.name!r} has stateful=True, so it needs a fixed batch size, but got inputs of shape "
                    f"{tuple(sequences_shape)}. Give the model Input(batch_shape=(batch, steps, features))."
                )
            with jax.ensure_compile_time_eval():  # numbers, even if shapes alone are being inferred
                states = self.get_initial_state(batch)
            self.states = jax.tree.map(self._state_variable, states)

    def _state_variable(self, value: Any) -> Variable:
        return Variable(value, dtype=self.variable_dtype, trainable=False, name="rnn_state")

    def get_initial_state(self, batch_size: int) -> list:
        """Return the cell's initial states."""
        return initial_state(self.cell, batch_size)

    def reset_state(self) -> None:
        """Let a stateful layer start anew, from the cell's initial states."""
        variables = _variables(self.states)
        if variables:
            states = jax.tree.leaves(self.get_initial_state(variables[0].shape[0]))
            for variable, state in zip(variables, states, strict=True):
                variable.assign(state)

    reset_states = reset_state

    def get_config(self) -> dict:
        """Return the constructor's arguments, and `time_major` if it is set; Keras 3's configs have no such key."""
        return super().get_config() | ({"time_major": True} if self.time_major else {})

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the inputs for the outputs of all steps. States have no mask."""
        mask = jax.tree.leaves(previous_mask)[0] if self.return_sequences and previous_mask is not None else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def _check_states(self, states: Any, batch: Any) -> None:
        sizes = self.state_size
        if type(self.cell) is StackedRNNCells or not all(isinstance(size, int) for size in sizes):
            return  # a state for each of several cells, or one with several axes
        shapes = [tuple(getattr(state, "shape", ())) for state in states]
        fits = len(shapes) == len(sizes) and all(
            shape
            and shape[-1] == size
            and (shape[0] == batch or not isinstance(shape[0], int) or not isinstance(batch, int))
            for shape, size in zip(shapes, sizes, strict=True)
        )
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs initial_state= with {len(sizes)} array(s), of shapes "
                f"{[('batch', size) for size in sizes]}, got {[symbolic.list_shapes([s]) for s in states]}."
            )

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if not self.time_major:
            sequences = jnp.swapaxes(sequences, 0, 1)
            mask = None if mask is None else jax.tree.leaves(mask)[0].T
        if initial_state is None:
            batch = sequences.shape[1]
            initial_state = self._stateful_start(batch) if self.stateful else self.get_initial_state(batch)
        states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        stacked = self.cell.cells if isinstance(self.cell, StackedRNNCells) else []
        if stacked:
            states = [s if isinstance(s, (list, tuple)) else [s] for s in states]
        self._check_states(states, sequences.shape[1])
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        states = jax.tree.map(lambda s: jnp.asarray(s, dtype), list(states))
        mask = jax.tree.leaves(mask)[0].astype(bool) if mask is not None else None  # (steps, batch)
        outputs, states = self._run(self.cell, sequences, states, mask, training)
        if self.stateful:
            for variable, state in zip(_variables(self.states), jax.tree.leaves(states), strict=True):
                variable.assign(state)
        if mask is not None and self.zero_output_for_mask:
            steps = jnp.flip(mask, 0) if self.go_backwards else mask
            outputs = jnp.where(steps.reshape(steps.shape + (1,) * (outputs.ndim - 2)), outputs, 0)
        if not self.return_sequences:
            outputs = outputs[-1]
        elif not self.time_major:
            outputs = jnp.swapaxes(outputs, 0, 1)
        outputs, states = jax.tree.map(lambda x: x.astype(self.compute_dtype), (outputs, states))
        single = [cell.state_size for cell in stacked]  # a cell whose size is one number has one state, and no list of them
        states = (
            [s[0] if isinstance(size, int) else s for s, size in zip(states, single, strict=True)] if stacked else states
        )
        return (outputs, *states) if self.return_state else outputs

    def _stateful_start(self, batch: int) -> list:
        states = jax.tree.map(lambda v: v.value, self.states, is_leaf=lambda v: isinstance(v, Variable))
        kept = len(jax.tree.leaves(states)[0])
        if kept != batch:
            raise ValueError(f"Layer {self.name!r} keeps the states of a batch of {kept}, but got a batch of {batch}.")
        return states

    def _run(self, cell: Any, x: Any, states: list, mask: Any, training: bool, backwards: bool | None = None) -> tuple:
        """Run one cell over all steps; returns its outputs, (steps, batch, ...), in the order of computation, and states."""
        backwards = self.go_backwards if backwards is None else backwards
        if type(cell) is StackedRNNCells:  # one cell after the other, each over the whole sequence
            last: list = []
            for of_stack, of_cell in zip(cell.cells, states, strict=True):
                x, of_cell = self._run(of_stack, x, list(of_cell), mask, training, backwards)
                last.append(list(of_cell))
                mask = jnp.flip(mask, 0) if mask is not None and backwards else mask
                backwards = False
            return x, last
        if isinstance(cell, Cell) and type(cell).call is Cell.call and cell.activity_regularizer is None:
            masks = cell.draw_masks(x[0], states[0])
            masks = masks if training else DropoutMasks()
            network, products = cell.parts(masks)

            def plain(x: Any, states: tuple) -> tuple:
                project = lambda x: cell.project(x, masks)  # noqa: E731
                return recurrent.recur(network, x, states, products, mask, backwards, self.unroll, project=project)

            loop = mask is not None or self.unroll or any(masks) or self.use_cudnn is False
            weights = None if loop else cell.of_cudnn()
            if weights is None or not cudnn.is_lstm_available(x):
                outputs, of_cell = plain(x, tuple(states))
            else:
                outputs, of_cell = lax.platform_dependent(
                    x, tuple(states), cuda=lambda x, states: cudnn.lstm(x, states, *weights, backwards), default=plain
                )
            return outputs, list(of_cell)
        return self._scan(cell, x, states, mask, backwards)

    def _scan(self, cell: Any, x: Any, states: list, mask: Any, backwards: bool) -> tuple:
        def hold(keep: Any, new: Any, old: Any) -> Any:
            return new if keep is None else jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - 1)), new, old)

        outer = frames.current()
        key = None if outer.key is None else outer.next_key()  # type: ignore[union-attr]
        held = [v for v in cell.variables if v.collection == STATE] if isinstance(cell, Layer) else []
        written: set[int] = set()  # places in `held`
        adding: list[Layer] = []  # the layers in the cell that add losses, one entry for each

        def step(x_t: Any, states: Any, values: list, t: Any) -> tuple:
            """A call of the cell in a frame of its own: what it writes and adds is carried out of the loop."""
            bound = {id(variable): value for variable, value in zip(held, values, strict=True)}
            with Frame(bound, key=None if key is None else jax.random.fold_in(key, t), training=outer.training) as frame:  # type: ignore[union-attr]
                frame.autocast = outer.autocast  # type: ignore[union-attr]
                output, new = call_cell(cell, x_t, states)
            after = [frame.values[id(variable)] for variable in held]
            written.update(i for i, (old, value) in enumerate(zip(values, after, strict=True)) if value is not old)
            adding[:] = [layer for layer, _ in frame.losses]
            return output, new, after, [value for _, value in frame.losses]

        def body(carry: tuple, inputs: tuple) -> tuple[tuple, Any]:
            (states, before, values), (x_t, keep, t) = carry, inputs
            output, new, values, losses = step(x_t, states, values, t)
            new = jax.tree.map(lambda n, o: hold(keep, n, o), new, states)
            output = hold(keep, output, before)
            return (new, output if keep is not None else before, values), (output, losses)

        # A masked step repeats the output before it: at the start zeros, later what was put out.
        autocast, outer.autocast = outer.autocast, None  # type: ignore[union-attr]
        values = [variable.value for variable in held]  # in the dtype in which they are kept
        outer.autocast = autocast  # type: ignore[union-attr]
        shape = jax.eval_shape(lambda: step(x[0], states, values, 0)[0])
        before = jnp.zeros(shape.shape, shape.dtype)
        numbers = None if key is None else jnp.arange(x.shape[0])
        (states, _, values), (outputs, losses) = lax.scan(
            body, (states, before, values), (x, mask, numbers), reverse=backwards, unroll=recurrent.unrolling(x, self.unroll)
        )
        for i in written:
            held[i].assign(values[i])
        # The losses of a call are sums over its steps.
        outer.losses += [(layer, jnp.sum(value, 0)) for layer, value in zip(adding, losses, strict=True)]  # type: ignore[union-attr]
        return jnp.flip(outputs, 0) if backwards else outputs, states


def _variables(states: Any) -> list[Variable]:
    return jax.tree.leaves(states, is_leaf=lambda v: isinstance(v, Variable))
