"""The arguments that layers are made with."""

import functools
import inspect

from jkeras.arguments import signature


def bound_arguments(cls: type, args: tuple, kwargs: dict) -> dict:
    """The arguments of a constructor's call, by name; {} if it does not take them."""
    try:
        bound = signature(cls.__init__).bind_partial(None, *args, **kwargs)  # type: ignore[misc]
    except (TypeError, ValueError):
        return {}  # __init__ itself will say what is wrong
    return {k: v for k, v in list(bound.arguments.items())[1:] if k != "kwargs"}


@functools.cache
def constructor_keywords(cls: type, base: type) -> list[str]:
    """The keywords that the constructor of a subclass of `base` takes, those of the classes in between included."""
    names = [n for c in cls.__mro__ if issubclass(c, base) for n in inspect.signature(c.__init__).parameters]
    return [n for n in dict.fromkeys(names) if n not in ("self", "args", "kwargs")] + ["input_shape", "input_dim"]


def pop_input_shape(kwargs: dict) -> tuple | None:
    """The tutorial's `input_shape=` / `input_dim=` / `batch_input_shape=`, as a shape with the batch axis."""
    if "batch_input_shape" in kwargs:
        return tuple(kwargs.pop("batch_input_shape"))
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        return (None, *((shape,) if isinstance(shape, int) else shape))
    if "input_dim" in kwargs:
        return (None, kwargs.pop("input_dim"))
    return None
