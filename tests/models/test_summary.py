"""`model.summary()`: Keras's rows, fitted into the terminal."""

import builtins
import sys
import types

import numpy as np
import pytest

import jkeras
from jkeras.models.table import columns_of
from tests.oracle import keras


def cells(text):
    """The rows of a table as lists of cells; what is wrapped is put together again."""
    rows, parts = [], None
    for line in text.splitlines():
        if line[0] == "│":
            found = [cell.strip() for cell in line.strip("│").split("│")]
            parts = found if parts is None else [f"{a} {b}".strip() for a, b in zip(parts, found, strict=True)]
        if parts is not None and (line[0] in "├└" or "├" not in text):
            rows.append(parts)
            parts = None
    return rows


def text_of(model, **options):
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text), **options)
    return "\n".join(lines)


def towers(k):
    a, b = k.Input((8,), name="a"), k.Input((3, 4), name="b")
    shared = k.layers.Dense(16, name="shared")
    x, y = shared(a), k.layers.LSTM(8, name="lstm")(b)
    z = k.layers.Concatenate(name="both")([x, y, shared(a)])
    return k.Model([a, b], [k.layers.Dense(1, name="one")(z), k.layers.Dense(2, name="two")(x)], name="towers")


def with_operations(k):
    x = k.Input((8,), name="x")
    y = k.ops.relu(k.layers.Dense(8, name="first")(x) * 2)
    return k.Model(x, k.layers.Add(name="sum")([y, x]), name="operations")


def nested(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3, name="deep")], name="inner")
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2, name="last", trainable=False)], name="outer")


def subclassed(k):
    class Two(k.Model):
        def __init__(self):
            super().__init__(name="two_layers")
            self.one, self.two = k.layers.Dense(3, name="one"), k.layers.Conv1D(2, 1, name="two")

        def call(self, x):
            return self.two(self.one(x))

    model = Two()
    model(np.ones((4, 6, 5), "float32"))
    return model


@pytest.mark.parametrize("make,options", [
    (towers, {}), (with_operations, {}), (nested, {"expand_nested": True, "show_trainable": True}), (nested, {}), (subclassed, {}),
    (towers, {"layer_range": ("shared", "both")}), (towers, {"layer_range": ("lst.*", "both")}),
])  # fmt: skip
def test_the_rows_are_those_of_keras(monkeypatch, make, options):
    monkeypatch.setenv("COLUMNS", "200")  # which is what Keras looks at
    ours, theirs = cells(text_of(make(jkeras), **options)), cells(text_of(make(keras), line_length=200, **options))
    assert ours == theirs


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_table_fits_the_terminal_and_loses_nothing(monkeypatch, capsys, width):
    model = towers(jkeras)
    whole = cells(text_of(model))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    model.summary()
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    assert [["".join(c.split()) for c in row] for row in cells(text)] == [["".join(c.split()) for c in row] for row in whole]


def test_wide_characters_count_twice():
    model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1, name="稠密层"), jkeras.layers.Dense(1, name="x")])
    rows = [line for line in text_of(model).splitlines() if line[0] in "│┃└"]
    assert len({columns_of(row) for row in rows}) == 1
    assert all(columns_of(row) <= 30 for row in text_of(model, line_length=30).splitlines()[1:4])


@pytest.mark.parametrize("positions", [[0.5, 0.8, 1.0], [30, 48, 60]])
def test_positions_are_obeyed(positions):
    text = text_of(nested(jkeras), line_length=60, positions=positions)
    row = next(line for line in text.splitlines() if line.startswith("│"))
    assert [i for i, c in enumerate(row) if c == "│"] == [0, 30, 48, 59]
    with pytest.raises(ValueError, match="positions needs 3 rising numbers"):
        text_of(nested(jkeras), line_length=60, positions=[0.5, 1.0])


def test_a_notebook_gets_html(monkeypatch):
    shown = []
    display = types.ModuleType("IPython.display")
    display.HTML, display.display = str, shown.append
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    stream = type("OutStream", (), {"__module__": "ipykernel.iostream", "isatty": lambda self: False})()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(builtins, "print", lambda *args: pytest.fail("printed instead of displayed"))
    jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1, name="a")], name="<net>").summary()
    assert "&lt;net&gt;" in shown[0] and "<td" in shown[0] and "a (Dense)" in shown[0] and "Total params: 3" in shown[0]
