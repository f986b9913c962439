"""Orders and batches of arrays, against the installed Keras under the same seed."""

import math
import os
import pathlib
import tracemalloc
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jkeras.data import ArrayData, make_data, mapped
from tests.oracle import keras

KerasArrays = keras.src.trainers.data_adapters.array_data_adapter.ArrayDataAdapter
SHUFFLES = [False, True, "batch"]


def keras_batches(*args, epochs=1, seed=3, **kwargs):
    """The batches of some epochs of Keras's adapter, and NumPy's next random number after them."""
    np.random.seed(seed)
    adapter = KerasArrays(*args, **kwargs)
    return [list(adapter.get_numpy_iterator()) for _ in range(epochs)], np.random.rand()


def assert_batches_equal(ours, theirs):
    ours = [tuple(part for part in batch if part is not None) for batch in ours]
    theirs = [batch if isinstance(batch, tuple) else (batch,) for batch in theirs]
    assert len(ours) == len(theirs)
    for mine, keras_batch in zip(ours, theirs, strict=True):
        mine, keras_batch = jax.tree.leaves(mine), jax.tree.leaves(keras_batch)
        for a, b in zip(mine, keras_batch, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("n,batch_size", [(12, 4), (13, 4), (15, 4), (3, 8), (7, 1)])
def test_batches_and_random_state_are_those_of_keras(shuffle, n, batch_size):
    x, y, w = np.random.rand(n, 3), np.arange(n), np.random.rand(n)
    theirs, after = keras_batches(x, y, w, batch_size=batch_size, shuffle=shuffle, epochs=2)
    np.random.seed(3)
    data = make_data(x, y, w, batch_size=batch_size, shuffle=shuffle)
    for epoch in theirs:
        order, start, stop = data.epoch(shuffle)
        assert (start, stop, order.dtype) == (0, data.steps, np.int32)
        assert_batches_equal(data.batches(order, start, stop), epoch)
    assert np.random.rand() == after


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_order_is_one_pass(shuffle):
    data = ArrayData(np.zeros((11, 1)), batch_size=4)
    order = data.order(shuffle)
    assert sorted(order) == list(range(11)) and order.dtype == np.int32
    if shuffle == "batch":
        assert sorted(order[4:8]) == [4, 5, 6, 7]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("peeks", [False, True])
@pytest.mark.parametrize("steps", [1, 3, 4])
def test_steps_per_epoch_walks_through_passes_as_keras_does(shuffle, peeks, steps):
    iterator_class = keras.src.trainers.epoch_iterator.EpochIterator
    x = np.arange(10.0)[:, None]
    np.random.seed(5)
    theirs, ours, warned = [], [], []
    iterator = iterator_class(x, batch_size=3, steps_per_epoch=steps, shuffle=shuffle)
    if peeks:  # what building a model does
        next(iter(iterator))
        iterator.reset()
    for _ in range(6):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            theirs += [[np.ravel(data[0]).tolist() for _, _, data in iterator]]
        warned.append(len(seen) > 0)
    after = np.random.rand()

    np.random.seed(5)
    data = ArrayData(x, batch_size=3)
    if peeks:
        assert data.peek(shuffle)[0].shape == (3, 1)
        data.reset()
    for expected in warned:
        if expected:
            with pytest.warns(UserWarning, match="ran out after"):
                order, start, stop = data.epoch(shuffle, steps)
        else:
            order, start, stop = data.epoch(shuffle, steps)
        ours += [[batch[0].ravel().tolist() for batch in data.batches(order, start, stop)]]
    assert ours == theirs
    assert np.random.rand() == after


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 45), st.integers(1, 6), st.booleans(), st.integers(0, 4), st.integers(0, 4))
def test_stacks_hold_the_batches(n, batch_size, size, shuffle, skip, short):
    x = {"a": np.arange(n * 2).reshape(n, 2), "b": [np.arange(n, dtype="float64")]}
    data = ArrayData(x, np.arange(n), batch_size=batch_size)
    assert data.steps == math.ceil(n / batch_size)
    order = data.order(shuffle)
    start, stop = min(skip, data.steps), max(data.steps - short, min(skip, data.steps))
    batches = list(data.batches(order, start, stop))
    unstacked = []
    for count, group in data.stacks(size, order, start, stop):
        assert 1 <= count <= size
        unstacked += [jax.tree.map(lambda a, i=i: a[i], group) for i in range(count)]
    assert len(unstacked) == len(batches) == stop - start
    jax.tree.map(np.testing.assert_array_equal, unstacked, batches)


def test_resident_and_streamed_are_the_same_numbers():
    data = ArrayData(np.random.rand(9, 2), np.arange(9), batch_size=4)
    order = data.order(True)
    streamed = list(data.batches(order))
    x, y, weights = data.tree
    assert x.dtype == np.float32 and y.dtype == np.int32 and weights is None
    for step, batch in enumerate(streamed):
        rows = order[step * 4 : step * 4 + 4]
        np.testing.assert_array_equal(batch[0], x[rows])
        np.testing.assert_array_equal(batch[1], y[rows])
    jax.tree.map(np.testing.assert_array_equal, list(data.batches(order)), streamed)  # now from the converted arrays


def test_batch_size_and_steps():
    assert ArrayData(np.zeros((100, 1))).batch_size == 32
    assert ArrayData(np.zeros((100, 1)), steps=8).batch_size == 13 == KerasArrays(np.zeros((100, 1)), steps=8).batch_size
    assert ArrayData(np.zeros((100, 1)), batch_size=np.int64(7), steps=2).steps == 15
    assert ArrayData(np.zeros((100, 1))).num_batches == 4


