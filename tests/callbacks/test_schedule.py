"""When batch hooks are called: at every batch, at some, or afterwards; and what a step with a loss that is not finite leaves."""

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import Callback, LambdaCallback
from jkeras.layers import BatchNormalization, Dense, Dropout

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3)).astype("float32")  # 10 batches of 10
Y = RNG.normal(size=(100, 1)).astype("float32")
BAD = Y.copy()
BAD[34] = 1e30  # the square of an error like that is infinite: batch 3


def model(**compiled):
    jkeras.utils.set_random_seed(3)
    made = jkeras.Sequential([jkeras.Input((3,)), Dense(4), BatchNormalization(), Dropout(0.2), Dense(1)])
    made.compile("adam", "mse", metrics=["mae"], **compiled)
    return made


class Listener(Callback):
    def __init__(self, batch_calls=None):
        super().__init__()
        self.heard = []
        if batch_calls is not None:
            self.batch_calls = batch_calls

    def on_train_batch_end(self, batch, logs=None):
        self.heard.append((batch, logs))

    def numbers(self):
        return [batch for batch, _ in self.heard]


class Both(Listener):
    def on_train_batch_begin(self, batch, logs=None):
        self.heard.append((-batch, None))


def fit(*callbacks, y=Y, epochs=2, made=None, **arguments):
    made = made or model()
    history = made.fit(X, y, batch_size=10, epochs=epochs, verbose=0, callbacks=list(callbacks), **arguments)
    return made, history


def weights(made):
    return [w.tobytes() for w in made.get_weights()]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, [*range(10)] * 2),
        (4, [3, 7, 1, 5, 9]),
        (10, [9, 9]),
        (np.int64(7), [6, 3]),
        ([2, 3, 12], [2, 3, 2]),
        ({19}, [9]),
        (lambda step: 5 if step <= 5 else None, [5]),
        ("later", [*range(10)] * 2),
        ("nonfinite", []),
    ],
)
def test_a_callback_is_called_when_it_asked_for_it_and_no_bit_changes(asked, expected):
    plain, history = fit()
    listener = Listener(asked)
    watched, with_callback = fit(listener)
    assert listener.numbers() == expected
    assert weights(watched) == weights(plain)
    assert with_callback.history == history.history


def test_chunks_end_where_a_callback_asked_and_nowhere_else(large_calls):
    made, _ = fit(epochs=10)  # knows how long a step takes
    for listener, calls in ((Listener(5), 2), (Listener("later"), None), (Both([4]), 3), (Listener(), 10)):
        fit(listener, made=made)
        before = made.stats()["calls"]
        fit(listener, made=made, epochs=1)
        assert calls is None or made.stats()["calls"] - before in (calls, 1)
    assert made.stats()["calls"] < made.stats()["steps"]


def test_begin_hooks_are_called_before_the_steps_that_are_named():
    listener = Both([4, 12])
    fit(listener)
    assert listener.numbers() == [-4, 4, -2, 2]


def test_weights_are_those_after_the_step_that_was_asked_for():
    seen = {}

    class Read(Listener):
        def on_train_batch_end(self, batch, logs=None):
            seen.setdefault(self.batch_calls, {})[batch] = (weights(self.model), logs)

    fit(Read("each"), epochs=1)
    fit(Read(3), epochs=1)
    assert sorted(seen[3]) == [2, 5, 8]
    assert all(seen[3][batch] == seen["each"][batch] for batch in seen[3])


def test_logs_that_come_later_are_those_of_each_batch_with_its_own_loss():
    now, later = Both("each"), Both("later")
    fit(now)
    fit(later)
    assert later.numbers() == now.numbers()
    for (_, logs), (_, recorded) in zip(now.heard, later.heard, strict=True):
        if logs is not None:
            assert np.isfinite(recorded.pop("batch_loss"))
            assert recorded == logs


def test_the_batchs_own_loss_has_the_running_mean_that_keras_logs():
    class Own(Listener):
        def on_train_batch_end(self, batch, logs=None):
            self.heard.append((logs["loss"], logs["batch_loss"]))

    listener = Own("later")
    fit(listener, epochs=1)
    running, own = np.array(listener.heard).T
    np.testing.assert_allclose(running, np.cumsum(own) / np.arange(1, 11), rtol=1e-5)


