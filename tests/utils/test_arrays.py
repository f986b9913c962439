"""Labels, features, sequences, splits: Keras's values, and messages where Keras has none."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jkeras import utils
from tests.oracle import assert_close, keras


@pytest.mark.parametrize("x", [[0, 2, 1], [[0], [3]], [[0, 1], [2, 2]], np.array([1.0, 0.0]), 2], ids=str)
def test_to_categorical(x):
    for classes in (None, 5):
        actual, expected = utils.to_categorical(x, classes), keras.utils.to_categorical(x, classes)
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_to_categorical_of_a_jax_array():
    x = jnp.array([[0], [2]])
    actual = utils.to_categorical(x, 3)
    assert isinstance(actual, jax.Array)
    np.testing.assert_array_equal(actual, keras.utils.to_categorical(x, 3))
    np.testing.assert_array_equal(jax.jit(lambda x: utils.to_categorical(x, 3))(x), actual)
    assert utils.to_categorical(x).shape == (2, 3)
    with pytest.raises(ValueError, match="needs num_classes"):
        jax.jit(utils.to_categorical)(x)


@pytest.mark.parametrize(("x", "classes"), [([0, 3], 3), ([-1, 2], None)])
def test_to_categorical_of_what_is_out_of_range(x, classes):
    with pytest.raises(ValueError, match=f"class numbers from {min(x)} to {max(x)}, outside 0 ... 2"):
        utils.to_categorical(x, classes)
    with pytest.raises(ValueError, match="needs num_classes"):
        utils.to_categorical([])


@pytest.mark.parametrize("order", [1, 2, np.inf])
def test_normalize(order):
    x = np.random.default_rng(0).normal(size=(4, 3))
    x[1] = 0
    np.testing.assert_allclose(utils.normalize(x, -1, order), keras.utils.normalize(x, -1, order))
    assert_close(utils.normalize(jnp.asarray(x, "float32"), -1, order), utils.normalize(x, -1, order))
    rows = utils.normalize(x, 0, order)
    np.testing.assert_allclose(np.linalg.norm(rows, order, axis=0), 1)


SEQUENCES = st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=4).filter(lambda s: any(s))
ENDS = st.sampled_from(["pre", "post"])


@settings(max_examples=60, deadline=None)
@given(SEQUENCES, st.one_of(st.none(), st.integers(1, 6)), ENDS, ENDS, st.integers(-1, 1))
def test_pad_sequences(sequences, maxlen, padding, truncating, value):
    options = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": value}
    actual, expected = utils.pad_sequences(sequences, **options), keras.utils.pad_sequences(sequences, **options)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def test_pad_sequences_of_vectors_and_strings():
    vectors = [np.ones((2, 3)), np.ones((1, 3)), []]
    np.testing.assert_array_equal(
        utils.pad_sequences(vectors, dtype="float32", value=-1.0),
        keras.utils.pad_sequences(vectors, dtype="float32", value=-1.0),
    )
    words = [["a"], ["b", "c"]]
    assert utils.pad_sequences(words, dtype=object, value="").tolist() == [["", "a"], ["b", "c"]]
    assert utils.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: utils.pad_sequences([[1]], padding="pst"), "padding must be 'pre' or 'post'.*Did you mean 'post'"),
        (lambda: utils.pad_sequences([[1]], truncating="both"), "truncating must be"),
        (lambda: utils.pad_sequences([[1], 2]), "entry 1 is 2"),
        (lambda: utils.pad_sequences([["a"]], value="x"), "dtype=object"),
        (lambda: utils.pad_sequences([[[1, 2]], [[1]]]), r"Sequence 1 has entries of shape \(1,\)"),
        (lambda: utils.split_dataset(np.arange(4)), "needs left_size"),
        (lambda: utils.split_dataset(np.arange(4), left_size=4), "left_size must be an int between 1 and 3"),
        (lambda: utils.split_dataset(np.arange(4), right_size=1.5), "right_size must be"),
        (lambda: utils.split_dataset(np.arange(4), 3, 2), "are 3 and 2 samples"),
        (lambda: utils.split_dataset(np.arange(4), 0.01), "are 0 and 4 samples"),
        (lambda: utils.split_dataset((np.arange(4), np.arange(3)), 0.5), "one common length"),
        (lambda: utils.split_dataset(np.arange(4), "half"), "left_size must be an int, a fraction or None"),
        (lambda: utils.timeseries_dataset_from_array(np.arange(5), None, 0), "sequence_length must lie"),
        (lambda: utils.timeseries_dataset_from_array(np.arange(5), None, 3, sampling_rate=3), "No window of 3"),
        (lambda: utils.timeseries_dataset_from_array(np.arange(5), None, 3, end_index=9), "end_index=9"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -- splits -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.floats(0.1, 0.9))
def test_a_split_keeps_every_sample(total, fraction):
    x = np.arange(total)
    left, right = utils.split_dataset(x, left_size=fraction) if 0 < round(fraction * total) < total else (x, x[:0])
    np.testing.assert_array_equal(np.concatenate([left, right]), x)
    assert len(left) == (round(fraction * total) or total)


def test_split_structures():
    data = {"x": np.arange(10.0), "y": [np.arange(10), jnp.arange(10)]}
    left, right = utils.split_dataset(data, left_size=3, right_size=0.5)
    assert left["x"].tolist() == [0, 1, 2] and right["y"][1].tolist() == [5, 6, 7, 8, 9]


def test_a_shuffled_split_has_kerass_order():
    order = list(range(8))
    random.Random(3).shuffle(order)  # what Keras does after seeding the global generator
    left, right = utils.split_dataset((np.arange(8), -np.arange(8)), right_size=2, shuffle=True, seed=3)
    assert [*left[0], *right[0]] == order
    assert [*left[1], *right[1]] == [-i for i in order]
    state = random.getstate()
    utils.split_dataset(np.arange(8), 2, shuffle=True, seed=3)
    assert random.getstate() == state


# -- windows ------------------------------------------------------------------------------------------------------------


def test_windows():
    series = np.arange(99)
    data = utils.timeseries_dataset_from_array(series, None, sequence_length=10, sampling_rate=2, sequence_stride=3)
    windows = np.concatenate(list(data))
    assert windows[0].tolist() == [*range(0, 20, 2)] and windows[1].tolist() == [*range(3, 23, 2)]
    assert windows[-1].tolist() == [*range(78, 98, 2)] and len(windows) == 27


def test_windows_with_targets_and_bounds():
    data = np.random.default_rng(0).normal(size=(20, 2))
    batches = utils.timeseries_dataset_from_array(data, np.arange(20), 3, batch_size=4, start_index=2, end_index=15)
    assert len(batches) == 3
    x, y = batches[0]
    np.testing.assert_array_equal(x[1], data[3:6])
    assert y.tolist() == [2, 3, 4, 5]
    assert batches[2][0].shape == batches[-1][0].shape == (3, 3, 2)
    with pytest.raises(IndexError):
        batches[3]
    single = utils.timeseries_dataset_from_array(data, np.arange(5), 3, batch_size=None)
    assert len(single) == 5 and single[4][0].shape == (3, 2) and single[4][1] == 4


def test_shuffled_windows():
    options = {"sequence_length": 2, "batch_size": 4, "shuffle": True, "seed": 1}
    data = utils.timeseries_dataset_from_array(np.arange(20), np.arange(20), **options)
    first = np.concatenate([y for _, y in data])
    order = np.arange(19)
    np.random.RandomState(1).shuffle(order)
    np.testing.assert_array_equal(first, order)
    data.on_epoch_end()
    second = np.concatenate([y for _, y in data])
    assert sorted(second) == sorted(first) and (second != first).any()
    np.random.seed(0)
    one = utils.timeseries_dataset_from_array(np.arange(20), None, 2, shuffle=True)[0]
    np.random.seed(0)
    np.testing.assert_array_equal(utils.timeseries_dataset_from_array(np.arange(20), None, 2, shuffle=True)[0], one)
