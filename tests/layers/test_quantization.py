"""Quantized layers hold and compute what Keras's do, in memory as promised, and go through files in both directions."""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(3, 5, 8)).astype("float32")
TOKENS = RNG.integers(0, 9, (3, 5))

DENSE = lambda k: k.layers.Dense(6, activation="tanh")  # noqa: E731
HEADS = lambda k: k.layers.EinsumDense("btd,dnh->btnh", (None, 2, 3), bias_axes="nh")  # noqa: E731
MERGED = lambda k: k.layers.EinsumDense("btnh,nhd->btd", (None, 7))  # noqa: E731
TURNED = lambda k: k.layers.EinsumDense("btd,ndh->btnh", (None, 2, 3))  # noqa: E731
TABLE = lambda k: k.layers.Embedding(9, 8)  # noqa: E731
TIED = lambda k: k.layers.ReversibleEmbedding(9, 8)  # noqa: E731
UNTIED = lambda k: k.layers.ReversibleEmbedding(9, 8, tie_weights=False)  # noqa: E731
LAYERS = {
    "dense": (DENSE, FLOATS),
    "heads": (HEADS, FLOATS),
    "merged": (MERGED, FLOATS.reshape(3, 5, 2, 4)),
    "turned": (TURNED, FLOATS),
    "embedding": (TABLE, TOKENS),
    "tied": (TIED, TOKENS),
    "untied": (UNTIED, TOKENS),
}