def test_logs_come_later_from_evaluation_too_and_from_steps_of_ones_own():
    class Test(Callback):
        batch_calls = "later"

        def __init__(self):
            super().__init__()
            self.heard = []

        def on_test_batch_end(self, batch, logs=None):
            self.heard.append((batch, sorted(logs)))

    class Own(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, batch):
            loss, state = self.pure_loss(state, batch)
            return state, {"loss": loss, "twice": 2 * loss}

    listener = Test()
    model().evaluate(X, Y, batch_size=10, verbose=0, callbacks=[listener])
    assert listener.heard == [(batch, ["batch_loss", "loss", "mae"]) for batch in range(10)]
    own, recorded = Own(), Listener("later")
    own.compile("sgd", "mse")
    fit(recorded, made=own, epochs=1)
    assert recorded.numbers() == [*range(10)]
    assert all(logs["batch_loss"] * 2 == logs["twice"] for _, logs in recorded.heard)


def test_the_batchs_own_loss_beside_logs_of_ones_own():
    class Own(jkeras.Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y, y_pred, sample_weight) | {"rows": jkeras.ops.sum(jkeras.ops.ones_like(y))}

    made, listener = Own([jkeras.Input((3,)), Dense(1)]), Listener("later")
    made.compile("sgd", "mse")
    fit(listener, made=made, epochs=1)
    running, own = np.array([(logs["loss"], logs["batch_loss"]) for _, logs in listener.heard]).T
    np.testing.assert_allclose(running, np.cumsum(own) / np.arange(1, 11), rtol=1e-5)
    assert all(logs["rows"] == 10 for _, logs in listener.heard)


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_with_a_loss_that_is_not_finite_is_left_out(eagerly):
    listener = Listener("nonfinite")
    guarded, _ = fit(listener, y=BAD, epochs=1, shuffle=False, made=model(run_eagerly=eagerly))
    assert listener.numbers() == [3]
    assert not np.isfinite(listener.heard[0][1]["batch_loss"])
    assert not np.isfinite(listener.heard[0][1]["loss"])
    assert int(guarded.optimizer.iterations) == 9
    assert all(np.isfinite(w).all() for w in guarded.get_weights())


def test_training_can_end_at_the_very_step():
    class Stop(Listener):
        batch_calls = "nonfinite"

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = True

    listener = Stop()
    stopped, history = fit(listener, y=BAD, epochs=3, shuffle=False)
    assert listener.numbers() == [3]
    assert len(history.epoch) == 1
    assert not np.isfinite(history.history["loss"][0])
    good = model()
    good.fit(X[:30], Y[:30], batch_size=10, verbose=0, shuffle=False)
    assert weights(stopped)[:-1] == weights(good)[:-1]
    assert int(stopped.optimizer.iterations) == 3


def test_a_subclass_that_overrides_a_hook_is_called_for_every_batch():
    class Seldom(Listener):
        batch_calls = property(lambda self: 5)

    class Own(Seldom):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

    class Again(Own):
        batch_calls = 4

    for listener, expected in ((Seldom(), [4, 9]), (Own(), [*range(10)]), (Again(), [3, 7])):
        fit(listener, epochs=1)
        assert listener.numbers() == expected


def test_hooks_set_on_an_object_are_called():
    heard = []
    callback = Callback()
    callback.on_train_batch_end = lambda batch, logs=None: heard.append(batch)
    callback.on_epoch_end = lambda epoch, logs=None: heard.append("end")
    fit(callback, epochs=1)
    assert heard == [*range(10), "end"]
    declared = LambdaCallback(on_train_batch_end=lambda batch, logs: heard.append(batch))
    declared.batch_calls = 5
    heard.clear()
    fit(declared, epochs=1)
    assert heard == [4, 9]


@pytest.mark.parametrize("asked", ["sometimes", 0, -3, 1.5, True, lambda step: -1])
def test_what_cannot_be_obeyed_is_a_named_error(asked):
    with pytest.raises(ValueError, match="Listener.batch_calls"):
        fit(Listener(asked))


def test_changes_of_the_learning_rate_compile_nothing():
    class Halve(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2

        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(0.01 * (epoch + 1))

    callbacks = [
        Halve(),
        jkeras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / (epoch + 1)),
        jkeras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9),
    ]
    made = model()
    for callback in callbacks:  # who watches batches has a loop of its own
        fit(callback, made=made, epochs=1)
    made.train_on_batch(X[:10], Y[:10])
    counts = lambda: (made._compiled.plan.train.traces, made._compiled.plan.train.compilations)  # noqa: E731
    before = counts()
    for callback in callbacks:
        fit(callback, made=made, epochs=4)
        made.optimizer.learning_rate = 0.03
        made.train_on_batch(X[:10], Y[:10])
        made.optimizer.learning_rate.assign(0.02)
        made.train_on_batch(X[:10], Y[:10])
    assert counts() == before and before[0] > 0
    made.compile(jkeras.optimizers.SGD(jkeras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)), "mse")
    fit(made=made, epochs=1)
    before = counts()
    fit(made=made, epochs=5)
    assert counts() == before
