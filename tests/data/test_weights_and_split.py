"""Unpacking, class weights, sample weights, and the split for validation, against the installed Keras."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from jkeras.data import (
    ArrayData,
    class_weight_to_sample_weights,
    make_data,
    pack_x_y_sample_weight,
    train_validation_split,
    unpack_x_y_sample_weight,
)
from tests.oracle import keras

adapters = keras.src.trainers.data_adapters
X = np.zeros((4, 2))


@pytest.mark.parametrize("data", ["x", ("x",), ("x", "y"), ["x", "y"], ("x", "y", "w"), {"a": 1}, (("x1", "x2"), "y")])
def test_unpack_and_pack_are_those_of_keras(data):
    ours = unpack_x_y_sample_weight(data)
    assert ours == keras.utils.unpack_x_y_sample_weight(data)
    assert pack_x_y_sample_weight(*ours) == keras.utils.pack_x_y_sample_weight(*ours)


def test_a_lone_tuple_is_packed_so_that_it_unpacks_again():
    assert pack_x_y_sample_weight(("x1", "x2")) == (("x1", "x2"),)


@pytest.mark.parametrize("data", [(), (1, 2, 3, 4)])
def test_unpack_of_something_else(data):
    with pytest.raises(ValueError, match="must be x"):
        unpack_x_y_sample_weight(data)


# -- class weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2, 1, 0]),
        np.array([[0.0], [1.0], [2.0], [1.2]]),
        np.eye(3)[[2, 0, 1, 1]],
        np.array([True, False, True]),
        jnp.array([1, 2]),
    ],
)
@pytest.mark.parametrize("class_weight", [{0: 0.5, 1: 2.0, 2: 7.0}, {1: 3}, {np.float64(1.0): np.float32(3)}])
def test_class_weights_are_those_of_keras(y, class_weight):
    ours = class_weight_to_sample_weights(y, class_weight)
    np.testing.assert_array_equal(ours, adapters.data_adapter_utils.class_weight_to_sample_weights(y, class_weight))
    assert ours.dtype == np.float32


def test_class_weights_of_a_label_per_time_step():
    y = np.array([[[0], [1]], [[2], [2]]])
    np.testing.assert_array_equal(class_weight_to_sample_weights(y, {1: 3.0, 2: 5.0}), [[1, 3], [5, 5]])


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], pd.Series([-1, 1, 1, -1]), [[-1], [1], [1], [-1]]])
def test_class_weights_through_the_door(labels):
    data = make_data(X, labels, class_weight={-1: 0.25})
    np.testing.assert_array_equal(data.tree[2], [0.25, 1, 1, 0.25])


@pytest.mark.parametrize(
    "y,class_weight,message",
    [
        ([0, 1, 0, 1], [1.0, 2.0], "must be a dict of class numbers to weights.*got a list"),
        ([0, 1, 0, 1], {"cat": 1.0}, "got the entry 'cat': 1.0"),
        ([0, 1, 0, 1], {"1": 1.0}, "got the entry '1'"),
        ([0, 1, 0, 1], {0.5: 1.0}, "got the entry 0.5"),
        ([0, 1, 0, 1], {0: "heavy"}, "got the entry 0: 'heavy'"),
        (np.eye(3)[[0, 1, 2, 0]], {3: 1.0}, "names the class 3, but y has 3 columns, so the classes are 0 to 2"),
        (None, {0: 1.0}, "there is no y"),
        ({"a": np.zeros(4), "b": np.zeros(4)}, {0: 1.0}, r"y has several \(y\['a'\], y\['b'\]\)"),
    ],
)
def test_bad_class_weights(y, class_weight, message):
    with pytest.raises(ValueError, match=message):
        make_data(X, y, class_weight=class_weight)


def test_both_kinds_of_weights():
    with pytest.raises(ValueError, match="both given"):
        make_data(X, np.zeros(4), np.ones(4), class_weight={0: 1.0})


# -- sample weights ---------------------------------------------------------------------------------------------------


def test_sample_weights_are_given_to_every_target():
    y = {"a": np.zeros(4), "b": np.zeros((4, 2))}
    for weights in (np.arange(4), np.arange(4)[:, None]):
        spread = ArrayData(X, y, weights).tree[2]
        assert spread.keys() == y.keys() and spread["a"].dtype == np.float32
        np.testing.assert_array_equal(spread["b"], weights)
    own = ArrayData(X, y, {"a": np.arange(4), "b": None}).tree[2]
    np.testing.assert_array_equal(own["a"], np.arange(4))
    assert own["b"] is None
    np.testing.assert_array_equal(ArrayData(X, np.zeros(4), [True, False, True, True]).tree[2], [1, 0, 1, 1])


def test_bad_sample_weights():
    y = [np.zeros(4), np.zeros(4)]
    message = r"one array for each target.*y is y\[0\], y\[1\], sample_weight is sample_weight\['a'\]"
    with pytest.raises(ValueError, match=message):
        make_data(X, y, {"a": np.ones(4), "b": np.ones(4)})
    with pytest.raises(ValueError, match=r"sample_weight is one array of shape \(4, 3\)"):
        make_data(X, y, np.ones((4, 3)))
    with pytest.raises(ValueError, match="sample_weight has 3"):
        make_data(X, np.zeros(4), np.ones(3))


# -- the split --------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_split_is_that_of_keras(n, fraction):
    arrays = (np.arange(n * 2.0).reshape(n, 2), np.arange(n), None)
    try:
        theirs = adapters.array_slicing.train_validation_split(arrays, fraction)
    except ValueError:
        with pytest.raises(ValueError, match=f"of {n} samples leaves"):
            train_validation_split(arrays, fraction)
        return
    for ours, expected in zip(train_validation_split(arrays, fraction), theirs, strict=True):
        assert ours[2] is None
        np.testing.assert_array_equal(ours[0], expected[0])
        np.testing.assert_array_equal(ours[1], expected[1])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: jnp.asarray(x),
        lambda x: x.tolist(),
        lambda x: pd.DataFrame(x),
        lambda x: scipy.sparse.csr_matrix(x),
        lambda x: {"a": x, "b": [x]},
    ],
)
def test_parts_of_every_kind(make):
    x = np.arange(20, dtype="float32").reshape(10, 2)
    train, validation = train_validation_split((make(x), np.arange(10), np.ones(10)), 0.3)
    for part, rows in ((train, slice(0, 7)), (validation, slice(7, 10))):
        data = make_data(*part, batch_size=20)
        for leaf in jax.tree.leaves(next(data.batches())[0]) + jax.tree.leaves(data.tree[0]):
            np.testing.assert_array_equal(leaf, x[rows])
        np.testing.assert_array_equal(data.tree[1], np.arange(10)[rows])


def test_parts_of_files_are_not_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    mapped = np.memmap(tmp_path / "x.bin", mode="w+", shape=(10, 2), dtype="float32")
    mapped[:] = np.arange(10)[:, None]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.asarray(mapped)
        train, validation = train_validation_split(([mapped, file["x"]], None, None), 0.5)
        assert all(rows.on_disk and len(rows) == 5 for rows in train[0] + validation[0])
        data = make_data(*validation, batch_size=2)
        for a in next(data.batches(np.array([4, 1, 0, 2, 3])))[0]:
            np.testing.assert_array_equal(a, [[9, 9], [6, 6]])


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, 30])
def test_bad_fractions(fraction):
    with pytest.raises(ValueError, match="validation_split must be a number between 0 and 1"):
        train_validation_split((X, None, None), fraction)


def test_a_stream_cannot_be_split():
    with pytest.raises(ValueError, match=r"validation_split needs arrays.*x is a generator.*validation_data="):
        train_validation_split(((i for i in range(3)), None, None), 0.5)


LABELS = np.array([[0, 1, 2, 1], [2, 2, 0, 0]])
TABLE = {0: 1.0, 1: 10.0, 2: 100.0}


@pytest.mark.parametrize("y", [LABELS, LABELS.astype("float32"), LABELS[..., None], LABELS.reshape(2, 2, 2)])
def test_each_label_of_a_map_has_the_weight_of_its_class(y):
    weights = class_weight_to_sample_weights(y, TABLE)
    assert weights.mean() == 40.375 and weights.shape == (y.shape[:-1] if y.shape[-1] == 1 else y.shape)


def test_what_the_last_axis_counts_is_told_or_seen():
    rows = np.eye(2)[[0, 1, 1]]
    np.testing.assert_array_equal(class_weight_to_sample_weights(rows, {1: 3.0}), [1, 3, 3])
    np.testing.assert_array_equal(class_weight_to_sample_weights(rows, {1: 3.0}, class_axis=False), [[3, 1], [1, 3], [1, 3]])
    soft = np.array([[0.1, 0.9], [0.8, 0.2]], "float32")
    np.testing.assert_array_equal(class_weight_to_sample_weights(soft, {1: 3.0}), [3, 1])
    image = np.eye(3)[LABELS]  # one-hot rows, one for each pixel
    np.testing.assert_array_equal(
        class_weight_to_sample_weights(image, TABLE), class_weight_to_sample_weights(LABELS, TABLE)
    )


@pytest.mark.parametrize("class_axis,table", [(True, {0: 1.0, 1: 2.0}), (None, TABLE)])
def test_rows_with_several_labels_are_refused(class_axis, table):
    with pytest.raises(ValueError, match=r"y, of shape \(2, 3\), has rows with several labels"):
        class_weight_to_sample_weights(np.array([[1, 0, 1], [0, 1, 0]]), table, class_axis)
    with pytest.raises(ValueError, match=r"class numbers or one-hot rows, but y, of shape \(1, 2\), holds 0.25"):
        class_weight_to_sample_weights(np.array([[0.25, 3.0]]), TABLE)
