"""Nested dicts with readable paths.

A module's values are a plain nested dict. Here a *path* is a tuple of strings, `("dense", "kernel")`, and the two
functions below go back and forth between `{path: value}` and the nested form.
"""

from collections.abc import Iterator, Mapping
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
    return dict(_walk(nested, prefix))


def _walk(nested: Mapping, prefix: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _walk(value, (*prefix, name))
        else:
            yield (*prefix, name), value


def show(path: Path) -> str:
    """Write a path as people read it.

    >>> show(("dense", "kernel"))
    'dense/kernel'
    """
    return "/".join(path)
