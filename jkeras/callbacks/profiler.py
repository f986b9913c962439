"""`Profiler`: a callback that records the times of an epoch with JAX's profiler."""

import os
import warnings

import jax

from jkeras.callbacks.base import Callback
from jkeras.callbacks.folders import make_writable


class Profiler(Callback):
    """A callback that writes a trace of one or more epochs of training, for TensorBoard, XProf or Perfetto.

    The trace shows each call of the compiled loop, on the host and on the device; layers appear under their names in the
    operations they became. The callback looks at epochs only, so the loop runs as it does without it.

    Args:
        log_dir: the folder to write to; it is made if it is not there.
        start: how many epochs of the run go by first. By default one, which compiles.
        epochs: how many epochs to trace.

    Raises:
        ValueError: a negative `start`, or `epochs` less than 1.
        OSError: the folder cannot be written; this is found out before training begins.

    Warns:
        UserWarning: the run ended before anything was traced.

    Source: https://docs.jax.dev/en/latest/profiling.html

    >>> import jkeras, numpy as np, pathlib, tempfile
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     profiler = jkeras.callbacks.Profiler(folder)
    ...     _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0, callbacks=[profiler])
    ...     [path.suffix for path in pathlib.Path(folder).rglob("*.pb")]
    ['.pb']
    """

    def __init__(self, log_dir: str | os.PathLike, start: int = 1, epochs: int = 1):
        super().__init__()
        if start < 0 or epochs < 1:
            raise ValueError(f"Profiler() needs start >= 0 and epochs >= 1, got start={start}, epochs={epochs}.")
        self.log_dir, self.start, self.epochs = os.fspath(log_dir), start, epochs
        self._seen, self._running = 0, False

    def on_train_begin(self, logs: dict | None = None) -> None:
        make_writable(self.log_dir, "Profiler")
        self._stop()  # left running by a fit() that was interrupted
        self._seen = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._seen == self.start:
            jax.profiler.start_trace(self.log_dir)
            self._running = True

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._seen += 1
        if self._seen == self.start + self.epochs:
            self._stop()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._stop()
        if self._seen <= self.start:
            warnings.warn(
                f"Profiler(start={self.start}) has traced nothing, because training ended after {self._seen} epoch(s).",
                stacklevel=2,
            )

    def _stop(self) -> None:
        if self._running:
            self._running = False
            jax.profiler.stop_trace()
