"""Hooks of all three kinds of pass: groups of batches (`steps_per_execution`), and attributes that end a pass."""

import numpy as np
import pytest

import jkeras
from tests.oracle import keras

X = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")  # 7 batches of 16
Y = X[:, :1]


def made(library, **compiled):
    model = library.Sequential([library.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"], **compiled)
    return model


def calls_of(library, steps, streamed, **compiled):
    """What the batch hooks of fit, evaluate and predict are called with."""
    heard = []

    class Listener(library.callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            heard.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            heard.append(("end", batch, sorted(logs), round(float(logs["loss"]), 4)))

        def on_test_batch_begin(self, batch, logs=None):
            heard.append(("test begin", batch))

        def on_test_batch_end(self, batch, logs=None):
            heard.append(("test end", batch, sorted(logs), round(float(logs["loss"]), 4)))

        def on_predict_batch_begin(self, batch, logs=None):
            heard.append(("predict begin", batch))

        def on_predict_batch_end(self, batch, logs=None):
            heard.append(("predict end", batch, np.round(np.asarray(logs["outputs"]).sum(), 3), len(logs["outputs"])))

    model = made(library, steps_per_execution=steps, **compiled)

    def data(*arrays):
        if not streamed:
            return {**dict(zip("xy", arrays, strict=False)), "batch_size": 16}
        return {"x": (tuple(a[i : i + 16] for a in arrays) for i in range(0, 100, 16))}

    count = 7 if streamed else None
    model.fit(**data(X, Y), epochs=1, shuffle=False, verbose=0, callbacks=[Listener()], steps_per_epoch=count)
    model.evaluate(**data(X, Y), verbose=0, callbacks=[Listener()], steps=count)
    model.predict(**data(X), verbose=0, callbacks=[Listener()], steps=count)
    return heard


@pytest.mark.parametrize(("steps", "streamed"), [(3, False), (4, True), (50, False)])
def test_batch_hooks_are_called_once_for_a_group_of_batches(steps, streamed):
    ours, theirs = (calls_of(library, steps, streamed) for library in (jkeras, keras))
    assert [call[:2] for call in ours] == [call[:2] for call in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine[2:3] == other[2:3] if isinstance(mine[-1], float) else mine[3:] == other[3:]
        np.testing.assert_allclose(mine[2:][-1], other[2:][-1], rtol=1e-3) if mine[2:] else None


def test_groups_are_the_same_without_compiling():
    assert calls_of(jkeras, 3, False, run_eagerly=True) == calls_of(jkeras, 3, False)


def endless(labelled):
    while True:
        yield (X[:4], Y[:4]) if labelled else (X[:4],)


@pytest.mark.parametrize(
    ("method", "hook", "attribute"),
    [
        ("fit", "on_train_batch_end", "stop_training"),
        ("evaluate", "on_test_batch_end", "stop_evaluating"),
        ("predict", "on_predict_batch_end", "stop_predicting"),
    ],
)
def test_a_callback_ends_a_pass_over_endless_data(method, hook, attribute):
    seen = []

    def stop(batch, logs):
        seen.append(batch)
        setattr(model, attribute, batch == 4)

    model = made(jkeras)
    callback = jkeras.callbacks.Callback()
    setattr(callback, hook, stop)
    for _ in range(2):  # what an earlier pass has left is forgotten
        result = getattr(model, method)(endless(method != "predict"), verbose=0, callbacks=[callback])
    assert seen == [0, 1, 2, 3, 4] * 2
    if method == "predict":
        assert result.shape == (20, 1)
