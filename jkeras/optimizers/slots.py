"""The slots of an optimizer: the variables that hold the state of its transformations."""

from collections.abc import Iterator
from typing import Any

import jax

from jkeras.core.tree import Path
from jkeras.core.variable import Variable, is_variable
from jkeras.optimizers.parameters import Parameters

OPTIONS = (("average",), ("gradient_accumulator",))  # slots of the options, which come first in Keras's list of variables


class Slots:
    """The state of the chained transformations, with a variable in the place of each array.

    Args:
        tree: the state.
        parameters: the parameters that it was made for.
    """

    def __init__(self, tree: Any, parameters: Parameters):
        self.tree, self.parameters = tree, parameters

    def located(self) -> Iterator[tuple[str, int | None, Variable]]:
        """Each slot: its name, the number of its parameter (None: of no single one), its variable."""
        for path, variable in jax.tree_util.tree_flatten_with_path(self.tree, is_leaf=is_variable)[0]:
            yield (*self.parameters.locate(path), variable)

    def moved(self, specs: Any, parameters: Parameters) -> "Slots":
        """The same variables in a tree of another structure over the same parameters.

        Args:
            specs: a state of that structure.
            parameters: the parameters in that structure.
        """
        old: dict[tuple, list[Variable]] = {}
        for slot, index, variable in self.located():
            owner = None if index is None else id(self.parameters.variables[index])
            old.setdefault((slot, owner), []).append(variable)

        def move(path: tuple, value: Any) -> Variable:
            slot, index = parameters.locate(path)
            return old[slot, None if index is None else id(parameters.variables[index])].pop(0)

        return Slots(jax.tree_util.tree_map_with_path(move, specs), parameters)

    def in_order(self, groups: tuple[tuple[str, ...], ...]) -> Iterator[tuple[Path, Variable]]:
        """The slots in the order of Keras's list of variables, each with its path.

        Args:
            groups: names of slots. Those of a group alternate, parameter by parameter; one group comes after the other.
        """
        paths, located = list(self.parameters.index), list(self.located())
        rank = {slot: (i, j) for i, group in enumerate((*OPTIONS, *groups)) for j, slot in enumerate(group)}
        for slot in dict.fromkeys(slot for slot, _, _ in located):
            rank.setdefault(slot, (len(rank) + len(OPTIONS) + len(groups), 0))

        def position(item: tuple) -> tuple:
            slot, index, _ = item
            return rank[slot][0], len(paths) if index is None else index, rank[slot][1]

        for slot, index, variable in sorted(located, key=position):
            yield (slot, *(() if index is None else paths[index])), variable
