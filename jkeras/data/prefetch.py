"""Make the next batches while the current ones are computed.

There are two functions: `stack` groups successive batches into one array of several, and `prefetch` runs an
iterator in a thread, a few items ahead of its reader:

    with contextlib.closing(prefetch(stack(data.epoch(), size=8), to_device, size=2)) as ahead:
        for count, batches in ahead: ...
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

# A thread that is inside the user's code when its reader goes away cannot be stopped, only left behind.
PATIENCE_SECONDS = 2.0


def prefetch(iterator: Iterable[Any], function: Callable[[Any], Any] | None, size: int) -> Iterator[Any]:
    """Yield `function(item)` for every item, computed by a thread up to `size` results ahead.

    An exception in the thread is raised here, in its turn and with its own traceback. Closing the generator (or an
    exception in it, Ctrl-C among them) ends the thread and closes `iterator`. The thread starts at the first `next`.
    Settings that JAX keeps per thread (`jax.default_device`) do not hold in `function`: let it name its device.

    Args:
        iterator: the items.
        function: called in the thread on each item. None leaves items as they are.
        size: the largest number of results that wait.

    >>> list(prefetch(range(4), lambda i: i * i, size=2))
    [0, 1, 4, 9]
    """
    belt = _Belt(max(size, 1))
    thread = threading.Thread(target=_produce, args=(iterator, function, belt), name="jkeras-prefetch", daemon=True)
    thread.start()
    try:
        yield from belt
    finally:
        belt.close()
        thread.join(PATIENCE_SECONDS)


def _produce(iterator: Iterable[Any], function: Callable[[Any], Any] | None, belt: "_Belt") -> None:
    try:
        for item in iterator:
            if not belt.put(item if function is None else function(item)):
                break
    except BaseException as error:  # whatever it is, the reader must hear of it
        belt.error = error
    finally:
        try:
            getattr(iterator, "close", lambda: None)()
        except BaseException as error:
            belt.error = belt.error or error
        belt.close()


class _Belt:
    """A queue of bounded length that either end can close."""

    def __init__(self, size: int):
        self.error: BaseException | None = None
        self._size, self._closed = size, False
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()

    def put(self, item: Any) -> bool:
        """Add an item, when there is room; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._items)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def stack(batches: Iterable[Any], size: int | Callable[[], int]) -> Iterator[tuple[int, Any]]:
    """Group successive batches of equal shapes, up to `size` at a time, as `(count, arrays of shape (count, ...))`.

    Each batch is copied as it arrives, so a generator may use the same buffer again and again. A batch of another shape
    starts a new group. `size` can be a function, asked when a group starts.

    Args:
        batches: structures of arrays.
        size: the largest number of batches in a group, or a function that returns it.

    >>> [(count, x.shape) for count, x in stack([np.zeros(4), np.zeros(4), np.zeros(4), np.zeros(3)], 2)]
    [(2, (2, 4)), (1, (1, 4)), (1, (1, 3))]
    """
    count, limit = 0, 0
    spec: Any = None
    buffers: list[Any] = []
    for batch in batches:
        leaves, structure = jax.tree.flatten(batch)
        this = (structure, *((leaf.shape, leaf.dtype) for leaf in leaves))
        if count and (this != spec or count == limit):
            yield count, jax.tree.unflatten(spec[0], [buffer[:count] for buffer in buffers])
            count = 0
        if count == 0:
            spec, limit = this, max(1, size() if callable(size) else size)
            buffers = [np.empty((limit, *leaf.shape), leaf.dtype) for leaf in leaves]
        for buffer, leaf in zip(buffers, leaves, strict=True):
            buffer[count] = leaf
        count += 1
    if count:
        yield count, jax.tree.unflatten(spec[0], [buffer[:count] for buffer in buffers])
