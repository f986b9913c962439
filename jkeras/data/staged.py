"""Data on its way through the host stage of a model: its inputs (texts, categories) and its outputs (numbers), row by
row.

`Staged` marks the outputs of a host stage, so that a model starts from them. If all rows have one shape, the outputs
are `StagedRows`. They are computed when they are read: in the thread that reads ahead, or all at once if they go to the
device. If the shape depends on the batch (texts padded to the longest of a batch), the batches are a `StagedBatches`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jkeras.data.dataset import PyDataset
from jkeras.data.rows import Index, Rows, cast, model_dtype, take
from jkeras.data.sources import tree_of_rows

PIECE = 4096  # rows that are computed at a time


class Staged(NamedTuple):
    """The arrays that a model's host stage has made. The compiled part of the model starts from them.

    Args:
        values: the arrays.

    >>> Staged((np.ones(2),)).values[0].tolist()
    [1.0, 1.0]
    """

    values: tuple


class HostRows(Rows):
    """An array of any dtype that stays on the host.

    Args:
        source: the array.
        name: how messages call it.
        dtype: not used: the rows keep the dtype of the source.
        columns: the names of the columns, if the source has them.

    >>> HostRows(np.array(["a", "b"]), "x").read(slice(0, 1)).tolist()
    ['a']
    """

    def __init__(self, source: np.ndarray, name: str, dtype: Any = None, columns: Sequence | None = None):
        super().__init__(source, name, source.dtype, columns)

    def has_nan(self) -> bool:
        return False


class Source:
    """The inputs of a host stage, and the results for chosen rows of them. It remembers the last results, since several
    arrays ask for them.

    Args:
        arrays: the inputs, arrays with one row per sample.
        run: the host stage, a function from a list of arrays to a list of arrays.

    >>> source = Source([np.array(["a", "bcd"])], lambda arrays: [np.char.str_len(arrays[0])])
    >>> source.read(slice(0, 2))[0].tolist()
    [1, 3]
    """

    def __init__(self, arrays: list[np.ndarray], run: Callable[[list[np.ndarray]], list[np.ndarray]]):
        self.arrays, self._run = arrays, run
        self._last: tuple[Any, list[np.ndarray]] = (None, [])
        self._parts: dict[tuple[int, int], Source] = {}

    def read(self, index: Index) -> list[np.ndarray]:
        """Return all results for the rows `index`."""
        key = (index.start, index.stop) if isinstance(index, slice) else index.tobytes()
        known, found = self._last
        if known != key:
            found = self._run([take(array, index) for array in self.arrays])
            self._last = (key, found)
        return found

    def part(self, start: int, stop: int) -> "Source":
        """Return the source of the rows from `start` to `stop`."""
        if (start, stop) not in self._parts:
            self._parts[start, stop] = Source([array[start:stop] for array in self.arrays], self._run)
        return self._parts[start, stop]


class StagedRows(Rows):
    """One result of a host stage, computed when it is read.

    Args:
        source: the inputs and the stage.
        place: the number of the result.
        shape: the shape of all rows of the result.
        dtype: the dtype of the result.
        name: its name in messages.

    >>> source = Source([np.array(["a", "bcd"])], lambda arrays: [np.char.str_len(arrays[0])])
    >>> StagedRows(source, 0, (2,), "float32", "x").whole().tolist()
    [1.0, 3.0]
    """

    on_disk = True  # rows take work: they are read ahead, and not without need

    def __init__(self, source: Source, place: int, shape: tuple, dtype: Any, name: str):
        self.dtype = model_dtype(dtype, name)
        self.source: Any = jax.ShapeDtypeStruct(shape, self.dtype)
        self.shape, self.name, self.columns = shape, name, None
        self._from, self._place = source, place

    def read(self, index: Index) -> np.ndarray:
        return cast(self._from.read(index)[self._place], self.dtype, self.name)

    def whole(self) -> np.ndarray:
        rows = np.empty(self.shape, self.dtype)
        for start in range(0, len(self), PIECE):
            stop = min(start + PIECE, len(self))
            rows[start:stop] = self.read(slice(start, stop))
        return rows

    def part(self, start: int, stop: int) -> Rows:
        shape = (stop - start, *self.shape[1:])
        return StagedRows(self._from.part(start, stop), self._place, shape, self.dtype, self.name)

    def is_usable(self, alignment: int | None) -> bool:
        return False

    def has_nan(self) -> bool:
        return False


class StagedBatches(PyDataset):
    """Batches of arrays before the host stage, for results whose shape depends on the batch.

    Args:
        x: the inputs, as one tuple of arrays.
        y, sample_weight: structures of arrays, or None.
        batch_size: samples per batch.
        shuffle: whether each epoch has an order of its own, drawn from NumPy's global generator.
    """

    def __init__(self, x: tuple, y: Any, sample_weight: Any, batch_size: int, shuffle: bool):
        super().__init__()
        self.x, self.batch_size, self.shuffle = x, batch_size, shuffle
        self.y, self.sample_weight = tree_of_rows(y, "y"), tree_of_rows(sample_weight, "sample_weight")
        lengths = {len(array) for array in (*x, *jax.tree.leaves((self.y, self.sample_weight)))}
        if len(lengths) != 1:
            raise ValueError(
                f"All arrays must have the same number of samples (their first dimension), but they have {lengths}."
            )
        self.order = np.arange(lengths.pop())

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        targets = jax.tree.map(lambda array: array.read(rows), (self.y, self.sample_weight))
        return tuple(take(array, rows) for array in self.x), *targets

    def on_epoch_begin(self) -> None:
        """Draw the order of the epoch."""
        if self.shuffle:
            self.order = np.random.permutation(len(self.order))
