"""Callbacks that change the learning rate between epochs.

The learning rate is a leaf of the optimizer's state, so a new one does not compile anything again.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from jkeras.callbacks.base import Callback
from jkeras.callbacks.monitor import MonitorCallback


class LearningRateScheduler(Callback):
    """A callback that sets the learning rate at the beginning of each epoch, and writes it to the logs.

    Args:
        schedule: `(epoch, learning_rate) -> learning_rate`, or `(epoch) -> learning_rate`; epochs count from 0.
        verbose: 1 says what the learning rate is set to.

    Raises:
        ValueError: `schedule` does not return a float, or the optimizer's learning rate is a schedule of its own.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile(jkeras.optimizers.SGD(0.5), "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[halve])
    >>> history.history["learning_rate"]
    [0.25, 0.125, 0.0625]
    """

    def __init__(self, schedule: Callable, verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        for optimizer, label, _ in _optimizers(self.model):
            if not hasattr(optimizer, "learning_rate"):
                raise ValueError(
                    f'LearningRateScheduler: Optimizer must have a "learning_rate" attribute, got {optimizer!r}.'
                )
            try:
                rate = self.schedule(epoch, float(optimizer.learning_rate))
            except TypeError:  # a schedule of the epoch alone
                rate = self.schedule(epoch)
            if not isinstance(rate, (float, np.float32, np.float64)):
                raise ValueError(
                    f"LearningRateScheduler: The output of the `schedule` function should be a float. Got: {rate!r} for epoch {epoch}."
                )
            optimizer.learning_rate = rate
            if self.verbose > 0:
                print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {label}learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        log_rates(self.model, logs)


class ReduceLROnPlateau(MonitorCallback):
    """A callback that reduces the learning rate when a quantity has not improved for some epochs, and writes the rate
    to the logs.

    Args:
        monitor: the name of the quantity in the logs.
        factor: what the learning rate is multiplied by; below 1.
        patience: how many epochs without anything better are waited for.
        verbose: 1 says when the learning rate is reduced.
        mode: `"min"` if smaller is better, `"max"` if larger is, `"auto"` to know it from the metric.
        min_delta: by how much the quantity must become better to count.
        cooldown: how many epochs after a reduction do not count.
        min_lr: the smallest learning rate.
        **kwargs: ignored, as in Keras.

    Raises:
        ValueError: `factor` is 1 or more; or, after an epoch, `mode="auto"`, and nothing says in which direction the quantity
            becomes better, as of one that is not logged.

    Warns:
        UserWarning: the quantity is not in the logs; the warning lists what is.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(jkeras.optimizers.SGD(0.5), "mse")
    >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1)
    >>> history = model.fit(np.ones((4, 2)), np.zeros((4, 1)), epochs=3, verbose=0, callbacks=[reduce])
    >>> float(model.optimizer.learning_rate)
    0.125
    """

    kept = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, None, min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        log_rates(self.model, logs)
        self.check_monitor(logs)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self) -> bool:
        """Return True if epochs do not count, because the last reduction was too recent."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> bool:
        reduced = False
        for optimizer, label, _ in _optimizers(self.model):
            old = float(optimizer.learning_rate)
            if old > np.float32(self.min_lr):
                new = max(old * self.factor, self.min_lr)
                optimizer.learning_rate = new
                reduced = True
                if self.verbose > 0:
                    print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing {label}learning rate to {new}.")
        return reduced


def _optimizers(model: Any) -> list[tuple[Any, str, str]]:
    """`(optimizer, its name in messages, the name of its rate in the logs)`: one, or each of a `MultiOptimizer`."""
    parts = getattr(model.optimizer, "optimizers", None)
    if parts is None:
        return [(model.optimizer, "", "learning_rate")]
    return [(part, f"{part.name} ", f"learning_rate_{part.name}") for part in parts]


def log_rates(model: Any, logs: dict | None) -> None:
    """Write the learning rates into logs, if there are any."""
    if logs is not None:
        logs |= {name: float(optimizer.learning_rate) for optimizer, _, name in _optimizers(model)}
