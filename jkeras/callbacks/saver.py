"""`Saver`: the base class of callbacks that save the model at the end of epochs or every n batches."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

from jkeras.callbacks.monitor import MonitorCallback


class Saver(MonitorCallback):
    """Calls `_save_model(epoch, batch, logs)` when it is time to save; subclasses define that, and set `save_freq`."""

    save_freq: Any = "epoch"
    _current_epoch = 0
    _last_batch_seen: int | None = None
    _batches_seen_since_last_saving = 0
    _due: int | None = None  # the training step that the loop has been told to stop after

    @property
    def batch_calls(self) -> Callable | list:
        """The steps after which the loop returns: every `save_freq`th of the run; none with `save_freq="epoch"`."""
        return [] if self.save_freq == "epoch" else self._next_step

    def _next_step(self, step: int) -> int:
        self._due = step + self.save_freq - 1 - step % self.save_freq
        return self._due

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._due = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self._due is not None or self._should_save_on_batch(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _save_model(self, epoch: int, batch: int | None, logs: dict | None) -> None:
        raise TypeError(f"{type(self).__name__} must define _save_model(self, epoch, batch, logs).")

    def _should_save_on_batch(self, batch: int) -> bool:
        """True if a batch is the `save_freq`th since the last one that was saved; of a subclass that is called for every batch, or
        for some."""
        if self.save_freq == "epoch":
            return False
        last = self._last_batch_seen
        self._batches_seen_since_last_saving += batch + 1 if last is None or batch <= last else batch - last
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving < self.save_freq:
            return False
        self._batches_seen_since_last_saving = 0
        return True


def check_save_freq(save_freq: Any) -> None:
    """Refuse what is neither `"epoch"` nor a positive number of batches."""
    is_number = isinstance(save_freq, Integral) and not isinstance(save_freq, bool)
    if save_freq != "epoch" and not (is_number and save_freq > 0):
        raise ValueError(
            f"Unrecognized save_freq: {save_freq!r}. Expected save_freq are 'epoch' or integer values, 1 or more batches."
        )
