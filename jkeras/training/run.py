"""A run of `fit`: its progress, and everything that is needed to continue it in another process.

The state of a run is a nested dict of plain values and arrays: the variables of the `TrainState` (weights, optimizer,
metrics' sums, seeds), the generators of the host, the order of the data and the position in it, and the states of
callbacks.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax

from jkeras.callbacks.base import Callback
from jkeras.callbacks.history import History
from jkeras.callbacks.schedule import is_set
from jkeras.core.assignment import assign_all
from jkeras.errors import outside
from jkeras.runtime.host_random import host_random_state, set_host_random_state
from jkeras.runtime.mesh import current
from jkeras.training.nonfinite import explain

# What a callback has that its `get_state` need not keep: `fit` sets it.
GIVEN = {"_model", "params", "batch_calls", "validation_data"}


class Run:
    """The position of a run, and its state.

    Args:
        model: the trainer.
        feed: of the data.
        callbacks: a `CallbackList`.
        shuffle, steps: as given to `fit`.
        epoch: the first epoch.

    Attributes:
        epoch, batch: the epoch, and how many of its batches are done.
        ended: whether the epoch is over.
        logs: the last results.
    """

    def __init__(self, model: Any, feed: Any, callbacks: Any, shuffle: Any, steps: int | None, epoch: int):
        self.model, self.feed, self.callbacks, self.shuffle, self.steps = model, feed, callbacks, shuffle, steps
        self.epoch, self.batch, self.ended = epoch, 0, False
        self.logs: dict = {}
        self._bad: Callable | None = None  # makes the batch at which the loop has just stopped, since it was not finite
        self._resumed: dict | None = None
        self._warned = False
        if any(is_set(callback, "on_checkpoint", Callback) for callback in callbacks.callbacks):
            feed.data.keep_places()

    def note(self, batch: int, logs: dict, bad: Callable | None) -> None:
        """A call of the loop is over.

        Args:
            batch: how many batches of the epoch are done.
            logs: the results.
            bad: makes the last batch, if the loop stopped since it was not finite.
        """
        self.batch, self.logs, self._bad = batch, logs, bad

    def explain(self) -> str:
        """Return the cause of the stop at the last batch: the data, the first layer, the loss or the gradients that are
        not finite.
        """
        return explain(self.model, self._bad())  # type: ignore[misc]

    # -- writing ------------------------------------------------------------------------------------------------------

    def get_state(self) -> dict:
        """The state of the run as it is now; the arrays in it stay as they are when the run goes on."""
        return {
            "made_for": self._identity(),
            "epoch": self.epoch,
            "batch": self.batch,
            "ended": self.ended,
            "logs": dict(self.logs),
            "steps": self.callbacks.calls("train").step,
            "stop_training": bool(self.model.stop_training),
            "variables": self._values(),
            "random": host_random_state(),
            "data": self.feed.data.get_state(self.batch),
            "callbacks": self._callback_states(),
        }

    def variables(self) -> dict[str, Any]:
        """Return the variables of the state by their names in it."""
        slots = self.model._compiled.plan.slots
        return dict(zip(slots.paths(), slots.variables, strict=True))

    def _values(self) -> dict[str, Any]:
        flat, _ = jax.tree_util.tree_flatten_with_path(self.model._compiled.plan.read())
        return {jax.tree_util.keystr(path): value for path, value in flat}

    def _identity(self) -> dict:
        """The facts that must be the same in the run that goes on."""
        data = self.feed.data
        return {
            "optimizer": type(self.model.optimizer).__name__,
            "number of samples": getattr(data, "num_samples", None),
            "batch_size": data.batch_size,
            "steps_per_epoch": self.steps,
            "shuffle": self.shuffle,
            "kind of data": data.describe(),
        }

    def _callback_states(self) -> list:
        states, lost = [], []
        for callback in self.callbacks.callbacks:
            state = getattr(callback, "get_state", _nothing)()
            states.append([type(callback).__name__, state])
            own = {name for name in getattr(callback, "__dict__", ()) if name not in GIVEN}
            if state is None and own and not type(callback).__module__.startswith("jkeras."):
                lost.append(f"{type(callback).__name__} ({', '.join(sorted(own))})")
        if lost and not self._warned:
            self._warned = True
            warnings.warn(
                f"These callbacks have attributes and no get_state, so a backup does not hold them: {'; '.join(lost)}. Give the class "
                "get_state(self), which returns a dict, and set_state(self, state), which takes it back.",
                stacklevel=outside(),
            )
        return states

    # -- going on -----------------------------------------------------------------------------------------------------

    def resume(self, state: dict) -> None:
        """Go on from a state; to be called in `on_train_begin`. What is restored, and when, is up to `fit`.

        Raises:
            ValueError: the state belongs to another model, optimizer or data; the message names what differs.
        """
        differences = [
            f"  {name}: {state['made_for'].get(name)!r} in the backup, {value!r} in this run"
            for name, value in self._identity().items()
            if state["made_for"].get(name) != value
        ]
        saved = state["variables"]
        if any(path not in self.variables() for path in saved):
            self._find_more_variables()
        values = self._values()
        for path, value in values.items():
            if path not in saved:
                differences.append(f"  variable {path}: not in the backup")
            elif (saved[path].shape, saved[path].dtype) != (value.shape, value.dtype):
                found, wanted = (f"{a.dtype}{list(a.shape)}" for a in (saved[path], value))
                differences.append(f"  variable {path}: {found} in the backup, {wanted} in this run")
        differences += [f"  variable {path}: only in the backup" for path in saved if path not in values]
        if differences:
            shown = differences[:12] + [f"  ... and {len(differences) - 12} more"] * (len(differences) > 12)
            raise ValueError("The backup belongs to another model, optimizer or data:\n" + "\n".join(shown))
        self._resumed = state
        self.epoch = state["epoch"] + state["ended"]

    def _find_more_variables(self) -> None:
        """Let a trace find the variables that losses, metrics and schedules hold, which become part of the state."""
        plan, data = self.model._compiled.plan, self.feed.data
        if hasattr(data, "num_samples"):
            step = lambda: jax.eval_shape(self.model.train_step, plan.read(), data.spec())  # noqa: E731
            with current().tracing():
                plan.run(self.model, step)

    def begin(self) -> bool:
        """Take up a state that was saved at the end of an epoch. Returns whether there is anything left to train."""
        if self._resumed is not None and self._resumed["ended"]:
            self._restore(self._resumed)
            return not self.model.stop_training
        return True

    def enter(self, epoch: int) -> tuple[int, dict]:
        """Begin an epoch, or go on within it. Returns how many of its batches are done, and the results so far."""
        self.epoch, self.batch, self.ended, self.logs = epoch, 0, False, {}
        if self._resumed is not None:
            self._restore(self._resumed)
        return self.batch, dict(self.logs)

    def _restore(self, state: dict) -> None:
        self._resumed = None
        assign_all((variable, state["variables"][path]) for path, variable in self.variables().items())
        self.batch, self.logs = (0 if state["ended"] else state["batch"]), dict(state["logs"])
        self.model.stop_training = state["stop_training"]
        self.callbacks.calls("train").step = state["steps"]
        self._restore_callbacks(state["callbacks"], (state["epoch"], self.logs) if state["ended"] else None)
        over = state["epoch"] + state["ended"]
        if not self.feed.data.set_state(state["data"], over, within=not state["ended"]):
            set_host_random_state(state["random"])

    def _restore_callbacks(self, states: list, over: tuple | None) -> None:
        """Each callback takes the first state of its class that is left. `over` is the epoch that is over, with its logs."""
        left = list(states)
        for callback in self.callbacks.callbacks:
            found = next((item for item in left if item[0] == type(callback).__name__), None)
            if found is not None:
                left.remove(found)
                if found[1] is not None:
                    callback.set_state(found[1])
            if isinstance(callback, History) and over and over[0] not in callback.epoch:
                callback.on_epoch_end(*over)  # an error in another callback's hook was quicker


def _nothing() -> None:
    """The state of a callback that has none."""
