"""Whatever interrupts a call, the weights are those of a step, files are whole, and the next call works."""

import warnings

import numpy as np
import pytest

import jkeras
from tests import interrupts
from tests.interrupts import SAMPLES, compiled, equal, fit, state, x, y

NAMES = list(interrupts.scenarios("."))


def run(name, folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done, count, failures = interrupts.sweep(interrupts.scenarios(folder)[name](), **options)
    assert done and not failures, "\n".join([f"{len(failures)} of {done}, {count} lines:", *failures])


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_at_some_lines(name, tmp_path):
    run(name, str(tmp_path), start=7, most=2)


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_at_more_lines(name, error, tmp_path):
    run(name, str(tmp_path), start=3, most=8, error=error)


@pytest.mark.longest
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_at_every_line(name, error, tmp_path):
    run(name, str(tmp_path), error=error, most=None if error is KeyboardInterrupt else 100)


class Stop(Exception):
    pass


HOOKS = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end"]


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_error_in_a_callback(hook, error):
    def stop(*arguments):
        seen.append(state(model) if model.optimizer.built else None)
        if len(seen) == 2 or "begin" in hook or hook == "on_train_end":
            raise error

    model, seen = compiled(), []
    callback = jkeras.callbacks.Callback()
    setattr(callback, hook, stop)
    with pytest.raises(error):
        fit(model, epochs=2, callbacks=[callback])
    assert equal(state(model), seen[-1])
    iterations = int(model.optimizer.iterations)
    fit(model)
    assert int(model.optimizer.iterations) == iterations + 3


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, MemoryError])
def test_an_error_in_a_generator(error):
    def batches():
        for i in range(2):
            yield x[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4]
        raise error

    model = compiled()
    with pytest.raises(error):
        model.fit(batches(), epochs=1, steps_per_epoch=3, verbose=0)
    assert int(model.optimizer.iterations) <= 2 and all(np.isfinite(w).all() for w in state(model))
    iterations = int(model.optimizer.iterations)
    fit(model)
    assert int(model.optimizer.iterations) == iterations + SAMPLES // 4


@pytest.mark.parametrize("where", ["update_state", "result", "reset_state"])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, MemoryError])
def test_an_error_in_a_metric(where, error):
    class Failing(jkeras.metrics.Mean):
        fails = True

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.stop("update_state")
            return super().update_state(y_pred)

        def result(self):
            self.stop("result")
            return super().result()

        def reset_state(self):
            self.stop("reset_state")
            super().reset_state()

        def stop(self, here):
            if Failing.fails and here == where:
                raise error

    model = interrupts.start(interrupts.stack())
    model.compile("adam", "mse", metrics=[Failing()])
    before = [np.asarray(w) for w in model.weights]
    with pytest.raises(error):
        fit(model)
    assert equal([np.asarray(w) for w in model.weights], before)
    Failing.fails = False
    fit(model)
    assert int(model.optimizer.iterations) == 3
