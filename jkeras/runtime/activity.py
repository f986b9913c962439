"""Tell the progress bar about long work, such as compiling.

    with doing("compiling"):        # where the work is
        ...
    with told(bar.say):             # around what may take long
        ...

Both concern only their own thread: nobody waits for a program that a background thread compiles.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_thread = threading.local()


@contextmanager
def told(listener: Callable[[str, bool], None] | None) -> Iterator[None]:
    """Call `listener(what, begins)` at the begin and the end of everything that is done inside of the block.

    >>> with told(lambda what, begins: print(what, begins)), doing("compiling"):
    ...     print("at work")
    compiling True
    at work
    compiling False
    """
    before = getattr(_thread, "listener", None)
    _thread.listener = listener
    try:
        yield
    finally:
        _thread.listener = before


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Tell the listener of this thread, if there is one, what is being done; of nested activities only the outer one."""
    listener = getattr(_thread, "listener", None)
    if listener is None:
        yield
        return
    with told(None):
        listener(what, True)
        try:
            yield
        finally:
            listener(what, False)
