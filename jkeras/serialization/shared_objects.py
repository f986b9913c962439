"""Objects that occur twice in a config are one object again when the config is read.

While `writing()` is open, every description gets a `"shared_object_id"`; those that stand alone lose it at the end
(`without_single_ids`). While `reading()` is open, only the first of the descriptions with the same id makes an object.
An inner block uses the state of the outer one.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KEY = "shared_object_id"


class Reading:
    """What is remembered while a config is read."""

    def __init__(self) -> None:
        self.shared: dict[int, Any] = {}  # id in the config -> the object made of it
        self.made: dict[int, tuple[Any, dict]] = {}  # id of an object -> the object, and what it was made of
        self.found: dict[Any, Any] = {}  # for those who make much of the same


class _Thread(threading.local):
    written: dict[int, Any] | None = None  # id -> the object, kept so that its id stays its own
    read: Reading | None = None


_thread = _Thread()


@contextmanager
def writing() -> Iterator[bool]:
    """Within the block, objects are recognized when they are written. Yields whether it is the outermost one.

    >>> from jkeras.serialization import deserialize, serialize
    >>> import jkeras
    >>> layer = jkeras.layers.Dense(2)
    >>> one, two = deserialize(serialize([layer, layer]))
    >>> one is two
    True
    """
    outermost = _thread.written is None
    if outermost:
        _thread.written = {}
    try:
        yield outermost
    finally:
        if outermost:
            _thread.written = None


@contextmanager
def reading() -> Iterator[None]:
    """Within the block, objects are recognized when they are read."""
    outermost = _thread.read is None
    if outermost:
        _thread.read = Reading()
    try:
        yield
    finally:
        if outermost:
            _thread.read = None


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
    return _thread.read.shared.get(number) if _thread.read is not None and isinstance(number, int) else None


def note_made(item: Any, config: dict) -> None:
    """Remember what a description has made."""
    if _thread.read is not None:
        _thread.read.made[id(item)] = item, config
        if isinstance(config.get(KEY), int):
            _thread.read.shared[config[KEY]] = item


def being_read() -> Reading | None:
    """What is remembered of the config that this thread reads, if it reads one."""
    return _thread.read
