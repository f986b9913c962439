"""One array of the data set, of any kind, that is read a few rows at a time.

Users pass NumPy and JAX arrays, lists of numbers, pandas objects, SciPy sparse matrices, and files on disk.
`sources.py` gives each the same interface: a `shape`, a `dtype`, and `read(index)`, which returns the chosen rows as
a dense NumPy array in the dtype of the model. Nothing is converted or copied before it is read, so an array larger
than memory needs only the memory of its batches.

These are the dtypes of the results: floats become `floatx`, and 64-bit integers become 32-bit ones (unless JAX's x64
mode is on). Booleans and small integers keep their dtypes, because a byte is cheaper to move than a float.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.errors import ArgumentError

Index = slice | np.ndarray


class Rows:
    """An array whose first axis counts the samples.

    Args:
        source: anything with a shape whose rows can be taken: a NumPy or JAX array, a memory map, an HDF5 data set.
        name: its name in messages: `"x"`, `"y['age']"`.
        dtype: the dtype that `read` returns. None chooses it by the dtype of the source.
        columns: the names of the columns, if the source has them.

    Attributes:
        shape: the shape of all rows.
        dtype: the dtype of the rows that `read` returns.
        on_disk: True if the rows come from a file and should not be read without need.
        on_device: True if the source is a JAX array, which needs no memory of its own on the device.

    >>> rows = Rows(np.arange(6).reshape(3, 2), "x", "float32")
    >>> len(rows), rows.read(slice(0, 1)).tolist()
    (3, [[0.0, 1.0]])
    """

    on_disk = False
    on_device = False

    def __init__(self, source: Any, name: str, dtype: Any = None, columns: Sequence | None = None):
        if len(source.shape) == 0:
            raise ArgumentError(
                f"{name} is a single value ({source!r}), not an array with one entry per sample. "
                f"Pass an array of shape (samples, ...), for example np.reshape({name}, (1, 1))."
            )
        self.source, self.name, self.columns = source, name, columns
        self.shape = tuple(int(n) for n in source.shape)
        self.dtype = np.dtype(dtype) if dtype is not None else model_dtype(source.dtype, name)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array in `dtype`, dense."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, index: Index) -> np.ndarray:
        """Return the rows `index`, a slice or an integer array, as a dense NumPy array of `dtype`."""
        return cast(take(self.source, index), self.dtype, self.name)

    def whole(self) -> Any:
        """Return the whole array in `dtype`, or the source itself if nothing has to change."""
        return self.read(slice(0, len(self)))

    def part(self, start: int, stop: int) -> "Rows":
        """Return the rows from `start` to `stop` as another `Rows`, without a copy."""
        return type(self)(self.source[start:stop], self.name, self.dtype, self.columns)

    def with_dtype(self, dtype: Any) -> "Rows":
        """Return the same rows in another dtype."""
        return type(self)(self.source, self.name, dtype, self.columns)

    def is_usable(self, alignment: int | None) -> bool:
        """Return True if a device can use the array without a copy. `alignment` is the alignment that a CPU device
        requires of the address.
        """
        where = getattr(self.source, "__array_interface__", None)
        return bool(where and alignment and where["strides"] is None and where["data"][0] % alignment == 0)

    def has_nan(self) -> bool:
        """Return True if one of the numbers is NaN. It takes one pass and no copy."""
        return self._nan_in(self.source)

    def _nan_in(self, source: np.ndarray) -> bool:
        if not dtypes.is_float(source.dtype) or source.size == 0:
            return False
        with np.errstate(all="ignore"):
            return bool(np.isnan(source.min()))  # the minimum of anything with a NaN is NaN

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.whole(), dtype=dtype, copy=copy)


class DeviceRows(Rows):
    """A JAX array: read on the host, handed over whole without leaving its device."""

    on_device = True

    def is_usable(self, alignment: int | None) -> bool:
        return True

    def read(self, index: Index) -> np.ndarray:
        return cast(take(np.asarray(self.source), index), self.dtype, self.name)

    def whole(self) -> jax.Array:
        return self.source if self.source.dtype == self.dtype else self.source.astype(self.dtype)

    def has_nan(self) -> bool:
        if self._on_host():
            return self._nan_in(np.asarray(self.source))
        return dtypes.is_float(self.dtype) and bool(jnp.isnan(self.source).any())

    def _on_host(self) -> bool:
        """True if the host sees the array's own memory, so that a view of it is free."""
        return all(device.platform == "cpu" for device in self.source.devices())

    def part(self, start: int, stop: int) -> Rows:
        if self._on_host():
            return Rows(np.asarray(self.source)[start:stop], self.name, self.dtype)
        return super().part(start, stop)


