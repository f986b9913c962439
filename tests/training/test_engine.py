"""The engine: nothing is traced twice, chunks and streams change no bit, and whatever ends a run leaves valid weights."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading

import jax
import numpy as np
import optax
import pytest

import jkeras
from jkeras.callbacks import Callback
from jkeras.layers import LSTM, BatchNormalization, Conv2D, Dense, Dropout, Reshape
from jkeras.models import Sequential
from jkeras.runtime import compiler_options, executables
from jkeras.runtime.store import store
from jkeras.training.loan import Uninterrupted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3)).astype("float32")
Y = RNG.normal(size=(100, 1)).astype("float32")


def model(optimizer="adam", **compiled):
    jkeras.utils.set_random_seed(3)
    made = Sequential([jkeras.Input((3,)), Dense(4, activation="relu"), Dropout(0.2), Dense(1)])
    made.compile(optimizer, "mse", metrics=["mae"], **compiled)
    return made


@pytest.fixture(autouse=True)
def no_shared_programs():
    store.clear()


def weights(made):
    return [w.tobytes() for w in made.get_weights()]


class EveryBatch(Callback):
    """Forces control back to Python after each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["loss"]))


def test_a_second_fit_traces_nothing():
    made = model()
    made.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    traced = made.stats()["traces"]
    assert traced == 2  # full batches, and the smaller last one
    made.fit(X, Y, batch_size=32, epochs=5, verbose=0)
    made.optimizer.learning_rate = 0.5
    made.fit(X, Y, batch_size=32, verbose=0)
    made.fit(X, Y, batch_size=32, verbose=0, callbacks=[EveryBatch()])
    assert made.stats()["traces"] == traced


def test_a_second_model_of_the_same_architecture_compiles_nothing():
    for number in range(3):
        made = model()
        made.optimizer.learning_rate = 0.1 / (number + 1)
        made.fit(X, Y, batch_size=25, verbose=0)
        made.evaluate(X, Y, verbose=0, batch_size=25)
        made.predict(X, verbose=0)
        assert (made.stats()["traces"] > 0) == (number == 0)


@pytest.mark.slow
def test_models_that_differ_share_nothing():
    kinds = [
        model(),
        model("sgd"),
        model(optax.sgd(0.1)),
        model(jkeras.optimizers.Adam(beta_1=0.5)),
        Sequential([jkeras.Input((3,)), Dense(4, activation="tanh"), Dropout(0.2), Dense(1)]),
        Sequential([jkeras.Input((3,)), Dense(4, activation="relu"), Dropout(0.3), Dense(1)]),
        Sequential([jkeras.Input((3,)), Dense(4, activation="relu", kernel_regularizer="l2"), Dropout(0.2), Dense(1)]),
        Sequential([jkeras.Input((3,)), Dense(4, activation=lambda x: x), Dropout(0.2), Dense(1)]),
    ]
    frozen = Sequential([jkeras.Input((3,)), Dense(4, activation="relu", trainable=False), Dropout(0.2), Dense(1)])
    for made in [*kinds[4:], frozen]:
        made.compile("adam", "mse", metrics=["mae"])
    for made in [*kinds, frozen]:
        made.fit(X, Y, batch_size=25, verbose=0)
        assert made.stats()["traces"] == 1


class Scaled(jkeras.Model):
    """Code of a user's own, with a constant that no configuration shows."""

    def __init__(self, factor):
        super().__init__()
        self.dense, self.factor = Dense(1), np.float32(factor)

    def call(self, x):
        return self.dense(x) * self.factor

    def train_step(self, state, batch):
        (loss, state), grads = jax.value_and_grad(lambda p: self.pure_loss(state._replace(params=p), batch), has_aux=True)(
            state.params
        )
        return self.pure_update(state, grads), {"loss": loss}


def test_models_of_the_users_own_code_that_trace_to_the_same_program_compile_once():
    def fitted(factor):
        made = Scaled(factor)
        made.compile("adam", "mse")
        made.fit(X, Y, batch_size=25, verbose=0)
        made.predict(X, verbose=0, batch_size=25)
        return made.stats()

    first, equal, other = fitted(2.0), fitted(2.0), fitted(3.0)
    assert (first["traces"], first["compilations"]) == (2, 2)
    assert (equal["traces"], equal["compilations"]) == (2, 0)
    assert (other["traces"], other["compilations"]) == (2, 2)


def test_options_that_xla_does_not_know_are_left_out():
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    for options in ({"xla_cpu_no_such_option": 1}, {"xla_cpu_experimental_ynn_fusion_type": "NO_SUCH_TYPE"}):
        with pytest.raises(jax.errors.JaxRuntimeError):
            lowered.compile(options)
        assert compiler_options.compile_with(lowered, options)(1.0) == 2.0


