"""Functions of JAX and modules of Flax as layers: trained, with state, keys and files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import jkeras
from jkeras import layers
from tests.oracle import assert_close

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = X[:, :2] * 2


def call(params, state, rng, inputs, training):
    if training:
        inputs = jnp.where(jax.random.bernoulli(rng, 0.9, inputs.shape), inputs, 0)
    return inputs @ params["deep"]["w"] + params["b"], {"calls": state["calls"] + 1}


def init(rng, inputs):
    return {"deep": {"w": jax.random.normal(rng, (inputs.shape[-1], 2)) * 0.1}, "b": jnp.zeros(2)}, {
        "calls": jnp.zeros((), "int32")
    }


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x, training=False):
        x = linen.BatchNorm(use_running_average=not training, momentum=0.5)(linen.Dense(8)(x))
        return linen.Dense(2)(linen.Dropout(0.1, deterministic=not training)(x))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.first, self.norm = nnx.Linear(6, 8, rngs=rngs), nnx.BatchNorm(8, momentum=0.5, rngs=rngs)
        self.drop, self.last = nnx.Dropout(0.1, rngs=rngs), nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(self.norm(self.first(x))))


MAKE = {
    "function": lambda: layers.JaxLayer(call, init, seed=1),
    "linen": lambda: layers.FlaxLayer(Linen()),
    "nnx": lambda: layers.FlaxLayer(Nnx(nnx.Rngs(0))),
}


@pytest.mark.parametrize("kind", list(MAKE))
def test_training(kind, tmp_path):
    model = jkeras.Sequential([layers.Input((6,)), MAKE[kind]()])
    model.compile(jkeras.optimizers.Adam(0.05), "mse")
    before = [w.numpy() for w in model.weights]
    first = model.evaluate(X, Y, verbose=0)
    history = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.5 * first
    assert all(np.any(a != w.numpy()) for a, w in zip(before, model.weights, strict=True) if w.trainable)
    assert any(np.any(a != w.numpy()) for a, w in zip(before, model.weights, strict=True) if not w.trainable)
    expected = model.predict(X, verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    again = jkeras.Sequential([layers.Input((6,)), MAKE[kind]()])
    again.load_weights(tmp_path / "w.weights.h5")
    assert_close(again.predict(X, verbose=0), expected)


def test_given_parameters_and_configs():
    layer = layers.JaxLayer(lambda params, inputs: inputs * params, params=jnp.full(6, 3.0))
    assert_close(layer(X), 3 * X)
    assert layer.trainable_weights[0].shape == (6,)
    jkeras.saving.register_keras_serializable("jax_layer")(call)
    jkeras.saving.register_keras_serializable("jax_layer")(init)
    config = jkeras.layers.serialize(layers.JaxLayer(call, init, seed=3))
    again = jkeras.layers.deserialize(config)
    assert (again.call_fn, again.init_fn, again.seed) == (call, init, 3)


def test_linen_gives_flax_numbers():
    module = linen.Dense(3)
    variables = module.init(jax.random.key(0), X)
    layer = layers.FlaxLayer(module, variables=variables)
    assert_close(layer(X), module.apply(variables, X))
    assert [w.name for w in layer.weights] == ["params_bias", "params_kernel"]


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="Unsupported argument in `call_fn`: `x`"):
        layers.JaxLayer(lambda x: x)
    with pytest.raises(ValueError, match="Missing required argument"):
        layers.JaxLayer(lambda params: params, params=1.0)
    with pytest.raises(ValueError, match="cannot all be `None`"):
        layers.JaxLayer(lambda params, inputs: inputs)
    with pytest.raises(ValueError, match="wraps a module of Flax"):
        layers.FlaxLayer(layers.Dense(2))
    bad = layers.JaxLayer(lambda params, state, inputs: (inputs, state), lambda inputs: {"a": jnp.ones(1)})
    with pytest.raises(ValueError, match="must return \\(params, state\\)"):
        bad(X)
