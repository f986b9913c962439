"""Numbers of a step that differ between members, and are variables of the state therefore: rates, factors, weights.

A knob is an attribute of an object (a dropout layer's `rate`). While a step is traced, the attribute holds the traced value instead
of a Python number.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from jkeras.core import tree
from jkeras.core.variable import Variable
from jkeras.training.step import Slots


class Knob(NamedTuple):
    """A number of a step."""

    owner: Any  # the object that has it
    attribute: str
    variable: Variable  # whose value it has in the state


class Knobs:
    """The knobs of an ensemble.

    Args:
        knobs: all of them.
    """

    def __init__(self, knobs: Sequence[Knob] = ()):
        self.knobs = tuple(knobs)

    @property
    def variables(self) -> list[Variable]:
        """Their variables, in order."""
        return [knob.variable for knob in self.knobs]

    def names(self) -> str:
        """What identifies the attributes, for the identity of a program."""
        return ", ".join(f"{type(knob.owner).__name__}.{knob.attribute}" for knob in self.knobs)

    @contextmanager
    def turned(self, slots: Slots, extra: dict) -> Iterator[None]:
        """While a step is traced, let the attributes be what the state says.

        Args:
            slots: of the state.
            extra: the part of the state where the variables are.
        """
        if not self.knobs:
            yield
            return
        flat = tree.flatten(extra)
        values = {id(variable): flat[path] for path, variable in slots.extra.items()}
        before = [(knob, knob.owner.__dict__[knob.attribute]) for knob in self.knobs]
        try:
            for knob in self.knobs:
                knob.owner.__dict__[knob.attribute] = values[id(knob.variable)]
            yield
        finally:
            for knob, value in before:
                knob.owner.__dict__[knob.attribute] = value