def test_spec():
    data = ArrayData((np.zeros((5, 2)), [True] * 5), np.zeros((5,), "uint8"), np.ones(5, "int64"), batch_size=2)
    (a, b), y, w = data.spec()
    assert (a.shape, b.shape, y.shape, w.shape) == ((2, 2), (2,), (2,), (2,))
    assert (a.dtype, b.dtype, y.dtype, w.dtype) == ("float32", "bool", "uint8", "float32")
    assert data.spec(1)[1].shape == (1,)
    assert data.spec() == data.spec(next(data.batches()))
    assert ArrayData(np.zeros((5, 2)), batch_size=8).spec()[0].shape == (5, 2)  # the only batch there is


def test_arrays_of_the_right_dtype_are_not_copied():
    x, y = np.zeros((50, 3), "float32"), jnp.zeros((50,), "int32")
    data = ArrayData(x, y)
    assert np.shares_memory(data.tree[0], x) and data.tree[1] is y
    assert data.nbytes == x.nbytes + y.nbytes
    assert data.resident(x.nbytes) and not data.resident(x.nbytes - 1) and data.resident(None)  # y is there already


def test_one_weight_array_for_several_targets_counts_once():
    y = {"a": np.zeros(4, "int32"), "b": np.zeros(4, "int32")}
    data = ArrayData(np.zeros((4, 1), "float32"), y, np.ones(4))
    weights = data.tree[2]
    assert set(weights) == {"a", "b"}
    assert weights["a"] is weights["b"] and data.nbytes == 16 + 2 * 16 + 16


def test_floats_become_floatx(monkeypatch):
    from jkeras.core import dtype

    dtype.set_floatx("bfloat16")
    try:
        data = ArrayData(np.ones((3, 1)), np.arange(3))
        assert next(data.batches())[0].dtype == jnp.bfloat16 == data.tree[0].dtype
    finally:
        dtype.set_floatx("float32")


class TestMappedFiles:
    @pytest.fixture
    def file(self, tmp_path):
        array = np.memmap(tmp_path / "x.bin", mode="w+", shape=(20000, 64), dtype="float64")  # 10 MB
        array[:] = np.arange(20000)[:, None]
        array.flush()
        return np.memmap(tmp_path / "x.bin", mode="r", shape=(20000, 64), dtype="float64")

    @pytest.mark.parametrize("view", [lambda x: x, np.asarray, lambda x: x[10:]], ids=["memmap", "asarray", "slice"])
    def test_only_batches_are_in_memory(self, file, view):
        file = view(file)
        tracemalloc.start()
        data = ArrayData(file, np.arange(len(file)), batch_size=100)
        order = data.order(True)
        total = sum(int(x[:, 0].sum()) for x, y, w in data.batches(order))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == int(file[:, 0].sum())
        assert peak < 2_000_000, peak
        assert data.nbytes == len(file) * (64 * 4 + 4) and not data.resident(1_000_000)

    @pytest.mark.parametrize(
        "view",
        [
            lambda x: x,
            lambda x: x[7:],
            lambda x: x[:, 2:5],
            lambda x: x[::3],
            lambda x: x[::-1],
            lambda x: x.reshape(-1, 2, 64)[5:],
        ],
    )
    def test_large_files_are_read_without_the_map(self, file, view, monkeypatch):
        monkeypatch.setattr(mapped, "MAPPED_BYTES", 0)
        monkeypatch.setattr(mapped, "READ_BYTES", 1000)  # several calls for one read
        offset = np.memmap(file.filename, mode="r", shape=(15000, 64), dtype="float64", offset=5000 * 512)
        for source in (view(file), view(offset)):
            rows = mapped.MappedRows(source, "x")
            assert rows._file is not None
            order = np.random.permutation(len(source))[:50]
            np.testing.assert_array_equal(rows.read(order), source[order])
            np.testing.assert_array_equal(rows.read(slice(3, 9)), source[3:9])
            np.testing.assert_array_equal(rows.part(5, 20).read(slice(1, 4)), source[6:9])

    @pytest.mark.parametrize("what", ["deleted", "replaced", "private", "transposed"])
    def test_a_map_without_its_file_still_reads(self, file, what, monkeypatch):
        monkeypatch.setattr(mapped, "MAPPED_BYTES", 0)
        path = pathlib.Path(file.filename)
        if what == "deleted":
            path.unlink()
        elif what == "replaced":
            path.unlink()
            path.write_bytes(bytes(20000 * 64 * 8))
        elif what == "private":
            file = np.memmap(path, mode="c", shape=(20000, 64), dtype="float64")
            file[2] = -1
        else:
            file = file[:64].T
        rows = mapped.MappedRows(file, "x")
        assert rows._file is None
        np.testing.assert_array_equal(rows.read(slice(1, 9)), file[1:9])

    def test_a_file_that_shrinks(self, file, monkeypatch):
        monkeypatch.setattr(mapped, "MAPPED_BYTES", 0)
        rows = mapped.MappedRows(file, "x")
        os.truncate(file.filename, 4096 * 10)
        with pytest.raises(OSError, match="behind x has become shorter"):
            rows.read(slice(10000, 10001))

    def test_private_changes_are_kept(self, file):
        private = np.memmap(file.filename, mode="c", shape=(20000, 64), dtype="float64")
        private[3] = -1
        assert next(ArrayData(private, batch_size=8).batches())[0][3, 0] == -1

    def test_batches_do_not_point_into_the_file(self, tmp_path):
        file = np.memmap(tmp_path / "y.bin", mode="w+", shape=(8, 2), dtype="float32")
        batch = next(ArrayData(file, batch_size=4).batches())[0]
        file[:] = 9
        assert not batch.any()
