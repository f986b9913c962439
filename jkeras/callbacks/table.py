"""`fit(verbose="table")`: a table with a row for each epoch."""

import sys
import time

import numpy as np

from jkeras.callbacks.line import columns
from jkeras.callbacks.monitor import direction
from jkeras.callbacks.progress import Progress
from jkeras.runtime.switches import is_live, report

GAP = " "
GREEN, PLAIN = "\x1b[1;32m", "\x1b[0m"


class EpochTable(Progress):
    """Shows the epochs as rows of a table: the number, the seconds, the results.

    While an epoch runs, its progress line stands below the table (in a terminal or a notebook). A value that is the best so far
    is green there, and has a star in a file. Where a quantity has a validation twin, only the twin is marked. Columns that the
    terminal has no room for are named above the table.

    >>> table = EpochTable()
    >>> table.set_params({"epochs": 2, "steps": 10})
    >>> for epoch, loss in enumerate([0.5, 0.25]):
    ...     table.on_epoch_begin(epoch)
    ...     table.on_epoch_end(epoch, {"loss": loss, "learning_rate": 0.1})  # doctest: +ELLIPSIS
    epoch     time       loss   learning_rate
      1/2    0.00s     0.5000*         0.1000
      2/2    0.00s     0.2500*         0.1000
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._names: list[str] = []  # of the columns
        self._best: dict[str, float] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        self._names, self._best = [], {}

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._started = time.perf_counter()
        self._open(self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._line is not None:
            self._line.clear()
            self._line = None
        logs = {name: float(np.mean(value)) for name, value in (logs or {}).items()}
        count = f"{epoch + 1}/{self.params['epochs']}"
        if not set(logs) <= set(self._names):  # at first, and where validation comes in later
            self._names = in_pairs([*self._names, *logs])
            self._print_head(count)
        cells = [f"{count:>{self._first}}", f"{duration(time.perf_counter() - self._started):>7}"]
        for name in self._shown:
            cells.append(self._cell(name, logs.get(name)))
        report(GAP.join(cells).rstrip())

    def get_state(self) -> dict:
        return {"best": dict(self._best)}

    def set_state(self, state: dict) -> None:
        self._best = dict(state["best"])

    def _print_head(self, count: str) -> None:
        self._first = max(5, len(f"{self.params['epochs']}") * 2 + 1, len(count))
        room = (columns() if is_live() else None) or sys.maxsize
        used, self._shown = self._first + len(GAP) + 7, []
        for name in self._names:
            used += len(GAP) + width(name)
            if used <= room:
                self._shown.append(name)
        hidden = [name for name in self._names if name not in self._shown]
        if hidden:
            report(f"No room for {', '.join(hidden)}; see history.frame().")
        head = [f"{'epoch':>{self._first}}", f"{'time':>7}", *(f"{name:>{width(name) - 1}} " for name in self._shown)]
        report(GAP.join(head).rstrip())

    def _cell(self, name: str, value: float | None) -> str:
        """One value, marked if it is the best of its column so far."""
        if value is None:
            return " " * width(name)
        better = None if f"val_{name}" in self._names else direction(self.model, name)
        best = self._best.get(name)
        gain = 0.0 if best is None else (best - value if better == "min" else value - best)
        is_best = better is not None and bool(np.isfinite(value)) and (best is None or gain > 0)
        if is_best:
            self._best[name] = value
        text = f"{number(value):>{width(name) - 1}}"
        if not is_best:
            return f"{text} "
        return f"{GREEN}{text}{PLAIN} " if is_live() else f"{text}*"


def in_pairs(names: list[str]) -> list[str]:
    """Names of results in an order for reading: the loss first, each beside its validation, the learning rate last.

    >>> in_pairs(["accuracy", "learning_rate", "loss", "val_accuracy", "val_loss"])
    ['loss', 'val_loss', 'accuracy', 'val_accuracy', 'learning_rate']
    """

    def key(name: str) -> tuple:
        own = name.removeprefix("val_")
        return own.startswith("learning_rate"), own != "loss", own, name.startswith("val_")

    return sorted(dict.fromkeys(names), key=key)


def number(value: float) -> str:
    """A result in nine columns or less.

    >>> number(0.98765), number(12345.678), number(1e-5), number(float("nan"))
    ('0.9877', '1.235e+04', '1.000e-05', 'nan')
    """
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 or not np.isfinite(value) else f"{value:.3e}"


def width(name: str) -> int:
    """The columns of the terminal for the results of this name, the mark behind them included."""
    return max(9, len(name)) + 1


def duration(seconds: float) -> str:
    """The seconds of an epoch.

    >>> duration(0.1234), duration(123.4)
    ('0.12s', '123s')
    """
    return f"{seconds:.2f}s" if seconds < 100 else f"{seconds:.0f}s"
