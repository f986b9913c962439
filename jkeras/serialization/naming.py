"""The automatic names of objects: the class in snake case, with a number from the second object on.

The path of a variable, `"block/dense/kernel"`, has the names of the layers that are being built or called when the
variable is made, and its own name.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_names: Counter[str] = Counter()


class _Thread(threading.local):
    def __init__(self) -> None:
        self.owners: list[Any] = []  # the layers that are being built or called, innermost last


_thread = _Thread()


def snake_case(name: str) -> str:
    """Write a class name as Keras writes it in a name.

    >>> snake_case("Conv2DTranspose")
    'conv2d_transpose'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def represent(item: Any) -> str:
    """An object as the call that makes it again; for `__repr__` of what has a `get_config`.

    >>> import jkeras
    >>> jkeras.regularizers.L2(0.5)
    L2(l2=0.5)
    """
    arguments = ", ".join(f"{name}={value!r}" for name, value in item.get_config().items())
    return f"{type(item).__name__}({arguments})"


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
    """The name of an object in logs: its `.name`, or the name of the function or class in snake case.

    >>> object_name(sum), object_name(Counter())
    ('sum', 'counter')
    """
    if hasattr(item, "name"):
        return item.name
    return snake_case(getattr(item, "__name__", type(item).__name__))


DEPTH = 20  # how often an owner may be open: recursion that ends is not as deep


@contextmanager
def scope(owner: Any) -> Iterator[None]:
    """While it is open, variables are made below `owner.name`; opening it again inside itself adds nothing.

    Raises:
        ValueError: the owner is open 20 times, so it will be called forever.
    """
    owners = _thread.owners
    owners.append(owner)
    try:
        if owners.count(owner) > DEPTH:
            cycle = owners[len(owners) - 2 - owners[-2::-1].index(owner) :]
            raise ValueError(
                f"The calls go in a circle: {' calls '.join(repr(each.name) for each in cycle)}, and so on. A layer must not be "
                "held as a part by the parts that it calls."
            )
        yield
    finally:
        owners.pop()


class name_scope:
    """A block in which the paths of variables begin with a name.

    Args:
        name: text without `/`.
        caller: the object that opens the scope, or None.
        deduplicate: True if a scope adds nothing where one is already open for the same `caller`.

    Raises:
        ValueError: the name is not text, or holds a `/`.

    >>> with name_scope("block"):
    ...     scoped("kernel")
    'block/kernel'
    """

    def __init__(self, name: str, caller: Any = None, deduplicate: bool = True):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"The name of a scope must be a string without '/', got name={name!r}.")
        self.name, self.caller, self.deduplicate = name, caller, deduplicate
        self._adds = True

    def __enter__(self) -> "name_scope":
        last = _thread.owners[-1] if _thread.owners else None
        same = self.caller is not None and (last is self.caller or getattr(last, "caller", None) is self.caller)
        self._adds = not (self.deduplicate and same)
        if self._adds:
            _thread.owners.append(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._adds:
            _thread.owners.pop()


def scoped(name: str) -> str:
    """The path of a variable that is made now.

    >>> from types import SimpleNamespace as Owner
    >>> with scope(Owner(name="block")), scope(Owner(name="dense")):
    ...     scoped("kernel")
    'block/dense/kernel'
    """
    return f"{current_path()}/{name}".lstrip("/")


def is_outermost(owner: Any) -> bool:
    """True if nothing around `owner` is being built or called."""
    return all(each is owner for each in _thread.owners)


def current_path() -> str:
    """The path of the layer that is being built or called."""
    owners = _thread.owners
    return "/".join([owner.name for owner, outer in zip(owners, [None, *owners], strict=False) if owner is not outer])
