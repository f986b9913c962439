"""Data sets written in Python: they make batch number i on request, for any number of workers."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor


class PyDataset:
    """The base class of data sets that make their batches by number, so that several workers can make them at once.

    A subclass defines `__getitem__(index)`, which returns one whole batch, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, and
    `__len__`, the number of batches; or the property `num_batches`, where None means without end. It may define
    `on_epoch_begin()` and `on_epoch_end()`, for example to reshuffle.

    Args:
        workers: how many batches are made at a time, each in a thread (or process) of its own. With 1 they are made
            by a single thread, in turn.
        use_multiprocessing: processes instead of threads. Worth it for work in pure Python; reading files and NumPy run
            well in threads. A process starts as a copy of this one: let it make NumPy arrays, and keep JAX out of it.
        max_queue_size: how many batches are made ahead.

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0) + 4 * index
    ...         return x, x ** 2
    >>> [y.sum() for x, y in Squares(workers=2)]
    [np.float64(14.0), np.float64(126.0), np.float64(366.0)]
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Make the batch at `index`."""
        raise TypeError(f"{type(self).__name__} must define __getitem__(self, index), which returns one batch: (x, y).")

    def __iter__(self) -> Iterator[Any]:
        count = length(self) if hasattr(self, "__len__") or type(self).num_batches is not PyDataset.num_batches else None
        return (self[index] for index in (itertools.count() if count is None else range(count)))

    @property
    def num_batches(self) -> int | None:
        """The number of batches. None means that they never end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise TypeError(f"{type(self).__name__} must define __len__(self) or num_batches, the number of batches.")

    def on_epoch_begin(self) -> None:
        """Called before the first batch of each epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of each epoch."""


def length(dataset: Any) -> int | None:
    """The number of batches of anything in the form of a `PyDataset`; None means without end."""
    return dataset.num_batches if hasattr(type(dataset), "num_batches") else len(dataset)


def by_index(dataset: Any, indices: Iterable[int]) -> Iterator[Any]:
    """Yield `dataset[i]` for each index, in this order, made by the workers that the data set asks for."""
    workers = getattr(dataset, "workers", 1)
    processes = getattr(dataset, "use_multiprocessing", False)
    if workers > 1 or (workers > 0 and processes):
        ahead = max(getattr(dataset, "max_queue_size", 10), 1)
        return _in_parallel(dataset, indices, lambda: _pool(dataset, workers, processes), ahead)
    return (dataset[index] for index in indices)


def _in_parallel(
    dataset: Any, indices: Iterable[int], start: "Callable[[], tuple[Executor, Callable]]", ahead: int
) -> Iterator[Any]:
    executor, get = start()
    waiting: deque = deque()
    indices = iter(indices)
    try:
        while True:
            for index in itertools.islice(indices, ahead - len(waiting)):
                waiting.append(executor.submit(get, index))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:  # wait for the batches under way, so that none is made while on_epoch_end changes the data
        executor.shutdown(wait=True, cancel_futures=True)


def _pool(dataset: Any, workers: int, processes: bool) -> "tuple[Executor, Callable]":
    """A pool for one epoch (so that processes see what on_epoch_end did), and the function that it runs."""
    import multiprocessing  # here, so that importing jkeras does not pay for them
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    if not processes:
        return ThreadPoolExecutor(workers, thread_name_prefix="jkeras-data"), dataset.__getitem__
    # A forked process needs no pickling and no guarded main module; where there is no fork, spawn must do.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context(method), initializer=_receive, initargs=(dataset,))
    return pool, _make_here


_here: list[Any] = []  # in a worker process: the data set


def _receive(dataset: Any) -> None:
    _here[:] = [dataset]


def _make_here(index: int) -> Any:
    return _here[0][index]
