"""What optimizers ask of their arguments."""

import inspect
import math
import numbers
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jkeras.optimizers.parameters import is_variable


def in_range(name: str, value: Any, low: float, high: float = math.inf) -> Any:
    """Return the number if it lies in [low, high] (or is None); raise the error that names the argument if not."""
    if value is None:
        return None
    if is_variable(value) or (isinstance(value, (np.ndarray, jax.Array)) and value.ndim == 0):
        value = float(value)
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not low <= value <= high:
        limits = f"a number from {low} to {high}" if high < math.inf else f"a number not below {low}"
        raise ValueError(f"`{name}` must be {limits}, got {name}={value!r}.")
    return value


def at_least(name: str, value: Any, low: int) -> int | None:
    if value is not None and (not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < low):
        raise ValueError(f"`{name}` must be an integer of at least {low}, or None, got {name}={value!r}.")
    return None if value is None else int(value)


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's arguments, those of its base classes included."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed([c for c in cls.__mro__ if c is not object and "__init__" in vars(c)]):
        found |= inspect.signature(base.__init__).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {k: p for k, p in found.items() if k != "self" and p.kind not in variadic}


def given(cls: type, args: tuple, kwargs: dict) -> Iterable[str]:
    """The names of the arguments of a call of the constructor."""
    try:
        return inspect.signature(cls.__init__).bind_partial(None, *args, **kwargs).arguments
    except TypeError:
        return kwargs  # __init__ itself will say what is wrong
