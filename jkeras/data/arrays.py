"""Data that has a length: arrays, cut into batches in an order that can be shuffled.

From epoch to epoch, only the order changes, an array of row numbers. The arrays themselves stay where they are. Data
that fits on the device is put there once (`tree`), and each step gathers its rows by number. Larger data is streamed
by `batches` or `stacks`, which gather the same rows on the host. Both methods give the same numbers.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jkeras.data.check import check_count, check_lengths, warn_about_infinity, warn_about_nan, warn_about_negative
from jkeras.data.rows import take
from jkeras.data.sources import spec_of, tree_of_rows
from jkeras.data.weights import sample_weights
from jkeras.errors import outside

Shuffle = bool | Literal["batch"]
ALIGNMENT = 64  # bytes; what XLA asks of memory that it is to use on a CPU as it is
PIECE_BYTES = 2**24  # arrays are converted so much at a time
RAN_OUT = (
    "The data ran out after {seen} of {steps} steps, and the epoch ends here. Give data for steps_per_epoch * epochs "
    "batches, or leave steps_per_epoch out (an epoch is then one pass over the data)."
)


class Epoch(NamedTuple):
    """The steps of one epoch: batch `i` is rows `order[i * batch_size : (i + 1) * batch_size]` for start <= i < stop.

    Args:
        order: the numbers of the rows, int32, in the order in which they are used.
        start: the first step.
        stop: the step after the last one.

    >>> epoch = Epoch(np.array([2, 0, 1], "int32"), start=0, stop=2)  # two batches of up to two rows
    >>> epoch.order[0 * 2 : 1 * 2].tolist()
    [2, 0]
    """

    order: np.ndarray  # int32[num_samples]
    start: int
    stop: int


class ArrayData:
    """A data set of inputs, targets and sample weights, which are arrays of the same length.

    Args:
        x: a structure (nested lists, tuples, dicts) of arrays, the first dimension of each counting the samples. See
            `jkeras.data.sources.ARRAYS` for what counts as an array.
        y: targets, likewise, or None.
        sample_weight: weights, one array or the structure of `y`, or None.
        batch_size: samples per step. By default what makes `steps` steps, or 32.
        steps: the number of steps, where that is what is known.
        class_weight: dict of class numbers to weights, instead of `sample_weight`.
        class_axis: tells from the shape of the targets if its last axis counts the classes, as far as that is known.
        one_batch: True if the arrays are one batch, in which each may have a length of its own.

    Attributes:
        num_samples, batch_size, steps: `steps` batches per pass; the last one may be smaller.
        num_rows: how many rows the arrays have. A pass over `MemberData` (`jkeras.ensembles`) reads another number of samples.
        nbytes: bytes of all arrays as the model sees them.

    Raises:
        ValueError: for arrays of different lengths, no samples, anything that is no number, a bad batch size.

    >>> data = ArrayData(np.arange(10.0).reshape(5, 2), [0, 1, 0, 1, 1], batch_size=2)
    >>> data.num_samples, data.steps, data.spec()[0]
    (5, 3, ShapeDtypeStruct(shape=(2, 2), dtype=float32))
    >>> [x.shape for x, y, sample_weight in data.batches(data.order())]
    [(2, 2), (2, 2), (1, 2)]
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        class_weight: dict | None = None,
        class_axis: Callable[[tuple], bool | None] | None = None,
        one_batch: bool = False,
    ):
        x, y = tree_of_rows(x, "x"), tree_of_rows(y, "y")
        weights = sample_weights(y, tree_of_rows(sample_weight, "sample_weight"), class_weight, class_axis)
        self.num_samples = self.num_rows = check_lengths(x, y, weights, equal=not one_batch)
        self._one_batch = one_batch
        warn_about_nan(x, y, weights)
        if sample_weight is not None:
            warn_about_negative(weights)
        steps = check_count(steps, "steps")
        self.batch_size = check_count(batch_size, "batch_size") or (math.ceil(self.num_samples / steps) if steps else 32)
        self.steps = math.ceil(self.num_samples / self.batch_size)
        self._rows = (x, y, weights)
        self._leaves = list({id(rows): rows for rows in jax.tree.leaves(self._rows)}.values())
        self.nbytes = sum([rows.nbytes for rows in self._leaves])  # an array that serves several targets counts once
        self._tree: Any = None
        self._order: np.ndarray | None = None  # of the pass that is under way, and the step it has come to
        self._start = self._at = 0
        self._rest: Epoch | None = None  # what is left of the next epoch, where a run goes on within it

    @property
    def num_batches(self) -> int:
        """Steps of one pass over the data; the name that `StreamData` has for it too."""
        return self.steps

    # -- the whole of it ----------------------------------------------------------------------------------------------

    @property
    def on_disk(self) -> bool:
        """True if rows are read from a file."""
        return any(rows.on_disk for rows in self._leaves)

    def resident(self, budget: float | None) -> bool:
        """Return True if the whole data should be stored on the device: the part that is not there yet takes at most
        `budget` bytes.
        """
        return budget is None or sum(rows.nbytes for rows in self._leaves if not rows.on_device) <= budget

    @property
    def tree(self) -> tuple:
        """`(x, y, sample_weight)` as whole arrays, NumPy or JAX, in the dtypes the model sees.

        Arrays that have their dtype are handed out as they are, without a copy; the others are converted at the first use,
        and files are read: ask `resident` before.
        """
        if self._tree is None:
            arrays = {id(rows): rows.whole() for rows in self._leaves}
            self._tree = jax.tree.map(lambda rows: arrays[id(rows)], self._rows)
        return self._tree

    @property
    def inputs(self) -> Any:
        """The inputs, with the shape of all rows; nothing is read."""
        return self._rows[0]

    @property
    def targets(self) -> Any:
        """The targets as whole arrays, except for those that would have to be read from a file (then None)."""
        return jax.tree.map(lambda rows: None if rows.on_disk else rows.whole(), self._rows[1])

    def in_place(self, alignment: int | None) -> int:
        """Return the number of bytes that a device uses without a copy: those of JAX arrays, and of NumPy arrays with
        suitable addresses (None for no such array).
        """
        found = [rows for rows in self._leaves if rows.source.dtype == rows.dtype and rows.is_usable(alignment)]
        return sum(rows.nbytes for rows in found)

    def padded(self, size: int) -> tuple:
        """Return a copy of `tree` with room for `size` rows, in memory that a CPU device can use as it is.

        What stands behind the data is not set: on most systems it takes no memory as long as nobody looks at it.
        """
        arrays = jax.tree.map(lambda rows: empty((size, *rows.shape[1:]), rows.dtype), self._rows)
        step = max(1, PIECE_BYTES * self.num_rows // max(1, self.nbytes))
        for start in range(0, self.num_rows, step):
            stop = min(start + step, self.num_rows)
            jax.tree.map(
                lambda array, rows, at=slice(start, stop): array.__setitem__(at, rows), arrays, self.rows(start, stop)
            )
        return arrays

    def rows(self, start: int, stop: int) -> tuple:
        """Return the rows from `start` to `stop` as NumPy arrays."""
        if self._tree is not None:  # already converted
            return jax.tree.map(lambda array: take(np.asarray(array), slice(start, stop)), self._tree)
        return jax.tree.map(lambda rows: rows.read(slice(start, stop)), self._rows)

    def spec(self, batch: Any = None) -> Any:
        """Shapes and dtypes of a batch: the first one, one of `batch` samples, or the given one."""
        if batch is not None and not isinstance(batch, int):
            return spec_of(batch)
        if self._one_batch:
            return jax.tree.map(lambda rows: jax.ShapeDtypeStruct(rows.shape, rows.dtype), self._rows)
        size = min(self.batch_size, self.num_samples) if batch is None else batch
        return jax.tree.map(lambda rows: jax.ShapeDtypeStruct((size, *rows.shape[1:]), rows.dtype), self._rows)

    # -- the order ----------------------------------------------------------------------------------------------------

    def order(self, shuffle: Shuffle = False) -> np.ndarray:
        """Row numbers for one pass over the data, int32, shape (num_samples,).

        Drawn from NumPy's global generator exactly as Keras draws them, so that one seed gives one order in both: a
        permutation of everything, or with `"batch"` one permutation within each batch (for data that is read fast only in
        runs).
        """
        if shuffle == "batch":
            return self._shuffled_batches(self._straight(), 0, self.steps)
        return np.random.permutation(self.num_samples).astype(self._straight(0).dtype) if shuffle else self._straight()

    def _straight(self, length: int | None = None) -> np.ndarray:
        number = np.int32 if self.num_samples < 2**31 else np.int64
        return np.arange(self.num_samples if length is None else length, dtype=number)

    def _shuffled_batches(self, order: np.ndarray, start: int, stop: int) -> np.ndarray:
        order = order.copy()
        for low in range(start * self.batch_size, min(stop * self.batch_size, self.num_samples), self.batch_size):
            high = min(low + self.batch_size, self.num_samples)
            order[low:high] = low + np.random.permutation(high - low)
        return order

    def epoch(self, shuffle: Shuffle = False, steps: int | None = None) -> Epoch:
        """Start the next epoch: a pass over the data, or `steps` steps from the position where the last epoch stopped.

        With `steps`, the epochs walk through one pass after another, as in Keras; a pass that ends within an epoch ends the
        epoch, with a warning. Call it where the first batch of the epoch is needed: it draws the order.
        """
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        if steps is None or self._order is None or self._at >= self.steps:
            self._order, self._at = (self._straight() if shuffle == "batch" else self.order(shuffle)), 0
        start = self._start = self._at
        stop = self._at = self.steps if steps is None else min(start + steps, self.steps)
        if shuffle == "batch":
            self._order = self._shuffled_batches(self._order, start, stop)
        if steps is not None and stop - start < steps:
            warnings.warn(RAN_OUT.format(seen=stop - start, steps=steps), stacklevel=outside())
        return Epoch(self._order, start, stop)

    def peek(self, shuffle: Shuffle = False) -> Any:
        """Return the spec of the first batch, and draw the random numbers that Keras draws when it builds a model on
        it.
        """
        if shuffle == "batch":
            self._shuffled_batches(self._straight(), 0, 1)
        else:
            self.order(shuffle)
        return self.spec()

    def reset(self) -> None:
        """Start anew: the next epoch begins a pass."""
        self._order = None

    def keep_places(self) -> None:
        """Be ready for `get_state`, as arrays always are."""

    def get_state(self, batches: int) -> dict:
        """Return the position in the data after a number of batches of the current epoch, or of the last one."""
        return {"order": self._order, "at": self._start + batches, "stop": self._at, "start": self._start}

    def set_state(self, state: dict, epochs: int, within: bool) -> bool:
        """Go on from what `get_state` returned.

        Args:
            state: of data of this length.
            epochs: how many epochs were over.
            within: whether the next epoch is the rest of the one that was under way.

        Returns:
            Whether the host's generators of random numbers stand where they should: they do not.
        """
        self._order, self._start, self._at = state["order"], state["start"], state["stop"]
        if within:
            self._rest = Epoch(self._order, state["at"], state["stop"])
        return False

    def describe(self) -> str:
        """Return a text that names the kind of the data."""
        return "arrays"

    def is_used_up(self) -> bool:
        """Return False, because arrays can be read any number of times."""
        return False

    def warn_about_infinity(self) -> None:
        """Warn where the arrays hold infinite numbers."""
        warn_about_infinity(self._rows)

    def end_epoch(self) -> None:
        """Do nothing, because arrays need no work between epochs."""

    # -- the batches --------------------------------------------------------------------------------------------------

    def batches(self, order: np.ndarray | None = None, start_step: int = 0, stop_step: int | None = None) -> Iterator[tuple]:
        """Read the batches from `start_step` on, one by one: `(x, y, sample_weight)` of NumPy arrays."""
        for step in range(start_step, self.steps if stop_step is None else stop_step):
            yield self._read(order, step, step + 1)

    def stacks(
        self, size: int, order: np.ndarray | None = None, start_step: int = 0, stop_step: int | None = None
    ) -> Iterator[tuple[int, tuple]]:
        """Read up to `size` batches at a time, as `(count, batches)`; every array has shape (count, batch, ...).

        The rows of all of them are gathered in one go, which spares the copy that stacking would be. A smaller last batch
        comes on its own.
        """
        stop_step = self.steps if stop_step is None else stop_step
        full = min(stop_step, self.num_samples // self.batch_size)
        for step in range(start_step, full, size):
            count = min(size, full - step)
            shape = (count, self.batch_size)
            yield count, jax.tree.map(lambda a, s=shape: a.reshape(*s, *a.shape[1:]), self._read(order, step, step + count))
        if max(full, start_step) < stop_step:
            yield 1, jax.tree.map(lambda a: a[None], self._read(order, stop_step - 1, stop_step))

    def _read(self, order: np.ndarray | None, start_step: int, stop_step: int) -> tuple:
        start, stop = start_step * self.batch_size, min(stop_step * self.batch_size, self.num_samples)
        index = slice(start, stop) if order is None else _as_slice(order[start:stop])
        if self._tree is not None:  # already converted
            return jax.tree.map(lambda array: take(np.asarray(array), index), self._tree)
        return jax.tree.map(lambda rows: rows.read(index), self._rows)


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array that is not set, at an address that JAX can use on a CPU without a copy.

    >>> array = empty((3, 2), "float32")
    >>> array.shape, array.ctypes.data % ALIGNMENT
    ((3, 2), 0)
    """
    dtype = np.dtype(dtype)
    nbytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + nbytes].view(dtype).reshape(shape)


def _as_slice(index: np.ndarray) -> slice | np.ndarray:
    """A run of successive numbers as a slice, which reads without gathering."""
    first, last = int(index[0]), int(index[-1])
    if last - first == len(index) - 1 and bool((np.diff(index) == 1).all()):
        return slice(first, last + 1)
    return index
