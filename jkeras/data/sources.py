"""Convert the arrays that users pass, in nested structures, to `Rows`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.data.mapped import MappedRows, is_mapped
from jkeras.data.rows import DeviceRows, FileRows, Rows, SparseRows, model_dtype

ARRAYS = (
    "NumPy and JAX arrays, lists of numbers, pandas DataFrames and Series, SciPy sparse matrices, torch tensors, "
    "memory-mapped arrays, h5py datasets, anything with __array__, and nested lists, tuples and dicts of these"
)
STREAMS = (
    "generators and iterators of batches, PyDataset (Sequence) objects, PyTorch DataLoaders, Grain loaders and "
    "tf.data datasets"
)


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _from_numpy(value: np.ndarray, name: str) -> Rows:
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} is a masked array with masked entries. Fill them ({name}.filled(0)) and say what they "
            "count for with sample_weight."
        )
    if value.dtype == object and value.size and isinstance(value.flat[0], (str, bytes)):
        model_dtype(np.dtype(str), name)  # which says what to do with strings
    return MappedRows(value, name) if is_mapped(value) else Rows(np.asarray(value), name)


def _from_numbers(value: Sequence, name: str) -> Rows:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} is a list that is not one rectangular array ({error}). If its rows have different "
            "lengths, pad them to one length first; several inputs are given as a list of arrays."
        ) from None
    return Rows(array, name)


def _from_torch(value: Any, name: str) -> Rows:
    value = value.detach().cpu()
    return Rows(value.float().numpy() if "bfloat16" in str(value.dtype) else value.numpy(), name)


def _from_bcoo(value: Any, name: str) -> Rows:
    import scipy.sparse  # here so that only users of sparse matrices load SciPy

    if value.ndim != 2 or getattr(value, "n_batch", 0) or getattr(value, "n_dense", 0):
        return Rows(np.asarray(value.todense()), name)
    value = value.to_bcoo() if hasattr(value, "to_bcoo") else value
    rows, columns = np.asarray(value.indices).T
    return SparseRows(scipy.sparse.csr_matrix((np.asarray(value.data), (rows, columns)), shape=value.shape), name)


def _from_pandas(value: Any, name: str) -> Rows:
    """A DataFrame becomes a matrix, a Series one column, as in Keras."""
    frame = value.to_frame() if value.ndim == 1 else value
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        kind = getattr(dtype, "kind", "O")
        if kind not in "biufc" or str(dtype) == "category":
            where = f"{name}, column {column!r}," if value.ndim == 2 else f"{name} (the Series {value.name!r})"
            raise ValueError(
                f"{where} has dtype {dtype}, and only numbers can be trained on. "
                f"Encode it first (for example with pandas.get_dummies or .astype('category').cat.codes) "
                f"or drop it. A column of strings may be an input if the model starts with a layer that takes it, such as "
                "jkeras.layers.StringLookup or TextVectorization."
            )
    array = frame.to_numpy()
    if array.dtype == object:  # columns of booleans beside numbers, or pandas's nullable dtypes
        array = frame.to_numpy(dtype=dtypes.floatx(), na_value=np.nan)
    narrow = model_dtype(array.dtype, name) if dtypes.is_float(array.dtype) else array.dtype
    return Rows(np.ascontiguousarray(array, narrow), name, columns=list(frame.columns))  # pandas keeps columns together


_SOURCES = (  # which values, and how each becomes Rows; the first that fits
    (lambda v: isinstance(v, np.ndarray), _from_numpy),
    (lambda v: isinstance(v, jax.Array), DeviceRows),
    (lambda v: isinstance(v, list | tuple | int | float | complex | str | bytes | np.generic), _from_numbers),
    (lambda v: _library(v) == "pandas" and hasattr(v, "to_numpy"), lambda v, n: _from_pandas(_as_series(v), n)),
    (lambda v: _library(v) == "scipy" and hasattr(v, "tocsr"), SparseRows),
    (lambda v: _library(v) == "jax" and hasattr(v, "todense"), _from_bcoo),
    (lambda v: _library(v) == "torch" and hasattr(v, "detach"), _from_torch),
    (lambda v: _library(v) in ("h5py", "zarr") and hasattr(v, "shape"), FileRows),
    (lambda v: hasattr(v, "__array__"), lambda v, n: _from_numpy(np.asarray(v), n)),
)


def _as_series(value: Any) -> Any:
    return value if hasattr(value, "iloc") else value.to_series()  # an Index


def as_rows(value: Any, name: str) -> Rows:
    """Wrap anything that holds an array as `Rows`.

    Args:
        value: an array of NumPy, JAX, pandas, torch, TensorFlow or SciPy, a nested list, an HDF5 data set.
        name: how messages call it.

    >>> rows = as_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "x")
    >>> rows.shape, rows.dtype, rows.read(np.array([2, 0]))
    ((3, 2), dtype('float32'), array([[5., 6.], [1., 2.]], dtype=float32))

    Raises:
        ValueError: if it holds no array, or one that holds no numbers.
    """
    if isinstance(value, Rows):
        return value
    for fits, make in _SOURCES:
        if fits(value):
            return make(value, name)
    message = f"Unrecognized data type: {name} is a {type(value).__module__}.{type(value).__qualname__}."
    if isinstance(value, Callable):  # type: ignore[arg-type]
        message += f" If it makes a generator, call it: {getattr(value, '__name__', name)}()."
    if isinstance(value, Mapping):
        message += f" A dict of arrays is a structure, other mappings are not: dict({name})."
    if holds_samples(value):
        message += " A torch Dataset yields samples; batches come from torch.utils.data.DataLoader(dataset, batch_size=...)."
    raise ValueError(f"{message} Accepted are {ARRAYS}; or, for x alone, {STREAMS}.")


def holds_samples(value: Any) -> bool:
    """True if this is a PyTorch data set, which yields samples and not batches."""
    return any(base.__module__.startswith("torch.utils.data.dataset") for base in type(value).__mro__)


def holds_array(value: Any) -> bool:
    """True if `as_rows` knows how to read this."""
    return isinstance(value, Rows) or any(fits(value) for fits, _ in _SOURCES)


# -- nested structures ------------------------------------------------------------------------------------------------


def is_leaf(value: Any) -> bool:
    """Return True if a part of a nested structure stands for one array.

    A list of arrays is a structure (several inputs); a list of numbers, or of lists of numbers, is one array.

    Args:
        value: a part of `x`, `y` or `sample_weight`.

    >>> is_leaf([[1, 2], [3, 4]]), is_leaf([np.zeros(2), np.zeros(2)])
    (True, False)
    """
    if value is None or isinstance(value, dict):
        return False
    if not isinstance(value, list | tuple):
        return True
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if value is None or isinstance(value, dict):
        return False
    return isinstance(value, list | tuple) or getattr(value, "shape", ()) == ()


def tree_of_rows(tree: Any, name: str) -> Any:
    """Replace every array of a nested structure by `Rows`, named by its place: `x`, `x[0]`, `x['image']`."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: as_rows(leaf, name + jax.tree_util.keystr(path)), tree, is_leaf=is_leaf
    )


def spec_of(batch: Any) -> Any:
    """Return the shapes and dtypes of a batch, as a structure of `jax.ShapeDtypeStruct`.

    Args:
        batch: a structure of arrays.

    >>> spec_of({"x": np.zeros((2, 3))})
    {'x': ShapeDtypeStruct(shape=(2, 3), dtype=float64)}
    """
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), batch)
