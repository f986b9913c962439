"""The progress bar of `fit`, `evaluate` and `predict`; tqdm draws it.

In a terminal or notebook it is Keras's line: steps done, a bar, the time left (at the end: taken), the time per step, the
results so far. Where the output is a file or a pipe, one plain line per epoch is printed instead.
"""

import shutil
import sys
import time
from typing import Any

from jkeras.callbacks.base import Callback


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
        self._bar: Any = None
        self._training = False

    # -- the run ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.params["epochs"] > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._open(self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._close(logs or {})

    def on_test_begin(self, logs: dict | None = None) -> None:
        if not self._training:
            self._open(self.params["steps"])

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._training:
            self._close(logs or {})

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._open(self.params["steps"])

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._close({})

    # -- the bar ------------------------------------------------------------------------------------------------------

    def advance(self, done: int, logs: dict) -> None:
        """`done` steps of the epoch are behind us, with these results so far."""
        if not self._done:
            self._first = (done, time.perf_counter())
        self._done = done
        if self._bar is not None:
            now = time.perf_counter()
            if now - self._drawn >= 0.05:  # more often than the eye can follow would only cost time
                self._drawn = now
                seconds = self._seconds_per_step(done)
                left = (self._total - done) * seconds if self._total else now - self._start
                self._draw(done, f"{duration(left)} {per_step(seconds)}/step{values(logs)}")

    def _open(self, total: int | None) -> None:
        self._start, self._drawn, self._total, self._done = time.perf_counter(), 0.0, total, 0
        self._first = (0, self._start)
        if self.verbose == 1 and is_live():
            from tqdm import tqdm  # here, so that importing jkeras does not pay for it

            shape = "{n_fmt}/{total_fmt} {bar:20} {desc}" if total else "{n_fmt}/Unknown {desc}"
            width, height = shutil.get_terminal_size()  # (80, 24) where a terminal does not say; tqdm would draw nothing
            self._bar = tqdm(
                total=total,
                bar_format=shape,
                ascii="─━",
                colour="green",
                file=sys.stdout,
                ncols=width if sys.stdout.isatty() else None,  # a notebook has no width
                nrows=height,
                mininterval=0,
            )

    def _draw(self, done: int, text: str) -> None:
        self._bar.n = done
        self._bar.set_description_str(text, refresh=False)
        self._bar.refresh()

    def _close(self, logs: dict) -> None:
        done = self._done
        text = f"{duration(time.perf_counter() - self._start)} {per_step(self._seconds_per_step(done))}/step{values(logs)}"
        if self._bar is not None:
            self._bar.total = self._bar.total or done
            self._draw(done, text)
            self._bar.close()
            self._bar = None
        else:
            print(f"{done}/{self._total or done} - {text}", flush=True)

    def _seconds_per_step(self, done: int) -> float:
        """Since the first call returned, which may have compiled; over everything if it was the only one."""
        steps, since = self._first if done > self._first[0] else (0, self._start)
        return (time.perf_counter() - since) / max(1, done - steps)


def is_live() -> bool:
    """Whether the output can redraw a line: a terminal, or a notebook."""
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")


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


def values(logs: dict) -> str:
    """The results, in Keras's form.

    >>> values({"accuracy": 0.98765, "loss": 0.00012})
    ' - accuracy: 0.9877 - loss: 1.2000e-04'
    """
    parts = []
    for name, value in logs.items():
        mean = value if isinstance(value, float) else float(sum(value) / len(value))
        parts.append(f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 or mean == 0 else f" - {name}: {mean:.4e}")
    return "".join(parts)