def both(make, x):
    """Keras's layer and ours, with the same weights."""
    theirs, ours = make(keras), make(jkeras)
    for layer in (theirs, ours):
        layer.build((None, *x.shape[1:]))
    weights = [RNG.normal(size=w.shape).astype("float32") for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return theirs, ours


def stored(layer):
    found = {}
    layer.save_own_variables(found)
    return {name: np.asarray(value) for name, value in found.items()}


def configs(k):
    q = k.quantizers
    return {
        "int8": q.Int8QuantizationConfig(),
        "int8 weights": q.Int8QuantizationConfig(activation_quantizer=None),
        "int4": q.Int4QuantizationConfig(block_size=None),
        "int4 inputs": q.Int4QuantizationConfig(block_size=None, activation_quantizer=q.AbsMaxQuantizer()),
        "groups": q.Int4QuantizationConfig(block_size=8),
    }


@pytest.mark.parametrize("which", list(configs(jkeras)))
@pytest.mark.parametrize("name", list(LAYERS))
def test_integers(name, which):
    make, x = LAYERS[name]
    theirs, ours = both(make, x)
    exact = np.asarray(ours(x))
    floats = sum(v.nbytes for v in ours.weights)
    theirs.quantize(config=configs(keras)[which])
    ours.quantize(config=configs(jkeras)[which])
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    assert sum(v.nbytes for v in ours.weights) < 0.75 * floats  # these are small; scales and biases count
    expected, found = stored(theirs), stored(ours)
    assert list(found) == list(expected)
    for key in expected:
        assert found[key].shape == expected[key].shape
        assert_close(found[key], expected[key], rtol=1e-5)
    assert_close(ours(x), theirs(x), rtol=1e-5)
    assert np.abs(ours(x) - exact).mean() < 0.1 * np.abs(exact).mean() + 0.02
    if "tied" in name:
        assert_close(ours(FLOATS, reverse=True), theirs(FLOATS, reverse=True), rtol=1e-5)
    again = type(ours).from_config(jkeras.saving.deserialize_keras_object(jkeras.layers.serialize(ours)).get_config())
    again.build((None, *x.shape[1:]))
    again.load_own_variables(found)
    assert_close(again(x), ours(x))


def test_gradients_go_through_rounded_inputs():
    _, layer = both(DENSE, FLOATS)
    exact = jax.grad(lambda x: layer(x).sum())(FLOATS)
    layer.quantize("int8")
    assert_close(jax.grad(lambda x: layer(x).sum())(FLOATS), exact, rtol=0.1)


@pytest.mark.parametrize("equation,output", [("...x,xy->...y", (6,)), ("abx...,xy->aby...", (None, 6))])
def test_dots_in_equations(equation, output):
    layer = jkeras.layers.EinsumDense(equation, output)
    x = FLOATS if equation.startswith(".") else FLOATS.reshape(3, 5, 4, 2)
    exact = np.asarray(layer(x))
    layer.quantize("int8")
    assert_close(layer(x), exact, rtol=0.03)


@pytest.mark.parametrize("name", ["dense", "heads"])
def test_float8(name):
    make, x = LAYERS[name]
    theirs, ours = both(make, x)
    exact = np.asarray(ours(x))
    for layer in (theirs, ours):
        layer.quantize("float8")
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    assert_close(ours(x), theirs(x), rtol=0.01)  # Keras rounds the bias to bfloat16, too
    assert np.abs(ours(x) - exact).mean() < 0.1 * np.abs(exact).mean()


def test_float8_scales_follow_the_magnitudes():
    layer = jkeras.layers.Dense(4)
    model = jkeras.Sequential([jkeras.Input((8,)), layer])
    model.quantize("float8")
    model.compile("sgd", "mse")
    x, y = FLOATS.reshape(15, 8), np.zeros((15, 4), "float32")
    kernel = layer.kernel.numpy()
    model.fit(x, y, batch_size=15, epochs=2, shuffle=False, verbose=0)
    assert_close(layer.inputs_amax_history.numpy()[0], np.abs(x).max())
    assert_close(layer.inputs_scale.numpy(), np.abs(x).max() / 448, rtol=1e-4)
    assert_close(layer.kernel_scale.numpy(), np.abs(kernel).max() / 448, rtol=1e-4)
    assert layer.outputs_grad_amax_history.numpy()[0] > 0
    assert np.abs(layer.kernel.numpy() - kernel).max() > 0


def test_float8_with_tiny_gradients():
    layer = jkeras.layers.Dense(4)
    model = jkeras.Sequential([jkeras.Input((8,)), layer])
    model.quantize("float8")
    model.compile("adam", lambda y, p: 1e-9 * (y - p))
    history = model.fit(FLOATS.reshape(15, 8), np.zeros((15, 4), "float32"), epochs=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(layer.kernel.numpy()).all()
    assert layer.outputs_grad_scale.numpy() > 0


def test_policy_makes_a_layer_quantized():
    layer = jkeras.layers.Dense(4, dtype="int8_from_mixed_bfloat16")
    assert layer(FLOATS).dtype == "bfloat16"
    assert {v.name: v.dtype for v in layer.weights} == {"kernel": "int8", "bias": "float32", "kernel_scale": "float32"}
    layer = jkeras.layers.Dense(4)
    layer.build((None, 8))
    layer.dtype_policy = "int4/8_from_float32"
    assert layer.quantization_mode == "int4"
    assert layer._kernel.shape == (8, 2)
    # A layer without weights in that form computes as the source of the policy says.
    assert jkeras.layers.ReLU(dtype="int8_from_bfloat16")(FLOATS).dtype == "bfloat16"


def test_what_cannot_be_quantized():
    layer = jkeras.layers.Dense(4)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.quantize("int8")
    layer.build((None, 8))
    weights = layer.get_weights()
    with pytest.raises(ValueError, match="Invalid quantization mode"):
        layer.quantize("int7")
    with pytest.raises(ZeroDivisionError):
        layer.quantize(config=jkeras.quantizers.Int8QuantizationConfig(Broken(), None))
    assert all((a == b).all() for a, b in zip(weights, layer.get_weights(), strict=True))
    assert layer.dtype_policy.name == "float32"
    layer.quantize("int8")
    with pytest.raises(ValueError, match="already quantized"):
        layer.quantize("int8")
    with pytest.raises(NotImplementedError, match="type_check=False"):
        own = type("Own", (jkeras.layers.Dense,), {"__module__": "mine"})(4)
        own.build((None, 8))
        own.quantize("int8")
    with pytest.raises(ValueError, match="float16"):
        half = jkeras.layers.Dense(4, dtype="mixed_float16")
        half.build((None, 8))
        half.quantize("int8")
    with pytest.raises(NotImplementedError, match="has no quantized form"):
        jkeras.layers.ReLU().quantize("int8")


class Broken(jkeras.quantizers.Quantizer):
    def __call__(self, x, axis=None, to_numpy=False):
        return 1 / 0
