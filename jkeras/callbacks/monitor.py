"""`MonitorCallback`: the base class of callbacks that watch a result and decide whether it has improved."""

import warnings
from typing import Any

from jkeras import ops
from jkeras.callbacks.base import Callback


class MonitorCallback(Callback):
    """Watches a quantity that is in the logs of an epoch.

    Args:
        monitor: the name of the quantity, as it stands in the logs: `"val_loss"`, `"accuracy"`, ...
        mode: `"min"` if smaller is better, `"max"` if larger is, `"auto"` to know it from the metric.
        baseline: the value to beat at first; None takes the first one that comes.
        min_delta: by how much a value must be better to count as better; its sign does not matter.

    Warns:
        UserWarning: an unknown `mode`; `"auto"` is taken instead.

    >>> watcher = MonitorCallback("val_loss", mode="min", baseline=0.5, min_delta=0.1)
    >>> watcher.is_better(0.45, watcher.best), watcher.is_better(0.3, watcher.best)
    (False, True)
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode {mode!r} is unknown, so mode='auto' is used. The modes are 'auto', 'min' and 'max'.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, baseline, abs(min_delta)

    kept: tuple[str, ...] = ("best",)  # the attributes that a backup of the run holds

    def get_state(self) -> dict:
        return {name: getattr(self, name) for name in self.kept}

    def set_state(self, state: dict) -> None:
        for name in self.kept:
            setattr(self, name, state[name])

    @property
    def monitor_op(self) -> Any:
        """`ops.less` or `ops.greater`: the comparison that says whether a value is better than another one. A subclass may set it.

        Raises:
            ValueError: `mode="auto"`, and the metric does not say in which direction it becomes better.
        """
        return self._compare or (ops.greater if self._larger_is_better() else ops.less)

    @monitor_op.setter
    def monitor_op(self, function: Any) -> None:
        self._compare = function

    _compare: Any = None

    def is_better(self, value: Any, reference: Any) -> bool:
        """True if a value is better than another one by more than `min_delta`; anything is better than None.

        Raises:
            ValueError: `mode="auto"`, and the metric does not say in which direction it becomes better.
        """
        larger = self._larger_is_better() if self._compare is None else self._compare is not ops.less
        if reference is None:
            return True
        value = value - self.min_delta if larger else value + self.min_delta
        if self._compare is not None:
            return bool(self._compare(value, reference))
        return bool(value > reference if larger else value < reference)

    def _larger_is_better(self) -> bool:
        if self.mode == "auto":
            self.mode = self._direction()
        return self.mode == "max"

    def check_monitor(self, logs: dict | None) -> None:
        """Look, at the end of an epoch, whether this watches something that can be watched.

        Raises:
            ValueError: nothing says in which direction the quantity becomes better; if it is not in the logs, the message lists
                what is.
        """
        if self._compare is not None:
            return
        try:
            self._larger_is_better()
        except ValueError as error:
            if self.monitor in (logs or {}):
                raise
            raise ValueError(
                f"{type(self).__name__} watches monitor={self.monitor!r}, which is not available. Available metrics are: "
                f"{','.join(logs or {})}."
            ) from error

    def _direction(self) -> str:
        known = direction(self.model, self.monitor)
        if known is not None:
            return known
        raise ValueError(
            f"{type(self).__name__} watches monitor={self.monitor!r}, and nothing says whether small or large values of it are "
            f"good. Pass mode='min' or mode='max':\n    {type(self).__name__}(monitor={self.monitor!r}, mode='max')"
        )


def direction(model: Any, name: str) -> str | None:
    """`"min"` if smaller values of a result are better, `"max"` if larger ones are, None if nothing says so.

    >>> direction(None, "val_loss"), direction(None, "learning_rate")
    ('min', None)
    """
    name = name.removeprefix("val_")
    if name == "loss" or name.endswith("_loss"):
        return "min"
    for known, metric in _metrics(model):
        if known == name and hasattr(metric, "_direction"):
            return "max" if metric._direction == "up" else "min"
    return None


def _metrics(model: Any) -> list[tuple[str, Any]]:
    """The metrics of a model with their names in the logs, those of single outputs as well."""
    found = []
    for metric in getattr(model, "metrics", []):
        found += [(name, member) for _, member, _, name in getattr(metric, "entries", [])]
        found += [(member.name, member) for member in getattr(metric, "members", [metric])]
    return found
