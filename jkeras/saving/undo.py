"""Assignments that happen all, or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from jkeras.core.variable import Promise, Variable


@contextmanager
def unless_it_fails(variables: Iterable[Variable]) -> Iterator[None]:
    """If the block raises an error, the variables get back what they had."""
    found = {id(variable): variable for variable in variables}
    before = [(variable, variable.box()) for variable in found.values()]
    try:
        yield
    except BaseException:
        for variable, box in before:
            if isinstance(box, Promise):
                variable.lend(box)
            else:
                variable.assign(box)
        raise
