"""Record the seeds that are drawn when a model is built, and compute its initial weights for another seed without
building it.

`set_random_seed(seed)` decides all seeds that initializers and seed generators draw from Python's `random`. The
recorded seeds store their positions in that sequence. While `draws.replay(seed)` is open, each of them is the number
at its position in the sequence of the other seed, and `variable.initial_value()` is the initial value of the other
model.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jkeras.random.seeds import set_global_generator, take_global_generator, watchers
from jkeras.runtime.host_random import host_random_state, set_host_random_state


class Draws:
    """A sequence of recorded seeds.

    >>> from jkeras.initializers import RandomUniform
    >>> from jkeras.utils import set_random_seed
    >>> draws = Draws()
    >>> set_random_seed(1)
    >>> with draws.recorded():
    ...     initializer = RandomUniform()
    >>> with draws.replay(2):
    ...     replayed = initializer((3,))
    >>> set_random_seed(2)
    >>> bool((RandomUniform()((3,)) == replayed).all())
    True
    """

    def __init__(self) -> None:
        self.count = 0
        self.values: list[int] | None = None  # what the recorded seeds turn into
        self.touched = False  # whether one was looked at

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the seeds that are drawn meanwhile."""
        watchers.append(self._note)
        try:
            yield
        finally:
            watchers.remove(self._note)

    def _note(self, seed: int) -> "Drawn":
        self.count += 1
        return Drawn(seed, self, self.count - 1)

    @contextmanager
    def replay(self, seed: int) -> Iterator[None]:
        """Let the recorded seeds be those that are drawn after `set_random_seed(seed)`."""
        generator = random.Random(seed)
        self.values = [generator.randint(1, int(1e9)) for _ in range(self.count)]
        try:
            yield
        finally:
            self.values = None


class Drawn(int):
    """A seed that knows its place among the drawn ones; a copy of it is a plain int."""

    draws: Draws
    place: int

    def __new__(cls, seed: int, draws: Draws, place: int) -> "Drawn":
        self = super().__new__(cls, seed)
        self.draws, self.place = draws, place
        return self

    def __int__(self) -> int:
        self.draws.touched = True
        values = self.draws.values
        return super().__int__() if values is None else values[self.place]

    def __reduce__(self) -> Any:
        return int, (super().__int__(),)

    def __deepcopy__(self, memo: dict) -> int:
        return super().__int__()


@contextmanager
def aside() -> Iterator[None]:
    """Leave all generators of random numbers as they were, whatever is drawn meanwhile."""
    host, generator = host_random_state(), take_global_generator()
    try:
        yield
    finally:
        set_host_random_state(host)
        set_global_generator(generator)
