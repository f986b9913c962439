"""`tf.data` without TensorFlow: chains of `Dataset.from_tensor_slices(...).shuffle().batch().map().prefetch()`.

The elements are made by number (`jkeras.data.Dataset`), of NumPy arrays, in this process. `filter` and
`from_generator` need all elements first, so they make them once and store them.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jkeras.data.chain import Dataset as Chain
from jkeras.data.chain import join

AUTOTUNE = -1
INFINITE_CARDINALITY = -1


class Dataset(Chain):
    """`tf.data.Dataset`: the methods of `jkeras.data.Dataset`, and those that programs for TensorFlow use besides.

    >>> data = Dataset.from_tensor_slices(([1.0, 2.0, 3.0], [0, 1, 0])).filter(lambda x, y: y == 0).batch(2)
    >>> [(x.tolist(), y.tolist()) for x, y in data]
    [([1.0, 3.0], [0, 0])]
    """

    # -- sources ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> "Dataset":
        """The slices of arrays, or of structures of them, along the first axis."""
        arrays = _arrays(tensors)
        lengths = {len(leaf) for leaf in jax.tree.leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices needs arrays of one length, got lengths {sorted(lengths)}.")
        return cls(lambda i: jax.tree.map(lambda array: array[i], arrays), lengths.pop())

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> "Dataset":
        """One element."""
        arrays = _arrays(tensors)
        return cls(lambda i: arrays, 1)

    @classmethod
    def from_generator(
        cls, generator: Callable, output_types: Any = None, output_shapes: Any = None, args: Any = None,
        output_signature: Any = None, name: str | None = None,
    ) -> "Dataset":  # fmt: skip
        """Make a data set from a function that returns an iterator. All elements are made once, in memory."""
        elements = [_typed(e, output_signature or output_types) for e in generator(*(args or ()))]
        return cls(elements.__getitem__, len(elements))

    @classmethod
    def range(cls, *args: int, output_type: Any = np.int64, name: str | None = None) -> "Dataset":
        """The numbers of `range(...)`."""
        numbers = range(*args)
        return cls(lambda i: np.asarray(numbers[i], output_type), len(numbers))

    @classmethod
    def zip(cls, *datasets: Any, name: str | None = None) -> "Dataset":
        """Elements of several data sets side by side, as long as all have some."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        lengths = [part.num_batches for part in parts if part.num_batches is not None]

        def end() -> None:
            for part in parts:
                part.on_epoch_end()

        return cls(lambda i: tuple(part[i] for part in parts), min(lengths) if lengths else None, end=end)

    def _then(self, get: Callable[[int], Any], length: int | None, end: Callable[[], None] | None = None) -> "Dataset":
        return Dataset(get, length, self.workers, end or self.on_epoch_end, self.class_names)

    # -- chains -------------------------------------------------------------------------------------------------------

    def map(
        self, map_func: Callable, num_parallel_calls: int | None = None, deterministic: Any = None, name: Any = None
    ) -> "Dataset":
        """Apply a function to each element, as NumPy arrays."""
        return super().map(lambda *parts: _arrays(map_func(*parts)), num_parallel_calls)  # type: ignore[return-value]

    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: Any = None, deterministic: Any = None,
        name: Any = None,
    ) -> "Dataset":  # fmt: skip
        """Elements joined along a new first axis."""
        return super().batch(int(batch_size), drop_remainder)  # type: ignore[return-value]

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool | None = True,
        name: Any = None,
    ) -> "Dataset":  # fmt: skip
        """The elements in random order."""
        return super().shuffle(buffer_size, seed, reshuffle_each_iteration is not False)  # type: ignore[return-value]

    def cache(self, filename: str = "", name: Any = None) -> "Dataset":
        """The same elements, kept in memory; a file's name is not needed for that."""
        return super().cache()  # type: ignore[return-value]

    def filter(self, predicate: Callable, name: Any = None) -> "Dataset":
        """The elements for which a function is true; all are made, once."""
        kept = [e for e in self if bool(predicate(*e) if isinstance(e, tuple) else predicate(e))]
        return self._then(kept.__getitem__, len(kept))  # type: ignore[return-value]

    def enumerate(self, start: int = 0, name: Any = None) -> "Dataset":
        """Pairs of a number and an element."""
        return self._then(lambda i: (np.int64(start + i), self[i]), self._length)  # type: ignore[return-value]

    def concatenate(self, dataset: Any, name: Any = None) -> "Dataset":
        """The elements of this data set, and then those of another one."""
        own = len(self)
        total = None if dataset.num_batches is None else own + dataset.num_batches
        return self._then(lambda i: self[i] if i < own else dataset[i - own], total)  # type: ignore[return-value]

    def shard(self, num_shards: int, index: int, name: Any = None) -> "Dataset":
        """Every `num_shards`-th element, from `index` on."""
        length = None if self._length is None else len(range(index, self._length, num_shards))
        return self._then(lambda i: self[index + i * num_shards], length)  # type: ignore[return-value]

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False, name: Any = None
    ) -> "Dataset":
        """Data sets of `size` elements, each `shift` further on."""
        step, count = shift or size, len(self)
        last = count - (size - 1) * stride if drop_remainder else count
        starts = range(0, max(last, 0), step)
        return self._then(  # type: ignore[return-value]
            lambda i: self.skip(starts[i]).shard(stride, 0).take(size),  # type: ignore[attr-defined]
            len(starts),
        )

    def flat_map(self, map_func: Callable, name: Any = None) -> "Dataset":
        """The elements of the data sets that a function makes of each element; all are made, once."""
        parts = [map_func(*e) if isinstance(e, tuple) else map_func(e) for e in self]
        elements = list(itertools.chain.from_iterable(parts))
        return self._then(elements.__getitem__, len(elements))  # type: ignore[return-value]

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = 0,
        drop_remainder: bool = False,
        name: Any = None,
    ) -> "Dataset":
        """Batches of arrays of different lengths, filled up with zeros (or another number) to the longest."""
        count = len(self)
        number = count // batch_size if drop_remainder else -(-count // batch_size)

        def get(index: int) -> Any:
            elements = [self[i] for i in range(index * batch_size, min((index + 1) * batch_size, count))]
            return jax.tree.map(lambda *parts: _padded(parts, padding_values), *elements)

        return self._then(get, number)  # type: ignore[return-value]

    def apply(self, transformation_func: Callable) -> Any:
        """Apply a function to the whole data set and return its result."""
        return transformation_func(self)

    def with_options(self, options: Any, name: Any = None) -> "Dataset":
        """The data set itself: options of TensorFlow's runtime concern nothing here."""
        return self

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Iterate over the elements as NumPy arrays."""
        return iter(self)

    def cardinality(self) -> np.int64:
        """The number of elements; -1 for no end."""
        return np.int64(INFINITE_CARDINALITY if self._length is None else self._length)

    @property
    def element_spec(self) -> Any:
        """Shape and dtype of the parts of an element."""
        return jax.tree.map(lambda x: TensorSpec(np.shape(x), np.asarray(x).dtype), self[0])


class TensorSpec:
    """A shape and a dtype.

    Args:
        shape: with None for what is not known.
        dtype: of the array.
        name: of the tensor.
    """

    def __init__(self, shape: Any, dtype: Any = np.float32, name: str | None = None):
        self.shape, self.dtype, self.name = None if shape is None else tuple(shape), np.dtype(dtype), name

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name})"


class Options:
    """`tf.data.Options`: options of TensorFlow's runtime, which may be set and concern nothing here."""

    def __getattr__(self, name: str) -> "Options":
        if name.startswith("_"):
            raise AttributeError(name)
        self.__dict__[name] = Options()
        return self.__dict__[name]


