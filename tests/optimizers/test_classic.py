"""The arguments of the first Kerases against float64 NumPy, written from the tutorial's formulas."""

import jax
import numpy as np
import pytest

from jkeras.optimizers import SGD, Adam, Nadam, RMSprop, get

STEPS = 50
_rng = np.random.default_rng(1)
START, NOISE = _rng.normal(size=4), _rng.normal(size=(STEPS, 4))


def gradient(t, p):
    return NOISE[t].astype(p.dtype) + 0.3 * p


def follow(optimizer):
    p, path = START.astype("float32"), []
    state, update = optimizer.init(p), jax.jit(optimizer.update)
    for t in range(STEPS):
        change, state = update(gradient(t, p), state, p)
        p = p + np.asarray(change)
        path.append(p)
    return path


def check(optimizer, step):
    p, memory, path = START.copy(), {}, []
    for t in range(STEPS):
        p = p + step(t, gradient(t, p), memory)
        path.append(p)
    np.testing.assert_allclose(follow(optimizer), path, rtol=1e-5, atol=1e-5)


def test_sgd_with_decay():
    check(SGD(lr=0.1, decay=0.05), lambda t, g, memory: -0.1 / (1 + 0.05 * t) * g)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum_and_decay(nesterov):
    def step(t, g, memory):
        lr = 0.1 / (1 + 0.05 * t)
        m = memory["m"] = 0.9 * memory.get("m", 0) - lr * g
        return 0.9 * m - lr * g if nesterov else m

    check(SGD(lr=0.1, momentum=0.9, decay=0.05, nesterov=nesterov), step)


def test_rmsprop():
    def step(t, g, memory):
        v = memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * g**2
        return -0.001 / (1 + 0.1 * t) * g / np.sqrt(v + 1e-6)

    check(RMSprop(lr=0.001, rho=0.9, epsilon=1e-06, decay=0.1), step)


def test_adam_with_decay():
    def step(t, g, memory):
        m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
        v = memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
        rate = 0.01 / (1 + 0.1 * t) * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
        return -rate * m / (np.sqrt(v) + 1e-8)

    check(Adam(lr=0.01, epsilon=1e-8, decay=0.1), step)


def test_nadam_with_schedule_decay():
    def step(t, g, memory):
        t = t + 1
        now = 0.9 * (1 - 0.5 * 0.96 ** (t * 0.004))
        later = 0.9 * (1 - 0.5 * 0.96 ** ((t + 1) * 0.004))
        product = memory["u"] = memory.get("u", 1) * now
        m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
        v = memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
        mean = (1 - now) * g / (1 - product) + later * m / (1 - product * later)
        return -0.002 * mean / (np.sqrt(v / (1 - 0.999**t)) + 1e-08)

    check(Nadam(lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-08, schedule_decay=0.004), step)


def test_classic_arguments_survive_a_config_and_are_absent_otherwise():
    assert SGD(lr=0.5, decay=0.1).get_config()["decay"] == 0.1
    again = get({"class_name": "SGD", "config": SGD(lr=0.5, decay=0.1).get_config()})
    assert (again.decay, float(again.lr)) == (0.1, 0.5)
    assert Nadam.from_config(Nadam(schedule_decay=0.004).get_config()).schedule_decay == 0.004
    assert not {"lr", "decay", "schedule_decay"} & {*SGD().get_config(), *Nadam().get_config()}


@pytest.mark.parametrize("arguments", [((), {"lr": 0.1, "learning_rate": 0.1}), ((0.1,), {"lr": 0.1})])
def test_both_names_of_the_learning_rate(arguments):
    args, kwargs = arguments
    with pytest.raises(TypeError, match="both `learning_rate` and its classic name `lr`"):
        SGD(*args, **kwargs)


def test_decay_of_a_schedule():
    with pytest.raises(ValueError, match="needs a constant learning rate"):
        SGD(lambda step: 0.1 / (step + 1), decay=0.1)
