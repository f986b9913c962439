"""The progress bar of `fit`, `evaluate` and `predict`.

In a terminal or notebook it is Keras's line: steps done, a bar, the time left (at the end: taken), the time per step, the
results so far. Where the output is a file or a pipe, one plain line per epoch is printed instead.
"""

import time

import numpy as np

from jkeras.callbacks.base import Callback
from jkeras.callbacks.line import Line
from jkeras.runtime.switches import is_live, report


class Progress(Callback):
    """Shows how a run is getting on.

    It is told of progress by `advance` after every call of the compiled loop, not by batch hooks, so that it does not
    slow training down.

    Args:
        verbose: 1 for a bar, 2 for one line per epoch.
    """

    def __init__(self, verbose: int):
        super().__init__()
        self.verbose = verbose
        self._line: Line | None = None
        self._training = False

    # -- the run ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.verbose and self.params["epochs"] > 1:
            report(f"Epoch {epoch + 1}/{self.params['epochs']}")
        self._open(self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._close(logs or {})

    def on_test_begin(self, logs: dict | None = None) -> None:
        if not self._training:
            self._open(self.params["steps"])
        else:
            self.say("validating", True)

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._training:
            self._close(logs or {})
        else:
            self.say("validating", False)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._open(self.params["steps"])

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._close({})

    # -- the line -----------------------------------------------------------------------------------------------------

    def advance(self, done: int, logs: dict) -> None:
        """`done` steps of the epoch are behind us, with these results so far."""
        self._done, self._logs = done, logs
        now = time.perf_counter()
        if now - self._drawn >= 0.05:  # more often than the eye can follow would only cost time
            self._draw(now)

    def say(self, what: str, begins: bool) -> None:
        """Something that takes a while begins or ends: show what it is. Compiling does not count as the time of steps."""
        now = time.perf_counter()
        if begins:
            self._activity, self._began = what, now
            self._draw(now)
        else:
            self._activity = ""
            self._apart += now - self._began

    def _open(self, total: int | None) -> None:
        self._start, self._drawn, self._total, self._done = time.perf_counter(), 0.0, total, 0
        self._logs: dict = {}  # type: ignore[no-redef]
        self._activity, self._began, self._apart = "", 0.0, 0.0
        self._line = Line() if self.verbose == 1 and is_live() else None
        self._draw(self._start)

    def _draw(self, now: float) -> None:
        if self._line is None:
            return
        self._drawn = now
        if not self._done:
            self._line.show(0, self._total, self._activity, [])
            return
        activity = [self._activity] if self._activity else []
        seconds = self._seconds_per_step(now)
        left = (self._total - self._done) * seconds if self._total else now - self._start
        times = f"{duration(left)} {per_step(seconds)}/step"
        self._line.show(self._done, self._total, times, [*activity, *values(self._logs)])

    def _close(self, logs: dict) -> None:
        now = time.perf_counter()
        done, total = self._done, self._total or self._done
        times = f"{duration(now - self._start)} {per_step(self._seconds_per_step(now))}/step"
        if self._line is not None:
            self._line.finish(done, total, times, values(logs))
            self._line = None
        elif self.verbose:
            report(" - ".join([f"{done}/{total}", times, *values(logs)]))

    def _seconds_per_step(self, now: float) -> float:
        """Without the time that compiling took."""
        return (now - self._start - self._apart) / max(1, self._done)


class ProgbarLogger(Progress):
    """A callback that shows the progress bar, for your own loops: `CallbackList(..., add_progbar=True)`.

    `fit`, `evaluate` and `predict` draw their progress bar themselves; they leave this callback out.

    >>> bar = ProgbarLogger()
    >>> bar.set_params({"verbose": 2, "epochs": 1, "steps": 2})
    >>> bar.on_epoch_begin(0), bar.on_train_batch_end(0, {}), bar.on_train_batch_end(1, {})
    (None, None, None)
    >>> bar.on_epoch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
    2/2 - 0s ...s/step - loss: 0.5000
    """

    def __init__(self) -> None:
        super().__init__(1)

    def set_params(self, params: dict) -> None:
        self.params = {"epochs": 1, "steps": None, **params}
        self.verbose = 1 if self.params.get("verbose", 1) == "auto" else self.params.get("verbose", 1)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.advance(batch + 1, logs or {})

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not self._training:
            self.advance(batch + 1, logs or {})

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.advance(batch + 1, {})


def duration(seconds: float) -> str:
    """A duration as Keras writes it.

    >>> duration(5.2), duration(75), duration(3700)
    ('5s', '1:15', '1:01:40')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


def per_step(seconds: float) -> str:
    """A time per step in the unit that suits it.

    >>> per_step(2.0), per_step(0.0123), per_step(21e-6)
    ('2s', '12ms', '21us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.0f}{unit}"
    return ""


def values(logs: dict) -> list[str]:
    """The results, in Keras's form; of an array the mean.

    >>> values({"accuracy": 0.98765, "loss": 0.00012})
    ['accuracy: 0.9877', 'loss: 1.2000e-04']
    """
    means = {name: float(np.mean(value)) for name, value in logs.items()}
    return [
        f"{name}: {mean:.4f}" if abs(mean) > 1e-3 or mean == 0 else f"{name}: {mean:.4e}" for name, mean in means.items()
    ]
