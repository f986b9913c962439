"""The whole state of training from outside: to resume exactly, and for loops of one's own."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.distribution import DeviceMesh, FullyShardedDataParallel

RNG = np.random.RandomState(0)
X, Y = RNG.rand(48, 4).astype("float32"), RNG.rand(48, 1).astype("float32")


def make(optimizer="adam"):
    jkeras.utils.set_random_seed(3)
    model = jkeras.Sequential(
        [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1, name="last")]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(model, epochs=1):
    return model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def two_devices():
    return FullyShardedDataParallel(DeviceMesh((2,), ("batch",), ["cpu:0", "cpu:1"])).scope()


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(a), jax.device_get(b))


@pytest.mark.parametrize("on_host", [True, False])
def test_training_resumes_exactly_in_another_model(on_host):
    model = make()
    first = fit(model)
    state = model.train_state()
    state = jax.device_get(state) if on_host else state
    assert int(state.step) == 3
    wanted, end = fit(model, 2), model.train_state()
    with pytest.raises(ValueError, match="call model.make_train_step"):
        make().update_train_state(state)
    again = make()
    start = again.train_state(X[:16], Y[:16])
    assert int(start.step) == 0
    again.update_train_state(state)
    assert fit(again, 2) == wanted
    same(again.train_state(), end)
    again.update_train_state(start)  # a copy, as the state was before
    assert fit(again) == first


@pytest.mark.parametrize(
    "optimizer, steps",
    [
        (lambda: jkeras.optimizers.LossScaleOptimizer(jkeras.optimizers.SGD(0.1)), 3),
        (lambda: jkeras.optimizers.MultiOptimizer(lambda v: jkeras.optimizers.SGD(0.1)), 3),
        (lambda: jkeras.optimizers.SGD(0.1, gradient_accumulation_steps=2, use_ema=True), 3),
    ],
)
def test_the_number_of_steps(optimizer, steps):
    model = make(optimizer())
    fit(model)
    assert int(model.train_state().step) == steps


def test_a_loop_of_ones_own_goes_on_from_fit_and_back():
    def batches():
        return ((X[i : i + 16], Y[i : i + 16]) for i in range(0, 48, 16))

    with two_devices():
        model = make()
        fit(model)
        state = model.train_state()
        assert [s.data.shape for s in state.params["dense"]["kernel"].addressable_shards] == [(4, 4)] * 2
        step = jax.jit(model.make_train_step()[0])
        for batch in batches():
            state = step(state, batch)
        model.update_train_state(state)
        found = fit(model)
        divided = [leaf for leaf in jax.tree.leaves(model.train_state()) if not leaf.sharding.is_fully_replicated]
        assert len(divided) > 6  # kernels, biases, and what Adam keeps for them
    alone = make()
    fit(alone, 2)
    np.testing.assert_allclose(found, fit(alone), atol=2e-6)


def test_a_state_moves_between_layouts():
    model = make()
    fit(model)
    state = jax.device_get(model.train_state())
    wanted = fit(model)
    with two_devices():
        other = make()
        other.train_state(X[:16], Y[:16])  # before anything has been computed
        other.update_train_state(state)
        same(other.train_state(), state)
        model.update_train_state(state)
        same(model.train_state(), state)
        divided = fit(model)
    model.update_train_state(state)
    assert fit(model) == wanted
    np.testing.assert_allclose(divided, wanted, atol=2e-6)


def test_a_state_that_does_not_fit_changes_nothing():
    model = make()
    fit(model)
    before = model.train_state()
    with pytest.raises(ValueError, match="Missing are .*kernel"):
        model.update_train_state(before._replace(params={}))
    wrong = jax.tree.map(lambda a: a[None], before.params)
    with pytest.raises(ValueError, match="shape"):
        model.update_train_state(before._replace(params=wrong))
    same(model.train_state(), before)
