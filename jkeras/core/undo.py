"""Undo a build that fails or is interrupted, so that the module is as before and can be built again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jkeras.core.owner import Owner


@contextmanager
def all_or_nothing(module: Owner, parts: Iterable[Owner] | None = None) -> Iterator[None]:
    """Whatever ends the block with an error or an interrupt, the module and its parts get back the attributes they had.

    Args:
        module: what changes.
        parts: what else changes; by default all modules in it.

    Lists and dicts that are attributes get back their entries; values of variables stay what they have become.

    >>> module = Owner()
    >>> module.parts = []
    >>> try:
    ...     with all_or_nothing(module):
    ...         module.parts.append(1)
    ...         module.built = 1 / 0
    ... except ZeroDivisionError:
    ...     print(vars(module))
    {'parts': []}
    """
    before = [
        (part, dict(vars(part)), _contents(part)) for part in (module.modules() if parts is None else (module, *parts))
    ]
    try:
        yield
    except BaseException:
        for part, attributes, contents in before:
            part.__dict__.clear()
            part.__dict__.update(attributes)
            for container, entries in contents:
                if isinstance(container, list):
                    container[:] = entries
                else:
                    container.clear()
                    container.update(entries)
        raise


def _contents(module: Owner) -> list[tuple[Any, Any]]:
    return [(value, value.copy()) for value in list(vars(module).values()) if isinstance(value, (list, dict))]


__all__ = ["all_or_nothing"]
