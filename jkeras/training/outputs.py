"""Models with several outputs: which loss, weight, metric and target belongs to which.

Outputs are flattened to a list with a path and a name each; everything a user passes to `compile` or `fit` (one thing for
all, a list by position, a dict by name, or the nested structure of the outputs) is looked up by the same rule.
"""

from collections.abc import Callable
from typing import Any

import jax

from jkeras.errors import suggest


class Outputs:
    """The flat view of a model's output structure.

    Args:
        structure: what the model returns, with arrays or specs as leaves.
        names: the names of the layers that make the outputs, if the model gives them. Where the structure has dicts, their keys
            name the outputs, and these names are understood besides; in lists these names are used, or positions.

    >>> outputs = Outputs({"a": 1, "b": 2})
    >>> outputs.names, outputs.match({"b": "mse"}, "loss")
    (['a', 'b'], [None, 'mse'])
    """

    labels = ("names",)  # see `runtime.identity`

    def __init__(self, structure: Any, names: list[str] | None = None):
        self.paths = [path for path, _ in _walk(structure, ())]
        self.nested = bool(self.paths and self.paths[0])
        self.names = ["/".join(map(str, path)) for path in self.paths]
        known = list(names) if names is not None and len(names) == len(self.paths) else self.names
        if not any(isinstance(key, str) for path in self.paths for key in path):
            self.names = known
        self._layers = {name: own for name, own in zip(known, self.names, strict=True) if name not in self.names}

    def __len__(self) -> int:
        return len(self.paths)

    def flatten(self, structure: Any) -> list:
        """The leaves of a structure shaped like the outputs, in order."""
        return [_follow(structure, path) for path in self.paths]

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
            keys = {str(path[0]) for path in self.paths if path}
            given = {name if name in keys else self._layers.get(name, name): entry for name, entry in given.items()}
            for key in given:
                if key not in self.names and key not in keys:
                    raise ValueError(
                        f"{what}={{{key!r}: ...}} names no output of the model; its outputs are {self.names}."
                        f"{suggest(key, self.names)}"
                    )
            pairs = zip(self.names, self.paths, strict=True)
            return [given[name] if name in given else _follow(given, path) for name, path in pairs]
        if len(given) == len(self) and all(is_leaf(g) or g is None for g in given):
            return list(given)
        try:
            return [_follow(given, path) for path in self.paths]
        except (KeyError, IndexError, TypeError):
            raise ValueError(
                f"{what} has {len(given)} entries for {len(self)} output(s) {self.names}. Pass one for all, one each as a "
                "list in this order, or a dict by name."
            ) from None

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


def _follow(structure: Any, path: tuple) -> Any:
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
