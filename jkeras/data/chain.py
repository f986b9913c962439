"""`Dataset`: a data set whose elements are made by number, with methods that return further data sets.

Every method returns another data set, which makes its elements from those of the data set before it when they are
asked for. So nothing is read before it is needed, several workers can make elements at the same time, and reading can
start at any position.
"""

import copy
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jkeras.data.dataset import PyDataset, by_index

WORKERS = min(8, os.cpu_count() or 1)


class Dataset(PyDataset):
    """A data set whose elements are made by number. `fit`, `evaluate` and `predict` take it if its elements are
    batches.

    Args:
        get: makes element i.
        length: the number of elements; None for no end.
        workers: how many threads make elements at a time.
        end: called when a pass over the data has ended, for example to shuffle.
        class_names: the names of the classes, if there are some.

    Attributes:
        class_names: see above.
        file_paths: the files behind the elements, of what a reader returns.

    >>> data = Dataset(lambda i: i, 10)
    >>> [x.tolist() for x in data.skip(3).map(lambda x: x * x).batch(3).take(2)]
    [[9, 16, 25], [36, 49, 64]]
    """

    file_paths: list[str] | None = None

    def __init__(
        self,
        get: Callable[[int], Any],
        length: int | None,
        workers: int = 1,
        end: Callable[[], None] | None = None,
        class_names: list[str] | None = None,
    ):
        super().__init__(workers=workers)
        self._get, self._length, self._end, self.class_names = get, length, end, class_names

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("This data set repeats without end, so it has no length. Limit it: data.take(n).")
        return self._length

    @property
    def num_batches(self) -> int | None:
        """The number of elements; None for no end."""
        return self._length

    def __getitem__(self, index: int) -> Any:
        if index < 0 and self._length is not None:
            index += self._length
        if index < 0 or (self._length is not None and index >= self._length):
            raise IndexError(
                f"There is no element {index}: the data set has {'no end' if self._length is None else f'{self._length} elements'}."
            )
        return self._get(index)

    def __iter__(self) -> Iterator[Any]:
        if self._length is None:
            index = 0
            while True:
                yield self[index]
                index += 1
        yield from by_index(self, range(self._length))
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Let what shuffles draw a new order."""
        if self._end is not None:
            self._end()

    def _then(self, get: Callable[[int], Any], length: int | None, end: Callable[[], None] | None = None) -> "Dataset":
        return Dataset(get, length, self.workers, end or self.on_epoch_end, self.class_names)

    # -- what is chained ----------------------------------------------------------------------------------------------

    def take(self, count: int) -> "Dataset":
        """Return the first `count` elements, or all of them for -1."""
        known = self._length if self._length is not None else count
        return self._then(self.__getitem__, known if count < 0 else min(count, known))

    def skip(self, count: int) -> "Dataset":
        """Return the elements after the first `count`."""
        rest = None if self._length is None else max(self._length - count, 0)
        return self._then(lambda i: self[i + count], rest)

    def map(self, map_func: Callable, num_parallel_calls: int | None = None) -> "Dataset":
        """Return a data set with the results of a function for each element. The parts of a tuple are the arguments of
        the function.

        Args:
            map_func: the function, of NumPy arrays.
            num_parallel_calls: how many threads call it at a time; -1 for as many as there are processors, 8 at most.
        """

        def get(index: int) -> Any:
            element = self[index]
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        mapped = self._then(get, self._length)
        if num_parallel_calls is not None:
            mapped.workers = WORKERS if num_parallel_calls < 1 else num_parallel_calls
        return mapped

    def batch(self, batch_size: int, drop_remainder: bool = False) -> "Dataset":
        """Elements joined to batches along a new first axis.

        Args:
            batch_size: elements per batch.
            drop_remainder: whether to leave out a smaller last batch.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}.")

        def get(index: int) -> Any:
            stop = (index + 1) * batch_size
            elements = [
                self[i] for i in range(index * batch_size, stop if self._length is None else min(stop, self._length))
            ]
            return jax.tree.map(lambda *parts: join(parts), *elements)

        if self._length is None:
            return self._then(get, None)
        return self._then(get, self._length // batch_size if drop_remainder else -(-self._length // batch_size))

    def unbatch(self) -> "Dataset":
        """Return the entries of the batches, one by one. This makes the first and the last batch, to count their
        entries.
        """
        if not self._length:
            return self._then(self.__getitem__, self._length)
        first, last = (len(jax.tree.leaves(self[i])[0]) for i in (0, -1))
        recent: dict[int, Any] = {}

        def get(index: int) -> Any:
            number, place = divmod(index, first)
            batch = recent.get(number)
            if batch is None:
                batch = self[number]
                recent.clear()
                recent[number] = batch
            return jax.tree.map(lambda array: array[place], batch)

        def end() -> None:
            recent.clear()
            self.on_epoch_end()

        entries = self._then(get, first * (self._length - 1) + last, end)
        entries.workers = 1
        return entries

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> "Dataset":
        """Return the elements in random order.

        Args:
            buffer_size: how far elements may move forward; None, or as many as there are, for a uniform order.
            seed: of the order; by default one is drawn from NumPy's global generator.
            reshuffle_each_iteration: whether each pass has an order of its own.
        """
        if self._length is None:
            raise ValueError("A data set that repeats without end cannot be shuffled: call shuffle() before repeat().")
        generator = np.random.RandomState(np.random.randint(10**6) if seed is None else seed)
        order = _order(generator, self._length, buffer_size)

        def end() -> None:
            self.on_epoch_end()
            if reshuffle_each_iteration:
                order[:] = _order(generator, len(order), buffer_size)

        return self._then(lambda i: self[int(order[i])], self._length, end)

    def cache(self) -> "Dataset":
        """Return the same elements, stored in memory after they are made once."""
        kept: dict[int, Any] = {}

        def get(index: int) -> Any:
            if index not in kept:
                kept[index] = self[index]
            return kept[index]

        return self._then(get, self._length, lambda: None)

    def prefetch(self, buffer_size: int | None = None) -> "Dataset":
        """Return the same elements, of which up to `buffer_size` are made ahead. -1 or None chooses a good number."""
        ahead = copy.copy(self)
        ahead.workers = max(self.workers, 2)
        if buffer_size is not None and buffer_size > 0:
            ahead.max_queue_size = buffer_size
        return ahead

    def repeat(self, count: int | None = None) -> "Dataset":
        """Return the elements `count` times, one pass after another; None or -1 repeats them without end."""
        length = self._length
        if not length:
            return self
        endless = count is None or count < 0
        return self._then(lambda i: self[i % length], None if endless else length * count)  # type: ignore[operator]


def join(parts: tuple) -> np.ndarray:
    """Elements as one array with a new first axis."""
    if isinstance(parts[0], (str, bytes)):
        return np.array(parts, dtype=object)
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"Elements of different shapes, {' and '.join(map(str, sorted(shapes)[:3]))}, cannot be one batch: let map() give all of "
            "them one shape, before batch()."
        )
    return np.stack([np.asarray(part) for part in parts])


def _order(generator: np.random.RandomState, count: int, buffer_size: int | None) -> np.ndarray:
    """A random order in which no element stands more than `buffer_size` places before its own."""
    if buffer_size is None or buffer_size >= count:
        return generator.permutation(count)
    buffer, order = list(range(buffer_size)), np.empty(count, np.int64)
    for place in range(count):
        at = generator.randint(len(buffer))
        order[place] = buffer[at]
        following = place + buffer_size
        if following < count:
            buffer[at] = following
        else:
            buffer.pop(at)
    return order
