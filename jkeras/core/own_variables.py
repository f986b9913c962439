"""Write a module's own variables to a file and read them from it, by number.

A *store* is a mapping from names to arrays. A layer with an override of the two hooks decides itself what is in its store; its
sublayers have stores of their own.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from jkeras.core.assignment import assign_all
from jkeras.core.owner import Owner
from jkeras.core.variable import PARAMS, Variable


class OwnVariables(Owner):
    """An owner that files hold: a layer, a seed generator."""

    def save_own_variables(self, store: MutableMapping) -> None:
        """Put the variables that this layer itself holds into `store`, as "0", "1", ...: trainable ones first.

        Override it, and `load_own_variables`, to decide yourself what a file has of your layer.

        Args:
            store: a mapping that takes arrays by name.

        >>> import jkeras
        >>> layer = jkeras.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> store = {}
        >>> layer.save_own_variables(store)
        >>> {name: value.shape for name, value in store.items()}
        {'0': (3, 2), '1': (2,)}
        """
        others = self.values_for_file()
        for i, variable in enumerate(own_variables(self)):
            store[str(i)] = np.array(others[id(variable)]) if id(variable) in others else variable.numpy()

    def load_own_variables(self, store: Mapping) -> None:
        """Take the variables from what `save_own_variables` put into a store.

        Raises:
            ValueError: the number of arrays or a shape does not fit; nothing is assigned then.
        """
        variables = own_variables(self)
        check_store(self, variables, store)
        assign_all((variable, store[str(i)]) for i, variable in enumerate(variables))
        self.after_loading()

    # A layer that holds weights in a form of its own says here what its files have.

    def in_file_order(self, variables: list[Variable]) -> list[Variable]:
        """Return the object's own variables that files contain, in the order of the file."""
        return variables

    def values_for_file(self) -> dict[int, Any]:
        """`{id(variable): value}` where files get another value than the variable has."""
        return {}

    def after_loading(self) -> None:
        """Called when all variables have been taken from a file."""


def own_variables(module: Owner) -> list[Variable]:
    """The variables that a module holds directly, each once, trainable before non-trainable. The states that a stateful
    recurrent layer keeps from batch to batch are not among them: Keras's files have no place for them."""
    held = (child for _, child in module.children() if isinstance(child, Variable) and child.name != "rnn_state")
    found = {id(variable): variable for variable in held}
    ordered = sorted(found.values(), key=lambda variable: variable.collection != PARAMS)
    return module.in_file_order(ordered) if isinstance(module, OwnVariables) else ordered


def check_store(module: Any, variables: list[Variable], store: Mapping) -> None:
    """Raise a ValueError unless a store has an array for each of the variables, of its shape. No array is read."""
    who = f"{type(module).__name__} {module.name!r}"
    if set(store) != {str(i) for i in range(len(variables))}:
        wanted = ", ".join(f"{v.name} {v.shape}" for v in variables) or "none"
        given = ", ".join(f"{name!r} {_shape(store, name)}" for name in store) or "nothing"
        unbuilt = (
            "" if getattr(module, "built", True) else " It is not built yet: call it on data, or build(input_shape), first."
        )
        raise ValueError(f"{who} has {len(variables)} variables ({wanted}), but the file has {given} for it.{unbuilt}")
    for i, variable in enumerate(variables):
        shape = _shape(store, str(i))
        if shape != variable.shape:
            raise ValueError(f"{who}: variable {variable.name!r} has shape {variable.shape}, but the file has {shape}.")
        dtype = store.dtype(str(i)) if hasattr(store, "dtype") else np.asarray(store[str(i)]).dtype
        if dtype.kind == "c" and np.dtype(variable.dtype).kind != "c":
            raise ValueError(
                f"{who}: variable {variable.name!r} has dtype {variable.dtype}, but the file has complex numbers."
            )


def _shape(store: Mapping, name: str) -> tuple:
    """The shape of an array in a store; one that lies in a file says it without being read."""
    return store.shape(name) if hasattr(store, "shape") else np.shape(store[name])
