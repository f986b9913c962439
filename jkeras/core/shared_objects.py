"""An object that a config describes twice is one object again when it is read.

While `sharing()` is open, the second description of an object, and the first, get the same `"shared_object_id"`, and of
descriptions with the same id, only the first makes an object.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KEY = "shared_object_id"


class _Thread(threading.local):
    written: dict[int, tuple[Any, dict]] | None = None  # id -> the object (kept, so that its id stays its own), its config
    read: dict[Any, Any] | None = None  # id in the config -> the object made of it


_thread = _Thread()


@contextmanager
def sharing() -> Iterator[None]:
    """Within the block, objects are recognized.

    >>> from jkeras.core.registry import deserialize, serialize
    >>> import jkeras
    >>> layer = jkeras.layers.Dense(2)
    >>> with sharing():
    ...     one, two = deserialize(serialize([layer, layer]))
    >>> one is two
    True
    """
    before = _thread.written, _thread.read
    _thread.written, _thread.read = {}, {}
    try:
        yield
    finally:
        _thread.written, _thread.read = before


def note_written(item: Any, config: dict) -> None:
    """Remember what describes an object; the second time, mark both descriptions."""
    if _thread.written is not None:
        _, first = _thread.written.setdefault(id(item), (item, config))
        if first is not config:
            first[KEY] = config[KEY] = id(item)


def made_before(config: dict) -> Any:
    """The object that another description with the same id has made, or None."""
    number = config.get(KEY)
    return _thread.read.get(number) if _thread.read and isinstance(number, int) else None


def note_made(item: Any, config: dict) -> None:
    """Remember what a description has made."""
    if _thread.read is not None and isinstance(config.get(KEY), int):
        _thread.read[config[KEY]] = item
