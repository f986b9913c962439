"""The names objects get when the user gives none: the class in snake case, with a number from the second one on."""

import re
from collections import Counter
from typing import Any

_names: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """Write a class name as Keras writes it in a name.

    >>> snake_case("Conv2DTranspose")
    'conv2d_transpose'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """`"dense"`, `"dense_1"`, ...: a name nobody has been given since the start or `reset_names()`."""
    prefix = snake_case(prefix)
    count = _names[prefix]
    _names[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def reset_names() -> None:
    """Start counting names from the beginning again (`jkeras.utils.clear_session`)."""
    _names.clear()


def object_name(item: Any) -> str:
    """What logs call an object: its `.name`, or the name of the function or class in snake case.

    >>> object_name(sum), object_name(Counter())
    ('sum', 'counter')
    """
    if hasattr(item, "name"):
        return item.name
    return snake_case(getattr(item, "__name__", type(item).__name__))