def test_executables_are_told_apart_by_the_arguments_they_read():
    first, second = executables.CompiledOnce(lambda a, b: a), executables.CompiledOnce(lambda a, b: b)
    one, two = np.ones(3), np.zeros(3)
    assert first(one, two).tolist() == [1, 1, 1]
    assert second(one, two).tolist() == [0, 0, 0]


def test_models_that_share_a_program_keep_their_own_weights():
    one, two = model(), model()
    two.set_weights([w + 1 for w in two.get_weights()])
    before = weights(two)
    one.fit(X, Y, verbose=0)
    assert weights(two) == before
    two.fit(X, Y, verbose=0)
    assert weights(one) != weights(two)


@pytest.mark.parametrize("rows", [96, 97, 127], ids=["N mod batch = 0", "1", "batch - 1"])
def test_chunks_streams_and_callbacks_change_no_bit(rows):
    x, y = (np.resize(a, (rows, a.shape[1])) for a in (X, Y))

    def run(budget=None, **options):
        jkeras.config.set_device_memory_budget(budget)
        made = model(**options.pop("compiled", {}))
        history = made.fit(x, y, batch_size=32, epochs=3, verbose=0, **options).history
        return weights(made), history

    try:
        whole = run()
        assert run(callbacks=[EveryBatch()]) == whole
        assert run(callbacks=[EveryBatch()], compiled={"steps_per_execution": 2}) == whole
        assert run(budget=0) == whole  # streamed
        assert run(budget=0, callbacks=[EveryBatch()]) == whole
    finally:
        jkeras.config.set_device_memory_budget(None)


@pytest.mark.slow
def test_work_on_all_cores_changes_no_bit():
    """Convolutions and recurrences that are large enough to be divided between threads."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 16, 16, 16)).astype("float32"), rng.normal(size=(80, 1)).astype("float32")

    def run(budget=None, **options):
        jkeras.config.set_device_memory_budget(budget)
        jkeras.utils.set_random_seed(3)
        made = Sequential(
            [jkeras.Input(x.shape[1:]), Conv2D(32, 3), BatchNormalization(), Reshape((49, 128)), LSTM(128), Dense(1)]
        )
        made.compile("adam", "mse")
        made.fit(x, y, batch_size=32, verbose=0, **options)
        return weights(made)

    try:
        whole = run()
        assert all(run() == whole for _ in range(3))
        assert run(callbacks=[EveryBatch()]) == whole
        assert run(budget=0) == whole  # streamed
    finally:
        jkeras.config.set_device_memory_budget(None)


def test_continued_equals_uninterrupted():
    def run(*pieces):
        made = model()
        losses = []
        for first, last in pieces:
            losses += made.fit(X, Y, batch_size=32, initial_epoch=first, epochs=last, verbose=0).history["loss"]
        return weights(made), losses

    assert run((0, 3), (3, 5)) == run((0, 5))


def test_batch_callbacks_see_every_batch_and_the_running_mean():
    watcher = EveryBatch()
    history = model().fit(X, Y, batch_size=32, epochs=2, verbose=0, callbacks=[watcher]).history
    assert [batch for batch, _ in watcher.seen] == [0, 1, 2, 3] * 2
    assert [watcher.seen[3][1], watcher.seen[7][1]] == history["loss"]


def test_a_callback_may_read_and_write_weights_and_the_learning_rate():
    class Meddler(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.kernel = self.model.layers[0].kernel.numpy().copy()
            self.model.layers[-1].bias.assign([100.0 + epoch])
            self.model.optimizer.learning_rate = 0.0

    meddler = Meddler()
    made = model("sgd")
    made.fit(X, Y, epochs=3, verbose=0, callbacks=[meddler])
    assert made.layers[-1].bias.numpy().tolist() == [102.0]
    np.testing.assert_array_equal(made.layers[0].kernel.numpy(), meddler.kernel)  # rate 0: nothing moved
    assert float(made.optimizer.learning_rate) == 0.0


def test_arrays_that_a_user_holds_are_not_consumed():
    made = model()
    held = made.layers[0].kernel.value
    made.fit(X, Y, epochs=2, verbose=0)
    assert np.isfinite(np.asarray(held)).all()


def test_stop_training_ends_the_run_at_the_batch():
    class Stop(EveryBatch):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = batch == 1

    stop = Stop()
    history = model().fit(X, Y, batch_size=32, epochs=5, verbose=0, callbacks=[stop])
    assert len(stop.seen) == 2 and history.epoch == [0]


def test_an_exception_in_a_callback_leaves_valid_weights():
    class Fail(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise OSError("disk full")

    made = model()
    before = weights(made)
    with pytest.raises(OSError, match="disk full"):
        made.fit(X, Y, batch_size=10, verbose=0, callbacks=[Fail()])
    assert weights(made) != before and all(np.isfinite(w).all() for w in made.get_weights())
    made.fit(X, Y, verbose=0)


INTERRUPTED = """
import signal, sys, threading, os, numpy as np, jkeras
model = jkeras.Sequential([jkeras.Input((64,)), jkeras.layers.Dense(256), jkeras.layers.Dense(1)])
model.compile("sgd", "mse")
x, y = np.zeros((4096, 64), "float32"), np.zeros((4096, 1), "float32")
model.fit(x, y, verbose=0)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    model.fit(x, y, epochs=100000, batch_size=4, verbose=0)
    sys.exit("was not interrupted")
