"""Functions for error messages that suggest the right code."""

import difflib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any


class ArgumentError(ValueError, TypeError):
    """Arguments that do not fit: a ValueError, as programs for Keras expect, and a TypeError, as JAX raises."""


class MissingFileError(FileNotFoundError, ValueError):
    """There is no such file: Python's error, and a ValueError, as programs for Keras expect."""


class PositionError(ArgumentError, IndexError):
    """A position beyond the end of an axis; an IndexError besides, as Python expects of `x[i]`."""


class MissingAttribute(AttributeError):
    """An `AttributeError` whose message is written when it is read.

    `hasattr` and `getattr` with a default ask for attributes that are not there and never read the message. To look for a name
    that is similar takes about a millisecond.

    Args:
        message: a function without arguments that returns the message.
        name: the name of the attribute.

    >>> str(MissingAttribute(lambda: "There is no 'colour'.", "colour"))
    "There is no 'colour'."
    """

    def __init__(self, message: Callable[[], str], name: str):
        super().__init__(name=name)
        self._message = message

    def __str__(self) -> str:
        return self._message()

    @property
    def args(self) -> tuple:  # type: ignore[override]
        """The message, as of any other error."""
        return (str(self),)

    def __reduce__(self) -> tuple:
        return AttributeError, self.args


_MISFIT = re.compile(r"shape|dimension|axis|axes|permutation|output types|index out of range|out of bounds")


def as_argument_error(error: Exception) -> Exception:
    """An error of JAX about shapes or axes as an `ArgumentError`; any other one as it is.

    >>> as_argument_error(TypeError("add got incompatible shapes for broadcasting: (2,), (3,)."))
    ArgumentError('add got incompatible shapes for broadcasting: (2,), (3,).')
    """
    if type(error) not in (TypeError, IndexError) or not _MISFIT.search(str(error)):
        return error
    made = (PositionError if isinstance(error, IndexError) else ArgumentError)(*error.args).with_traceback(
        error.__traceback__
    )
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made


def suggest(name: object, options: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the option closest to `name`, or the first that begins with it; or an empty string.

    >>> suggest("etrics", ["loss", "metrics"])
    " Did you mean 'metrics'?"
    >>> suggest("F1", ["accuracy", "f1_score"])
    " Did you mean 'f1_score'?"
    """
    options = [str(option) for option in options]
    close = difflib.get_close_matches(str(name), options, n=1, cutoff=0.6)
    if not close:
        wanted, spelt = str(name).lower(), {option.lower(): option for option in options}
        close = difflib.get_close_matches(wanted, spelt, n=1, cutoff=0.6)
        close = close or [option for option in spelt if len(wanted) > 1 and option.startswith(wanted)]
        close = [spelt[option] for option in close]
    return f" Did you mean {close[0]!r}?" if close else ""


def unexpected_keywords(owner: str, given: Iterable[str], allowed: Iterable[str]) -> ArgumentError:
    """Build the error for keyword arguments that `owner` does not know.

    >>> unexpected_keywords("compile()", ["etrics"], ["loss", "metrics"])
    ArgumentError("compile() got an unexpected keyword argument 'etrics'. Did you mean 'metrics'?")
    """
    names, allowed = list(given), list(allowed)
    listed = ", ".join(repr(name) for name in names)
    plural = "an unexpected keyword argument" if len(names) == 1 else "unexpected keyword arguments"
    return ArgumentError(f"{owner} got {plural} {listed}.{suggest(names[0], allowed)}")


def known_keywords(function: Callable, owner: str | None = None) -> Callable:
    """Let a method refuse keywords that it does not have with a suggestion, which Python's own message lacks.

    Its signature stays as it is written, for programs that look at it.

    Args:
        function: the method.
        owner: what the message calls it. None means its name.

    >>> class Model:
    ...     @known_keywords
    ...     def compile(self, metrics=None): ...
    >>> Model().compile(etrics=["mse"])
    Traceback (most recent call last):
    ...
    jkeras.errors.ArgumentError: compile() got an unexpected keyword argument 'etrics'. Did you mean 'metrics'?
    """
    allowed, owner = keywords_of(function), owner or f"{function.__name__}()"
    known = frozenset(allowed)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not known.issuperset(kwargs):
            unknown = [name for name in kwargs if name not in known]
            raise unexpected_keywords(owner, unknown, allowed)
        return function(*args, **kwargs)

    return checked


def locate(error: Exception, where: str) -> None:
    """Note on an error where it came up; the innermost place has the word.

    >>> error = TypeError("shapes (3,) and (7,) do not fit")
    >>> locate(error, "This came up in layer 'inner'.")
    >>> locate(error, "This came up in layer 'outer'.")
    >>> error.__notes__
    ["This came up in layer 'inner'."]
    """
    notes = getattr(error, "__notes__", [])
    if not any(note.startswith("This came up in") for note in notes):
        error.add_note(where)


def keywords_of(function: Callable) -> list[str]:
    """The names of the arguments of `function`, without `self` and without `*args`, `**kwargs`.

    >>> keywords_of(lambda a, b=1, **rest: None)
    ['a', 'b']
    """
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in variadic and p.name != "self"]


def outside() -> int:
    """The number of frames from here to the caller of this library, so that a warning points to the user's line."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("jkeras.", "jax.")):
        frame, level = frame.f_back, level + 1
    return level
