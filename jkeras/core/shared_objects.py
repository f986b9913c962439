"""An object that a config describes twice is one object again when it is read.

While `sharing()` is open, every description gets a `"shared_object_id"`; those that stand alone lose it at the end
(`without_single_ids`). Of descriptions with the same id, only the first makes an object. A block inside another one belongs to it.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KEY = "shared_object_id"


class _Thread(threading.local):
    written: dict[int, Any] | None = None  # id -> the object, kept so that its id stays its own
    read: dict[Any, Any] | None = None  # id in the config -> the object made of it


_thread = _Thread()


@contextmanager
def sharing() -> Iterator[bool]:
    """Within the block, objects are recognized. Yields whether it is the outermost one.

    >>> from jkeras.core.registry import deserialize, serialize
    >>> import jkeras
    >>> layer = jkeras.layers.Dense(2)
    >>> one, two = deserialize(serialize([layer, layer]))
    >>> one is two
    True
    """
    if _thread.written is not None:
        yield False
        return
    _thread.written, _thread.read = {}, {}
    try:
        yield True
    finally:
        _thread.written = _thread.read = None


def note_written(item: Any, config: dict) -> None:
    """Give the description of an object its id."""
    if _thread.written is not None:
        _thread.written[id(item)] = item
        config[KEY] = id(item)


def without_single_ids(config: Any) -> Any:
    """A config whose ids are only those of objects that it describes more than once."""
    described: Counter[int] = Counter()
    found: list[dict] = []
    stack = [config]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack.extend(part.values())
            if KEY in part:
                described[part[KEY]] += 1
                found.append(part)
        elif isinstance(part, (list, tuple)):
            stack.extend(part)
    for part in found:
        if described[part[KEY]] == 1:
            del part[KEY]
    return config


def made_before(config: dict) -> Any:
    """The object that another description with the same id has made, or None."""
    number = config.get(KEY)
    return _thread.read.get(number) if _thread.read and isinstance(number, int) else None


def note_made(item: Any, config: dict) -> None:
    """Remember what a description has made."""
    if _thread.read is not None and isinstance(config.get(KEY), int):
        _thread.read[config[KEY]] = item
