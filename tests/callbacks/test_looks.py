"""What a run looks like: `fit(verbose="table")`, and `History` as a frame, a picture and HTML."""

import sys

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import History
from jkeras.callbacks.table import GREEN
from tests.callbacks.test_progress import Terminal

X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = X[:, :1]


def fit(*callbacks, metrics=("mae",), **arguments):
    jkeras.utils.set_random_seed(0)
    model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1)])
    model.compile(jkeras.optimizers.SGD(0.1), "mse", metrics=list(metrics))
    return model.fit(X, Y, batch_size=10, callbacks=list(callbacks), **{"verbose": 0, "epochs": 3, **arguments})


def test_a_table_in_a_file(capsys):
    history = fit(verbose="table", validation_data=(X, Y)).history
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["epoch", "time", "loss", "val_loss", "mae", "val_mae"]
    assert [row.split()[0] for row in rows] == ["1/3", "2/3", "3/3"]
    for epoch, row in enumerate(rows):
        # Loss and mean error only get smaller here, and the validation's are marked.
        names = ("loss", "val_loss", "mae", "val_mae")
        assert row.split()[2:] == [f"{history[n][epoch]:.4f}" + "*" * n.startswith("val") for n in names]
    for name in ("loss", "val_mae"):  # columns end where their names do
        end = head.index(f" {name}") + 1 + len(name)
        assert all(row[end - 1].isdigit() and row[end : end + 1] in ("", " ", "*") for row in rows)


def test_best_values_follow_the_direction_of_the_metric(capsys):
    class Up(jkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"loss": [2.0, 1.0, 3.0][epoch], "cosine_similarity": [0.5, float("nan"), 0.75][epoch], "other": epoch}

    fit(Up(), metrics=["cosine_similarity"], verbose="table")
    rows = [line.split()[2:] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["2.0000*", "0.5000*", "0.0000"], ["1.0000*", "nan", "1.0000"], ["3.0000", "0.7500*", "2.0000"]]


def test_columns_come_in_later(capsys):
    fit(verbose="table", validation_data=(X, Y), validation_freq=2, epochs=3)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [len(line) for line in lines] == [4, 4, 6, 6, 4]


def test_a_table_in_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "42")
    fit(verbose="table", validation_data=(X, Y))
    text = screen.getvalue()
    assert "No room for mae, val_mae; see history.frame()." in text and GREEN in text
    shown = [line.split("\r")[-1] for line in text.split("\n") if "room" not in line]
    assert max(len(line.replace(GREEN, "").replace("\x1b[0m", "")) for line in shown) <= 42


def test_evaluate_has_no_table():
    model = jkeras.Sequential([jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="in fit also 'table'"):
        model.evaluate(X, Y, verbose="table")


def test_results_of_batches():
    class Note(jkeras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.losses = []

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])

    note = Note()
    fit(note)
    own = History(batches=True)
    history = fit(own)
    assert history is own and history.batches["loss"] == note.losses
    assert history.batches["batch"] == [0, 1, 2, 3] * 3 and history.batches["epoch"] == [0] * 4 + [1] * 4 + [2] * 4
    frame = history.frame(batches=True)
    np.testing.assert_allclose(frame["batch_loss"].groupby("epoch").mean(), history.history["loss"], rtol=1e-5)
    assert fit().batches == {}
    with pytest.raises(ValueError, match="History\\(batches=True\\)"):
        fit().frame(batches=True)


def test_frame_and_pictures_know_when_validation_was():
    history = fit(validation_data=(X, Y), validation_freq=[2, 3], epochs=5)
    frame = history.frame()
    assert frame.index.tolist() == [0, 1, 2, 3, 4]
    assert frame["val_loss"].notna().tolist() == [False, True, True, False, False]
    lines = history.plot(["loss"]).axes[0].lines
    assert lines[1].get_xdata().tolist() == [1, 2] and lines[0].get_ydata().tolist() == history.history["loss"]
    assert lines[2].get_label() == "best: epoch 2"


def test_html():
    history = History()
    for epoch in range(30):
        history.on_epoch_end(epoch, {"loss": (epoch - 3) ** 2 / 10, "a<b": 1.0})
    text = history._repr_html_()
    assert text.count("<tr>") == 1 + 6 + 1 + 6 and "a&lt;b" in text
    assert "<td>3</td><td><b>0.0000</b></td>" in text and text.count("<b>") == 1
