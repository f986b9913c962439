"""The calls of batch hooks, as `Callback.batch_calls` asks for them.

Before each call of its loop, the engine asks for the number of steps that it may run (`plan`). Afterwards, it reports
the steps that it has run (`end`). So the loop returns exactly at the steps after which a callback must be called.
"""

from collections.abc import Collection
from numbers import Integral
from typing import Any, NamedTuple

HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}
GUARDS = {"nonfinite": "loss", "nonfinite update": "update"}
WORDS = ("each", "later", "chunk", *GUARDS)


class Plan(NamedTuple):
    """The wishes of the callbacks for the next call of the loop."""

    each: bool  # it must run as many steps as it may (`room`), whatever it would do otherwise
    room: int | None  # it must return after so many steps, if it has not done so before; None for no bound
    looks: tuple[
        bool, str | None
    ]  # whether it must record the logs of every step, and at what that is not finite it must stop


_UNWATCHED = Plan(False, None, (False, None))


class BatchCalls:
    """The calls of batch hooks in one run of training, evaluation or prediction.

    Args:
        callbacks: a list of callbacks.
        mode: `"train"`, `"test"` or `"predict"`.
        base: the class whose hooks do nothing.

    >>> class Print:
    ...     batch_calls = 3
    ...     def on_train_batch_end(self, batch, logs):
    ...         print(batch)
    >>> calls = BatchCalls([Print()], "train", object)
    >>> calls.start()
    >>> calls.plan().room, calls.begin(0), calls.end(0, 2, {})
    (3, None, None)
    >>> calls.plan().room, calls.begin(2), calls.end(2, 1, {})
    2
    (1, None, None)
    """

    def __init__(self, callbacks: list, mode: str, base: type):
        self.callbacks, self.mode, self.base = callbacks, mode, base
        self.step = 0  # how many steps the run has done
        self._watchers: list[_Watcher] = []
        self._per, self._open = 1, 0

    def start(self, per: int = 1) -> None:
        """Begin a pass over the data: see who watches batches.

        Args:
            per: callbacks of the kind "each" are called once for so many batches (`steps_per_execution`), however many
                calls of the loop these take.
        """
        self._per, self._open = per, 0  # how many batches of an unfinished group there are
        watching = [c for c in self.callbacks if any(is_set(c, hook, self.base) for hook in HOOKS[self.mode])]
        self._watchers = [_Watcher(callback, self.mode, self.base) for callback in watching]
        self.plan()

    @property
    def watched(self) -> bool:
        """True if anybody watches the batches of this pass."""
        return bool(self._watchers)

    def plan(self) -> Plan:
        """Plan the next call of the loop; `begin` and `end` must follow."""
        if not self._watchers:
            return _UNWATCHED
        rooms = []
        for watcher in self._watchers:
            watcher.look(self.step)
            if watcher.kind == "each":
                rooms.append(self._per - self._open)
            elif watcher.room is not None:
                rooms.append(watcher.room)
        return Plan(any(w.kind == "each" for w in self._watchers), min(rooms, default=None), self.looks())

    def looks(self) -> tuple[bool, str | None]:
        """True if the logs of every step are wanted, and a stop at a `"loss"` or an `"update"` that is not finite."""
        kinds = {watcher.kind for watcher in self._watchers}
        guards = {GUARDS[kind] for kind in kinds if kind in GUARDS}
        return "later" in kinds, max(guards, default=None)  # a stop at an update is one at a loss, too

    def begin(self, batch: int) -> None:
        """Call what is to be called before a call of the loop whose first batch is this one of the pass."""
        for watcher in self._watchers:
            if watcher.begins_at(self.step, self._open):
                watcher.begin(batch, {})

    def end(self, batch: int, count: int, logs: dict, recorded: list[dict] | None = None, finite: bool = True) -> None:
        """Call what is to be called after a call of the loop.

        Args:
            batch: its first batch, in the pass.
            count: how many it has run.
            logs: the results after the last one.
            recorded: the logs of each of them.
            finite: whether the last one was finite in what the loop looked at.
        """
        last, self.step = batch + count - 1, self.step + count
        self._open = (self._open + count) % self._per
        readers = [watcher for watcher in self._watchers if watcher.kind == "later"]
        for number, own in zip(range(batch, last), recorded or (), strict=False):
            for reader in readers:
                reader.begin(number, {})
            for reader in readers:
                reader.end(number, dict(own))
        for reader in readers:
            reader.begin(last, {})
        with_loss = recorded[-1] if recorded else logs
        for watcher in self._watchers:
            if watcher.is_due(self.step - 1, finite, self._open):
                watcher.end(last, dict(with_loss if watcher.kind in ("later", *GUARDS) else logs))

    @property
    def is_open(self) -> bool:
        """True if a group of batches has begun that `finish` or further batches must end."""
        return self._open > 0

    def finish(self, batches: int, logs: dict) -> None:
        """End a group that the data did not fill. As in Keras, its hook is given the number that a full group would end with.

        Args:
            batches: how many batches the pass had.
            logs: the results after the last one.
        """
        if self._open:
            last, self._open = batches - self._open + self._per - 1, 0
            for watcher in self._watchers:
                if watcher.kind == "each":
                    watcher.end(last, dict(logs))


