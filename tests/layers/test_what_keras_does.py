"""Layers where Keras's users expect what is not said by a formula: late parts, arguments that are left out, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.oracle import assert_close, keras

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


class Late(layers.Layer):
    """Makes a part when it is built."""

    def build(self, input_shape):
        self.part = layers.Dense(2)
        self.part.build(input_shape)

    def call(self, x):
        return self.part(x)


def test_late_parts_of_a_frozen_layer_are_frozen():
    layer = Late(trainable=False)
    layer(X)
    assert layer.trainable_weights == []
    layer.trainable = True
    assert len(layer.trainable_weights) == 2
    with pytest.raises(ValueError, match="to be a boolean"):
        layers.Dense(2, trainable="no")


def test_shapes_that_are_left_out():
    for layer in (layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 2)):
        assert layer.compute_output_shape((2, 5, 4), (2, 6, 4), None) == (2, 5, 4)
        with pytest.raises(ValueError, match="A shape must be a tuple"):
            layer.compute_output_shape((2, 5, 4), (2, 6, 4), 2)


def test_a_stack_of_cells_with_one_state_each():
    ours, theirs = (
        k.layers.RNN([k.layers.GRUCell(3), k.layers.SimpleRNNCell(2)], return_state=True) for k in (jkeras, keras)
    )
    theirs(X)
    ours.build(X.shape)
    ours.set_weights(theirs.get_weights())
    found = ours(X)
    assert_close(found, theirs(X), rtol=1e-5)
    assert [s.shape for s in found] == [(2, 2), (2, 3), (2, 2)]
    assert_close(ours(X, initial_state=found[1:]), theirs(X, initial_state=found[1:]), rtol=1e-5)


def test_losses_are_those_of_the_last_call():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(jnp.sum(x))
            return x

    layer = Adds()
    layer(np.ones(1))
    model = jkeras.Sequential([layer])
    model(np.ones(1))
    assert len(model.losses) == 1


def test_an_override_that_knows_fewer_arguments():
    class Own(layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None):
            assert attention_mask is not None
            return super()._compute_attention(query, key, value, attention_mask, training)

    assert Own(2, 3)(X, X, use_causal_mask=True).shape == X.shape


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: layers.Dropout(0.5, noise_shape=(2, 0)), "noise_shape"),
        (lambda: layers.Dropout(0.5, noise_shape="all"), "noise_shape"),
        (lambda: layers.ConvLSTM1D(1, 1, strides=2, dilation_rate=3), "both strides and dilation_rate"),
        (lambda: layers.InputLayer((2,), input_tensor=np.ones(2)), "needs input_tensor= a KerasTensor"),
        (lambda: layers.Layer().add_weight("kernel"), "keyword argument"),
        (lambda: jkeras.Sequential([{}]), "is made of layers, got {}"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_signatures_that_do_not_fit():
    class Wrong(layers.Layer):
        def build(self, x_shape, other_shape):
            pass

        def call(self, x, y):
            return x + y

    with pytest.raises(ValueError, match="`other_shape`, which names no argument"):
        Wrong()(X, X)

    class Two(layers.Layer):
        def call(self, x, y):
            return x + y

    with pytest.raises(ValueError, match="single positional argument"):
        jkeras.Sequential([layers.Input((4,)), Two()])


def test_constructors_get_names_of_dtypes():
    seen = []

    class Own(layers.Dense):
        def __init__(self, *args, **kwargs):
            seen.append(kwargs["dtype"])
            super().__init__(*args, **kwargs)

    Own.from_config(layers.Dense(2, dtype="bfloat16").get_config())
    Own.from_config(layers.Dense(2, dtype="int8_from_bfloat16").get_config())
    assert seen[0] == "bfloat16"
    assert seen[1].quantization_mode == "int8"


def test_stacks_of_several_arrays():
    class Pair(layers.Layer):
        def call(self, inputs):
            return {"sum": inputs["a"] + inputs["b"]}

    assert_close(jkeras.Sequential([Pair()])({"a": X, "b": X})["sum"], 2 * X)
    inner = jkeras.Sequential()
    inner.add(layers.Input((4,)))
    assert jkeras.Sequential([inner]).output_shape == (None, 4)
