"""The stand-in for `tf.data`, and functions of `tf` whose arguments are not those of their twins."""

import os

import jax.numpy as jnp
import numpy as np
import pytest

from jkeras.compat.hook import View, view
from jkeras.compat.tensorflow import module
from jkeras.compat.tensorflow_data import Dataset, TensorSpec
from jkeras.utils import timeseries_dataset_from_array

tf = module("tensorflow", View, view)


def values(data):
    return [x.tolist() for x in data]


def test_sources():
    assert values(Dataset.range(3)) == [0, 1, 2] and Dataset.range(2, 9, 3).cardinality() == 3
    pairs = Dataset.from_tensor_slices({"a": [1.0, 2.0], "b": np.array([3, 4])})
    assert [(e["a"].tolist(), e["b"].tolist()) for e in pairs] == [(1.0, 3), (2.0, 4)]
    assert pairs.element_spec["a"].dtype == "float32"
    assert values(Dataset.from_tensors([1, 2])) == [[1, 2]]
    assert list(Dataset.zip((Dataset.range(2), Dataset.range(5)))) == [(0, 0), (1, 1)]
    made = Dataset.from_generator(lambda n: iter(range(n)), args=(3,), output_signature=TensorSpec((), "float32"))
    assert values(made.batch(2)) == [[0.0, 1.0], [2.0]]
    with pytest.raises(ValueError, match="one length"):
        Dataset.from_tensor_slices(([1, 2], [1]))


def test_chains():
    numbers = Dataset.range(10)
    assert values(numbers.filter(lambda x: x % 3 == 0).map(lambda x: x * 2)) == [0, 6, 12, 18]
    assert values(numbers.shuffle(10, seed=0).batch(4, drop_remainder=True))[0] != [0, 1, 2, 3]
    assert [int(i) for i, x in numbers.enumerate(start=5).take(2)] == [5, 6]
    assert values(numbers.take(1).concatenate(numbers.skip(9))) == [0, 9]
    assert values(numbers.shard(4, 1)) == [1, 5, 9]
    assert values(numbers.window(4, shift=3, drop_remainder=True).flat_map(lambda w: w.batch(4)))[-1] == [6, 7, 8, 9]
    rows = Dataset.from_generator(lambda: ([1] * n for n in (1, 3)))
    assert values(rows.padded_batch(2)) == [[[1, 0, 0], [1, 1, 1]]]
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = 1
    endless = numbers.with_options(options).repeat().prefetch(tf.data.AUTOTUNE).cache()
    assert endless.cardinality() == -1 and values(endless.take(12))[-1] == 1
    assert isinstance(endless, tf.data.Dataset)
    windows = (
        timeseries_dataset_from_array(np.arange(5), None, sequence_length=2, batch_size=2).take(1).map(lambda x: x + 1)
    )  # of jkeras's own data sets, which are made with other arguments
    assert values(windows) == [[[1, 2], [2, 3]]]


@pytest.mark.parametrize(
    "ours,expected",
    [
        (lambda: tf.split(np.arange(6), [1, 2, 3])[2], [3, 4, 5]),  # sizes, where NumPy takes places
        (lambda: tf.gather(np.arange(6).reshape(2, 3), [1]), [[3, 4, 5]]),  # the first axis, where NumPy flattens
        (lambda: tf.concat(axis=1, values=[[[1]], [[2]]]), [[1, 2]]),
        (lambda: tf.pad([[1, 2]], [[0, 0], [1, 1]]), [[0, 1, 2, 0]]),
        (lambda: tf.one_hot(1, depth=2), [0.0, 1.0]),
        (lambda: tf.transpose([[1, 2]], perm=[1, 0]), [[1], [2]]),
        (lambda: tf.math.reduce_sum([[1, 2]], axis=1), [3]),
        (lambda: tf.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0]], logits=[[0.0, 0.0]]), [np.log(2.0)]),
        (lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=np.array([1]), logits=tf.constant([0.0])), [np.log(2.0)]),
        (lambda: tf.sequence_mask([1, 2]), [[True, False], [True, True]]),
        (lambda: tf.cast(tf.constant([1.7]), tf.int32), [1]),
        (lambda: tf.image.resize(np.ones((4, 4, 1), "uint8"), [2, 2])[..., 0], [[1.0, 1.0], [1.0, 1.0]]),
        (lambda: tf.nn.l2_normalize([[3.0, 4.0]], axis=1), [[0.6, 0.8]]),
    ],
)
def test_functions_with_arguments_of_their_own(ours, expected):
    assert np.asarray(ours()) == pytest.approx(np.array(expected), rel=1e-6)


def test_classes_that_only_annotations_name():
    strategy = tf.distribute.Strategy
    assert strategy is tf.distribute.Strategy and not isinstance(np.ones(2), (strategy, tf.SparseTensor))
    assert tf.tpu.experimental.embedding.TPUEmbedding.__name__ == "TPUEmbedding"
    with pytest.raises(TypeError, match="cannot make a tf.distribute.Strategy"):
        strategy()


def test_assertions_on_arrays():
    case = tf.test.TestCase()
    case.assertAllClose({"a": [1.0, jnp.array([2.0])]}, {"a": [1.0 + 1e-8, np.array([2.0])]})
    case.assertAllEqual([[1], [2, 3]], [[1], [2, 3]])  # parts of several shapes
    case.assertNotAllClose([1.0], [1.1])
    case.assertNotAllEqual([1, 2], [1, 3])
    for differ in (
        lambda: case.assertAllClose([1.0, 2.0], [1.0, 2.1]),
        lambda: case.assertAllClose([[1.0]], [1.0]),
        lambda: case.assertAllClose({"a": 1.0}, {"a": 2.0}),
        lambda: case.assertAllEqual([[1], [2, 3]], [[1], [2, 4]]),
        lambda: case.assertNotAllEqual([1], [1]),
    ):
        with pytest.raises(AssertionError):
            differ()
    folder = case.get_temp_dir()
    assert os.path.isdir(folder)
    case.doCleanups()
    assert not os.path.exists(folder)
