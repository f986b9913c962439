"""An `Owner` is an object with variables: layers, models, metrics, optimizers and seed generators are owners.

`slots()` finds the variables by walking the attributes, so the path of a variable is the path of attributes
to it: `dense/kernel`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jkeras.core.tree import Path, walk
from jkeras.core.variable import PARAMS, Variable


class Owner:
    """Base of everything that owns variables."""

    untraced: tuple[str, ...] = ()  # attributes that no program depends on, see `runtime.identity`
    unheld: tuple[str, ...] = ()  # lists and dicts of what the owner only knows, or holds elsewhere, too
    separate = False  # True for an owner whose values do not belong to its holder's (a metric, an optimizer)

    def children(self) -> Iterator[tuple[Path, "Owner | Variable"]]:
        """The owners and variables that this one holds directly, each with its path: its attributes, and the entries of
        their lists and dicts.
        """
        for name, value in list(vars(self).items()):  # another thread may set an attribute
            if isinstance(value, (Owner, Variable)):
                yield (name,), value
            elif isinstance(value, (dict, list, tuple)) and value and name not in self.unheld:
                yield from ((path, leaf) for path, leaf in walk(value, _is_held, (name,)) if _is_held(leaf))

    def slots(self) -> dict[Path, Variable]:
        """Every variable by its path.

        A variable that is reachable in two ways (a shared layer, tied weights) stands once, under the first path. The
        order is Keras's: what an owner holds itself before what its parts hold, trainable before non-trainable.
        """
        found: dict[Path, Variable] = {}
        self._collect((), found, set())
        return found

    def _collect(self, prefix: Path, found: dict[Path, Variable], seen: set[int]) -> None:
        if id(self) in seen:
            return
        seen.add(id(self))
        own, parts = [], []
        for path, child in self.children():
            if isinstance(child, Variable):
                own.append((path, child))
            elif not child.separate or self.separate:  # a metric made of metrics holds their values
                parts.append((path, child))
        own.sort(key=lambda pair: pair[1].collection != PARAMS)
        for path, variable in own:
            if id(variable) not in seen:
                seen.add(id(variable))
                path = prefix + path
                found[path if path not in found else _fresh(path, found)] = variable
        parts.sort(key=lambda pair: not getattr(pair[1], "is_generator", False))  # seed generators first, as in Keras
        for path, part in parts:
            part._collect(prefix + path, found, seen)

    def modules(self) -> Iterator["Owner"]:
        """This owner and all below it, each once, separate ones (metrics, optimizers) included."""
        seen: set[int] = set()
        stack: list[Owner] = [self]
        while stack:
            owner = stack.pop()
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            yield owner
            stack.extend(reversed([c for _, c in owner.children() if isinstance(c, Owner)]))

    def own_metrics(self) -> list:
        """The metrics that this owner and those below it hold, without those that are parts of others."""
        found = [m for m in self.modules() if m.separate and hasattr(m, "update_state")]
        inside = {id(part) for metric in found for part in metric.modules() if part is not metric}
        return [m for m in found if id(m) not in inside]


def _is_held(value: Any) -> bool:
    return isinstance(value, (Owner, Variable))


def _fresh(path: Path, taken: Mapping) -> Path:
    number = 1
    while (*path[:-1], f"{path[-1]}_{number}") in taken:
        number += 1
    return (*path[:-1], f"{path[-1]}_{number}")
