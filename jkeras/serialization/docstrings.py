"""Docstrings of classes that describe every argument, including those of base classes.

A class describes the arguments that it adds. The arguments that it shares with its bases are described in the
docstrings of the bases. `help(layers.Conv2D)` shows all of them: `complete` puts the sections together when somebody
asks for the docstring, so importing the library costs nothing.
"""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

_ENTRY = re.compile(r"    (\*{0,2}[A-Za-z_][\w*]*(?:, \*{0,2}[A-Za-z_][\w*]*)*): ")
_AFTER = re.compile(r"(?:Shapes|Call|Calls|Returns|Raises|Yields|Attributes|Source|Inputs?|Outputs?|Example)\b.*:|>>>")
HEADING = "Args:"
Entry = tuple[list[str], list[str]]  # the names, and the lines of the text


class Completed:
    """The `__doc__` of a class, completed on each look.

    Args:
        text: the docstring as it is written in the class.
    """

    def __init__(self, text: str):
        self.text = text

    def __get__(self, instance: Any, owner: type) -> str:
        return complete(next(c for c in owner.__mro__ if c.__dict__.get("__doc__") is self), self.text)


def complete_on_demand(classes: Iterable[Any]) -> None:
    """Let the docstrings of these classes describe all arguments. What is no class of the library stays as it is."""
    for cls in classes:
        if isinstance(cls, type) and cls.__module__.startswith("jkeras.") and type(cls.__dict__.get("__doc__")) is str:
            cls.__doc__ = Completed(cls.__doc__)  # type: ignore[assignment, arg-type]


def complete(cls: type, text: str) -> str:
    """The docstring `text` of `cls` with an entry for each argument that a base describes.

    Args:
        cls: the class. Its attribute `described_by`, a tuple of classes and functions, names further docstrings to look in.
        text: its own docstring.

    >>> class Base:
    ...     '''Base.
    ...
    ...     Args:
    ...         name: the name.
    ...         *_size: the size of the `*`.
    ...     '''
    ...     def __init__(self, *, name=None): ...
    >>> class Circle(Base):
    ...     '''A circle.'''
    ...     def __init__(self, radius_size=1, **kwargs): ...
    >>> print(complete(Circle, Circle.__doc__))
    A circle.
    <BLANKLINE>
    Args:
        radius_size: the size of the `radius`.
        name: the name.
    """
    lines = inspect.cleandoc(text).splitlines()
    start, entries = _section(lines)
    end = start + 1 + sum(len(entry[1]) for entry in entries) if entries else start
    names = list(_arguments(cls))
    described = {name for entry in entries for name in entry[0]}
    missing = [name for name in names if name not in described]
    found = [entry for name in missing if (entry := _inherited(cls, name))]
    if not found:
        return "\n".join(lines)
    order = {name: place for place, name in enumerate(names)}
    entries = sorted(entries + found, key=lambda entry: min(order.get(name, len(order)) for name in entry[0]))
    section = [HEADING, *(line for entry in entries for line in entry[1])]
    if start == end:  # there was none
        section = ["", *section] if start == len(lines) else [*section, ""]
    return "\n".join(lines[:start] + section + lines[end:])


def _section(lines: list[str]) -> tuple[int, list[Entry]]:
    """Return the line of the section of arguments (or the line where it belongs), and the entries of the section."""
    if HEADING not in lines:
        return next((i for i, line in enumerate(lines) if _AFTER.match(line)), len(lines)), []
    start = lines.index(HEADING)
    entries: list[Entry] = []
    for line in lines[start + 1 :]:
        match = _ENTRY.match(line)
        if match:
            entries.append((match[1].split(", "), [line]))
        elif entries and line.startswith("        "):
            entries[-1][1].append(line)
        else:
            break
    return start, entries


def _arguments(cls: type) -> Iterator[str]:
    """The arguments of the constructor; behind those of `cls`, the optional ones that its `**kwargs` pass to bases."""
    own = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    seen = {"self"}
    for p in own:
        if p.name not in seen and p.kind is not p.VAR_KEYWORD:
            seen.add(p.name)
            yield p.name if p.kind is not p.VAR_POSITIONAL else f"*{p.name}"
    if not any(p.kind is p.VAR_KEYWORD for p in own):
        return
    for base in cls.__mro__[1:]:
        if "__init__" in base.__dict__ and base.__module__.startswith(cls.__module__.partition(".")[0]):
            for p in inspect.signature(base.__init__).parameters.values():  # type: ignore[misc]
                if p.name not in seen and p.default is not p.empty:
                    seen.add(p.name)
                    yield p.name
    yield from (f"**{p.name}" for p in own if p.kind is p.VAR_KEYWORD)


def _inherited(cls: type, name: str) -> Entry | None:
    """The entry for an argument in the nearest docstring that has one; one with a wildcard is for names that have no other."""
    general = None
    for source in _sources(cls):
        doc = source.__dict__.get("__doc__") if isinstance(source, type) else source.__doc__
        doc = doc.text if isinstance(doc, Completed) else doc
        for names, lines in _section(inspect.cleandoc(doc or "").splitlines())[1]:
            text = " ".join([lines[0].partition(": ")[2], *map(str.strip, lines[1:])])
            if name in names:
                return [name], _wrapped(name, text)
            fitting = next((p for p in names if p.startswith("*_") and name.endswith(p[1:])), None)
            if fitting and general is None:
                general = [name], _wrapped(name, text.replace("`*`", f"`{name[: -len(fitting) + 1]}`"))
    return general


def _sources(cls: type) -> Iterator[Any]:
    """The classes and functions whose docstrings describe arguments of `cls`, the nearest first."""
    for base in cls.__mro__:
        yield base
        for other in base.__dict__.get("described_by", ()):
            yield from (c for c in other.__mro__ if c not in cls.__mro__) if isinstance(other, type) else [other]


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(f"{name}: {text}", 120, initial_indent="    ", subsequent_indent="        ", break_long_words=False)
