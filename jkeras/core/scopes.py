"""`StatelessScope` and `SymbolicScope`: frames under Keras's names, for programs that write their own pure functions."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.frame import Frame
from jkeras.core.variable import Variable, is_variable


class StatelessScope:
    """A block in which variables have other values. Reads and writes inside of it do not change the variables.

    Variables that are made inside are initialized when they are first read, whatever `initialize_variables` says.

    Args:
        state_mapping: pairs `(variable, value)` to begin with; other variables are seen as they are.
        collect_losses: whether `add_loss` keeps what it is given in `losses`.
        initialize_variables: for Keras's signature.

    Raises:
        ValueError: a key is no variable, or a value has another shape.

    >>> import jkeras
    >>> v = jkeras.Variable([1.0, 2.0])
    >>> with StatelessScope([(v, jkeras.ops.zeros(2))]) as scope:
    ...     change = v.assign_add([1.0, 1.0])
    >>> scope.get_current_value(v).tolist(), v.numpy().tolist()
    ([1.0, 1.0], [1.0, 2.0])
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        values: dict[int, Any] = {}
        for variable, value in state_mapping or ():
            if not is_variable(variable):
                raise ValueError(f"StatelessScope: the keys of state_mapping must be variables, got {variable!r}.")
            array = jnp.asarray(value.value if is_variable(value) else value)
            if array.shape != variable.shape:
                raise ValueError(
                    f"StatelessScope: the value for variable {variable.path!r} must have its shape {variable.shape}, got "
                    f"{array.shape}."
                )
            values[id(variable)] = array.astype(variable.dtype)
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self.losses: list[jax.Array] = []
        self._given = set(values)
        self._frame = Frame(values, closed=True)
        self._frame.pure = False  # variables may be made inside

    def __enter__(self) -> "StatelessScope":
        self._frame.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._frame.outside.clear()  # to see variables of outside is allowed here
        self._frame.__exit__(*exception)

    def add_loss(self, loss: Any) -> None:
        """Keep a loss in `losses`, if the scope collects them."""
        if self.collect_losses:
            self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Give a variable a value inside of the scope: `add_update((variable, value))`."""
        variable, value = update
        self._frame.values[id(variable)] = variable.converted(value)

    def get_current_value(self, variable: Variable) -> Any:
        """Return the value of a variable in the scope, or None if it has none of its own there."""
        value = self._frame.values.get(id(variable))
        if id(variable) not in self._given and value is variable.read_box():
            return None
        return value


class SymbolicScope:
    """A block for shape inference. Variables read as zeros of their shape, and assigned values are dropped.

    >>> import jkeras
    >>> weight = jkeras.Variable([1.0, 2.0])
    >>> with SymbolicScope():
    ...     shape = jkeras.ops.shape(2 * weight)
    >>> shape
    (2,)
    """

    def __enter__(self) -> "SymbolicScope":
        self._frame = Frame(abstract=True)
        self._frame.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._frame.__exit__(*exception)


__all__ = ["StatelessScope", "SymbolicScope"]
