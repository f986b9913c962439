"""Match losses, weights, metrics and targets with the outputs of a model.

Outputs are flattened to a list with a path and a name each; everything a user passes to `compile` or `fit` (one thing for
all, a list by position, a dict by name, or the nested structure of the outputs) is looked up by the same rule.

A loss may also stand at a node of the structure, and then sees all that is below it. `Outputs.place` says at which node each
loss belongs.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from jkeras.errors import suggest


class Place(NamedTuple):
    """The place of one entry of an argument among the outputs."""

    path: tuple  # of the node among the outputs
    trail: tuple  # of the entry in the argument
    entry: Any


class Outputs:
    """The flat view of a model's output structure.

    Args:
        structure: what the model returns, with arrays or specs as leaves.
        names: the names of the layers that make the outputs, if the model gives them. Where the structure has dicts, their keys
            name the outputs, and these names are understood besides; in lists these names are used, or positions.

    `prefixes` are what the names of metrics begin with: the names, or those of the layers where the structure is nested; None
    where nobody has named the outputs.

    >>> outputs = Outputs({"a": 1, "b": 2})
    >>> outputs.names, outputs.match({"b": "mse"}, "loss")
    (['a', 'b'], [None, 'mse'])
    """

    labels = ("names", "prefixes")  # see `runtime.identity`

    def __init__(self, structure: Any, names: list[str] | None = None):
        self.paths = [path for path, _ in _walk(structure, ())]
        numbers = iter(range(len(self.paths)))
        self.numbers = pack(structure, numbers)  # the structure of the outputs, with the positions in the list as leaves
        self.nested = bool(self.paths and self.paths[0])
        self.names = [show(path) for path in self.paths]
        known = list(names) if names is not None and len(names) == len(self.paths) else None
        self.prefixes: list[str | None] = [name if isinstance(structure, dict) else None for name in self.names]
        if known is not None:  # the layer's name says more than a position
            own = [show(p if p and isinstance(p[-1], str) else (*p[:-1], n)) for p, n in zip(self.paths, known, strict=True)]
            self.names = own if len(set(own)) == len(own) else self.names
            flat = all(len(path) < 2 for path in self.paths)
            self.prefixes = list(self.names if flat else known)
        self.known = known is not None  # whether the model names its outputs
        known = known or self.names
        self._layers = {name: own for name, own in zip(known, self.names, strict=True) if name not in self.names}

    def __len__(self) -> int:
        return len(self.paths)

    def flatten(self, structure: Any) -> list:
        """The leaves of a structure shaped like the outputs, in order."""
        return [follow(structure, path) for path in self.paths]

    def match(
        self, given: Any, what: str, is_leaf: Callable[[Any], bool] = lambda x: not isinstance(x, (list, tuple, dict))
    ) -> list:
        """One entry of `given` per output; None where it has none.

        Args:
            given: one thing for all outputs, a list by position, a dict by name, or the outputs' own structure.
            what: the argument's name, for messages.
            is_leaf: what counts as one thing.

        Raises:
            ValueError: a name is unknown, or the number of entries differs from that of the outputs.
        """
        if given is None or is_leaf(given):
            return [given] * len(self)
        if isinstance(given, dict):
            given = self.by_own_names(given, what)
            pairs = zip(self.names, self.paths, strict=True)
            return [given[name] if name in given else follow(given, path) for name, path in pairs]
        if len(given) == len(self) and all(is_leaf(g) or g is None for g in given):
            return list(given)
        try:
            return [follow(given, path) for path in self.paths]
        except (KeyError, IndexError, TypeError):
            raise ValueError(
                f"{what} has {len(given)} entries for {len(self)} output(s) {self.names}. Pass one for all, one each as a "
                "list in this order, or a dict by name."
            ) from None

    def by_own_names(self, given: Any, what: str) -> Any:
        """A dict by the names of the outputs, where it has been one by the names of layers; anything else as it is.

        Raises:
            ValueError: a name is unknown.
        """
        if not isinstance(given, dict) or "class_name" in given:
            return given
        keys = {str(path[0]) for path in self.paths if path}
        given = {str(name) if str(name) in keys else self._layers.get(name, name): entry for name, entry in given.items()}
        for key in given:
            if key not in self.names and key not in keys:
                raise ValueError(
                    f"{what}={{{key!r}: ...}} names no output of the model; its outputs are {self.names}."
                    f"{suggest(key, self.names)}"
                )
        return given

    def place(self, given: Any, what: str, is_leaf: Callable[[Any], bool], together: bool = False) -> list[Place]:
        """The node of the outputs at which each entry of `given` belongs.

        One entry belongs to every output. A dict goes by name. A list has an entry for each output, or for each part of a node that
        is a list itself; any other list holds entries that all belong to the node.

        Args:
            given: what the user passed.
            what: the argument's name, for messages.
            is_leaf: what counts as one entry; None does.
            together: whether an entry may see several outputs at once.

        Raises:
            ValueError: a name is unknown, or the number of entries differs from that of the outputs.

        >>> outputs = Outputs({"a": (1, 2), "b": 3})
        >>> [place.path for place in outputs.place({"a": ["mse", ("mae", None)]}, "loss", lambda x: isinstance(x, str), True)]
        [('a',), ('a', 0), ('a', 1)]
        """
        if given is None or is_leaf(given):
            return [Place(path, (), given) for path in self.paths]
        if not isinstance(given, dict):
            return list(self._place(given, self.numbers, (), (), what, is_leaf, together))
        places: list[Place] = []
        for name, entry in self.by_own_names(given, what).items():
            path = (
                self.paths[self.names.index(name)]
                if name in self.names
                else next(p[:1] for p in self.paths if str(p[0]) == name)
            )
            places += self._place(entry, follow(self.numbers, path), path, (name,), what, is_leaf, together)
        return places

    def _place(
        self, given: Any, node: Any, path: tuple, trail: tuple, what: str, is_leaf: Callable[[Any], bool], together: bool
    ) -> Iterator[Place]:
        if given is None or is_leaf(given):
            yield Place(path, trail, given)
        elif isinstance(given, dict):
            if not isinstance(node, dict) or not given.keys() <= node.keys():
                wrong = next(key for key in given if not isinstance(node, dict) or key not in node)
                raise ValueError(
                    f"{what}= has an entry for {show((*path, wrong))!r}, which is no output; the outputs are {self.names}."
                )
            for key, entry in given.items():
                yield from self._place(entry, node[key], (*path, key), (*trail, key), what, is_leaf, together)
        else:
            below = [below for below, _ in _walk(node, ())]
            one_each = len(given) == len(below) and not (together and any(isinstance(e, (list, tuple, dict)) for e in given))
            fits = not together or isinstance(node, type(given)) or conforms(given, node)
            by_position = isinstance(node, (list, tuple)) and fits
            if not one_each and by_position and len(given) != len(node):
                raise ValueError(
                    f"{what} has {len(given)} entries for {len(node)} output(s){f' at {show(path)!r}' if path else ''} of "
                    f"{self.names}. Pass one for all, one each as a list in this order, or a dict by name."
                )
            for i, entry in enumerate(given):
                at = below[i] if one_each else (i,) if by_position else ()
                yield from self._place(entry, follow(node, at), (*path, *at), (*trail, i), what, is_leaf, together)

    def below(self, path: tuple) -> tuple[int, ...]:
        """The numbers of the outputs at or below a node."""
        return tuple(number for _, number in _walk(follow(self.numbers, path), ()))

    def targets(self, y: Any, wanted: list[bool]) -> list:
        """One target per output; outputs without a loss or metric need none.

        Args:
            y: the targets as given to `fit`.
            wanted: per output, whether something needs its target.
        """
        flat = y if isinstance(y, (list, tuple)) else None
        if flat is not None and len(self) > 1 and len(flat) != len(self) and len(flat) == sum(wanted):
            rest = iter(flat)
            return [next(rest) if want else None for want in wanted]
        if len(self) > 1 and y is not None and not isinstance(y, (list, tuple, dict)):
            if sum(wanted) == 1:
                return [y if want else None for want in wanted]
            raise ValueError(
                f"The model has {len(self)} outputs {self.names}, but y is a single array of shape {y.shape}. Pass a list of "
                "arrays in this order, or a dict by name."
            )
        return self.match(y, "y")


def _walk(structure: Any, path: tuple) -> list[tuple[tuple, Any]]:
    if isinstance(structure, dict):
        return [leaf for key, value in structure.items() for leaf in _walk(value, (*path, key))]
    if isinstance(structure, (list, tuple)):
        return [leaf for key, value in enumerate(structure) for leaf in _walk(value, (*path, key))]
    return [(path, structure)]


def pack(structure: Any, leaves: Iterator) -> Any:
    """A structure with other leaves, which are taken in order."""
    if isinstance(structure, dict):
        return {key: pack(value, leaves) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        entries = [pack(value, leaves) for value in structure]
        return type(structure)(*entries) if hasattr(structure, "_fields") else type(structure)(entries)
    return next(leaves)


def conforms(given: Any, node: Any) -> bool:
    """Return True if a list of entries has the form of the outputs at a node, so that each entry belongs to the output
    at its position.
    """
    if isinstance(given, dict):
        return isinstance(node, dict) and given.keys() <= node.keys()
    if not isinstance(given, (list, tuple)):
        return True
    if not isinstance(node, (list, tuple)):
        return len(given) == 1
    return len(given) == len(node) and all(map(conforms, given, node))


def show(path: tuple) -> str:
    """A path among the outputs, as people read it."""
    return "/".join(map(str, path))


def follow(structure: Any, path: tuple) -> Any:
    """Walk down a path; what is not nested any further stands for everything below it."""
    for key in path:
        if isinstance(structure, dict):
            structure = structure.get(key)
        elif isinstance(structure, (list, tuple)):
            structure = structure[key]
        else:
            break
    return structure


def shapes(structure: Any) -> Any:
    """The shapes of a structure of arrays, for messages."""
    return jax.tree.map(lambda a: tuple(a.shape), structure)
