"""Callbacks that act on each member do what they do in a fit of its own."""

import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau

SEEDS = [0, 1, 2]
RNG = np.random.default_rng(1)
X, V = RNG.normal(size=(32, 3)).astype("float32"), RNG.normal(size=(24, 3)).astype("float32")
Y, W = np.sin(3 * X[:, :1]), np.sin(3 * V[:, :1])
OPTIONS = {"epochs": 25, "batch_size": 8, "verbose": 0, "validation_data": (V, W)}


def build():
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(16, "tanh"), layers.Dense(1)])
    model.compile(jkeras.optimizers.Adam(0.08), "mse")
    return model


def compare(make):
    """An ensemble and single fits, with the same callbacks; returns the ensemble and its history."""
    ensemble = jkeras.Ensemble(build, SEEDS)
    history = ensemble.fit(X, Y, **OPTIONS, callbacks=make()).history
    for member, seed in enumerate(SEEDS):
        jkeras.utils.set_random_seed(seed)
        model = build()
        expected = model.fit(X, Y, **OPTIONS, callbacks=make()).history
        epochs = len(expected["loss"])
        for name, values in expected.items():
            np.testing.assert_allclose(history[name][:epochs, member], values, rtol=1e-4, err_msg=name)
            assert np.isnan(history[name][epochs:, member]).all()
        for ours, theirs in zip(ensemble[member].get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert int(ensemble[member].optimizer.iterations) == int(model.optimizer.iterations)
    return ensemble, history


@pytest.mark.parametrize(
    "options", [{"restore_best_weights": True}, {"patience": 3}, {"baseline": 0.9, "start_from_epoch": 3}]
)
def test_early_stopping(options):
    stops = []

    def make():
        stops.append(EarlyStopping(**({"patience": 2} | options)))
        return stops[-1:]

    _, history = compare(make)
    last = (~np.isnan(history["loss"])).sum(0)
    assert len(set(last)) > 1, "the members should stop at different epochs"
    assert stops[0].stopped_epoch.tolist() == [stop.stopped_epoch for stop in stops[1:]]
    assert stops[0].best_epoch.tolist() == [stop.best_epoch for stop in stops[1:]]


def test_reduced_rates():
    ensemble, history = compare(lambda: [ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, min_lr=0.004)])
    assert len({tuple(rates) for rates in history["learning_rate"].T}) > 1
    np.testing.assert_array_equal(ensemble.learning_rate, history["learning_rate"][-1])


def test_scheduled_rates_and_stopping_together():
    compare(lambda: [LearningRateScheduler(lambda epoch, rate: rate * 0.9), EarlyStopping(patience=3)])


def test_a_callback_of_ones_own_sees_arrays():
    seen = []

    class Own(jkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((type(self.model).__name__, logs["val_loss"].shape))
            self.model.optimizer.learning_rate = [0.1, 0.2, 0.3]

    ensemble = jkeras.Ensemble(build, SEEDS)
    ensemble.fit(X, Y, **(OPTIONS | {"epochs": 2}), callbacks=[Own()])
    assert seen == [("Ensemble", (3,))] * 2
    np.testing.assert_allclose(ensemble.learning_rate, [0.1, 0.2, 0.3])
    assert float(ensemble[1].optimizer.learning_rate) == np.float32(0.2)
    with pytest.raises(AttributeError, match="'momentum'"):
        ensemble.optimizer.momentum = 0.5


def test_subclasses_of_such_callbacks_are_named():
    class Own(EarlyStopping):
        pass

    with pytest.raises(TypeError, match="Own is a subclass.*Use EarlyStopping"):
        jkeras.Ensemble(build, SEEDS).fit(X, Y, verbose=0, callbacks=[Own()])