class _Watcher:
    """A callback that watches batches."""

    def __init__(self, callback: Any, mode: str, base: type):
        self.callback, self.mode = callback, mode
        self._obeyed = mode != "predict" and _is_declared(callback, mode)
        self._has_begin = any(is_set(callback, hook, base) for hook in HOOKS[mode] if hook.endswith("begin"))
        self._begins = False  # of kind "some": whether the loop stops before the step as well
        self.begin = getattr(callback, f"on_{mode}_batch_begin", _nothing)
        self.end = getattr(callback, f"on_{mode}_batch_end", _nothing)
        self.kind: str = "each"
        self.room: int | None = None  # how many steps may be run until it must be called
        self.next: int | None = None  # of kind "some": the next step it is called for

    def look(self, step: int) -> None:
        """See what the callback wants, from this step on."""
        asked = self.callback.batch_calls if self._obeyed else "each"
        if self.mode != "train" and asked != "later":
            asked = "each"
        self.room = self.next = None
        if isinstance(asked, str) and asked in WORDS:
            self.kind = asked
            return
        self.kind, self.next = "some", self._next(asked, step)
        self._begins = self._has_begin and not isinstance(asked, Integral)
        if self.next is not None:
            self.room = self.next - step + (0 if self._begins and self.next > step else 1)

    def begins_at(self, step: int, opened: int) -> bool:
        """True if the hook is to be called before this step, the first of a call; `opened` batches of its group are done."""
        return (self.kind == "each" and not opened) or (self.kind == "some" and self._begins and self.next == step)

    def _next(self, asked: Any, step: int) -> int | None:
        if isinstance(asked, Integral) and not isinstance(asked, bool) and asked > 0:  # type: ignore[operator]
            return int(step + asked - 1 - step % asked)  # type: ignore[operator]
        if isinstance(asked, Collection) and not isinstance(asked, str):
            return min((number for number in asked if number >= step), default=None)
        if callable(asked):
            number = asked(step)
            if number is None or number >= step:
                return number
            raise ValueError(
                f"{type(self.callback).__name__}.batch_calls, given the step {step}, must return this or a later one, or None; "
                f"got {number!r}."
            )
        raise ValueError(
            f"{type(self.callback).__name__}.batch_calls must be one of {', '.join(map(repr, WORDS))}, a positive number of steps, "
            f"a list of steps, or a function of the next step; got {asked!r}."
        )

    def is_due(self, step: int, finite: bool, opened: int) -> bool:
        """True if the hook is to be called after this step, the last of a call; of an unfinished group, `opened` batches are
        done."""
        if self.kind == "some":
            return self.next == step
        if self.kind == "each":
            return not opened
        return self.kind not in GUARDS or not finite


def _is_declared(callback: Any, mode: str) -> bool:
    """True if `batch_calls` was set for the hooks that are there, and not for those that a subclass has replaced."""
    own = getattr(callback, "__dict__", {})
    if "batch_calls" in own:
        return True
    for names in (own, *map(vars, type(callback).__mro__)):
        if "batch_calls" in names:
            return True
        if any(hook in names for hook in HOOKS[mode]):
            return False
    return False


def is_set(callback: Any, hook: str, base: type) -> bool:
    """True if a callback has a hook of its own, in its class or on the object.

    >>> class Base:
    ...     def on_epoch_end(self, epoch, logs): ...
    >>> callback = Base()
    >>> is_set(callback, "on_epoch_end", Base)
    False
    >>> callback.on_epoch_end = print
    >>> is_set(callback, "on_epoch_end", Base)
    True
    """
    return hook in getattr(callback, "__dict__", {}) or getattr(type(callback), hook, None) is not getattr(base, hook, None)


def _nothing(batch: int, logs: dict | None = None) -> None:
    """A hook that is not there."""
