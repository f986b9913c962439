"""Models as parts of modules of Flax and Equinox: their variables are a tree there, and `apply` is a pure function of it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jkeras
from jkeras import layers

X = np.random.RandomState(0).rand(8, 4).astype("float32")


def model():
    jkeras.utils.set_random_seed(0)
    return jkeras.Sequential(
        [
            jkeras.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )


def descend(loss_of, params, steps=3):
    """Losses of some steps of SGD."""
    optimizer = optax.sgd(0.005)
    state, losses = optimizer.init(params), []
    for _ in range(steps):
        loss, grads = jax.value_and_grad(loss_of)(params)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        losses.append(float(loss))
    return losses


def test_in_a_linen_module():
    linen = pytest.importorskip("flax.linen")
    net = model()

    class Scaled(linen.Module):
        @linen.compact
        def __call__(self, x, training=False):
            start = lambda name: net.init(self.make_rng("params"), x)[name]  # noqa: E731
            params = self.param("net", lambda key: net.init(key, x)["params"])
            state = self.variable("batch_stats", "net", start, "state")
            key = self.make_rng("dropout") if training else None
            y, new = net.apply({"params": params, "state": state.value}, x, training=training, key=key)
            if training:
                state.value = new
            return y * self.param("scale", lambda key: jnp.full((), 2.0))

    module = Scaled()
    variables = module.init(jax.random.key(0), X)
    inner = {"params": variables["params"]["net"], "state": variables["batch_stats"]["net"]}
    np.testing.assert_allclose(module.apply(variables, X), 2 * net.apply(inner, X)[0], rtol=1e-6)
    y, new = module.apply(variables, X, training=True, mutable=["batch_stats"], rngs={"dropout": jax.random.key(1)})
    again, state = net.apply(inner, X, training=True, key=jax.random.key(2))
    moving = lambda tree: [leaf for leaf in jax.tree.leaves(tree) if leaf.dtype == jnp.float32]  # noqa: E731
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), moving(new["batch_stats"]["net"]), moving(state))
    rest = {"batch_stats": variables["batch_stats"]}
    losses = descend(lambda params: jnp.mean(module.apply({"params": params, **rest}, X) ** 2), variables["params"])
    assert losses[-1] < losses[0]


def test_in_an_nnx_module():
    nnx = pytest.importorskip("flax.nnx")
    net = model()

    class Scaled(nnx.Module):
        def __init__(self):
            variables = net.init(jax.random.key(0), X)
            self.params = nnx.data(jax.tree.map(nnx.Param, variables["params"]))
            self.state = nnx.data(jax.tree.map(nnx.BatchStat, variables["state"]))
            self.scale = nnx.Param(jnp.full((), 2.0))

        def __call__(self, x):
            values = lambda tree: jax.tree.map(lambda v: v[...], tree, is_leaf=lambda v: isinstance(v, nnx.Variable))  # noqa: E731
            y, _ = net.apply({"params": values(self.params), "state": values(self.state)}, x)
            return y * self.scale[...]

    module = Scaled()
    optimizer = nnx.Optimizer(module, optax.sgd(0.005), wrt=nnx.Param)

    @nnx.jit
    def step(module, optimizer):
        loss, grads = nnx.value_and_grad(lambda module: jnp.mean(module(X) ** 2))(module)
        optimizer.update(module, grads)
        return loss

    losses = [float(step(module, optimizer)) for _ in range(3)]
    assert losses[-1] < losses[0]


def test_in_an_equinox_module():
    eqx = pytest.importorskip("equinox")
    net = model()

    class Scaled(eqx.Module):
        params: dict
        scale: jax.Array
        state: dict

        def __call__(self, x):
            return net.apply({"params": self.params, "state": jax.lax.stop_gradient(self.state)}, x)[0] * self.scale

    variables = net.init(jax.random.key(0), X)
    module = Scaled(variables["params"], jnp.full((), 2.0), variables["state"])
    np.testing.assert_allclose(module(X), 2 * net.apply(variables, X)[0], rtol=1e-6)

    @eqx.filter_jit
    def step(module):
        loss, grads = eqx.filter_value_and_grad(lambda module: jnp.mean(module(X) ** 2))(module)
        return eqx.apply_updates(module, jax.tree.map(lambda g: -0.005 * g, grads)), loss

    losses = []
    for _ in range(3):
        module, loss = step(module)
        losses.append(float(loss))
    assert losses[-1] < losses[0]
