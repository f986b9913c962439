"""`LambdaCallback`: hooks given as functions."""

import inspect
from collections.abc import Callable
from typing import Any

from jkeras.callbacks.base import Callback
from jkeras.errors import unexpected_keywords


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin, on_epoch_end: `(epoch, logs)`.
        on_train_begin, on_train_end: `(logs)`.
        on_train_batch_begin, on_train_batch_end: `(batch, logs)`.
        **hooks: any other hook of `Callback`; what does not begin with `on_` becomes an attribute.

    Raises:
        TypeError: there is no such hook.

    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(3, {"loss": 0.5})
    3 0.5
    """

    def __new__(cls, *args: Any, **hooks: Any) -> "LambdaCallback":
        # A class of its own, with only the hooks that were given: a batch hook that does nothing would slow training.
        given = dict(zip(_NAMES, args, strict=False)) | hooks
        functions = {
            name: _as_method(function) for name, function in given.items() if _is_hook(name) and function is not None
        }
        return super().__new__(type(cls.__name__, (cls,), functions))

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **hooks: Callable,
    ):
        super().__init__()
        known = [name for name in dir(Callback) if _is_hook(name)]
        unknown = [name for name in hooks if _is_hook(name) and name not in known]
        if unknown:
            raise unexpected_keywords("LambdaCallback()", unknown, known)
        vars(self).update({name: value for name, value in hooks.items() if not _is_hook(name)})


LambdaCallback.__new__.__signature__ = inspect.signature(LambdaCallback.__init__)  # type: ignore[attr-defined]
_NAMES = ("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_train_batch_begin", "on_train_batch_end")


def _as_method(function: Callable) -> Callable:
    return lambda self, *args: function(*args)


def _is_hook(name: str) -> bool:
    return name.startswith("on_")
