"""Nested structures of lists, tuples, named tuples and dicts, with Keras's `tree` functions.

Every other object is a leaf, including None. Dicts are read by sorted key, so that equal dicts have the same order of
leaves. An `OrderedDict` keeps its own order.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jkeras.serialization.namespace import namespace


class MAP_TO_NONE:
    """The value that the function given to `traverse` returns to replace a part of the structure by None.

    >>> traverse(lambda part: MAP_TO_NONE if part == 2 else None, [1, 2])
    [1, None]
    """


def is_nested(structure: Any) -> bool:
    """Return True if `structure` is a list, tuple or dict, and False if it is a leaf.

    Args:
        structure: anything.

    >>> is_nested([]), is_nested(None)
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def _items(structure: Any) -> list[tuple[Any, Any]]:
    """The keys of one level with what is under them."""
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in _keys(structure)]
    return list(enumerate(structure))


def _keys(structure: dict) -> list:
    return list(structure) if isinstance(structure, OrderedDict) else sorted(structure)


def _like(structure: Any, values: Any) -> Any:
    """One level of a structure with other values."""
    if isinstance(structure, dict):
        values = dict(zip(_keys(structure), values, strict=True))
        made = {key: values[key] for key in structure}  # in the dict's own order
        if hasattr(structure, "default_factory"):
            return type(structure)(structure.default_factory, made)  # type: ignore[call-overload]
        return made if type(structure) is dict else type(structure)(made)
    return type(structure)(*values) if hasattr(structure, "_fields") else type(structure)(values)


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """Return the leaves with their paths, tuples of keys and indices.

    Args:
        structure: nested lists, tuples and dicts, or a single leaf.

    >>> flatten_with_path({"b": 1, "a": [2, None]})
    [(('a', 0), 2), (('a', 1), None), (('b',), 1)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, item in _items(structure) for path, leaf in flatten_with_path(item)]


def flatten(structure: Any) -> list:
    """Return the leaves, in order.

    Args:
        structure: nested lists, tuples and dicts, or a single leaf.

    >>> flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to the leaves at one place of all structures.

    Args:
        func: takes one leaf of each structure.
        *structures: all of one form.
        none_is_leaf: False leaves None alone instead of giving it to `func`.

    Raises:
        TypeError: `func` cannot be called, or no structure is given.
        ValueError: the structures differ.

    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    if not callable(func) or not structures:
        raise TypeError(f"map_structure() takes a function and at least one structure, got {func!r} and {structures!r}.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return _map(func, structures, none_is_leaf)


def _map(func: Callable, structures: Sequence, none_is_leaf: bool = True) -> Any:
    first = structures[0]
    if is_nested(first):
        levels = [[item for _, item in _items(s)] for s in structures]
        return _like(first, [_map(func, items, none_is_leaf) for items in zip(*levels, strict=True)])
    return None if first is None and not none_is_leaf else func(*structures)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """Apply a function as `map_structure` does, but stop at the leaves of the first structure.

    Args:
        shallow_structure: says how deep to go.
        func: a function of one part of each structure.
        *structures: structures that are at least as deep.

    Raises:
        ValueError: a structure is not as deep as the shallow one.

    >>> map_structure_up_to({"a": 0, "b": 0}, len, {"a": [1, 2], "b": [3]})
    {'a': 2, 'b': 1}
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    for structure in structures:
        _check_level(shallow_structure, structure)
    levels = [[item for _, item in _items(s)] for s in (shallow_structure, *structures)]
    return _like(shallow_structure, [map_structure_up_to(s, func, *rest) for s, *rest in zip(*levels, strict=True)])


def pack_sequence_as(structure: Any, flat_sequence: Sequence) -> Any:
    """Make a structure of the same form with other leaves, given in order. It is the inverse of `flatten`.

    Args:
        structure: a structure that gives the form.
        flat_sequence: the new leaves, a list or tuple.

    Raises:
        TypeError: `flat_sequence` is no sequence.
        ValueError: it has another number of entries than the structure has leaves.

    >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    if not hasattr(flat_sequence, "__len__"):
        raise TypeError(f"flat_sequence must be a sequence, got {flat_sequence!r}.")
    count = len(flatten(structure))
    if len(flat_sequence) != count:
        raise ValueError(f"The structure has {count} leaves, but flat_sequence has {len(flat_sequence)}: {flat_sequence!r}.")
    leaves = iter(flat_sequence)
    return _map(lambda leaf: next(leaves), [structure])


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Give every part of a structure, leaves and levels, to a function, and put what it returns in its place.

    Args:
        func: returns None to keep the part (and go on inside), `MAP_TO_NONE` for None, or what replaces the part.
        structure: to go through.
        top_down: whether a level comes before what is in it.

    >>> traverse(lambda part: tuple(part) if isinstance(part, list) else None, [1, [2]], top_down=False)
    (1, (2,))
    """
    if top_down:
        replaced = func(structure)
        if replaced is not None:
            return None if replaced is MAP_TO_NONE else replaced
        if not is_nested(structure):
            return structure
        return _like(structure, [traverse(func, item) for _, item in _items(structure)])
    if is_nested(structure):
        structure = _like(structure, [traverse(func, item, top_down=False) for _, item in _items(structure)])
    replaced = func(structure)
    return structure if replaced is None else None if replaced is MAP_TO_NONE else replaced


def lists_to_tuples(structure: Any) -> Any:
    """Return the same structure with tuples in the place of lists.

    Args:
        structure: nested lists, tuples and dicts, or a single leaf.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """Apply a function to the leaves of structures whose leaves are shapes: tuples or lists of integers and None.

    Args:
        func: a function of one shape.
        structure: nested lists, tuples and dicts of shapes.

    >>> map_shape_structure(len, {"x": (None, 3), "y": [(1, 2, 3)]})
    {'x': 2, 'y': [3]}
    """
    if isinstance(structure, (list, tuple)) and all(d is None or isinstance(d, int) for d in structure):
        return func(tuple(structure))
    if not is_nested(structure):
        raise ValueError(f"A structure of shapes was expected, got {structure!r}.")
    return _like(structure, [map_shape_structure(func, item) for _, item in _items(structure)])


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Check that two structures have the same levels.

    Args:
        a, b: structures.
        check_types: has no meaning any more, in Keras either; types are always compared.

    Raises:
        ValueError: they differ; the message says where.

    >>> assert_same_structure([1, {"x": 2}], [3, {"x": None}])
    """
    if is_nested(a) != is_nested(b):
        raise ValueError(
            f"The structures differ: {a!r} is {'' if is_nested(a) else 'not '}nested, but {b!r} is the opposite."
        )
    if is_nested(a):
        if type(a) is not type(b) and not (isinstance(a, dict) and isinstance(b, dict)):
            raise ValueError(f"The structures differ: {a!r} is a {type(a).__name__}, but {b!r} a {type(b).__name__}.")
        _check_level(a, b)
        for (_, x), (_, y) in zip(_items(a), _items(b), strict=True):
            assert_same_structure(x, y)


def assert_same_paths(a: Any, b: Any) -> None:
    """Check that two structures have leaves under the same paths, in lists or tuples alike.

    Args:
        a: nested lists, tuples and dicts, or a single leaf.
        b: another structure.

    Raises:
        ValueError: they differ.

    >>> assert_same_paths([1, (2,)], (3, [4]))
    """
    ours, theirs = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if ours != theirs:
        raise ValueError(f"Only one of the structures has leaves at {sorted(ours ^ theirs, key=str)}.")


def _check_level(a: Any, b: Any) -> None:
    """Compare the keys, or the number of entries, of one level."""
    if isinstance(a, Mapping) != isinstance(b, Mapping) or not is_nested(b):
        raise ValueError(f"The structures differ: {a!r} is a {type(a).__name__}, but {b!r} a {type(b).__name__}.")
    ours, theirs = ([key for key, _ in _items(s)] for s in (a, b))
    if ours != theirs:
        what = "keys" if isinstance(a, Mapping) else "entries"
        raise ValueError(f"The structures differ: {a!r} has the {what} {ours}, but {b!r} has {theirs}.")


__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

__getattr__, __dir__ = namespace(__name__, __all__)
