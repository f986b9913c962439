"""Close everything that a failed call has opened in its thread: frames, scopes, listeners.

`with` blocks record in lists and attributes what a thread has open. Ctrl-C can come in the middle of entering or
leaving such a block. So a public call stores the state of these lists at its start, and restores it if an error ends
the call.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from jkeras.core import dimensions, frame, observing
from jkeras.runtime import activity, compiler_options
from jkeras.serialization import configs, naming, registry, shared_objects

Function = TypeVar("Function", bound=Callable)

_LISTS = ((frame._thread, "stack"), (naming._thread, "owners"), (registry._scope, "stack"), (dimensions._thread, "tries"))
_VALUES = (
    (configs._reading, "depth"),
    (shared_objects._thread, "written"),
    (shared_objects._thread, "read"),
    (activity._thread, "listener"),
    (observing._thread, "observer"),
    (compiler_options._lowering, "platform"),
)


def _opened() -> tuple[list[int], list[Any]]:
    """Return the lengths of the lists, and the attributes."""
    lengths = [len(getattr(thread, name, ())) for thread, name in _LISTS]
    return lengths, [getattr(thread, name, None) for thread, name in _VALUES]


def _restore(opened: tuple[list[int], list[Any]]) -> None:
    lengths, values = opened
    for (thread, name), length in zip(_LISTS, lengths, strict=True):
        if hasattr(thread, name):
            del getattr(thread, name)[length:]
    for (thread, name), value in zip(_VALUES, values, strict=True):
        if getattr(thread, name, None) is not value:
            setattr(thread, name, value)


def contained(function: Function) -> Function:
    """The function, after whose failure the thread has open what it had before.

    >>> @contained
    ... def leave_open():
    ...     frame.Frame({}).__enter__()
    ...     raise KeyboardInterrupt
    >>> try:
    ...     leave_open()
    ... except KeyboardInterrupt:
    ...     print(frame.current())
    None
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        opened = _opened()
        try:
            return function(*args, **kwargs)
        except BaseException:
            _restore(opened)
            raise

    return wrapper  # type: ignore[return-value]


__all__ = ["contained"]
