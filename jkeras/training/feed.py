"""Prepare data for the compiled loop.

A pass over the data is a sequence of `Segment`s, each a number of equal batches that one executable can run through: all
full batches of data that lies on the device and then the smaller last one, or one stack of streamed batches after another.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jkeras.data import ArrayData, prefetch, stack
from jkeras.runtime.mesh import current
from jkeras.training.agreement import about_stack, agreeing
from jkeras.training.buckets import LARGE_BYTES, place, place_order, power
from jkeras.training.loops import gather_batch, index_batch
from jkeras.training.stats import Clock, Stats

ONE = (np.int32(0), np.int32(1))  # the bounds of one step, in the dtype that all bounds have
_settings: dict[str, float | None] = {"budget": None}
STACK_BYTES = 8 * 2**20  # a stack of streamed batches holds at most about this much
STACK_BATCHES = 32
ONCE_BYTES = 32 * 2**20  # data up to this size goes to the device whole even for a single pass: fewer calls
SINGLE_BYTES = 2**20  # a single batch up to this size goes with the call that uses it, which is quicker than ahead of it


def device_memory_budget() -> float:
    """Return the number of bytes of a data set that may be put on the device at once. Larger data is streamed.

    By default, it is half of the device's memory, or on a CPU a quarter of the machine's.

    >>> device_memory_budget() > 0
    True
    """
    if _settings["budget"] is not None:
        return _settings["budget"]
    limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return limit / 2 if limit else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 4


def set_device_memory_budget(nbytes: float | None) -> None:
    """Set how many bytes of a data set may be put on the device at once; None for the default, 0 to stream everything.

    Args:
        nbytes: the number of bytes, or None.

    >>> set_device_memory_budget(2**30)
    >>> device_memory_budget()
    1073741824
    >>> set_device_memory_budget(None)
    """
    if nbytes is not None and nbytes < 0:
        raise ValueError(f"The device memory budget must be a number of bytes, 0 or more, or None; got {nbytes!r}.")
    _settings["budget"] = nbytes


class Segment(NamedTuple):
    """Equal batches in a row; `run(program, fixed, carry, lo, hi)` runs some of them, and `batch(i)` is one of them."""

    steps: int
    run: Callable
    batch: Callable
    rows: int | None = None  # how many rows count, where others were added to a single batch


class Feed:
    """Brings data to the device and cuts a pass over it into segments.

    Args:
        data: an `ArrayData` or a `StreamData`.
        stats: counts the bytes and the seconds.
        once: whether there will be one pass only, for which a copy of large data on the device would be a waste.
        pad: whether rows may be added to a batch that is smaller than the others, up to a power of two.
    """

    def __init__(self, data: Any, stats: Stats, once: bool = False, pad: bool = False):
        self.data, self.stats, self.pad = data, stats, pad
        arrays, budget = isinstance(data, ArrayData), device_memory_budget()
        self.is_single = arrays and data.steps == 1 and data.nbytes <= (LARGE_BYTES if pad else min(SINGLE_BYTES, budget))
        self.is_resident = self.is_single or (arrays and data.resident(min(budget, ONCE_BYTES) if once else budget))
        self._last = str(data.spec(data.num_samples % data.batch_size)) if self.is_resident else ""
        # A thread that reads ahead hides the time of a file or a generator. Of an array in memory one pass takes as long without
        # it (8 s of 3 GB), and half of the memory, which the allocator keeps for each thread.
        self._reads_ahead = not (once and arrays and not data.on_disk)
        with Clock(stats, "data_seconds"):
            self.device_data, self._size = place(data) if self.is_resident and not self.is_single else (None, 0)  # type: ignore[var-annotated]
        if self.device_data is not None:
            stats.device_bytes = data.nbytes

    def steps(self, wanted: int | None) -> int | None:
        """The number of steps per pass, if it is known."""
        return wanted if wanted is not None else self.data.num_batches

    def segments(self, program: Any, shuffle: Any, steps: int | None, example: Callable | None = None) -> Iterator[Segment]:
        """The segments of the next pass.

        Args:
            program: what will run them (it compiles the last, smaller batch in the background).
            shuffle: as given to `fit`.
            steps: steps of this pass; None for all.
            example: returns `(fixed, carry)` for that background compilation.
        """
        if not isinstance(self.data, ArrayData):
            yield from self._stacks(stack(self.data.epoch(steps), self._stack_size()))
            return
        epoch = self.data.epoch(shuffle, steps)
        if epoch.start >= epoch.stop:  # a run goes on at the end of an epoch
            return
        if self.is_single:
            straight = not shuffle and epoch.order.ndim == 1
            yield self._single(jax.tree.map(lambda a: a[None] if straight else a[epoch.order][None], self.data.tree))
        elif self.is_resident:
            yield from self._rows(program, epoch, example)
        else:
            yield from self._stacks(self.data.stacks(self._stack_size(), epoch.order, epoch.start, epoch.stop))

    def _rows(self, program: Any, epoch: Any, example: Callable | None) -> Iterator[Segment]:
        size, rows = self.data.batch_size, self.data.num_samples
        full = min(epoch.stop, rows // size)
        if self.pad and full == epoch.start + 1:  # a program for single batches will be there anyway
            yield self._single(self._stack(epoch, epoch.start))
        elif full > epoch.start:
            with Clock(self.stats, "data_seconds"):
                order = place_order(epoch.order, self._size)
            if epoch.stop > full and example is not None and not program.knows(self._last):
                stack = jax.tree.map(lambda a: jax.ShapeDtypeStruct((1, *a.shape), a.dtype), self.data.spec(rows % size))
                program.warm_up(self._last, program.over_stack, *example(), stack, *ONE)

            def run(program: Any, fixed: Any, carry: Any, lo: int, hi: int) -> Any:
                return program.over_rows(
                    fixed,
                    carry,
                    self.device_data,
                    order,
                    np.int32(epoch.start + lo),
                    np.int32(epoch.start + hi),
                    batch_size=size,
                )

            yield Segment(full - epoch.start, run, lambda i: gather_batch(self.device_data, order, epoch.start + i, size))
        if epoch.stop > full:
            program.wait(self._last)
            yield self._single(self._stack(epoch, full))

    def _stack(self, epoch: Any, step: int) -> Any:
        """A stack of one batch."""
        return next(batches for _, batches in self.data.stacks(1, epoch.order, step, step + 1))

    def _single(self, stack: Any) -> Segment:
        """A single batch."""
        stack, rows = self._padded(1, stack)
        return _stacked(1, current().put_single(stack), rows)

    def _padded(self, count: int, stack: Any) -> tuple[Any, int | None]:
        small = count == 1 and self.pad and sum(a.nbytes for a in jax.tree.leaves(stack)) <= LARGE_BYTES
        return pad_rows(stack) if small else (stack, None)

    def _stacks(self, stacks: Iterator) -> Iterator[Segment]:
        placement = current()
        put = placement.put_stack if isinstance(self.data, ArrayData) else placement.put_parts
        capacity: dict[Any, int] = {}  # batch shapes -> how long their stacks are: shorter ones are padded

        def move(item: tuple) -> tuple:
            count, (batches, rows) = item[0], self._padded(*item)
            shapes = tuple((a.shape[1:], a.dtype.str) for a in jax.tree.leaves(batches))
            length = capacity[shapes] = max(capacity.get(shapes, 1), power(count))
            if count < length:
                batches = jax.tree.map(lambda a: np.resize(a, (length, *a.shape[1:])), batches)
            return count, put(batches), rows

        moved = prefetch(stacks, move, size=2) if self._reads_ahead else (move(item) for item in stacks)
        with contextlib.closing(moved) as ahead:  # type: ignore[type-var]
            while True:
                with Clock(self.stats, "data_seconds"):
                    item = self._next(ahead)
                if item is None:
                    return
                yield _stacked(*item)

    def _next(self, ahead: Iterator) -> Any:
        """The next stack, or None; where each process reads rows of its own, when all agree on it."""
        if isinstance(self.data, ArrayData):
            return next(ahead, None)
        with agreeing() as facts:
            item = next(ahead, None)
            facts |= about_stack(item)
        return item

    def _stack_size(self) -> int:
        """The number of batches in a stack."""
        if isinstance(self.data, ArrayData):
            nbytes = sum(math.prod(s.shape) * s.dtype.itemsize for s in jax.tree.leaves(self.data.spec()))
            return max(1, min(STACK_BATCHES, STACK_BYTES // max(1, nbytes)))
        return 8


def pad_rows(stack: Any) -> tuple[Any, int | None]:
    """A stack of one batch with rows added up to a power of two, copies of the last one; and how many rows there were."""
    rows = {a.shape[1] for a in jax.tree.leaves(stack)}
    if len(rows) > 1:
        return stack, None
    count = rows.pop()
    index = np.minimum(np.arange(power(count)), count - 1)
    return (stack if len(index) == count else jax.tree.map(lambda a: a[:, index], stack)), count


def _stacked(count: int, batches: Any, rows: int | None = None) -> Segment:
    """The first `count` batches of a stack."""

    def run(program: Any, fixed: Any, carry: Any, lo: int, hi: int) -> Any:
        return program.over_stack(fixed, carry, batches, np.int32(lo), np.int32(hi))

    return Segment(count, run, lambda i: index_batch(batches, i), rows)
