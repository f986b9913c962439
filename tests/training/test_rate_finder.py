"""`find_learning_rate`: the losses of one compiled pass, a suggestion, and a model that is as it was."""

import random

import numpy as np
import optax
import pytest

import jkeras
from jkeras import layers, optimizers
from jkeras.runtime.host_random import host_random_state
from jkeras.training.rate_finder import smooth, suggest
from jkeras.utils import find_learning_rate

X = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
Y = X @ np.arange(5.0, dtype="float32")[:, None]


def model_of(optimizer="adam", loss="mse"):
    jkeras.utils.set_random_seed(0)
    model = jkeras.Sequential(
        [jkeras.Input((5,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.1), layers.Dense(1)]
    )
    model.compile(optimizer, loss, metrics=["mae"])
    return model


def bits(model):
    return [np.asarray(v.value).tobytes() for v in [*model.variables, *model.optimizer.variables, *model.metrics_variables]]


OPTIMIZERS = {
    "constant": lambda: optimizers.Adam(0.01),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.OneCycle(0.1, 100), momentum=0.9),
    "accumulated": lambda: optimizers.SGD(0.01, gradient_accumulation_steps=2, use_ema=True),
    "injected": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.01),
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_is_touched(name):
    model = model_of(OPTIMIZERS[name]())
    model.fit(X, Y, batch_size=16, verbose=0)
    before, stands, traces = bits(model), (random.getstate(), str(host_random_state())), model.stats()["traces"]
    found = find_learning_rate(model, X, Y, batch_size=16, steps=50)
    assert bits(model) == before and (random.getstate(), str(host_random_state())) == stands
    assert model.stats()["traces"] == traces
    assert len(found.rates) == len(found.losses) == 50 and found.losses[-1] != found.losses[0]
    twin = model_of(OPTIMIZERS[name]())
    twin.fit(X, Y, batch_size=16, verbose=0)
    for one in (model, twin):
        one.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert bits(model) == bits(twin)


def test_losses_are_those_of_single_steps_with_these_rates():
    found = find_learning_rate(model_of(optimizers.SGD(0.5)), X, Y, 20, 1e-4, 1.0, steps=12, shuffle=False)
    model = model_of(optimizers.SGD(0.5))
    for number, (rate, loss) in enumerate(zip(found.rates, found.losses, strict=True)):
        model.optimizer.learning_rate = rate
        rows = slice(20 * (number % 10), 20 * (number % 10) + 20)
        np.testing.assert_allclose(model.train_on_batch(X[rows], Y[rows])[0], loss, rtol=1e-4)


def test_the_suggestion_trains():
    found = find_learning_rate(model_of(optimizers.SGD()), X, Y, 20, steps=150)
    assert 1e-4 < found.suggestion < 0.5
    trained = {}
    for rate in (found.suggestion, found.suggestion / 1000):
        model = model_of(optimizers.SGD(rate))
        trained[rate] = model.fit(X, Y, batch_size=20, epochs=3, verbose=0).history["loss"][-1]
    assert trained[found.suggestion] < 0.5 * trained[found.suggestion / 1000]
    assert "suggestion=" in repr(found)


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("at", [0, 6, 25, 60])
def test_a_spike_before_does_not_fool_it(at, width):
    rates = np.geomspace(1e-6, 10, 200)
    losses = 0.2 + 2 / (1 + (rates / 1e-2) ** 1.5) + np.where(rates > 1, (rates - 1) ** 2, 0)
    losses = losses + np.random.default_rng(at).normal(0, 0.05, 200)
    losses[at : at + width] = 40
    assert 3e-3 < suggest(rates, smooth(losses)) < 3e-2


def test_losses_that_do_not_fall():
    rates = np.geomspace(1e-6, 10, 200)
    assert suggest(rates, smooth(np.ones(200))) is None
    assert suggest(rates, smooth(np.full(200, np.nan))) is None
    assert suggest(rates, smooth(np.r_[np.ones(100), np.full(100, np.nan)])) is None
    assert np.isnan(smooth(np.r_[np.ones(100), np.geomspace(1, 1e30, 100)])[-50:]).all()


def test_streams_and_short_iterators():
    batches = [(X[i : i + 20], Y[i : i + 20]) for i in range(0, 200, 20)]
    assert len(find_learning_rate(model_of(), (batch for batch in batches), steps=20).losses) == 10
    looped = (batches[i % 10] for i in range(100))
    assert len(find_learning_rate(model_of(), looped, steps=20).losses) == 20


def test_steps_of_ones_own_and_op_by_op():
    class Own(jkeras.Sequential):
        def train_step(self, state, batch):
            loss, state = self.pure_loss(state, batch)
            return state, {"loss": loss}

    own = Own([jkeras.Input((5,)), layers.Dense(1)])
    own.compile("sgd", "mse")
    assert len(find_learning_rate(own, X, Y, steps=20).losses) == 20
    eager = jkeras.Sequential([jkeras.Input((5,)), layers.Dense(1)])
    eager.compile("sgd", "mse", run_eagerly=True)
    assert len(find_learning_rate(eager, X, Y, steps=10).losses) == 10


def test_plot():
    figure = find_learning_rate(model_of(optimizers.SGD()), X, Y, 20, steps=60).plot()
    assert figure.axes[0].get_xscale() == "log" and len(figure.axes[0].lines) == 3


def test_bad_arguments():
    for options in ({"min_rate": 0}, {"min_rate": 1, "max_rate": 0.1}, {"steps": 3}):
        with pytest.raises(ValueError, match=next(iter(options))):
            find_learning_rate(model_of(), X, Y, **options)
    with pytest.raises(ValueError, match="inject_hyperparams"):
        find_learning_rate(model_of(optax.adam(0.1)), X, Y)
