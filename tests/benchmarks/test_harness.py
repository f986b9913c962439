"""The benchmark's arithmetic and tables; no time is asserted."""

import json
import os
import sys

import pytest

from benchmarks import harness
from benchmarks.harness import JKERAS, KERAS, LOOP, SCAN, Row, at_most, attempt, cell, faster, interleave, ratio, table

TIMES = {JKERAS: [1.0, 4.0, 2.0], SCAN: [1.0, 2.0, 2.0], KERAS: [20.0, 40.0, 60.0], LOOP: "no jax"}


def test_ratio_pairs_the_rounds():
    assert ratio({"a": [1, 9, 10], "b": [1, 3, 20]}, "a", "b") == 1.0  # of 1, 3 and 0.5; the medians' would be 3
    assert ratio({"a": [1, 9, 10], "b": [2, 4]}, "a", "b") == 3.0  # unpaired: medians


def test_goals():
    assert at_most(1.1, SCAN).judge(TIMES) == (1.0, True)
    assert at_most(0.9, SCAN).judge(TIMES) == (1.0, False)
    assert faster(20, KERAS).judge(TIMES) == (20.0, True)
    assert faster(21, KERAS).judge(TIMES) == (20.0, False)


def test_goal_takes_the_fastest_of_several_and_leaves_out_the_missing():
    assert faster(1, KERAS, SCAN, LOOP).judge(TIMES) == (1.0, True)
    assert faster(1, LOOP).judge(TIMES) is None
    assert faster(1, SCAN).judge({**TIMES, JKERAS: "not yet: LSTM"}) is None


def test_interleave_takes_turns_and_passes_reasons_through():
    turns = []
    contenders = {"a": lambda: turns.append("a"), "b": lambda: turns.append("b") or 60.0, "c": "no torch"}
    times = interleave(contenders, 3, pause=0)
    assert turns == ["a", "b"] * 3
    assert max(times["b"]) < 60  # what a function returns is not its time
    assert [len(times[name]) for name in "ab"] == [3, 3]
    assert times["c"] == "no torch"


@pytest.mark.slow
def test_interleave_ends_only_the_contender_that_fails(capsys):
    turns = []
    times = interleave({"a": lambda: 1 / 0, "b": lambda: turns.append("b")}, 2, pause=0)
    assert times["a"] == "failed: ZeroDivisionError"
    assert len(turns) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_interleave_loses_patience():
    turns = []
    interleave({"a": lambda: turns.append("a")}, 4, pause=0, patience=-1.0)
    assert turns == []


@pytest.mark.slow
def test_players_time_their_tasks_in_processes_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "tasks.py").write_text(
        "import time\n"
        "from benchmarks.harness import play\n"
        "def prepare(name):\n"
        "    __import__(name)\n"
        "    return lambda: time.sleep(0.01) if name == 'json' else 1 / 0\n"
        "play(prepare)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with harness.players({name: ("tasks", name) for name in ("json", "math", "surely_not_installed")}) as players:
        times = interleave(players, 2, pause=0)
    assert all(0.01 <= seconds < 10 for seconds in times["json"]) and len(times["json"]) == 2
    assert times["math"] == "failed: ZeroDivisionError"
    assert times["surely_not_installed"] == "no surely_not_installed"


def test_attempt_gives_the_value_or_the_reason(capsys):
    def missing():
        import surely_not_installed  # noqa: F401

    assert attempt(lambda: 3, "three") == 3
    assert attempt(missing, "x") == "no surely_not_installed"
    assert attempt(lambda: harness.LSTM, "x") == "not yet: LSTM"
    assert capsys.readouterr().err == ""
    assert attempt(lambda: (3).LSTM, "x") == "failed: AttributeError"
    assert "x failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "value, text",
    [(0.021, "0.0210"), (1, "1.00"), (12.34, "12.3"), (99.9, "100"), (1900.4, "1,900"), (0, "0.00"), (-3, "-3.00")],
)
def test_number(value, text):
    assert harness.number(value) == text


def test_cell():
    assert cell(TIMES, JKERAS) == "2.00 (1.00x)"
    assert cell(TIMES, LOOP) == "no jax"
    assert cell(TIMES, "PyTorch") == ""
    assert cell({JKERAS: [1.0]}, JKERAS) == "1.00"


def test_table():
    row = Row("tutorial", "ms per step", TIMES, (at_most(1.1, SCAN), faster(21, KERAS)), ["200 steps"])
    text = table([row])
    header, rule, line, blank, note = text.splitlines()
    assert header.count("|") == rule.count("|") == line.count("|") == len(harness.COLUMNS) + 4
    assert line.startswith("| tutorial | ms per step | 2.00 (1.00x) | 2.00 (1.00x) | no jax | 40.0 (")
    assert "≤ 1.1x raw JAX scan: **1.00** ✓" in line
    assert "≥ 21x the speed of Keras: **20.0** ✗" in line
    assert (blank, note) == ("", "- tutorial: 200 steps")


def test_rows_survive_the_way_between_processes():
    row = Row("tutorial", "ms", TIMES, (at_most(1.1, SCAN, LOOP),), ["a note"])
    assert Row.from_json(json.loads(json.dumps(row.to_json()))) == row


def test_machine_names_the_versions_but_no_date():
    assert "numpy" in harness.machine()
    assert "Python" in harness.machine()
