"""JAX's switches, and rematerialization, where a model trains on two devices."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.runtime.mesh import current
from tests.distribution.runs import distributions

RNG = np.random.RandomState(0)
X, Y = RNG.rand(20, 4).astype("float32"), RNG.rand(20, 1).astype("float32")


def make(activation="tanh"):
    jkeras.utils.set_random_seed(3)
    model = jkeras.Sequential([layers.Dense(8, activation=activation), layers.Dropout(0.2), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def fit(model, x=X, y=Y):
    return model.fit(x, y, batch_size=10, epochs=1, verbose=0).history["loss"]


@pytest.fixture(params=["data parallel", "fully sharded"])
def two(request):
    with distributions(2)[request.param].scope():
        yield


def test_a_second_fit_on_arrays_of_the_device_moves_nothing_on_the_side(two):
    model, x, y = make(), jnp.asarray(X), jnp.asarray(Y)
    fit(model, x, y)
    with jax.transfer_guard("disallow"):
        fit(model, x, y)


@pytest.mark.slow
def test_steps_run_without_compilation(two):
    with jax.disable_jit():
        found = fit(make())
    np.testing.assert_allclose(found, fit(make()), atol=2e-6)


def test_nans_are_found(two):
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        fit(make(lambda x: jnp.log(-1 - jnp.abs(x))))


def test_recomputed_layers_take_less_memory_on_each_device():
    """The temporary memory of a step on each of two devices, as the compiler plans it."""

    def temporary(scope):
        jkeras.utils.set_random_seed(3)
        with scope:
            model = jkeras.Sequential([*(layers.Dense(64, activation="gelu") for _ in range(8)), layers.Dense(1)])
        model.compile("sgd", "mse")
        x, y = np.ones((2048, 64), "float32"), np.ones((2048, 1), "float32")
        step, state = model.make_train_step(x, y)
        with current().tracing():
            marked = jax.jit(lambda state, batch: step(state, current().divide(batch)))
            compiled = marked.lower(state, (x, y)).compile()
        new = compiled(state, (x, y))
        return compiled.memory_analysis().temp_size_in_bytes, jax.device_get(new.params)

    whole = temporary(contextlib.nullcontext())[0]
    with distributions(2)["data parallel"].scope():
        before, plain = temporary(contextlib.nullcontext())
        after, recomputed = temporary(jkeras.RematScope(mode="full"))
    assert before < 0.7 * whole
    assert after < 0.9 * before, (before, after)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), plain, recomputed)