except KeyboardInterrupt:
    pass
assert all(np.isfinite(w).all() for w in model.get_weights())
steps = int(model.optimizer.iterations)
model.fit(x, y, verbose=0)
assert int(model.optimizer.iterations) == steps + 128
print("valid after Ctrl-C")
"""


def test_ctrl_c_is_answered_and_leaves_valid_weights():
    run = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120)
    assert "valid after Ctrl-C" in run.stdout, run.stderr


def test_interruption_is_held_back_while_the_state_changes_hands():
    assert threading.current_thread() is threading.main_thread()
    reached = False
    with pytest.raises(KeyboardInterrupt), Uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
    assert reached


def test_run_eagerly_gives_the_same_numbers_without_compiling():
    eager, compiled = model(run_eagerly=True), model()
    for made in (eager, compiled):
        made.fit(X[:40], Y[:40], batch_size=16, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(eager.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(eager.predict(X, verbose=0), compiled.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_copies_and_pickles_go_on_by_themselves():
    made = model()
    made.fit(X, Y, batch_size=32, verbose=0)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert weights(other) == weights(made)
        before = weights(made)
        other.fit(X, Y, batch_size=32, verbose=0)
        assert weights(made) == before != weights(other)


def test_predict_in_pieces_equals_the_model_itself():
    made = model()
    expected = np.asarray(made(X))
    for size in (1, 7, 32, 100, 1000):
        np.testing.assert_allclose(made.predict(X, batch_size=size, verbose=0), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made.predict(iter([X[:60], X[60:]]), verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_generators_and_loaders_train_like_arrays():
    def batches():
        while True:
            for i in range(0, 96, 32):
                yield X[i : i + 32], Y[i : i + 32]

    from_generator, from_arrays = model(), model()
    a = from_generator.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0).history
    b = from_arrays.fit(X[:96], Y[:96], batch_size=32, shuffle=False, epochs=2, verbose=0).history
    assert a == b and weights(from_generator) == weights(from_arrays)


def test_frozen_layers_stay_and_freezing_takes_effect_at_compile():
    made = model()
    made.layers[0].trainable = False
    with pytest.warns(UserWarning, match="`trainable` was set after compile"):
        made.fit(X, Y, verbose=0)  # compiled before: still trains
    made.compile("adam", "mse")
    frozen = made.layers[0].get_weights()
    made.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(frozen, made.layers[0].get_weights(), strict=True))


def test_any_optax_transformation_trains():
    made = model(optax.chain(optax.clip(1.0), optax.adamw(1e-2)))
    history = made.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_the_step_is_one_jaxpr():
    made = model()
    made.fit(X, Y, batch_size=32, verbose=0)
    program, loan = made._compiled.plan.train, made._compiled.plan.loan
    traced = jax.make_jaxpr(program.step)((), loan.lend(), (X[:32], Y[:32], None))
    assert len(traced.eqns) > 10
    loan.take_back()


def small_model():
    return jkeras.Sequential([jkeras.layers.Input((3,)), jkeras.layers.Dense(2, kernel_initializer="ones")])


def test_a_second_predict_of_the_same_shape_is_the_short_one(monkeypatch):
    model, x = small_model(), np.ones((2, 3), "float32")
    first = model.predict(x, verbose=0)
    monkeypatch.setattr("jkeras.training.trainer.make_data", lambda *_: pytest.fail("looked at the data again"))
    second = model.predict(2 * x, verbose=0)
    np.testing.assert_array_equal(second, 2 * first)
    second[0] = 0  # the caller's own
    model.set_weights([2 * np.ones((3, 2)), np.ones(2)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * first + 1)
    np.testing.assert_array_equal(model.predict(x[:, ::-1], verbose=0), 2 * first + 1)


def test_what_a_second_predict_still_sees(capsys):
    model, x = small_model(), np.ones((2, 3), "float32")
    for _ in range(2):
        with pytest.warns(UserWarning, match="NaN"):
            assert np.isnan(model.predict(np.full((2, 3), np.nan, "float32"), verbose=0)).all()
    assert model.predict(x.astype("float64"), verbose=0).dtype == "float32"
    model.predict(x)
    assert "1/1" in capsys.readouterr().out
    with pytest.raises(ValueError, match="expects inputs of shape"):
        model.predict(np.ones((2, 4), "float32"), verbose=0)
    seen = []

    class Watch(jkeras.callbacks.Callback):
        def on_predict_end(self, logs=None):
            seen.append(self.model)

    model.predict(x, verbose=0, callbacks=[Watch()])
    assert seen == [model]
