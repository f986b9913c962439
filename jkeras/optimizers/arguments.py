"""Check the arguments of optimizers."""

import inspect
import numbers
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
import numpy as np

from jkeras.arguments import NOT_NEGATIVE, RANGES, signature
from jkeras.core.variable import is_variable

Number = TypeVar("Number", float, float | None)
Count = TypeVar("Count", int, int | None)


def in_range(name: str, value: Number) -> Number:
    """Return the number if it is in the range of the argument of that name (no range in the table: not below 0), or None.

    >>> in_range("momentum", 0.9), in_range("clipnorm", None)
    (0.9, None)
    >>> in_range("momentum", 9)
    Traceback (most recent call last):
    ...
    ValueError: `momentum` must be a number between 0 and 1, got momentum=9.
    """
    if is_variable(value) or (isinstance(value, (np.ndarray, jax.Array)) and value.ndim == 0):
        value = float(value)  # type: ignore[arg-type]  # None is none of these
    limits = RANGES.get(name, NOT_NEGATIVE)
    if value is None:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and limits.holds(float(value)):
        return value
    raise ValueError(f"`{name}` must be a number {limits}, got {name}={value!r}.")


def at_least(name: str, value: Count, low: int) -> Count:
    """Return a count as an int, or None. Anything else, or a count below `low`, is an error that names the argument."""
    if value is not None and (not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < low):
        raise ValueError(f"`{name}` must be an integer of at least {low}, or None, got {name}={value!r}.")
    return value if value is None else int(value)


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's arguments, those of its base classes included."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed([c for c in cls.__mro__ if c is not object and "__init__" in vars(c)]):
        found |= inspect.signature(base.__init__).parameters  # type: ignore[misc]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {k: p for k, p in found.items() if k != "self" and p.kind not in variadic}


def signature_of(cls: type) -> inspect.Signature:
    """The constructor's signature; what `*common` and `**options` stand for is written out."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    if not any(p.kind is p.VAR_POSITIONAL for p in own):
        return inspect.Signature(own)
    inherited = [p for name, p in parameters_of(cls).items() if name not in {p.name for p in own}]
    positional = [p for p in [*own, *inherited] if p.kind is p.POSITIONAL_OR_KEYWORD]
    return inspect.Signature([*positional, *(p for p in [*own, *inherited] if p.kind is p.KEYWORD_ONLY)])


def given(cls: type, args: tuple, kwargs: dict) -> Iterable[str]:
    """The names of the arguments of a call of the constructor."""
    try:
        return signature(cls.__init__).bind_partial(None, *args, **kwargs).arguments  # type: ignore[misc]
    except TypeError:
        return kwargs  # __init__ itself will say what is wrong


class Same:
    """An object as a key: equal to itself alone, and kept alive, so that no other can take its identity.

    >>> rate = lambda step: 0.1
    >>> Same(rate) == Same(rate), Same(rate) == Same(lambda step: 0.1)
    (True, False)
    """

    def __init__(self, item: Any):
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.item is other.item

    def __hash__(self) -> int:
        return id(self.item)