class FileRows(Rows):
    """An array in a file that is read through an object of its own, such as an `h5py.Dataset` or a `zarr.Array`."""

    on_disk = True

    def __init__(
        self,
        source: Any,
        name: str,
        dtype: Any = None,
        columns: Sequence | None = None,
        start: int = 0,
        stop: int | None = None,
    ):
        super().__init__(source, name, dtype, columns)
        self.start = start
        self.shape = ((self.shape[0] if stop is None else stop) - start, *self.shape[1:])

    def read(self, index: Index) -> np.ndarray:
        if isinstance(index, slice):
            rows = np.asarray(self.source[self.start + index.start : self.start + index.stop])
        else:  # such files want the positions in increasing order, each once
            unique, inverse = np.unique(index, return_inverse=True)
            rows = np.asarray(self.source[self.start + unique])[inverse]
        return cast(rows, self.dtype, self.name)

    def has_nan(self) -> bool:
        return self._nan_in(self.whole())

    def part(self, start: int, stop: int) -> Rows:
        return FileRows(self.source, self.name, self.dtype, self.columns, self.start + start, self.start + stop)

    def with_dtype(self, dtype: Any) -> Rows:
        return FileRows(self.source, self.name, dtype, self.columns, self.start, self.start + len(self))


class SparseRows(Rows):
    """A SciPy sparse matrix, whose rows become dense as they are read."""

    def __init__(self, source: Any, name: str, dtype: Any = None, columns: Sequence | None = None):
        super().__init__(source.tocsr(), name, dtype, columns)

    def read(self, index: Index) -> np.ndarray:
        return cast(self.source[index].toarray(), self.dtype, self.name)

    def has_nan(self) -> bool:
        return self._nan_in(self.source.data)


def take(array: np.ndarray, index: Index) -> np.ndarray:
    """Rows of an array: a view for a slice, a copy for an integer array."""
    return array[index] if isinstance(index, slice) else np.take(array, index, axis=0)


def model_dtype(dtype: Any, name: str) -> np.dtype:
    """The dtype in which the model sees an array of `dtype`.

    >>> model_dtype("float64", "x"), model_dtype("int64", "y"), model_dtype("uint8", "x")
    (dtype('float32'), dtype('int32'), dtype('uint8'))

    Raises:
        ValueError: for strings, objects, dates and other things that are no numbers.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind in "OUSMmT" or dtype.names:
        raise ValueError(
            f"{name} has dtype {dtype}; {_REMEDIES.get(dtype.kind, 'convert it to numbers first.')}".replace("NAME", name)
        )
    return np.dtype(jax.dtypes.canonicalize_dtype(dtypes.floatx() if dtypes.is_float(dtype) else dtype))


_REMEDIES = {
    "O": "only numbers can be trained on. If it holds numbers: np.asarray(NAME, dtype='float32'). If its rows have "
    "different lengths, pad them to one length first.",
    "M": "dates must become numbers first, for example days since the first: (NAME - NAME.min()) / np.timedelta64(1, 'D').",
    "m": "durations must become numbers first, for example NAME / np.timedelta64(1, 's').",
    **dict.fromkeys(
        "UST",
        "strings must become numbers first, for example integer labels: "
        "classes, NAME = np.unique(NAME, return_inverse=True). Inputs may be strings if the model starts with a layer that takes "
        "them: jkeras.layers.TextVectorization for texts, StringLookup or Hashing for categories.",
    ),
}


def cast(array: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """Convert an array to `dtype`; the array itself if it has that already. Integers that would wrap are an error."""
    if array.dtype == dtype:
        return array
    if array.dtype.kind in "iu" and dtype.kind in "iu" and array.size:
        low, high, bounds = array.min(), array.max(), np.iinfo(dtype)
        if low < bounds.min or high > bounds.max:
            raise ValueError(
                f"{name} holds integers from {low} to {high}, which do not fit in {dtype}. "
                "Convert it to floats (astype('float32')), or enable JAX's x64 mode."
            )
    return array.astype(dtype)
