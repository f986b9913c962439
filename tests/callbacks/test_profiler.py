"""The profiler writes one trace, of the epochs it was asked for, and says so when there were none."""

import pathlib

import numpy as np
import pytest

import jkeras

X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")


def fit(profiler, epochs, *callbacks):
    model = jkeras.Sequential([jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[profiler, *callbacks])
    return model


def traces(folder):
    return list(pathlib.Path(folder).rglob("*.pb"))


def test_a_trace_that_the_end_of_training_cuts_short(tmp_path):
    fit(jkeras.callbacks.Profiler(tmp_path, start=0, epochs=5), epochs=2)
    (trace,) = traces(tmp_path)
    assert b"over_stack" in trace.read_bytes()  # the compiled loop


def test_an_interrupted_run_leaves_no_trace_open(tmp_path):
    class Interrupt(jkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    profiler = jkeras.callbacks.Profiler(tmp_path, start=0, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        fit(profiler, 3, Interrupt())
    fit(profiler, 3)
    assert traces(tmp_path)


def test_a_run_that_is_too_short(tmp_path):
    with pytest.warns(UserWarning, match=r"start=1\) has traced nothing"):
        fit(jkeras.callbacks.Profiler(tmp_path), epochs=1)
    assert not traces(tmp_path)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="epochs=0"):
        jkeras.callbacks.Profiler(tmp_path, epochs=0)
