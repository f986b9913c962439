"""Every kind of array that users bring, against what the installed Keras makes of it."""

import jax.experimental.sparse
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from jkeras.data import ArrayData
from tests.oracle import keras

NUMBERS = np.arange(12.0).reshape(6, 2)


def keras_first(x):
    adapter = keras.src.trainers.data_adapters.array_data_adapter.ArrayDataAdapter(x, batch_size=4)
    return np.asarray(next(iter(adapter.get_numpy_iterator())))


@pytest.mark.parametrize(
    "make",
    [
        lambda: NUMBERS,
        lambda: NUMBERS.astype("float16"),
        lambda: NUMBERS.astype("uint8"),
        lambda: NUMBERS > 3,
        lambda: np.asfortranarray(NUMBERS),
        lambda: NUMBERS[::-1],
        lambda: jnp.asarray(NUMBERS, "float32"),
        lambda: jnp.asarray(NUMBERS, "bfloat16"),
        lambda: pd.DataFrame(NUMBERS, columns=["a", "b"]),
        lambda: pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": NUMBERS[:, 0]}),
        lambda: pd.DataFrame({"a": [1, 2, 3, 4, 5, 6]}, index=[5, 4, 3, 2, 1, 0]),
        lambda: pd.Series(NUMBERS[:, 0]),
        lambda: pd.Series([1, 2, 3, 4, 5, 6]),
        lambda: scipy.sparse.csr_matrix(NUMBERS),
        lambda: scipy.sparse.coo_array(NUMBERS),
        lambda: jax.experimental.sparse.BCOO((NUMBERS[1:4, 1], np.array([[1, 1], [2, 1], [3, 1]])), shape=(6, 2)),
    ],
)
def test_values_and_shapes_are_those_of_keras(make):
    theirs = keras_first(make())
    data = ArrayData(make(), batch_size=4)
    first = next(data.batches())[0]
    assert isinstance(first, np.ndarray)
    np.testing.assert_array_equal(first, theirs)
    assert first.dtype == {"float64": "float32", "int64": "int32"}.get(theirs.dtype.name, theirs.dtype)
    np.testing.assert_array_equal(np.asarray(data.tree[0])[:4], theirs)  # the whole agrees with its batches
    np.testing.assert_array_equal(next(data.batches(np.array([3, 1, 0, 2, 4, 5])))[0], theirs[[3, 1, 0, 2]])


@pytest.mark.parametrize(
    "x,shape,dtype",
    [
        ([1, 2, 3], (3,), "int32"),
        ([[1.5], [2.0], [3.0]], (3, 1), "float32"),
        ((True, False, True), (3,), "bool"),
        ([(1, 2), (3, 4), (5, 6)], (3, 2), "int32"),
        ([np.float64(1), np.float64(2), np.float64(3)], (3,), "float32"),
        (pd.DataFrame({"a": [True, False, True], "b": [1.0, 2.0, 3.0]}), (3, 2), "float32"),
        (pd.DataFrame({"a": pd.array([1, 2, 3], dtype="Int64")}), (3, 1), None),
        (pd.Index([1.0, 2.0, 3.0]), (3, 1), "float32"),
        (np.ones((3, 2), "complex128"), (3, 2), "complex64"),
    ],
)
def test_what_keras_does_not_take(x, shape, dtype):
    array = ArrayData(x).tree[0]
    assert array.shape == shape and (dtype is None or array.dtype == dtype)


def test_nested_structures_keep_their_form():
    x = {"a": np.zeros((3, 1)), "b": (np.zeros((3, 2)), [[1, 2], [3, 4], [5, 6]])}
    (batch, y, weights) = next(ArrayData(x, [np.zeros(3), None]).batches())
    assert batch["b"][1].shape == (3, 2) and batch["b"][1].dtype == np.int32
    assert isinstance(batch["b"], tuple) and isinstance(y, list) and y[1] is None and weights is None


def test_sparse_rows_become_dense_one_batch_at_a_time():
    entries = np.random.rand(2000), (np.arange(2000) % 1000, np.arange(2000) * 499)
    x = scipy.sparse.csr_matrix(entries, shape=(1000, 10**6))  # 4 GB if it were dense
    data = ArrayData(x, batch_size=2)
    assert data.nbytes == 4 * 10**9 and not data.resident(10**9)
    order = np.array([7, 500, *range(998)], "int32")
    np.testing.assert_array_equal(next(data.batches(order))[0], x[[7, 500]].toarray().astype("float32"))


def test_hdf5_files_are_read_by_rows(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.arange(20.0).reshape(10, 2)
    with h5py.File(tmp_path / "x.h5", "r") as file:
        data = ArrayData(file["x"], batch_size=4)
        order = np.array([9, 0, 3, 3, 1, 2, 4, 5, 6, 7], "int32")
        np.testing.assert_array_equal(next(data.batches(order))[0][:, 0], [18, 0, 6, 6])
        np.testing.assert_array_equal(next(data.batches())[0][:, 0], [0, 2, 4, 6])
        assert data.tree[0].dtype == np.float32


class Tensor:
    """A PyTorch tensor, as far as data needs it."""

    __module__ = "torch"

    def __init__(self, array):
        self.array, self.dtype = array, "torch.float32"

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array

    def __array__(self, *args, **kwargs):
        raise RuntimeError("a tensor that requires grad does not become an array by itself")


def test_torch_tensors():
    np.testing.assert_array_equal(ArrayData(Tensor(NUMBERS)).tree[0], NUMBERS)


def test_anything_with_array():
    class Frame:
        def __array__(self, dtype=None, copy=None):
            return NUMBERS

    np.testing.assert_array_equal(ArrayData(Frame()).tree[0], NUMBERS)
