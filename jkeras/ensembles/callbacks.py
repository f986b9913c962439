"""Callbacks that decide for each member of an ensemble: they stop it, restore its weights, or change its learning rate.

The user passes `EarlyStopping`, `ReduceLROnPlateau` and `LearningRateScheduler` as for a model. `per_member` replaces
them by the classes in this file, which do the same on arrays with a value per member.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from jkeras.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    RemoteMonitor,
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)
from jkeras.ensembles.stacked import select
from jkeras.runtime.placement import copy_to_device

SINGLE = (CSVLogger, ModelCheckpoint, RemoteMonitor, SwapEMAWeights, TensorBoard, TerminateOnNaN)


def per_member(callbacks: Any) -> list:
    """The callbacks of a fit, with those that act on members in the places of the originals, and first.

    Raises:
        TypeError: a callback works with a single model only.
    """
    listed = CallbackList(callbacks).callbacks
    for callback in listed:
        if isinstance(callback, SINGLE):
            raise TypeError(
                f"{type(callback).__name__} works with a single model, and this is an Ensemble. Leave it out; after training, "
                "ensemble[0] is an ordinary model, and history.history holds the results of all members."
            )
    made = [_MADE[type(callback)](callback) if type(callback) in _MADE else callback for callback in listed]
    unknown = [c for c in made if isinstance(c, tuple(_MADE)) and not isinstance(c, MemberCallback)]
    if unknown:
        raise TypeError(
            f"{type(unknown[0]).__name__} is a subclass of a callback that acts on a single model, so it cannot act on an Ensemble. "
            f"Use {type(unknown[0]).__mro__[1].__name__}, or derive from Callback and work with arrays that hold a value per member."
        )
    order = (
        ReduceRates,
        ScheduleRates,
        StopMembers,
    )  # of writing into the logs: the last one writes NaN where a member has stopped
    return sorted(made, key=lambda callback: order.index(type(callback)) if type(callback) in order else len(order))


class MemberCallback(Callback):
    """Base: does for all members what another callback does for a model.

    Args:
        original: whose arguments count, and whose attributes are set.
    """

    def __init__(self, original: Any):
        super().__init__()
        self.original = original

    kept: tuple[str, ...] = ()  # the attributes that a backup of the run holds

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self.original.set_model(model)

    def get_state(self) -> dict:
        return {name: jax.tree.map(np.asarray, getattr(self, name)) for name in self.kept}

    def set_state(self, state: dict) -> None:
        for name in self.kept:
            setattr(self, name, state[name])

    def better(self, values: np.ndarray, reference: Any) -> np.ndarray:
        """For which members a value is better than another one."""
        if reference is None:
            self.original.is_better(0.0, None)  # which says if the direction is not known
            return np.ones(len(values), bool)
        larger, delta = self.original._larger_is_better(), self.original.min_delta
        return values - delta > reference if larger else values + delta < reference

    def monitored(self, logs: dict) -> np.ndarray | None:
        """The quantity that is watched; None, with the original's warning, if it is not there."""
        value = (
            self.original.get_monitor_value(logs)
            if hasattr(self.original, "get_monitor_value")
            else logs.get(self.original.monitor)
        )
        return None if value is None else np.asarray(value, "float64")


