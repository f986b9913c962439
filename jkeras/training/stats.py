"""What training has cost so far."""

import time
from typing import Any


class Stats:
    """The cost of training so far, which `model.stats()` shows."""

    def __init__(self) -> None:
        self.traces = self.compilations = self.calls = self.steps = 0
        self.device_bytes = 0
        self.compile_seconds = self.data_seconds = self.compute_seconds = self.callback_seconds = 0.0

    def as_dict(self) -> dict[str, float]:
        """The counters by name, with `steps_per_call` among them."""
        return dict(vars(self), steps_per_call=self.steps / max(1, self.calls))


class Clock:
    """Adds the time spent in a `with` block to one of the counters of a `Stats`.

    >>> stats = Stats()
    >>> with Clock(stats, "data_seconds"):
    ...     pass
    >>> stats.data_seconds > 0
    True
    """

    def __init__(self, stats: Stats, counter: str):
        self.stats, self.counter = stats, counter

    def __enter__(self) -> "Clock":
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.seconds = time.perf_counter() - self.start
        setattr(self.stats, self.counter, getattr(self.stats, self.counter) + self.seconds)
