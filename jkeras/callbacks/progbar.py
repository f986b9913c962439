"""`Progbar`: a progress bar for your own loops."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from jkeras.callbacks.line import Line
from jkeras.callbacks.progress import duration, per_step, values
from jkeras.runtime.switches import is_live, report


class Progbar:
    """A progress bar that shows the progress of a loop, and means of values.

    Args:
        target: the number of steps; None if it is not known.
        width: of the bar, in characters.
        verbose: 0 silent, 1 a line that is drawn anew, 2 one line at the end.
        interval: the least time between two drawings, in seconds.
        stateful_metrics: names whose values are shown as they are; those of all others are averaged.
        stateless_metrics: names whose values are averaged; those of all others are shown as they are.
        unit_name: what a step is called.

    Raises:
        ValueError: both lists of names are given.

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(1, [("loss", 1.0)]), bar.update(2, [("loss", 0.5)])  # doctest: +ELLIPSIS
    2/2 - 0s ...s/step - loss: 0.5000
    (None, None)
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Pass only one of stateful_metrics and stateless_metrics: each one determines the other.")
        self.target, self.width, self.verbose, self.interval, self.unit_name = target, width, verbose, interval, unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._line = Line(width) if verbose == 1 and is_live() else None
        self._sums: dict[str, list] = {}  # name -> [sum, steps]
        self._seen = 0
        self._start, self._drawn = time.perf_counter(), 0.0

    def update(self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None) -> None:
        """Show that `current` steps are done.

        Args:
            current: the number of steps that are done.
            values: `(name, value)` pairs, the values of the last step.
            finalize: whether the loop has ended; by default when `current` has reached `target`.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            if finalize or not self._is_averaged(name):
                self._sums[name] = [value, 1]
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = [total + value * steps, count + steps]
        self._seen = current
        self._show(finalize)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done. `values` are those of `update`."""
        self.update(self._seen + n, values)

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _show(self, finalize: bool) -> None:
        now = time.perf_counter()
        if not self.verbose or (not finalize and (self._line is None or now - self._drawn < self.interval)):
            return
        self._drawn = now
        seconds = (now - self._start) / max(1, self._seen)
        left = seconds * (self.target - self._seen) if self.target and not finalize else now - self._start
        times = f"{duration(left)} {per_step(seconds)}/{self.unit_name}"
        parts = values({name: np.mean(total) / max(1, count) for name, (total, count) in self._sums.items()})
        if self._line is None:
            report(" - ".join([f"{self._seen}/{self.target or self._seen}", times, *parts]))
        elif finalize:
            self._line.finish(self._seen, self.target or self._seen, times, parts)
        else:
            self._line.show(self._seen, self.target, times, parts)
