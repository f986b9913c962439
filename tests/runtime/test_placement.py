"""Devices, shardings and JAX's switches belong to a program."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras.layers import Dense
from jkeras.models import Sequential
from jkeras.runtime.store import store

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("float32")
Y = RNG.normal(size=(40, 1)).astype("float32")
needs_two = pytest.mark.skipif(len(jax.devices()) < 2, reason="one device")


def model(**compiled):
    jkeras.utils.set_random_seed(1)
    made = Sequential([jkeras.Input((4,)), Dense(3, "tanh", name="first"), Dense(1, name="last")])
    made.compile("sgd", "mse", **compiled)
    return made


def fitted(x=X, y=Y, device="cpu:0"):
    with jkeras.device(device):
        made = model()
        made.fit(x, y, batch_size=16, verbose=0)
        made.evaluate(x, y, batch_size=16, verbose=0)
        made.predict(x, batch_size=16, verbose=0)
        places = {d for w in made.weights for d in w.value.devices()}
    return places, [w.tolist() for w in made.get_weights()]


@needs_two
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_model_trains_on_the_device_it_was_made_on(order):
    store.clear()
    found = {number: fitted(device=f"cpu:{number}") for number in order}
    assert all(found[number][0] == {jax.devices()[number]} for number in order)
    assert found[0][1] == found[1][1]


@needs_two
@pytest.mark.parametrize("sharded_first", [True, False])
def test_sharded_and_plain_data_in_both_orders(sharded_first):
    store.clear()
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("batch",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    kinds = [(X, Y), tuple(jax.device_put(a, sharding) for a in (X, Y))]
    made = model()
    for x, y in kinds[::-1] if sharded_first else kinds:
        other = model()
        for each in (made, other):  # one that has seen the other kind, and a new one
            each.fit(x, y, batch_size=16, verbose=0)
            each.evaluate(x, y, batch_size=16, verbose=0)
            assert np.isfinite(each.predict(x, batch_size=16, verbose=0)).all()


def test_without_jit_everything_runs_step_by_step():
    plain = fitted()[1]
    with jax.disable_jit():
        made = model()
        made.fit(X, Y, batch_size=16, verbose=0)
        made.predict(X, verbose=0)
    for a, b in zip(made.get_weights(), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_nans_are_reported_with_the_layer():
    made = Sequential(
        [
            jkeras.Input((4,)),
            Dense(3, name="fine"),
            Dense(1, activation=lambda x: jax.numpy.log(-abs(x) - 1), name="culprit"),
        ]
    )
    made.compile("sgd", "mse")
    with jax.debug_nans(True), pytest.raises(FloatingPointError) as caught:
        made.fit(X, Y, verbose=0)
    assert "culprit" in str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert all(np.isfinite(w).all() for w in made.get_weights())


@pytest.mark.parametrize("switch", [jax.checking_leaks, lambda: jax.enable_x64(True)], ids=["leaks", "x64"])
def test_models_train_under_switches_before_and_after_plain_ones(switch):
    for order in ((True, False), (False, True)):
        store.clear()
        for switched in order:
            if switched:
                with switch():
                    fitted()
            else:
                fitted()
