"""Iterators that know their position, such as Grain's: `get_state()` returns it, and `set_state(state)` restores it.

Data is read ahead of the training, so the position of the iterator is not the position of the training. `Places`
records the position of the iterator after each of the last batches.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

KEPT = 64  # batches; that is more than are read ahead


def knows_place(iterator: Any) -> bool:
    """True if an iterator has `get_state` and `set_state`."""
    return hasattr(iterator, "get_state") and hasattr(iterator, "set_state")


class Places(Iterator):
    """Reads an iterator, and notes its states.

    Args:
        iterator: with `get_state` and `set_state`.
        keeps: whether to note states from the begin.

    >>> class Count:
    ...     at = 0
    ...     def __next__(self):
    ...         self.at += 1
    ...         return self.at
    ...     def get_state(self):
    ...         return self.at
    ...     def set_state(self, state):
    ...         self.at = state
    >>> places = Places(Count(), keeps=True)
    >>> next(places), next(places), next(places)
    (1, 2, 3)
    >>> again = Places(Count(), keeps=True)
    >>> again.go(places.state_at(1), 1)
    >>> next(again), again.state_at(2)
    (2, 2)
    """

    def __init__(self, iterator: Any, keeps: bool = False):
        self.iterator, self.read = iterator, 0
        self._keeps = False
        self._states: deque[tuple[int, Any]] = deque(maxlen=KEPT)
        if keeps:
            self.keep()

    def keep(self) -> None:
        """Note states from now on."""
        if not self._keeps:
            self._keeps = True
            self._states.append((self.read, self.iterator.get_state()))

    def __next__(self) -> Any:
        item = next(self.iterator)
        self.read += 1
        if self._keeps:
            self._states.append((self.read, self.iterator.get_state()))
        return item

    def state_at(self, number: int) -> Any:
        """The state after so many batches; None if it is not known."""
        return next((state for read, state in list(self._states) if read == number), None)

    def go(self, state: Any, number: int) -> None:
        """Set the iterator to a state, which is that after so many batches."""
        self.iterator.set_state(state)
        self.read = number
        self._states.clear()
        if self._keeps:
            self._states.append((number, state))
