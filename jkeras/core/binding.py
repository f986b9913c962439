"""A `Binding` connects variables to their places in a structure of values.

Objects hold variables; pure functions take and return values. A binding reads the values of variables into a
structure (a list, nested dicts, a `TrainState`), calls a function with such values in the place of the variables,
collects the values that the function assigned, and writes values back.

    binding = Binding(variables)                       # any structure with variables as leaves
    result, values, frame = binding.call(f, values)    # f(frame), inside a frame; the values it ended with
    binding.write(values)
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jkeras.core.assignment import assign_all
from jkeras.core.frame import Frame
from jkeras.core.variable import Variable, as_arrays, is_variable


class Called(NamedTuple):
    """The results of a call with bound values."""

    result: Any  # what the function returned; variables in it are replaced by their values
    values: Any  # the values of the variables at the end, in the binding's structure
    frame: Frame  # the frame of the call, which is closed now


class Binding:
    """Variables in a structure.

    Args:
        variables: any pytree with variables as leaves.

    Attributes:
        tree: this structure.
        variables: the variables in it, in JAX's order.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> binding = Binding({"v": v})
    >>> result, values, _ = binding.call(lambda frame: v.assign_add([1.0, 1.0]).sum(), {"v": jnp.zeros(2)})
    >>> float(result), values["v"].tolist(), v.tolist()
    (2.0, [1.0, 1.0], [1.0, 2.0])
    >>> binding.write(values)
    >>> v.tolist()
    [1.0, 1.0]
    """

    def __init__(self, variables: Any):
        self.tree = variables
        self.variables: list[Variable]
        self.variables, self.structure = jax.tree.flatten(variables, is_leaf=is_variable)

    def __reduce__(self) -> tuple:
        return Binding, (self.tree,)  # JAX's structures cannot be copied

    def paths(self) -> list[str]:
        """The place of each of `variables` in the structure, as JAX writes it: `".params['dense']['kernel']"`.

        >>> Binding({"a": [Variable(1.0)]}).paths()
        ["['a'][0]"]
        """
        flat = jax.tree_util.tree_flatten_with_path(self.tree, is_leaf=is_variable)[0]
        return [jax.tree_util.keystr(path) for path, _ in flat]

    def fits(self, values: Any) -> bool:
        """True if some values have this structure."""
        return bool(jax.tree.structure(values) == self.structure)  # type: ignore[operator]

    def difference(self, values: Any) -> str:
        """A sentence that says how the structure of some values differs from this one."""
        found = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(values)[0]}
        wanted = set(self.paths())
        return f"Missing are {sorted(wanted - found)}, unknown are {sorted(found - wanted)}."

    def bound(self, values: Any) -> dict[int, Any]:
        """`{id(variable): array}`, for a frame.

        Raises:
            ValueError: the values have another structure; the message names what is missing and what is unknown.
        """
        leaves, structure = jax.tree.flatten(values)
        if structure != self.structure:  # type: ignore[operator]
            raise ValueError(f"The values have another structure than the variables. {self.difference(values)}")
        return dict(zip(map(id, self.variables), leaves, strict=True))

    def collect(self, values: Mapping[int, Any]) -> Any:
        """The values of the variables, in the structure.

        Args:
            values: `{id(variable): array}`, as `bound` returns it and a frame holds it.
        """
        return jax.tree.unflatten(self.structure, [values[id(variable)] for variable in self.variables])

    def call(
        self, function: Callable[[Frame], Any], values: Any, also: Mapping[int, Any] | None = None, **context: Any
    ) -> Called:
        """Call a function with values in the place of the variables.

        Args:
            function: takes the frame of the call.
            values: in the structure.
            also: what else the frame binds, `{id(variable): array}`.
            **context: of the `Frame`: `training`, `key`, `closed`.
        """
        with Frame({**(also or {}), **self.bound(values)}, **context) as frame:
            result = as_arrays(function(frame))
        return Called(result, self.collect(frame.values), frame)

    def read(self) -> Any:
        """The current values, seen from where the code runs."""
        return jax.tree.unflatten(self.structure, [variable.value for variable in self.variables])

    def write(self, values: Any) -> None:
        """Assign values to the variables: to all of them, or to none.

        Raises:
            ValueError: another structure, or a value of another shape.
        """
        bound = self.bound(values)
        assign_all((variable, bound[id(variable)]) for variable in self.variables)


class ListBinding(Binding):
    """Variables in named lists, the form of Keras's stateless functions.

    Args:
        owner: has a name, for messages.
        **lists: the variables, by the name of the argument that brings their values.

    >>> from types import SimpleNamespace as Owner
    >>> v = Variable([1.0])
    >>> ListBinding(Owner(name="layer"), variables=[v]).bound(dict(variables=[]))
    Traceback (most recent call last):
    ValueError: `variables` must have one value for each of the 1 variables in 'layer'.variables, got 0.
    """

    def __init__(self, owner: Any, **lists: list[Variable]):
        super().__init__(lists)
        self.owner, self.lists = owner, lists

    def __reduce__(self) -> tuple:
        return _list_binding, (self.owner, self.lists)

    def bound(self, values: Any) -> dict[int, Any]:
        bound: dict[int, Any] = {}
        for argument, variables in self.lists.items():
            given = values[argument]
            if len(variables) != len(given):
                raise ValueError(
                    f"`{argument}` must have one value for each of the {len(variables)} variables in "
                    f"{self.owner.name!r}.{argument}, got {len(given)}."
                )
            bound |= {id(v): jnp.asarray(as_arrays(x)) for v, x in zip(variables, given, strict=True)}
        return bound


def _list_binding(owner: Any, lists: dict) -> ListBinding:
    return ListBinding(owner, **lists)
