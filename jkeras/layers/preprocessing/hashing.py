"""Layers that put categories into bins by their hash, without a vocabulary."""

from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.preprocessing.hashes import combine, farmhash, siphash
from jkeras.layers.preprocessing.host import HostLayer, as_array, encode, encoded_shape, refuse_sparse, texts_of
from jkeras.layers.preprocessing.lookup_options import output_mode_of, salt_of
from jkeras.serialization import arguments_of

__all__ = ["HashedCrossing", "Hashing"]

CROSSING_KEY = np.uint64(956888297470)  # what TensorFlow starts a cross with


class Hashing(HostLayer):
    """A layer that puts texts or integers into bins by their hash.

    Args:
        num_bins: the number of bins.
        mask_value: what goes to bin 0, which then nothing else does.
        salt: one or two integers: the hash is SipHash64 with this key; without it, FarmHash64.
        output_mode: `"int"` for the bin; `"one_hot"`, `"multi_hot"`, `"count"` for vectors, as in `StringLookup`.
        sparse: must be False.
        **kwargs: of `Layer`. `dtype` is that of the outputs: `"int64"` for output mode `"int"`, else the default float.

    Shapes:
        inputs any shape; outputs that shape for `"int"`, with `num_bins` in the place of the last axis (added, for `"one_hot"`
        of rows longer than 1) for the others.

    Raises:
        ValueError: an option is out of range.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
    [[1], [0], [1], [1], [2]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: int | str | None = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else dtypes.floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(
                f"When `output_mode='int'`, `dtype` should be 'int32' or 'int64', got dtype={kwargs['dtype']!r}."
            )
        refuse_sparse("Hashing", sparse)
        self.num_bins, self.mask_value, self.sparse = num_bins, mask_value, sparse
        self.salt = salt_of(salt, "`Hashing`")
        self.output_mode = output_mode_of(output_mode, "Hashing", ("int", "one_hot", "multi_hot", "count"))

    def call(self, inputs: Any) -> np.ndarray:
        """Hash texts or integers (floats are cut off)."""
        array = as_array(inputs)
        texts, shape = _as_texts(array, self.name)
        masked = self.mask_value is not None and self.num_bins > 1
        hashes = farmhash(texts) if self.salt is None else siphash(texts, self.salt)
        bins = (hashes % np.uint64(self.num_bins - masked)).astype(np.int64)
        if masked:
            mask = _as_texts(as_array(self.mask_value), self.name)[0][0]
            bins = np.where([text == mask for text in texts], 0, bins + 1)
        bins = bins.reshape(shape)
        dtype = dtypes.canonical(self.compute_dtype)
        return bins.astype(dtype) if self.output_mode == "int" else encode(bins, self.output_mode, self.num_bins, dtype)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs."""
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, self.compute_dtype)
        return KerasTensor(encoded_shape(inputs.shape, self.output_mode, self.num_bins), self.compute_dtype)

    def get_config(self) -> dict:
        return super().get_config() | arguments_of(self)


class HashedCrossing(HostLayer):
    """A layer that crosses two or more categorical features: each combination of values gets a bin by its hash.

    Args:
        num_bins: the number of bins.
        output_mode: `"int"` for the bin, `"one_hot"` for a vector.
        sparse: must be False.
        name: of the layer.
        dtype: of the outputs: `"int64"` for output mode `"int"`, else the default float.

    Shapes:
        inputs a list of arrays of texts or integers, all of shape `()`, `(batch,)` or `(batch, 1)`; outputs that shape, or
        `(batch, num_bins)`.

    Raises:
        ValueError: fewer than two inputs, or inputs of other shapes or dtypes.

    >>> HashedCrossing(num_bins=5)((np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102]))).tolist()
    [1, 4, 1, 1, 3]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype="int64" if output_mode == "int" and dtype is None else dtype, **kwargs)
        refuse_sparse("HashedCrossing", sparse)
        self.num_bins, self.sparse = num_bins, sparse
        self.output_mode = output_mode_of(output_mode, "HashedCrossing", ("int", "one_hot"))

    def call(self, inputs: Any) -> np.ndarray:
        """Cross features."""
        arrays = [as_array(x) for x in _several(inputs)]
        shape = arrays[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                f"All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`, got {shape}."
            )
        if any(array.shape != shape for array in arrays):
            raise ValueError(
                f"All `HashedCrossing` inputs should have equal shape, got {[array.shape for array in arrays]}."
            )
        if any(array.dtype.kind not in "iuOSU" for array in arrays):
            raise ValueError(
                f"All `HashedCrossing` inputs should have an integer or string dtype, got {[str(a.dtype) for a in arrays]}."
            )
        hashes = np.full(arrays[0].size, CROSSING_KEY)
        with np.errstate(over="ignore"):
            for array in arrays:
                is_number = array.dtype.kind in "iu"
                own = (
                    array.reshape(-1).astype(np.int64).astype(np.uint64)
                    if is_number
                    else farmhash(texts_of(array, self.name)[0])
                )
                hashes = combine(hashes, own)
        bins = (hashes % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        dtype = dtypes.canonical(self.compute_dtype)
        return bins.astype(dtype) if self.output_mode == "int" else encode(bins, "one_hot", self.num_bins, dtype)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs."""
        first = _several(inputs)[0]
        if any(tuple(x.shape) != tuple(first.shape) for x in inputs):
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape, got {[x.shape for x in inputs]}.")
        if self.output_mode == "int":
            return KerasTensor(first.shape, self.compute_dtype)
        return KerasTensor(encoded_shape(first.shape, "one_hot", self.num_bins), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.compute_dtype,
        }


def _several(inputs: Any) -> Any:
    if not isinstance(inputs, (list, tuple)):
        raise ValueError(f"`HashedCrossing` should be called on a list or tuple of inputs, got a {type(inputs).__name__}.")
    if len(inputs) < 2:
        raise ValueError(f"`HashedCrossing` should be called on at least two inputs, got {len(inputs)}.")
    return inputs


def _as_texts(array: np.ndarray, name: str) -> tuple[list[bytes], tuple[int, ...]]:
    """Texts as they are, numbers as their decimal digits."""
    if array.dtype.kind in "biuf":
        return [b"%d" % number for number in array.reshape(-1).astype(np.int64).tolist()], array.shape
    return texts_of(array, name)
