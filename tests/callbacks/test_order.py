"""The order of all calls of hooks, with the names in their logs, against Keras's for the same script.

jkeras has two hooks more, `on_checkpoint` and `on_train_error`, and calls `on_train_end` after Ctrl-C, too: see
docs/differences.md.
"""

import numpy as np
import pytest

import jkeras
from tests.oracle import keras

X = np.random.default_rng(0).normal(size=(22, 3)).astype("float32")  # 6 batches of 4, the last one smaller
Y = X[:, :1]
OWN = ("on_checkpoint", "on_train_error")  # the hooks that Keras does not have


def model_of(k):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


def recorder(k, fails=None, error=None):
    """A callback that records all hooks, and its record; it raises an error in the hook of this name and number."""
    heard = []

    class Record(k.callbacks.Callback):
        pass

    def hook_of(name):
        count = 1 if "epoch" in name or "batch" in name else 0

        def hook(self, *args, logs=None):
            numbers, given = args[:count], args[count] if len(args) > count else logs
            given = given if name == "on_train_error" else sorted(given or {})
            heard.append((name, *numbers, type(given).__name__ if name == "on_train_error" else given))
            if fails is not None and (name, *numbers) == fails:
                raise error

        return hook

    for name in [name for name in dir(jkeras.callbacks.Callback) if name.startswith("on_")]:
        if name not in ("on_batch_begin", "on_batch_end"):
            setattr(Record, name, hook_of(name))
    return Record(), heard


def fit(k, model, callback):
    model.fit(
        X,
        Y,
        batch_size=4,
        epochs=2,
        verbose=0,
        callbacks=[callback],
        validation_data=(X[:10], Y[:10]),
        validation_batch_size=4,
    )


def fit_rarely_validated(k, model, callback):
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[callback], validation_split=0.3, validation_freq=2)


def fit_further(k, model, callback):
    model.fit(X, Y, batch_size=4, epochs=4, initial_epoch=2, steps_per_epoch=2, verbose=0, callbacks=[callback])


def fit_with_a_list(k, model, callback):
    listed = k.callbacks.CallbackList([callback], add_history=True, model=model, verbose=0, epochs=1, steps=3)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=listed)


def fit_with_learning_rates(k, model, callback):
    changes = [k.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2), k.callbacks.ReduceLROnPlateau("loss")]
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[*changes, callback])


def fit_generator(k, model, callback):
    batches = ((X[:4], Y[:4]) for _ in range(6))
    model.fit(batches, steps_per_epoch=3, epochs=2, verbose=0, callbacks=[callback])


def evaluate(k, model, callback):
    model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[callback])


def predict(k, model, callback):
    model.predict(X, batch_size=8, verbose=0, callbacks=[callback])


def loop(k, model, callback):
    callbacks = k.callbacks.CallbackList([callback], add_history=True, model=model, epochs=2, steps=3)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            rows = slice(4 * batch, 4 * batch + 4)
            callbacks.on_train_batch_begin(batch)
            logs = model.train_on_batch(X[rows], Y[rows], return_dict=True)
            callbacks.on_train_batch_end(batch, logs)
        callbacks.on_test_begin()
        callbacks.on_test_batch_begin(0)
        callbacks.on_test_batch_end(0, model.test_on_batch(X[:4], Y[:4], return_dict=True))
        callbacks.on_test_end()
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()


SCRIPTS = [
    *(fit, fit_rarely_validated, fit_further, fit_with_a_list, fit_with_learning_rates, fit_generator),
    *(evaluate, predict, loop),
]


def without_own(heard):
    return [call for call in heard if call[0] not in OWN]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_hooks_and_logs(script):
    found = {}
    for k in (keras, jkeras):
        callback, found[k] = recorder(k)
        script(k, model_of(k), callback)
    assert without_own(found[jkeras]) == found[keras] and len(found[keras]) > 3


PLACES = [
    ("on_train_begin",), ("on_epoch_begin", 1), ("on_train_batch_begin", 2), ("on_train_batch_end", 1), ("on_test_batch_end", 1),
    ("on_test_end",), ("on_epoch_end", 0), ("on_train_end",),
]  # fmt: skip


@pytest.mark.parametrize("error", [RuntimeError("error"), KeyboardInterrupt()], ids=["exception", "interrupt"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
def test_a_run_that_ends_in_the_middle(place, error):
    found = {}
    for k in (keras, jkeras):
        callback, found[k] = recorder(k, place, error)
        with pytest.raises(type(error)):
            fit(k, model_of(k), callback)
    ours, theirs = found[jkeras], found[keras]
    assert without_own(ours)[: len(theirs)] == theirs
    after = ours[ours.index((*place, theirs[-1][-1])) + 1 :]
    ends = [("on_train_error", type(error).__name__)]
    if isinstance(error, KeyboardInterrupt):
        ends.append("on_train_end")
    assert [call if call[0] == "on_train_error" else call[0] for call in after] == ends


def test_checkpoints_come_after_all_callbacks():
    callback, heard = recorder(jkeras)
    fit(jkeras, model_of(jkeras), callback)
    names = [name for name, *_ in heard]
    assert names[names.index("on_train_batch_end") + 1] == "on_checkpoint"
    assert names[names.index("on_epoch_end") + 1] == "on_checkpoint"
    assert names.count("on_checkpoint") == 2 * 6 + 2
