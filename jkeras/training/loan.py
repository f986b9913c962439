"""`Loan`: the values of the weights while the compiled loop runs.

The compiled loop reuses the memory of its state and returns new arrays, so between two calls only the loop's arrays
are valid. Meanwhile, each variable stores a `Loan`, which is a promise for its value. Reading a weight (by a
callback, a debugger, or at the end of `fit`) ends the loan: all variables get the current arrays. Reading a scalar
(the learning rate, the number of iterations) returns a copy, and the loan continues. Before its next call, the loop
takes values that were assigned meanwhile. Readers in other threads wait for the end of the running call
(`core.turns`).
"""

import signal
import threading
from types import FrameType
from typing import Any

import jax

from jkeras.core.binding import Binding
from jkeras.core.turns import held, share_turn
from jkeras.core.variable import Promise, Variable, all_hold, lend_all
from jkeras.runtime.mesh import ONE_DEVICE, current


class Loan(Promise):
    """A pytree of variables whose values are lent.

    Args:
        variables: any pytree with `Variable`s as leaves.

    >>> import jax.numpy as jnp
    >>> v = Variable(jnp.zeros(2), name="v")
    >>> loan = Loan({"v": v})
    >>> state = loan.lend()
    >>> loan.keep({"v": state["v"] + 1})        # the loop has advanced
    >>> v.value.tolist()                        # reading the weight ends the loan
    [1.0, 1.0]
    """

    def __init__(self, variables: Any):
        self._binding = Binding(variables)
        self.variables = self._binding.variables
        self._places = {id(variable): i for i, variable in enumerate(self.variables)}
        self._state: list | None = None
        self._placement: Any = ONE_DEVICE
        self.turn = share_turn(self.variables)

    def held(self) -> Any:
        """Within a block `with loan.held():` other threads wait that want to read the variables."""
        return held(self.variables[:1])

    def lend(self) -> Any:
        """The current values, to be consumed; the boxes hold this promise from now on."""
        placement, state = current(), self._state
        if state is None or self._placement != placement or not all_hold(self.variables, self):
            with self.held():  # another thread may be reading
                state = self._take(placement)
        return jax.tree.unflatten(self._binding.structure, state)

    def _take(self, placement: Any) -> list:
        """Take all values, or, while the loan lasts, those that have been assigned since."""
        if self._state is None or self._placement != placement:
            self.take_back()
            self._placement = placement
            self._lend(self._taken(self.variables))
            return self._state  # type: ignore[return-value]
        assigned = [i for i, variable in enumerate(self.variables) if not variable.is_lent(self)]
        state = list(self._state)
        for i, array in zip(assigned, self._taken([self.variables[i] for i in assigned]), strict=True):
            state[i] = array
        self._lend(state)
        return state

    def _taken(self, variables: list[Variable]) -> list:
        """Copies of the arrays in the boxes, since somebody may hold the arrays and the loop consumes what it is given."""
        return self._placement.put_variables(variables, [variable.read_box() for variable in variables], copy=True)

    def keep(self, state: Any) -> None:
        """Keep the values that the loop returned, until somebody asks for them."""
        self._lend(jax.tree.leaves(state))

    def _lend(self, arrays: list) -> None:
        if len(arrays) != len(self.variables):
            raise ValueError(f"{len(self.variables)} variables cannot be given {len(arrays)} values.")
        self._state = arrays
        lend_all(self.variables, self)

    def take_back(self) -> None:
        """End the loan: put the arrays back into the boxes that nobody has written to since.

        The arrays are given up last, so that an interrupt in between loses none of them: the next call goes on.
        """
        with self.held():
            if self._state is not None:
                for variable, array in zip(self.variables, self._state, strict=True):
                    variable.take_back(self, array)
                self._state = None

    def redeem(self, variable: Variable) -> jax.Array:
        with self.held():
            if self._state is not None and not variable.shape:
                with jax.ensure_compile_time_eval():  # a number, even where a program is traced
                    return self._state[self._places[id(variable)]].copy()
            self.take_back()
            return variable.read_box()


class Uninterrupted:
    """Hold Ctrl-C back for the moment in which the old state is consumed and the new one not yet stored.

    >>> with Uninterrupted():
    ...     pass
    """

    def __enter__(self) -> None:
        self._pending: tuple | None = None
        self._previous: Any = None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pending = (number, frame)

    def __exit__(self, *exception: Any) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            if self._pending is not None and callable(self._previous):
                self._previous(*self._pending)
