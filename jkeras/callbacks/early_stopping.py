"""`EarlyStopping`: a callback that stops training when a result no longer improves."""

import warnings
from typing import Any

from jkeras.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """A callback that stops training when a quantity has not improved for some epochs.

    Args:
        monitor: the name of the quantity in the logs.
        min_delta: by how much it must become better to count.
        patience: how many epochs without anything better are waited for.
        verbose: 1 says when training is stopped and which weights are restored.
        mode: `"min"` if smaller is better, `"max"` if larger is, `"auto"` to know it from the metric.
        baseline: training also stops if the quantity is not better than this after `patience` epochs.
        restore_best_weights: whether the model ends with the weights of its best epoch, instead of the last one's. They are
            restored as well when training is ended by Ctrl-C or by an error.
        start_from_epoch: epochs before this one are not looked at.

    Raises:
        ValueError: `mode="auto"`, and nothing says in which direction the quantity becomes better, as of one that is not logged.

    Warns:
        UserWarning: the quantity is not in the logs; the warning lists what is.

    Attributes:
        best: the best value so far.
        best_epoch: its epoch.
        stopped_epoch: the epoch at whose end training was stopped; 0 before.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> stop = EarlyStopping("loss", patience=2)
    >>> history = model.fit(np.ones((4, 2)), np.zeros((4, 1)), epochs=10, verbose=0, callbacks=[stop])
    >>> len(history.epoch), stop.stopped_epoch
    (3, 2)
    """

    kept = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, None, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.check_monitor(logs)
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_better(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        self._restore()

    def on_train_error(self, error: BaseException) -> None:
        self._restore()

    def get_monitor_value(self, logs: dict | None) -> Any:
        """Return the monitored quantity among the logs; None, with a warning, if it is not there."""
        logs = logs or {}
        if self.monitor not in logs:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                stacklevel=2,
            )
        return logs.get(self.monitor)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def _restore(self) -> None:
        if self.best_weights is None:
            return
        if self.verbose > 0:
            print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
        self.model.set_weights(self.best_weights)
        self.best_weights = None
