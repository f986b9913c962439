"""`CallbackList`: several callbacks that are called as one."""

from collections.abc import Iterator
from typing import Any

from jkeras.arguments import Checked
from jkeras.callbacks.base import Callback
from jkeras.callbacks.history import History
from jkeras.callbacks.progress import ProgbarLogger
from jkeras.callbacks.schedule import BatchCalls, is_set


class CallbackList(Checked):
    """A list of callbacks that is called like one callback, also in your own training loops.

    Args:
        callbacks: a callback, or a list of them, which may be nested.
        add_history: whether to add a `History`, if there is none.
        add_progbar: whether to add a `ProgbarLogger`, if there is none.
        model: passed to each.
        **params: passed to each as a dict: `verbose`, `epochs`, `steps`.

    >>> history = []
    >>> class Note(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         history.append((epoch, logs))
    >>> callbacks = CallbackList([Note()], epochs=1)
    >>> callbacks.on_epoch_end(0, {"loss": 0.5})
    >>> history
    [(0, {'loss': 0.5})]
    """

    def __init__(
        self, callbacks: Any = None, add_history: bool = False, add_progbar: bool = False, model: Any = None, **params: Any
    ):
        self.callbacks = list(_flat(callbacks))
        self._calls: dict[str, BatchCalls] = {}
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(c, kind) for c in self.callbacks):
                self.callbacks.append(kind())
        for callback in self.callbacks:
            _check(callback)
        self.set_model(model)
        self.set_params(params)

    def append(self, callback: Any) -> None:
        """Add a callback; it gets the model and the parameters with the next `set_model` and `set_params`."""
        self.callbacks.append(callback)
        self._calls = {}
        for hook in [name for name in vars(self) if name.startswith("on_")]:
            delattr(self, hook)  # made anew, with this callback

    def set_params(self, params: dict) -> None:
        """Pass the parameters of a run to each."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Pass the model to each."""
        self.model = model
        if model is not None:
            for callback in self.callbacks:
                if isinstance(callback, History):
                    model.history = callback
                callback.set_model(model)

    def calls(self, mode: str) -> BatchCalls:
        """Return the calls of the batch hooks during `"train"`, `"test"` or `"predict"`."""
        if mode not in self._calls:
            self._calls[mode] = BatchCalls(self.callbacks, mode, Callback)
        return self._calls[mode]

    def watch(self, mode: str) -> bool:
        """Return True if any of the callbacks watches the batches of `"train"`, `"test"` or `"predict"`."""
        calls = self.calls(mode)
        calls.start()
        return calls.watched

    def __getattr__(self, hook: str) -> Any:
        if not hook.startswith("on_"):
            raise AttributeError(f"CallbackList has no attribute {hook!r}. The names of hooks begin with 'on_'.", name=hook)
        listening = [getattr(c, hook) for c in self.callbacks if is_set(c, hook, Callback) or self._forwards(c, hook)]
        numbers = 1 if "epoch" in hook or "batch" in hook else 0

        def call(*args: Any, logs: dict | None = None) -> None:
            given = args[numbers] if len(args) > numbers else logs
            for function in listening:
                function(*args[:numbers], {} if given is None else given)

        setattr(self, hook, call)
        return call

    @staticmethod
    def _forwards(callback: Any, hook: str) -> bool:
        return hook.startswith("on_train_batch") and is_set(callback, hook.replace("train_", ""), Callback)


def _flat(callbacks: Any) -> Iterator:
    if isinstance(callbacks, (list, tuple)):
        for item in callbacks:
            yield from _flat(item)
    elif isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif callbacks is not None:
        yield callbacks


def _check(callback: Any) -> None:
    """Refuse what is not a callback object, and show one."""
    if not isinstance(callback, type) and hasattr(callback, "set_params") and hasattr(callback, "set_model"):
        return
    if isinstance(callback, (str, type)):
        name = callback if isinstance(callback, str) else callback.__name__
        what = f"the {'name' if isinstance(callback, str) else 'class'} {name!r}"
        hint = f"Make an object of it: callbacks=[jkeras.callbacks.{name}(...)]."
    else:
        what = f"{callback!r}, of type {type(callback).__name__}"
        hint = "For functions: callbacks=[jkeras.callbacks.LambdaCallback(on_epoch_end=function)]."
    raise TypeError(f"callbacks must be jkeras.callbacks.Callback objects, but one of them is {what}. {hint}")
