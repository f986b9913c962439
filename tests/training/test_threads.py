"""Threads that share a model, or train models of their own."""

import sys
import threading
import time

import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.training import compiled as compiled_module

ROWS = 512
x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype("float32")
y = np.sum(x, 1, keepdims=True)


@pytest.fixture(autouse=True)
def _switch_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def run_all(functions, seconds=60):
    """Run functions in threads of their own; what one raises is raised here."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(f,), daemon=True) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    if errors:
        raise errors[0]


def steady(rate=0.25):
    """A model whose weights are all equal after each step: every gradient is -1, so they count the steps."""

    class Counting(layers.Layer):
        def build(self, shape):
            self.parts = [self.add_weight(shape=(3,), initializer="zeros", name=f"p{i}") for i in range(8)]

        def call(self, inputs):
            return jkeras.ops.sum(inputs, 1, keepdims=True) * 0 + sum(jkeras.ops.sum(part) for part in self.parts)

    model = jkeras.Sequential([jkeras.Input((6,)), Counting()])
    model.compile(jkeras.optimizers.SGD(rate), lambda y_true, y_pred: -y_pred)
    return model


def one_step(arrays, rate=0.25):
    """The number of the step that weights are of; they must all be of the same."""
    (value,) = {float(v) for array in arrays for v in np.ravel(array)}
    assert value % rate == 0
    return value / rate


class Training:
    """A `fit` that runs in another thread until the block ends."""

    def __init__(self, model, batch_hook=False):
        self.model, self.error = model, None
        self.callback = jkeras.callbacks.Callback()
        if batch_hook:
            self.callback = jkeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        self.thread = threading.Thread(target=self._fit, daemon=True)

    def _fit(self):
        try:
            self.model.fit(x, y, epochs=10**6, batch_size=8, verbose=0, callbacks=[self.callback])
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.model.fit(x[:8], y[:8], batch_size=8, verbose=0)
        self.thread.start()
        while self.model._run_of_fit is None and self.thread.is_alive():
            time.sleep(0.001)
        return self

    def __exit__(self, *error):
        self.model.stop_training = True
        self.thread.join(60)
        assert not self.thread.is_alive() and self.error is None, self.error


@pytest.mark.parametrize("batch_hook", [False, True])
def test_readers_see_one_step_while_another_thread_trains(batch_hook, tmp_path):
    model, rows = steady(), x[:4]
    model.predict(rows, verbose=0)
    path = tmp_path / "a.weights.h5"
    with Training(model, batch_hook) as training:
        seen = []
        for _ in range(12):
            seen.append(one_step(model.get_weights()))
            one_step([model.weights[3].numpy()])
            seen.append(model.predict(rows, verbose=0)[0, 0] / 0.25 / 24)
            seen.append(-model.evaluate(rows, y[:4], verbose=0) / 0.25 / 24)
            model.save_weights(path)
            other = steady()
            other.load_weights(path)
            seen.append(one_step(other.get_weights()))
            seen.append(float(np.asarray(model(rows))[0, 0]) / 0.25 / 24)
            seen.append(
                one_step([a for tree in model.get_state_tree()["trainable_variables"].values() for a in _leaves(tree)])
            )
        assert training.thread.is_alive()
    assert seen == sorted(seen) and seen[-1] > seen[0] and all(step == int(step) for step in seen)
    assert one_step(model.get_weights()) >= seen[-1]
    model.fit(x[:8], y[:8], verbose=0)


def _leaves(tree):
    return [a for item in tree.values() for a in _leaves(item)] if isinstance(tree, dict) else [tree]


def test_whole_files_and_readers_of_all_kinds(tmp_path):
    model = jkeras.Sequential(
        [jkeras.Input((6,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.1), layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    with Training(model):

        def save():
            for name in ("a.keras", "a.h5", "a.weights.h5"):
                path = tmp_path / f"{threading.get_ident()}{name}"
                model.save_weights(path) if name == "a.weights.h5" else model.save(path)
                if name != "a.weights.h5":
                    again = jkeras.models.load_model(path)
                    assert all(np.isfinite(w).all() for w in again.get_weights()) and int(again.optimizer.iterations) > 0

        run_all(
            [
                save,
                lambda: [model.predict(x, batch_size=64, verbose=0) for _ in range(10)],
                lambda: [model.evaluate(x, y, verbose=0) for _ in range(10)],
                lambda: [model.optimizer.variables[3].numpy() for _ in range(100)],
            ]
        )
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_writers_are_refused_while_another_thread_trains(tmp_path):
    model = steady()
    model.build((None, 6))
    model.save_weights(tmp_path / "a.weights.h5")
    head = jkeras.Sequential([jkeras.Input((6,)), model.layers[0]])
    head.compile("sgd", "mse")
    with Training(model):
        writers = [
            lambda: model.fit(x, y, verbose=0),
            lambda: model.train_on_batch(x[:8], y[:8]),
            lambda: model.set_weights(model.get_weights()),
            lambda: model.load_weights(tmp_path / "a.weights.h5"),
            lambda: model.weights[0].assign(np.zeros(3)),
            lambda: model.compile("sgd", "mse"),
            lambda: head.fit(x, y, verbose=0),
            lambda: setattr(model.optimizer, "learning_rate", 0.5),
        ]
        for write in writers:
            with pytest.raises((RuntimeError, ValueError), match=r"is being trained by another call of fit\(\)"):
                write()
    one_step(model.get_weights())
    head.fit(x[:8], y[:8], verbose=0)


def test_fit_within_fit_is_refused():
    model, errors = steady(), []

    def again(epoch, logs):
        try:
            model.fit(x, y, verbose=0)
        except RuntimeError as error:
            errors.append(str(error))

    model.fit(x, y, epochs=2, verbose=0, callbacks=[jkeras.callbacks.LambdaCallback(on_epoch_end=again)])
    assert len(errors) == 2 and "is being trained by another call of fit()" in errors[0]
    model.fit(x[:8], y[:8], verbose=0)


@pytest.mark.parametrize("built", [True, False])
def test_eight_threads_predict(built):
    class Net(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(8, activation="relu"), layers.Dense(2)

        def call(self, inputs):
            return self.second(self.first(inputs))

    model = Net()
    if built:
        model.build((None, 6))
    results = [None] * 8

    def predict(i):
        for _ in range(5):
            results[i] = model.predict(x[: 32 + 8 * (i % 3)], batch_size=16, verbose=0)[:32]

    run_all([lambda i=i: predict(i) for i in range(8)])
    assert len(model.weights) == 4
    for result in results:
        np.testing.assert_allclose(result, np.asarray(model(x[:32])), rtol=1e-5, atol=1e-6)


def test_four_threads_each_train_their_own_model():
    def train(seed, found):
        initializer = jkeras.initializers.RandomNormal(seed=seed)
        model = jkeras.Sequential([jkeras.Input((6,)), layers.Dense(4, kernel_initializer=initializer), layers.Dense(1)])
        model.layers[1].kernel_initializer = initializer
        model.set_weights([np.full(w.shape, 0.01 * (seed + 1)) for w in model.get_weights()])
        model.compile("sgd", "mse")
        found[seed] = model.fit(x, y, epochs=3, shuffle=False, verbose=0).history["loss"]

    alone, together = {}, {}
    for seed in range(4):
        train(seed, alone)
    run_all([lambda seed=seed: train(seed, together) for seed in range(4)])
    assert alone == together


def test_two_threads_that_prepare_one_model_make_one():
    model = jkeras.Sequential([layers.Dense(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    run_all([lambda: model.evaluate(x, y, verbose=0)] * 4)
    assert len(model.weights) == 4 and not compiled_module.PREPARING._is_owned()
