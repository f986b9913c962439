"""An ensemble in one file: the seeds and the values of all members, without the code of `build`."""

from typing import Any

import jax
import numpy as np

from jkeras.core.variable import is_variable
from jkeras.saving.snapshot import encode, read_snapshot, write_snapshot

VERSION = 1


def save(path: str, seeds: list[int], bootstrap: bool, spec: Any, variables: Any, states: list | None) -> None:
    """Write an ensemble; the file appears whole or not at all.

    Args:
        path: the file's name.
        seeds, bootstrap: as given to `Ensemble`.
        spec: of the first batch; None if there was none.
        variables: a tree of variables with a value per member.
        states: of the generators that draw the members' orders.
    """
    arrays: list = []
    content = {
        "ensemble": VERSION,
        "seeds": list(seeds),
        "bootstrap": bool(bootstrap),
        "spec": jax.tree.map(lambda s: [s.dtype.name, list(s.shape)], spec),
        "values": {name: variable.value for name, variable in by_name(variables).items()},
        "states": states,
    }
    write_snapshot(path, encode(content, arrays), arrays)


def read(path: str) -> dict:
    """Read the file that `save` wrote, and return its contents as a dict.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds no ensemble.
    """
    content = read_snapshot(path)
    if not isinstance(content, dict) or content.get("ensemble") != VERSION:
        raise ValueError(f"{path!r} holds no ensemble: Ensemble.load() reads what ensemble.save() has written.")
    is_spec = lambda leaf: isinstance(leaf, list) and len(leaf) == 2 and isinstance(leaf[0], str)  # noqa: E731
    as_spec = lambda leaf: jax.ShapeDtypeStruct(tuple(leaf[1]), np.dtype(leaf[0]))  # noqa: E731
    return {**content, "spec": jax.tree.map(as_spec, content["spec"], is_leaf=is_spec)}


def assign(path: str, variables: Any, values: dict) -> None:
    """Give variables the values of a file, all or none.

    Raises:
        ValueError: the file's ensemble has other variables.
    """
    known = by_name(variables)
    ours = {name: (variable.shape, variable.dtype) for name, variable in known.items()}
    theirs = {name: (tuple(value.shape), value.dtype.name) for name, value in values.items()}
    if ours != theirs:
        differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        lines = [f"  {n}: {theirs.get(n, 'not there')} in the file, {ours.get(n, 'not there')} here" for n in differing[:8]]
        raise ValueError(f"{path!r} holds an ensemble of other models than build() returns:\n" + "\n".join(lines))
    for name, variable in known.items():
        variable.assign(values[name])


def by_name(variables: Any) -> dict[str, Any]:
    """The variables of a tree by their places in it."""
    flat, _ = jax.tree_util.tree_flatten_with_path(variables, is_leaf=is_variable)
    return {jax.tree_util.keystr(path): variable for path, variable in flat}