class StopMembers(MemberCallback):
    """`EarlyStopping` for each member.

    A member that has stopped is trained on with the others, since they are one program, but not kept: it ends with the state that it
    had when it stopped, or with its best weights. What it would have logged since is NaN.
    """

    kept = ("active", "wait", "best", "best_epoch", "stopped_epoch", "best_weights", "final")

    def on_train_begin(self, logs: dict | None = None) -> None:
        members = len(self.model)
        self.active = np.ones(members, bool)
        self.wait, self.best_epoch, self.stopped_epoch = (np.zeros(members, int) for _ in range(3))
        self.best: np.ndarray | None = None
        self.best_weights: list | None = None
        self.final: list | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        current, rule = self.monitored(logs), self.original
        for name, value in logs.items():
            if np.shape(value) == self.active.shape and not self.active.all():
                logs[name] = np.where(self.active, value, np.nan)
        if current is None or epoch < rule.start_from_epoch:
            return
        if rule.restore_best_weights and self.best_weights is None:
            self._keep(np.ones_like(self.active), epoch)
        self.wait[self.active] += 1
        better = self.better(current, self.best)
        improved = better & self.active
        if improved.any():
            self.best = current if self.best is None else np.where(improved, current, self.best)
            self._keep(improved, epoch)
            passes = improved if rule.baseline is None else improved & self.better(current, np.float64(rule.baseline))
            self.wait[passes] = 0
        stops = self.active & ~better & (self.wait >= rule.patience) & (epoch > 0)
        if stops.any():
            self.stopped_epoch[stops] = epoch
            self._freeze(stops)
            self.active &= ~stops
            self.model.stop_training = not self.active.any()
        for name in ("best", "wait", "best_epoch", "stopped_epoch"):
            setattr(rule, name, getattr(self, name))

    def on_train_end(self, logs: dict | None = None) -> None:
        self._restore()

    def on_train_error(self, error: BaseException) -> None:
        self._restore()

    def _keep(self, mask: np.ndarray, epoch: int) -> None:
        self.best_epoch[mask] = epoch
        if self.original.restore_best_weights:
            self.best_weights = self._taken(mask, _weights(self._state()), self.best_weights)

    def _freeze(self, mask: np.ndarray) -> None:
        self.final = self._taken(mask, self._state(), self.final)

    def _taken(self, mask: np.ndarray, tree: Any, kept: list | None) -> list:
        leaves = jax.tree.leaves(tree)
        return select(mask, leaves, leaves if kept is None else kept)

    def _state(self) -> Any:
        return self.model._compiled.plan.look()

    def _restore(self) -> None:
        if self.final is None and self.best_weights is None:
            return
        ts = self._state()
        if self.final is not None:
            ts = _filled(ts, select(self.active, jax.tree.leaves(ts), self.final))
        if self.best_weights is not None:
            best = _filled(_weights(ts), self.best_weights)
            ts = ts._replace(params=best[0], frozen=best[1], state=best[2])
        self.model._compiled.plan.replace(copy_to_device(ts))
        if self.original.verbose > 0:
            print(f"Early stopping: {int((~self.active).sum())} of {len(self.active)} members had stopped.")
        self.final = self.best_weights = None


class ReduceRates(MemberCallback):
    """`ReduceLROnPlateau` for each member."""

    kept = ("best", "wait", "cooldown")

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.wait, self.cooldown = (np.zeros(len(self.model), int) for _ in range(2))
        self.best: np.ndarray | None = None
        _ = self.model.learning_rate  # which says if there is none

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        rates, rule = self.model.learning_rate, self.original
        logs["learning_rate"] = rates
        current = self.monitored(logs)
        if current is None:
            rule.on_epoch_end(epoch, {})  # which warns
            return
        cooling = self.cooldown > 0
        self.cooldown[cooling] -= 1
        self.wait[cooling] = 0
        better = self.better(current, self.best)
        self.best = current if self.best is None else np.where(better, current, self.best)
        self.wait[better] = 0
        waits = ~better & ~(self.cooldown > 0)
        self.wait[waits] += 1
        reduce = waits & (self.wait >= rule.patience) & (rates > np.float32(rule.min_lr))
        if reduce.any():
            self.model.learning_rate = [
                max(float(r) * rule.factor, rule.min_lr) if m else r for r, m in zip(rates, reduce, strict=True)
            ]
            self.cooldown[reduce], self.wait[reduce] = rule.cooldown, 0
            if rule.verbose > 0:
                print(
                    f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing the learning rates of members {np.flatnonzero(reduce).tolist()}."
                )


class ScheduleRates(MemberCallback):
    """`LearningRateScheduler` for each member."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        rates = []
        for rate in self.model.learning_rate:
            optimizer = SimpleNamespace(learning_rate=rate)
            self.original.set_model(SimpleNamespace(optimizer=optimizer))
            self.original.on_epoch_begin(epoch)
            rates.append(optimizer.learning_rate)
        self.model.learning_rate = rates

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.learning_rate


_MADE: dict[type, Callable] = {
    EarlyStopping: StopMembers,
    ReduceLROnPlateau: ReduceRates,
    LearningRateScheduler: ScheduleRates,
}


def _weights(ts: Any) -> tuple:
    """Return the values that `get_weights` of a model returns: all variables that layers own."""
    return ts.params, ts.frozen, ts.state


def _filled(tree: Any, leaves: list) -> Any:
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)
