"""A lock for models that several threads share.

A training loop reuses the memory of the weights in each of its calls. So the variables that it trains have a `Turn`:
a lock that the loop holds during a call, and that a reader in another thread holds while it reads. A reader waits for
the end of the running call, and sees the weights after one step. While a thread trains the variables, other threads
cannot write them.

Models that share variables share a turn: their turns are merged when the second model starts.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from jkeras.core.frame import Frame


class Turn:
    """A lock, and the thread that trains what it protects."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.trainer: int | None = None  # the number of a thread
        self.merged_into: Turn | None = None

    def root(self) -> "Turn":
        """The turn that counts: this one, or what it was merged into."""
        turn = self
        while turn.merged_into is not None:
            turn = turn.merged_into
        return turn

    def is_taken(self) -> bool:
        """True if another thread is training."""
        trainer = self.root().trainer
        return trainer is not None and trainer != threading.get_ident()

    @contextmanager
    def training(self, what: str) -> Iterator[None]:
        """Within the block, this thread trains.

        Args:
            what: what is trained, for the message.

        Raises:
            RuntimeError: another thread trains it.
        """
        before = self.root().trainer  # this thread, if a callback of fit() calls fit() of a model with the same layers
        try:
            self._claim(what)
            try:
                yield
            finally:
                self._release(before)
        finally:
            self._release(before)  # a Ctrl-C may have come to the first one

    def _claim(self, what: str) -> None:
        turn = self.root()
        with turn.lock:
            if turn.is_taken():
                raise in_training(what)
            turn.trainer = threading.get_ident()

    def _release(self, before: int | None) -> None:
        turn, mine = self.root(), threading.get_ident()
        if turn.trainer == mine:
            turn.trainer = mine if before == mine else None


def in_training(what: str) -> RuntimeError:
    """The error for writing what another thread trains."""
    return RuntimeError(
        f"{what} is being trained by another call of fit(), so it cannot be trained or changed now. Wait for the end of that call, "
        "or end it: model.stop_training = True. Meanwhile you can read weights, predict, evaluate and save."
    )


def share_turn(variables: list) -> Turn:
    """The turn of some variables from now on.

    Raises:
        RuntimeError: two threads are training parts of them.
    """
    roots = {variable.turn.root() for variable in variables if variable.turn is not None} or {Turn()}
    first, *others = sorted(roots, key=lambda turn: (turn.trainer is None, id(turn)))
    if others:
        with held(variables):
            if any(turn.trainer not in (None, first.trainer) for turn in others):
                raise in_training("A layer of the model")
            for turn in others:
                turn.merged_into = first
    for variable in variables:
        if variable.turn is None:
            variable.turn = first
    return first


@contextmanager
def held(variables: Iterable) -> Iterator[bool]:
    """Within the block, no other thread's training goes on. Yields whether any of the variables was ever trained."""
    turns = {variable.turn for variable in variables if variable.turn is not None}
    if not turns:
        yield False
        return
    with ExitStack() as stack:
        while True:
            roots = sorted({turn.root() for turn in turns}, key=id)  # in one order, so that nobody waits in a circle
            for turn in roots:
                stack.enter_context(turn.lock)
            if all(turn.merged_into is None for turn in roots):
                break
            stack.close()
        yield True


def read_together(variables: Iterable) -> list[Any]:
    """The values of variables at one step, whoever trains them."""
    variables = list(variables)
    with held(variables):
        return [variable.value for variable in variables]


@contextmanager
def at_one_step(variables: Iterable) -> Iterator[None]:
    """Within the block, this thread sees the variables as they were at one step, while the training may go on."""
    variables = list(variables)
    with held(variables) as were_trained:
        values = {id(variable): variable.value for variable in variables} if were_trained else None
    if values is None:
        yield
        return
    with Frame(values):
        yield


__all__ = ["Turn", "at_one_step", "held", "in_training", "read_together", "share_turn"]
