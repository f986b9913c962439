"""All variables that change in training, as nested dicts of arrays by path, for custom checkpoints."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from jkeras.core import tree
from jkeras.core.assignment import assign_all
from jkeras.core.turns import at_one_step
from jkeras.core.variable import Variable
from jkeras.errors import suggest

FORMATS = {"backend_tensor": lambda variable: variable.value, "numpy_array": lambda variable: variable.numpy()}


def groups(model: Any) -> dict[str, dict[tree.Path, Variable]]:
    """The model's variables by kind and path.

    Raises:
        ValueError: two variables have the same path.
    """
    optimizer = model.optimizer
    return {
        "trainable_variables": _by_path(model.trainable_variables),
        "non_trainable_variables": _by_path(model.non_trainable_variables),
        "optimizer_variables": _by_path(optimizer.variables if optimizer is not None else ()),
        "metrics_variables": _by_path(model.metrics_variables),
    }


def _by_path(variables: Iterable[Variable]) -> dict[tree.Path, Variable]:
    found: dict[tree.Path, Variable] = {}
    for variable in variables:
        path = tuple(variable.path.split("/"))
        if path in found:
            raise ValueError(f"Two variables have the path {variable.path!r}: give the layers names of their own.")
        found[path] = variable
    return found


def read_state(model: Any, value_format: str | Callable) -> dict:
    """`{"trainable_variables": {...}, "non_trainable_variables": ..., "optimizer_variables": ..., "metrics_variables": ...}`.

    Raises:
        ValueError: the format is unknown, or two variables have the same path.
    """
    if not callable(value_format) and value_format not in FORMATS:
        raise ValueError(
            f"value_format must be one of {list(FORMATS)}, got {value_format!r}.{suggest(value_format, FORMATS)}"
        )
    read = value_format if callable(value_format) else FORMATS[value_format]
    known = groups(model)
    with at_one_step(variable for group in known.values() for variable in group.values()):
        return {kind: tree.nest({path: read(v) for path, v in group.items()}) for kind, group in known.items()}


def write_state(model: Any, state_tree: Mapping) -> None:
    """Assign what `read_state` returned, or a part of it.

    Raises:
        ValueError: the model has no variable of a kind and path in the tree, or a shape differs; nothing is assigned then.
    """
    known = groups(model)
    assignments = []
    for kind, nested in state_tree.items():
        if kind not in known:
            raise ValueError(f"A state tree has {list(known)}, got {kind!r}.{suggest(kind, known)}")
        for path, value in tree.flatten(nested).items():
            if path not in known[kind]:
                names = [tree.show(p) for p in known[kind]]
                raise ValueError(f"{model.name!r} has no {kind} {tree.show(path)!r}.{suggest(tree.show(path), names)}")
            variable = known[kind][path]
            value = value if hasattr(value, "shape") else np.asarray(value)
            if tuple(value.shape) != variable.shape:
                raise ValueError(f"{tree.show(path)!r} has shape {variable.shape}, but the tree has {tuple(value.shape)}.")
            assignments.append((variable, value))
    assign_all(assignments)
