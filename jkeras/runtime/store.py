"""The executables that a process keeps, so that equal programs are compiled once."""

import os
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

# What XLA keeps of an executable: its code, its plan, its module. JAX tells no sizes on a CPU; a training step of two dense layers
# and its prediction took 11 MiB together.
PROGRAM_BYTES, BYTES_PER_CHARACTER = 4 * 2**20, 40
ALIAS_BYTES = 2**10


def default_limit() -> int:
    """An eighth of the machine's memory, but at least 512 MiB and at most 2 GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(max(memory // 8, 2**29), 2**31)


class Entry(NamedTuple):
    """An executable by the text it was made of."""

    executable: Any
    nbytes: int
    aliases: set  # other keys under which it is known


class Store:
    """Executables by key; those that were not used for the longest time go when all take more than `limit` bytes.

    An executable has one key, the text of its program, and any number of aliases: what is known before there is a text.

    Args:
        limit: bytes. One executable that takes more than a half of it is not kept, so that it drives nothing out.

    >>> store = Store(limit=20_000)
    >>> for name in "abc":
    ...     store.keep(name, name.upper(), nbytes=8_000)
    >>> store.find("a"), store.find("b"), store.find("c")
    (None, 'B', 'C')
    >>> store.alias("other", "b", note=None)
    >>> store.keep("huge", "HUGE", nbytes=18_000)
    >>> store.find("huge"), store.find_alias("other")
    (None, ('b', 'B', None))
    """

    def __init__(self, limit: int):
        self.limit, self.nbytes = limit, 0
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._aliases: dict[Any, tuple[Any, Any]] = {}  # alias -> (key, note)
        self._lock = threading.RLock()  # programs are also compiled on background threads

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Any) -> Any:
        """The executable under a key, or None."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key].executable

    def find_alias(self, alias: Any) -> tuple[Any, Any, Any] | None:
        """The key of an alias, the executable, and the note that was left with the alias; or None."""
        with self._lock:
            if alias not in self._aliases:
                return None
            key, note = self._aliases[alias]
            return key, self.find(key), note

    def keep(self, key: Any, executable: Any, nbytes: int) -> None:
        """Keep an executable that takes so many bytes."""
        with self._lock:
            if key in self._entries or nbytes > self.limit / 2:
                return
            self._entries[key] = Entry(executable, nbytes, set())
            self.nbytes += nbytes
            self._shrink()

    def alias(self, alias: Any, key: Any, note: Any) -> None:
        """Let an executable that is kept be found under an alias, too."""
        with self._lock:
            if key in self._entries and alias not in self._aliases:
                self._aliases[alias] = (key, note)
                self._entries[key].aliases.add(alias)
                self.nbytes += ALIAS_BYTES
                self._shrink()

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._entries.clear()
            self._aliases.clear()
            self.nbytes = 0

    def _shrink(self) -> None:
        while self.nbytes > self.limit and len(self._entries) > 1:
            entry = self._entries.popitem(last=False)[1]
            for alias in entry.aliases:
                del self._aliases[alias]
            self.nbytes -= entry.nbytes + ALIAS_BYTES * len(entry.aliases)


store = Store(default_limit())
