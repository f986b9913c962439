"""Schedules against Keras's, traced and not, and as optax schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jkeras.core.variable import Variable
from jkeras.optimizers import SGD, schedules
from tests.oracle import assert_close, keras

CASES = [
    ("ExponentialDecay", (0.1, 10, 0.5), {}),
    ("ExponentialDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {}),
    ("InverseTimeDecay", (0.1, 10, 0.5), {"staircase": True}),
    ("PiecewiseConstantDecay", ([10, 25, 40], [1.0, 0.5, 0.2, 0.1]), {}),
    ("PolynomialDecay", (0.1, 20), {}),
    ("PolynomialDecay", (0.1, 20, 0.01), {"power": 2.0, "cycle": True}),
    ("CosineDecay", (0.1, 30), {"alpha": 0.1}),
    ("CosineDecay", (0.01, 30), {"warmup_target": 0.2, "warmup_steps": 10}),
    ("CosineDecay", (0.01, 30), {"warmup_target": 0.2}),
    ("CosineDecayRestarts", (0.1, 7), {}),
    ("CosineDecayRestarts", (0.1, 7), {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 7), {"t_mul": 1.5, "m_mul": 0.8}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_follows_keras(name, args, kwargs):
    ours, theirs = getattr(schedules, name)(*args, **kwargs), getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    steps = np.arange(60)
    expected = jax.jit(jax.vmap(theirs))(steps)
    actual = jax.jit(jax.vmap(ours))(steps)
    assert actual.dtype == "float32"
    assert_close(actual, expected, rtol=1e-6)
    for step in (3, 3.0, np.int32(3), Variable(3, dtype="int32")):
        assert_close(ours(step), expected[3], rtol=1e-6)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_config_round_trip(name, args, kwargs):
    schedule = getattr(schedules, name)(*args, **kwargs)
    config = schedules.serialize(schedule)
    assert config == keras.optimizers.schedules.serialize(getattr(keras.optimizers.schedules, name)(*args, **kwargs))
    again = schedules.deserialize(config)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()


def test_serves_optax():
    schedule = schedules.ExponentialDecay(0.5, 1, 0.5)
    transformation = optax.sgd(schedule)
    state = transformation.init(jnp.ones(1))
    for expected in (-0.5, -0.25):
        updates, state = transformation.update(jnp.ones(1), state)
        assert float(updates[0]) == expected


def test_an_optimizer_takes_schedules_of_optax_functions_and_functions_without_arguments():
    for rate in (
        optax.exponential_decay(0.5, 1, 0.5),
        lambda step: 0.5 * 0.5**step,
        schedules.ExponentialDecay(0.5, 1, 0.5),
    ):
        optimizer = SGD(rate)
        assert float(optimizer.learning_rate) == 0.5
        state = optimizer.init(jnp.ones(1))
        assert state.learning_rate is None
        for expected in (-0.5, -0.25):
            updates, state = optimizer.update(jnp.ones(1), state)
            assert float(updates[0]) == expected
    assert float(SGD(lambda: 0.25).learning_rate) == 0.25


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("ExponentialDecay", (0.1, 0, 0.5), "decay_steps"),
        ("CosineDecayRestarts", (0.1, -1), "first_decay_steps"),
        ("PiecewiseConstantDecay", ([1, 2], [0.1, 0.2]), "one more value"),
        ("PiecewiseConstantDecay", ([2, 1], [0.1, 0.2, 0.3]), "must increase"),
    ],
)
def test_bad_arguments(name, args, message):
    with pytest.raises(ValueError, match=message):
        getattr(schedules, name)(*args)
