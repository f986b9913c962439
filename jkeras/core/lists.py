"""Keras's stateless functions pass the values of variables as lists; a frame wants them by variable."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp

from jkeras.core.frame import Frame
from jkeras.core.variable import Variable, as_arrays


def bind_lists(owner: Any, **lists: tuple[Sequence[Variable], Sequence[Any]]) -> dict[int, Any]:
    """`{id(variable): array}` for a frame.

    Args:
        owner: has a name, for the message.
        **lists: for each argument `(variables, values)`; the values may be arrays or variables.

    Raises:
        ValueError: a list is not as long as it should be.
    """
    bound: dict[int, Any] = {}
    for argument, (variables, values) in lists.items():
        if len(variables) != len(values):
            raise ValueError(
                f"`{argument}` must have one value for each of the {len(variables)} variables in "
                f"{owner.name!r}.{argument}, got {len(values)}."
            )
        for variable, value in zip(variables, values, strict=True):
            bound[id(variable)] = jnp.asarray(as_arrays(value))
    return bound


def read_list(frame: Frame, variables: Iterable[Variable]) -> list:
    """The values of some variables at the end of a call."""
    return [frame.values[id(variable)] for variable in variables]
