"""Assign several values completely or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jkeras.core.variable import Promise, Variable


@contextmanager
def unless_it_fails(variables: Iterable[Variable]) -> Iterator[None]:
    """Restore the values of variables if the block ends with an error or an interrupt."""
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


def assign_all(pairs: Iterable[tuple[Variable, Any]]) -> None:
    """Assign values to variables: all of them, or none.

    Args:
        pairs: `(variable, value)`.

    Raises:
        ValueError: a value does not have the shape of its variable.
        TypeError: a value is no array of numbers.

    >>> a, b = Variable([1.0]), Variable([2.0])
    >>> try:
    ...     assign_all([(a, [3.0]), (b, [4.0, 5.0])])
    ... except ValueError:
    ...     print(a.tolist(), b.tolist())
    [1.0] [2.0]
    """
    converted = [(variable, variable.converted(value)) for variable, value in pairs]
    with unless_it_fails(variable for variable, _ in converted):
        for variable, value in converted:
            variable.assign(value)


__all__ = ["assign_all", "unless_it_fails"]
