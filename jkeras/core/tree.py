"""Nested structures: dicts with readable paths, and dicts, lists, tuples and named tuples in their own order.

A module's values are a plain nested dict. Here a *path* is a tuple of strings, `("dense", "kernel")`. `nest` and `flatten` go back
and forth between `{path: value}` and the nested form. `map_leaves` and `walk` go through any structure. (`jax.tree` sorts the keys
of a dict, and takes None for an empty structure.)
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def nest(flat: Mapping[Path, Any]) -> dict:
    """Turn `{path: value}` into nested dicts.

    >>> nest({("dense", "kernel"): 1, ("dense", "bias"): 2})
    {'dense': {'kernel': 1, 'bias': 2}}
    """
    root: dict = {}
    for path, value in flat.items():
        branch = root
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    return root


def flatten(nested: Mapping, prefix: Path = ()) -> dict[Path, Any]:
    """Turn nested dicts into `{path: value}`; the inverse of `nest`.

    >>> flatten({'dense': {'kernel': 1, 'bias': 2}})
    {('dense', 'kernel'): 1, ('dense', 'bias'): 2}
    """
    return dict(_walk_dicts(nested, prefix))


def _walk_dicts(nested: Mapping, prefix: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _walk_dicts(value, (*prefix, name))
        else:
            yield (*prefix, name), value


def show(path: Path) -> str:
    """Write a path as people read it.

    >>> show(("dense", "kernel"))
    'dense/kernel'
    """
    return "/".join(path)


def map_leaves(function: Callable, structure: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Return the structure with `function(leaf)` in the place of each leaf.

    Args:
        function: a function of one leaf.
        structure: nested dicts, lists, tuples and named tuples.
        is_leaf: which parts are leaves, though they have parts themselves.

    >>> map_leaves(lambda x: x + 1, {"b": [1, 2], "a": (3,)})
    {'b': [2, 3], 'a': (4,)}
    """
    if is_leaf is None or not is_leaf(structure):
        if isinstance(structure, Mapping):
            return {key: map_leaves(function, value, is_leaf) for key, value in structure.items()}
        if isinstance(structure, (list, tuple)):
            parts = [map_leaves(function, value, is_leaf) for value in structure]
            return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return function(structure)


def walk(structure: Any, is_leaf: Callable[[Any], bool] | None = None, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the leaves with their paths. The parts of a named tuple have the names of its fields.

    Args:
        structure: nested dicts, lists, tuples and named tuples.
        is_leaf: which parts are leaves, though they have parts themselves.
        path: what all paths begin with.

    >>> list(walk({"b": [1, 2], "a": 3}))
    [(('b', '0'), 1), (('b', '1'), 2), (('a',), 3)]
    """
    if is_leaf is None or not is_leaf(structure):
        if isinstance(structure, Mapping):
            for key, value in structure.items():
                yield from walk(value, is_leaf, (*path, str(key)))
            return
        if isinstance(structure, (list, tuple)):
            fields = getattr(structure, "_fields", None) or range(len(structure))
            for key, value in zip(fields, structure, strict=True):
                yield from walk(value, is_leaf, (*path, str(key)))
            return
    yield path, structure