def _arrays(structure: Any) -> Any:
    """NumPy arrays in the place of what is array-like; lists of numbers are arrays, as in TensorFlow."""
    if isinstance(structure, dict):
        return {key: _arrays(value) for key, value in structure.items()}
    if isinstance(structure, tuple):
        return tuple(map(_arrays, structure))
    if isinstance(structure, Chain):
        return structure
    array = np.asarray(structure)
    array = array.astype(object) if array.dtype.kind in "US" else array
    return array.astype("float32") if array.dtype == np.float64 and not hasattr(structure, "dtype") else array


def _typed(element: Any, types: Any) -> Any:
    """An element in the dtypes that were asked for."""
    if isinstance(types, (tuple, list)):
        return tuple(_typed(part, kind) for part, kind in zip(element, types, strict=True))
    if isinstance(types, dict):
        return {key: _typed(element[key], kind) for key, kind in types.items()}
    return _arrays(element) if types is None else np.asarray(element, getattr(types, "dtype", types))


def _padded(parts: tuple, value: Any) -> np.ndarray:
    size = np.max([np.shape(part) for part in parts], axis=0)
    edges = [[(0, int(n) - m) for n, m in zip(size, np.shape(part), strict=True)] for part in parts]
    return join(tuple(np.pad(part, edge, constant_values=value) for part, edge in zip(parts, edges, strict=True)))


OWN = {
    "data.Dataset": Dataset,
    "data.AUTOTUNE": AUTOTUNE,
    "data.INFINITE_CARDINALITY": INFINITE_CARDINALITY,
    "data.experimental.AUTOTUNE": AUTOTUNE,
    "data.experimental.cardinality": lambda dataset: dataset.cardinality(),
    "data.Options": Options,
    "TensorSpec": TensorSpec,
}
