"""Wrong shapes, wrong calls and wrong arguments of layers are named errors; NumPy's integers and lists of numbers are fine."""

import numpy as np
import pytest

import jkeras
from jkeras import layers

Input = jkeras.Input
X = np.ones((4, 3), "float32")
STEPS = np.ones((2, 5, 4), "float32")


@pytest.mark.parametrize("shape", ["4", (4.5,), (-4,), (True,), ("a", 2), [3, -1]], ids=str)
def test_shapes_of_inputs(shape):
    with pytest.raises(ValueError, match=r"tuple of integers from 0 on.*Input\(shape="):
        Input(shape)
    with pytest.raises(ValueError, match="tuple of integers"):
        Input(batch_shape=(None, *shape) if not isinstance(shape, str) else shape)


def test_shapes_that_are_fine():
    assert Input((np.int64(3), None)).shape == (None, 3, None) and Input([2]).shape == (None, 2)


@pytest.mark.parametrize("key", [(slice(None), 5), (slice(None), -4), (0, 3)], ids=str)
def test_positions_beyond_the_end(key):
    with pytest.raises(IndexError, match=r"beyond the end of axis 1, which has size 3"):
        Input((3,))[key]
    assert Input((3,))[:, -3].shape == (None,)


@pytest.mark.parametrize("layer", [layers.Dense(3), layers.Dropout(0.5), layers.BatchNormalization()], ids=lambda x: x.name)
@pytest.mark.parametrize("x", [X, Input((3,))], ids=["array", "symbolic"])
def test_a_second_array_is_not_the_training_flag(layer, x):
    with pytest.raises(TypeError, match=r"for training=, which is True or False"):
        layer(x, x)


@pytest.mark.parametrize("x", [STEPS, Input((5, 4))], ids=["array", "symbolic"])
def test_attention_needs_a_value(x):
    with pytest.raises(ValueError, match=r"needs a query and a value: layer\(query, value\)"):
        layers.MultiHeadAttention(2, 3)(x)
    with pytest.raises(ValueError, match=r"needs a query and a value"):
        layers.GroupQueryAttention(2, 2, 1)(x)


def test_bidirectional_needs_a_recurrent_layer():
    for kwargs in ({"layer": layers.Dense(3)}, {"layer": layers.LSTM(3), "backward_layer": layers.Dense(3)}):
        with pytest.raises(ValueError, match=r"needs a recurrent layer as .*, such as LSTM or GRU"):
            layers.Bidirectional(**kwargs)


@pytest.mark.parametrize("kind,states", [
    (layers.LSTM, [(2, 4), (2, 3)]), (layers.LSTM, [(2, 3)]), (layers.GRU, [(5, 3)]), (layers.SimpleRNN, [(2, 3), (2, 3)]),
], ids=str)  # fmt: skip
def test_initial_states(kind, states):
    with pytest.raises(ValueError, match=r"needs initial_state= with \d array\(s\), of shapes \[\('batch', 3\)"):
        kind(3)(STEPS, initial_state=[np.ones(shape, "float32") for shape in states])


@pytest.mark.parametrize("layer,shape", [
    (layers.Conv2D(3, 3), (28, 28)), (layers.MaxPooling2D(), (28, 28)), (layers.Conv1D(3, 3), (28,)),
], ids=lambda x: getattr(x, "name", ""))  # fmt: skip
def test_images_without_channels(layer, shape):
    for x in (Input(shape), np.ones((2, *shape), "float32")):
        with pytest.raises(ValueError, match=r"x\[\.\.\., None\], and Input\(\((28, )+1\)\)"):
            layer(x)


def test_numpy_integers_count_as_integers():
    n = np.int64(2)
    for layer in (layers.Dense(n), layers.Embedding(n, n), layers.Conv2D(n, (n, 3), strides=n), layers.LSTM(n), layers.Reshape((n, 3)),
                  layers.RepeatVector(n), layers.MultiHeadAttention(n, n), layers.ZeroPadding2D(n)):  # fmt: skip
        text = jkeras.saving.serialize_keras_object(layer)["config"]
        assert not any(isinstance(value, np.integer) for value in text.values())
        type(layer).from_config(layer.get_config())


def test_lists_of_numbers_are_arrays():
    dense = layers.Dense(3, kernel_initializer="ones")
    np.testing.assert_array_equal(dense([[1.0, 2.0]]), [[3, 3, 3]])
    np.testing.assert_array_equal(dense([[1, 2], [3, 4]]), [[3, 3, 3], [7, 7, 7]])
    np.testing.assert_array_equal(layers.Add()([X, X]), 2 * X)
