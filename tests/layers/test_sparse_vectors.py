"""`sparse=True` of the layers that make vectors of class numbers."""

import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.oracle import keras

NUMBERS = np.array([[0, 1, 1], [3, 9, -1]], "int32")


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(2, 3), (6,), (6, 1), (2, 3, 1), (1, 2, 3), ()])
def test_sparse_vectors_are_the_dense_ones(mode, shape):
    numbers = NUMBERS.reshape(shape) if shape else NUMBERS[0, 1]
    made = layers.CategoryEncoding(4, mode, sparse=True)(numbers)
    dense = layers.CategoryEncoding(4, mode)(numbers)
    assert type(made).__name__ == "BCOO" and made.dtype == "float32"
    np.testing.assert_array_equal(made.todense(), dense)
    symbol = layers.CategoryEncoding(4, mode, sparse=True)(jkeras.Input(batch_shape=shape, dtype="int32"))
    assert symbol.shape == dense.shape and symbol.sparse


def test_weights_count_in_sparse_vectors():
    weights = np.array([[0.5, 2.0, 1.0], [0.25, 3.0, 7.0]], "float32")
    made = layers.CategoryEncoding(4, "count", sparse=True)(NUMBERS, count_weights=weights)
    np.testing.assert_allclose(made.todense(), [[0.5, 3.0, 0, 0], [0, 0, 0, 0.25]])


def test_sparse_bins():
    numbers = np.array([[-1.0, 0.5], [0.5, 7.0]], "float32")
    ours, theirs = (k.layers.Discretization([0.0, 1.0], output_mode="count", sparse=True) for k in (jkeras, keras))
    np.testing.assert_array_equal(ours(numbers).todense(), theirs(numbers).todense())
    assert ours.compute_output_shape((None, 2)) == (None, 3) and ours.get_config()["sparse"]
    with pytest.raises(ValueError, match="`output_mode` is 'one_hot'"):
        layers.Discretization([0.0], sparse=True)


def test_a_model_trains_on_sparse_vectors_as_on_dense_ones():
    x, y = np.tile(NUMBERS, (8, 1)), np.arange(16.0)[:, None]

    def trained(sparse):
        jkeras.utils.set_random_seed(0)
        encode = layers.CategoryEncoding(4, "count", sparse=sparse)
        model = jkeras.Sequential([jkeras.Input((3,), dtype="int32"), encode, layers.Dense(1)])
        model.compile("adam", "mse")
        return model, model.fit(x, y, verbose=0, epochs=2).history["loss"]

    (one, losses), (two, expected) = trained(True), trained(False)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(one.predict(x, verbose=0), two.predict(x, verbose=0), rtol=1e-5)
    assert jkeras.Sequential.from_config(one.get_config()).layers[0].sparse


@pytest.mark.parametrize("make", [
    lambda: layers.StringLookup(output_mode="multi_hot", sparse=True),
    lambda: layers.IntegerLookup(output_mode="multi_hot", sparse=True),
    lambda: layers.TextVectorization(output_mode="multi_hot", sparse=True),
    lambda: layers.Hashing(3, output_mode="multi_hot", sparse=True),
    lambda: layers.HashedCrossing(3, output_mode="one_hot", sparse=True),
])  # fmt: skip
def test_layers_on_the_host_say_what_makes_sparse_vectors(make):
    with pytest.raises(ValueError, match="CategoryEncoding.*sparse=True"):
        make()
