"""What `fit` shows: a live bar in a terminal, plain lines elsewhere, nothing when asked."""

import io
import re
import sys

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import Callback, CallbackList, LambdaCallback
from jkeras.callbacks.progress import Progress
from jkeras.layers import Dense
from jkeras.runtime.activity import doing, told
from tests.oracle import keras

X, Y = np.zeros((40, 2), "float32"), np.zeros((40, 1), "float32")


def model():
    made = jkeras.Sequential([jkeras.Input((2,)), Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_lines_where_nothing_can_be_redrawn(verbose, capsys):
    model().fit(X, Y, batch_size=4, epochs=2, verbose=verbose, validation_data=(X, Y))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    pattern = r"10/10 - \d+s \d+(us|ms|s)/step - loss: 0\.0000 - mae: 0\.0000 - val_loss: 0\.0000 - val_mae: 0\.0000"
    assert all(re.fullmatch(pattern, line) for line in lines[1::2])


def test_silence(capsys):
    made = model()
    made.fit(X, Y, verbose=0)
    made.evaluate(X, Y, verbose=0)
    made.predict(X, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_bar_in_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    model().fit(X, Y, batch_size=4)
    drawn = screen.getvalue().split("\r")
    assert drawn[0].startswith(" 0/10") and "─" * 20 in drawn[0]
    assert "10/10" in drawn[-1] and "━" * 20 in drawn[-1] and re.search(r" \ds \d+(us|ms|s)/step - loss: 0\.0000", drawn[-1])
    assert drawn[-1].endswith("\n")


def test_streams_of_unknown_length(capsys):
    model().fit(((X[:4], Y[:4]) for _ in range(3)), verbose=2)
    assert capsys.readouterr().out.startswith("3/3 - ")


def test_the_bar_does_not_watch_batches():
    calls = CallbackList([Progress(1)]).calls("train")
    calls.start()
    assert not calls.watched


def test_hooks_are_called_in_keras_order():
    heard = []

    class Listener(Callback):
        pass

    for hook in [name for name in dir(Callback) if name.startswith("on_")]:
        setattr(Listener, hook, lambda self, *args, _hook=hook: heard.append(_hook))
    model().fit(X[:8], Y[:8], batch_size=4, verbose=0, callbacks=[Listener()], validation_data=(X[:4], Y[:4]))
    batch = ["on_train_batch_begin", "on_train_batch_end"]
    test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    all_hooks = ["on_train_begin", "on_epoch_begin", *batch, *batch, *test, "on_epoch_end", "on_train_end"]
    assert [hook for hook in heard if hook != "on_checkpoint"] == all_hooks
    # jkeras's own hook comes when all callbacks have had theirs.
    own = [heard[i - 1] for i, hook in enumerate(heard) if hook == "on_checkpoint"]
    assert own == ["on_train_batch_end", "on_train_batch_end", "on_epoch_end"]


def test_lambdas_as_callbacks():
    epochs = []
    model().fit(X, Y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))])
    assert epochs == [0, 1, 2]
    with pytest.raises(TypeError, match="Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ends=print)


# -- what fits into a terminal ------------------------------------------------------------------------------------------


def drawn_in(monkeypatch, width, run):
    """All rows that a run draws in a terminal of this width, without colours."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    run()
    return re.split("[\r\n]", re.sub(r"\x1b\[\d+m", "", screen.getvalue()))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_row_is_wider_than_the_terminal_and_the_end_shows_everything(monkeypatch, width):
    made = model()
    rows = drawn_in(monkeypatch, width, lambda: made.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y)))
    assert max(len(row.rstrip()) for row in rows) <= width
    end = "".join(rows[rows.index("Epoch 2/2") :])
    names = ("loss", "mae", "val_loss", "val_mae")
    assert all(f" - {name}: 0.0000" in end for name in names)


def test_a_bar_that_does_not_fit_is_left_out_before_the_time(monkeypatch):
    rows = drawn_in(monkeypatch, 20, lambda: model().fit(X, Y, batch_size=4))
    assert rows[0].split() == ["0/10"]


def test_compiling_and_validating_are_said(monkeypatch):
    made = jkeras.Sequential([jkeras.Input((2,)), Dense(17), Dense(1)])  # no other test has compiled this one
    made.compile("sgd", "mse")
    rows = drawn_in(monkeypatch, 100, lambda: made.fit(X, Y, batch_size=4, validation_data=(X, Y)))
    assert any("0/10" in row and row.rstrip().endswith("compiling") for row in rows)
    assert any("10/10" in row and "- validating" in row for row in rows)
    rows = drawn_in(monkeypatch, 100, lambda: made.fit(X, Y, batch_size=4, validation_data=(X, Y)))
    assert not any("compiling" in row for row in rows)


def test_the_time_per_step_is_without_compilation(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("jkeras.callbacks.progress.time.perf_counter", lambda: clock[0])
    bar = Progress(2)
    bar.set_params({"steps": 4, "epochs": 1})
    bar.on_predict_begin()
    with told(bar.say), doing("compiling"):
        clock[0] += 8.0
    clock[0] += 2.0
    bar.advance(4, {})
    bar.on_predict_end()
    assert capsys.readouterr().out == "4/4 - 10s 500ms/step\n"


def test_a_generator_that_ends_shows_all_its_steps(monkeypatch):
    rows = drawn_in(monkeypatch, 80, lambda: model().fit((X[:4], Y[:4]) for _ in range(15)))
    assert rows[-2].startswith("15/15 ━━━━━━━━━━━━━━━━━━━━ ")


@pytest.mark.parametrize(
    "options", [{}, {"stateful_metrics": ["loss"]}, {"stateless_metrics": ["loss"]}, {"unit_name": "row"}], ids=str
)
def test_a_bar_for_loops_of_ones_own_shows_keras_s_means(options, capsys):
    lines = []
    for k in (keras, jkeras):
        bar = k.utils.Progbar(4, verbose=2, **options)
        bar.update(1, [("loss", 1.0), ("rate", 0.5)])
        bar.add(2, [("loss", 0.25), ("rate", 0.75)])
        bar.update(4, finalize=True)
        lines.append(re.sub(r"\d+s( -)? \d+(us|ms|s)/", "#/", capsys.readouterr().out).strip())
    assert lines[1] == lines[0] and "loss: 0." in lines[0]
