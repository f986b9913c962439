"""Sort the arguments of a call: those that the method takes, the tensors among them, and their shapes."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.core import dimensions, symbolic
from jkeras.core.symbolic import KerasTensor


class CallSpec:
    """The arguments that a `call` (or `build`) method accepts. It is made once per function."""

    def __init__(self, function: Callable):
        parameters = list(inspect.signature(function).parameters.values())[1:]  # without self
        fixed = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        self.names = [p.name for p in fixed]
        self.positional = [p.name for p in fixed if p.kind != p.KEYWORD_ONLY]
        self.rest = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), None)  # the name in *inputs
        self.variadic = any(p.kind == p.VAR_KEYWORD for p in parameters)
        self.defaults = {p.name: p.default for p in fixed if p.default is not p.empty}
        self.training_default = self.defaults.get("training") or False
        self.training: float | None = None  # its position, which is infinite for a keyword that has none
        if "training" in self.names:
            self.training = self.positional.index("training") if "training" in self.positional else math.inf

    def named(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The arguments by name; what `*inputs` takes is one tuple."""
        given = dict(zip(self.positional, args, strict=False))
        if self.rest is not None and len(args) > len(self.positional):
            given[self.rest] = args[len(self.positional) :]
        return given | {k: v for k, v in kwargs.items() if k in self.names}

    def is_default(self, name: str, value: Any) -> bool:
        """True if `value` is the default of that argument; an array never is."""
        plain = value is None or isinstance(value, (bool, int, float, str))
        return plain and name in self.defaults and type(value) is type(self.defaults[name]) and value == self.defaults[name]

    def without_defaults(self, kwargs: dict, given: Any = ()) -> dict:
        """The arguments of a node that were given: Keras writes defaults, too, as if they had been."""
        return {name: v for name, v in kwargs.items() if name in given or not self.is_default(name, v)}


@functools.cache
def call_spec(function: Callable) -> CallSpec:
    """The `CallSpec` of a function."""
    return CallSpec(function)


def holds_tensors(value: Any) -> bool:
    """True if all leaves of an argument are arrays, or stand for some."""
    if isinstance(value, jax.Array):
        return True
    found = [x for x in symbolic.leaves(value) if x is not None]
    kinds = (jax.Array, KerasTensor, jax.ShapeDtypeStruct)
    return bool(found) and all(isinstance(x, kinds) or hasattr(type(x), "todense") for x in found)


def shapes_of(value: Any) -> Any:
    """The shapes of the leaves, in the same structure; None is a dimension that is not known."""
    return symbolic.map_structure(lambda x: None if x is None else dimensions.known(x.shape), value)


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer)) for d in value)


def specs_of(shape: Any, dtype: str) -> Any:
    """Symbolic tensors of a shape, or of a list or dict of shapes; None for an input that is left out."""
    if shape is None:
        return None
    if _is_shape(shape):
        return KerasTensor(tuple(shape), dtype)
    if isinstance(shape, dict):
        return {k: specs_of(v, dtype) for k, v in shape.items()}
    if not isinstance(shape, (list, tuple)):
        raise ValueError(f"A shape must be a tuple of integers and None, or a list or dict of such tuples, got {shape!r}.")
    return type(shape)(specs_of(v, dtype) for v in shape)
