"""ConvLSTM layers against Keras: the same weights, outputs, gradients, dropout and configs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
QUICK = {"xla_backend_optimization_level": 0}  # the programs run once
SHAPES = {1: (2, 4, 6, 3), 2: (2, 4, 6, 5, 3), 3: (2, 3, 4, 5, 4, 2)}

CASES = [
    (1, {}),
    (2, {"padding": "same", "return_sequences": True}),
    (3, {"strides": 2, "padding": "same", "return_state": True}),
    (2, {"dilation_rate": (2, 1), "go_backwards": True, "return_sequences": True, "use_bias": False}),
    (2, {"unit_forget_bias": False, "activation": "relu", "return_sequences": True, "padding": "same"}),
    (1, {"recurrent_activation": "hard_sigmoid", "return_state": True}),
    (2, {"dropout": 0.3, "recurrent_dropout": 0.2, "training": True}),
    (1, {"recurrent_dropout": 0.4, "training": True, "padding": "same", "return_sequences": True}),
]


def pair(rank, options):
    made = []
    for library in (keras, jkeras):
        library.utils.set_random_seed(5)
        made.append(getattr(library.layers, f"ConvLSTM{rank}D")(4, 3, seed=1, **options))
    return made


def values(layer, x, training):
    """Outputs, and the gradients of a number that depends on all of them, in one program."""
    weights, state = ([v.value for v in each] for each in (layer.trainable_variables, layer.non_trainable_variables))

    def loss(weights):
        outputs = layer.stateless_call(weights, state, x, training=training)[0]
        return sum((jnp.sin(y) ** 2).sum() for y in jax.tree.leaves(outputs)), outputs

    gradients, outputs = jax.jit(jax.grad(loss, has_aux=True), compiler_options=QUICK)(weights)
    return outputs, gradients


@pytest.mark.parametrize(("rank", "options"), CASES, ids=str)
def test_layer(rank, options):
    options = dict(options)
    training = options.pop("training", False)
    x = RNG.normal(size=SHAPES[rank]).astype("float32")
    theirs, ours = pair(rank, options)
    theirs.build(x.shape)
    ours.build(x.shape)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert_close(ours.get_weights(), theirs.get_weights())
    (expected, their_gradients), (actual, gradients) = values(theirs, x, training), values(ours, x, training)
    assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    assert_close(gradients, their_gradients, rtol=1e-3, atol=1e-4)
    assert ours.compute_output_shape(x.shape) == theirs.compute_output_shape(x.shape)


def test_masked_steps_are_passed_by():
    """Keras cannot mask them."""
    x = RNG.normal(size=SHAPES[2]).astype("float32")
    layer = jkeras.layers.ConvLSTM2D(4, 3)
    layer.build(x.shape)
    masked = jax.jit(lambda x: layer(x, mask=np.array([[1, 0, 1, 0]] * 2, bool)))(x)
    assert_close(masked, jax.jit(layer)(x[:, ::2]), rtol=1e-5, atol=1e-6)


def test_channels_first():
    x = RNG.normal(size=(2, 3, 5, 6, 3)).astype("float32")
    last = jkeras.layers.ConvLSTM2D(4, 3, return_sequences=True, return_state=True, unit_forget_bias=True)
    first = jkeras.layers.ConvLSTM2D(4, 3, return_sequences=True, return_state=True, data_format="channels_first")
    expected, moved = last(x), np.moveaxis(x, -1, 2)
    first(moved)
    first.set_weights(last.get_weights())
    outputs, h, c = first(moved)
    assert_close(np.moveaxis(outputs, 2, -1), expected[0], rtol=1e-5, atol=1e-6)
    assert_close(np.moveaxis(c, 1, -1), expected[2], rtol=1e-5, atol=1e-6)


def test_config_and_stateful_model():
    theirs, ours = pair(2, {"return_sequences": True, "kernel_regularizer": "l2", "stateful": True, "name": "a"})
    assert {k: v for k, v in ours.get_config().items() if not isinstance(v, dict)} == {
        k: v for k, v in theirs.get_config().items() if not isinstance(v, dict)
    }
    again = jkeras.layers.ConvLSTM2D.from_config(ours.get_config())
    assert again.get_config() == ours.get_config() and again.filters == 4 and again.kernel_size == (3, 3)
    x = RNG.normal(size=(2, 2, 5, 5, 1)).astype("float32")
    for _ in range(2):
        expected, actual = theirs(x), ours(x)
        assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_model_learns_and_is_saved(tmp_path):
    model = jkeras.Sequential([
        jkeras.Input((None, 6, 6, 1)),
        jkeras.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
        jkeras.layers.BatchNormalization(),
        jkeras.layers.Conv3D(1, 3, padding="same"),
    ])  # fmt: skip
    x = RNG.normal(size=(8, 4, 6, 6, 1)).astype("float32")
    model.compile("adam", "mse")
    losses = model.fit(x, 0.5 * x, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again = jkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_bad_arguments():
    with pytest.raises(ValueError, match="needs filters= a positive integer"):
        jkeras.layers.ConvLSTM2D(0, 3)
    with pytest.raises(ValueError, match="padding='valid' or 'same'"):
        jkeras.layers.ConvLSTM2D(2, 3, padding="causal")
    with pytest.raises(ValueError, match="needs to know all sizes"):
        jkeras.layers.ConvLSTM2D(2, 3)(jkeras.Input((4, None, 5, 1)))
