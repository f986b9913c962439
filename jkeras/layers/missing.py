"""The error message for an attribute that a layer does not have."""

import inspect
from typing import Any

from jkeras.errors import suggest
from jkeras.serialization.namespace import explain


def hint(layer: Any, name: str, base: type) -> str:
    """A sentence about what the program may have wanted, after a space; or nothing.

    Args:
        layer: the layer.
        name: of the attribute.
        base: the class that all layers have; its own methods make no weights.
    """
    if name.startswith("_"):
        return ""
    built = layer.__dict__.get("built", True) or "name" not in layer.__dict__
    if not built and any(_mentions(cls, name) for cls in type(layer).__mro__ if cls not in base.__mro__):
        return " The layer is not built yet: call it on data, or build(input_shape), and it makes its weights."
    reasons = (explain(cls.__name__, name) for cls in type(layer).__mro__)
    members = (member for member in {*dir(type(layer)), *vars(layer)} if not member.startswith("_"))
    return next(filter(None, reasons), "") or suggest(name, members)


def _mentions(cls: type, name: str) -> bool:
    """True if a class's methods use a name, as those do that make a weight of that name."""
    functions = (inspect.unwrap(f) for f in vars(cls).values() if inspect.isfunction(f))
    return any(name in f.__code__.co_names or name in f.__code__.co_consts for f in functions)
