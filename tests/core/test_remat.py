"""What is recomputed gives the same numbers, and takes less memory."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.oracle import assert_close

X = np.random.default_rng(0).normal(size=(32, 16)).astype("float32")
Y = np.random.default_rng(1).normal(size=(32, 4)).astype("float32")


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(16, activation="relu", kernel_regularizer="l2")
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.3, seed=1)

    def call(self, x, training=None):
        x = self.drop(self.norm(self.dense(x), training=training), training=training)
        self.add_loss(0.01 * jnp.mean(x**2))
        return x


def trained(scope, fit):
    jkeras.utils.set_random_seed(0)
    with scope:
        parts = [layers.Input((16,)), Block(), Block(), layers.Dense(4, activation="softmax")]
        model = jkeras.Sequential(parts)
    model.compile(jkeras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return fit(model), model.get_weights()


SCOPES = {
    "full": {},
    "activations": {},
    "larger_than": {"output_size_threshold": 300},
    "list_of_layers": {"layer_names": ["block"]},
}


@pytest.mark.parametrize("mode", list(SCOPES))
def test_training_is_the_same(mode):
    def fit(model):
        return model.fit(X, np.abs(Y) / np.abs(Y).sum(1, keepdims=True), batch_size=8, epochs=2, verbose=0).history["loss"]

    plain = trained(contextlib.nullcontext(), fit)
    assert_close(trained(jkeras.RematScope(mode, **SCOPES[mode]), fit), plain, rtol=1e-5)


def test_with_a_key():
    with jkeras.RematScope():
        block = Block()
    block.build((None, 16))
    outer = jkeras.Sequential([layers.Input((16,)), block])
    variables = outer.snapshot()

    def loss(params):
        outputs, state = outer.apply({**variables, "params": params}, X, training=True, key=jax.random.key(1))
        return (outputs**2).sum(), state

    found = jax.value_and_grad(loss, has_aux=True)(variables["params"])
    block._remat = None
    assert_close(found, jax.value_and_grad(loss, has_aux=True)(variables["params"]), rtol=1e-5)


def saved(function, *args):
    """How many bytes the backward pass keeps of the forward pass."""
    with jax.ensure_compile_time_eval():
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(jax.vjp(function, *args)[1]))


def test_less_is_kept():
    def model(scope):
        with scope:
            parts = [layers.Dense(64, activation="gelu") for _ in range(4)]
            net = jkeras.Sequential([layers.Input((64,)), *parts])
        variables = net.snapshot()
        return lambda x: net.apply(variables, x)[0]

    x = jnp.ones((512, 64))
    plain, less = (saved(model(scope), x) for scope in (contextlib.nullcontext(), jkeras.RematScope()))
    assert less < 0.6 * plain


def test_functions():
    dense = layers.Dense(3, activation="softmax")
    dense(X)
    assert_close(
        jax.grad(lambda x: jkeras.remat(dense)(x)[:, 0].sum())(X), jax.grad(lambda x: dense(x)[:, 0].sum())(X), rtol=1e-5
    )

    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.BatchNormalization(momentum=0.5)
            self.part = jkeras.remat(self.compute)

        def compute(self, x, training):
            return self.inner(x, training=training) * 2

        def call(self, x, training=None):
            return self.part(x, training)

    model = jkeras.Sequential([layers.Input((16,)), Own(), layers.Dense(4)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=32, verbose=0)
    assert_close(model.layers[0].inner.moving_mean.numpy(), 0.5 * X.mean(0), rtol=1e-5)


def test_masks_and_logits_come_out():
    with jkeras.RematScope():
        model = jkeras.Sequential([layers.Embedding(5, 4, mask_zero=True), layers.Dense(3), layers.LSTM(2)])
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    gradient = jax.grad(lambda scale: model(tokens).sum() * scale)(1.0)
    with contextlib.nullcontext():
        expected = model(tokens).sum()
    assert_close(gradient, expected, rtol=1e-5)


def test_unknown_mode():
    with pytest.raises(ValueError, match="Supported modes"):
        jkeras.RematScope("all")
    with jkeras.RematScope("full"), jkeras.RematScope(None):
        assert layers.Dense(2)._remat is None
