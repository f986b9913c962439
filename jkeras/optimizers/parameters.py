"""The variables that an optimizer changes, as Keras's list and as the tree that training passes around.

JAX sorts the keys of a dict. Keras keeps the order in which layers made their weights. `Parameters` converts between the two
orders, and finds the parameter of each leaf of an optimizer's state.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax.tree_util import GetAttrKey

from jkeras.core.tree import Path, map_leaves, walk
from jkeras.core.variable import Variable, as_arrays, is_variable


def values_of(tree: Any) -> Any:
    """The tree with the current values of its variables in their place.

    >>> values_of({"w": Variable([1.0, 2.0])})["w"].tolist()
    [1.0, 2.0]
    """
    return as_arrays(tree)


def names(path: tuple) -> Path:
    """A JAX key path as a tuple of strings."""
    return tuple(str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path)


class Parameters:
    """The variables of an optimizer.

    Args:
        tree: nested dicts, lists or tuples of variables.

    >>> kernel, bias = Variable([[1.0]], name="kernel"), Variable([0.0], name="bias")
    >>> parameters = Parameters({"dense": {"kernel": kernel, "bias": bias}})
    >>> [v.name for v in parameters.variables]
    ['kernel', 'bias']
    >>> parameters.nest(["for kernel", "for bias"])
    {'dense': {'kernel': 'for kernel', 'bias': 'for bias'}}
    """

    untraced = ("position",)  # of ids, which no program depends on

    def __init__(self, tree: Any):
        found = {path: _check(leaf) for path, leaf in walk(tree, is_variable) if leaf is not None}
        self.tree = tree
        self.variables: list[Variable] = list(found.values())  # in the order they are written in the tree: Keras's
        self.index = {path: i for i, path in enumerate(found)}
        self.position = {id(v): i for i, v in enumerate(self.variables)}
        self.structure: Any  # a PyTreeDef
        flat, self.structure = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_variable)
        self._order = [self.index[names(path)] for path, _ in flat]  # JAX's order -> Keras's

    def __reduce__(self) -> tuple:
        return Parameters, (self.tree,)  # copies and pickles have variables of their own, with ids of their own

    def nest(self, values: Sequence) -> Any:
        """A list in Keras's order as a tree, with dicts in the same order (`jax.tree.unflatten` would sort them)."""
        left = iter(values)
        return map_leaves(lambda leaf: leaf if leaf is None else next(left), self.tree, is_variable)

    def flatten(self, tree: Any) -> list:
        """A tree as a list in Keras's order; the inverse of `nest`."""
        values: list = [None] * len(self._order)
        for i, leaf in zip(self._order, self.structure.flatten_up_to(tree), strict=True):
            values[i] = leaf
        return values

    def locate(self, path: tuple) -> tuple[str, int | None]:
        """The slot that a leaf of the state lies in, and the number of the parameter it belongs to (None: to none).

        The state's path to a leaf ends with the name of a NamedTuple's field and the path of the parameter.
        """
        for start in range(1, len(path) + 1):
            if isinstance(path[start - 1], GetAttrKey) and names(path[start:]) in self.index:
                return path[start - 1].name, self.index[names(path[start:])]
        field = next((key.name for key in reversed(path) if isinstance(key, GetAttrKey)), "slot")
        return field, None

    def owner(self, path: tuple) -> Variable | None:
        """The parameter that a leaf of the state belongs to."""
        index = self.locate(path)[1]
        return None if index is None else self.variables[index]


def _check(variable: Any) -> Variable:
    if is_variable(variable):
        return variable
    raise TypeError(
        f"An optimizer is built on dicts, lists and tuples of variables, got {type(variable).__name__}: {variable!r}."
    )
