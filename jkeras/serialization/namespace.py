"""Public namespaces: `dir` shows the public names, and a name that is not there gives a helpful error."""

import dis
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NoReturn

from jkeras.errors import MissingAttribute, suggest
from jkeras.serialization.docstrings import complete_on_demand
from jkeras.serialization.left_out import LEFT_OUT, OLDER

_IMPORT_FROM = dis.opmap["IMPORT_FROM"]


def namespace(module: str, names: Iterable[str]) -> tuple[Callable, Callable]:
    """The functions `__getattr__` and `__dir__` of a module whose public names are `names`.

    The docstrings of the module's classes are completed, too (`serialization/docstrings.py`).

    Args:
        module: the module's `__name__`.
        names: its `__all__`.

    Returns:
        `(__getattr__, __dir__)`. The first raises an error that gives the reason from `left_out.py` or suggests a close name: an
        `ImportError` for `from jkeras.layers import X`, an `AttributeError` otherwise.

    >>> get, names = namespace("jkeras.colors", ["red", "green"])
    >>> names()
    ['green', 'red']
    >>> get("gren")
    Traceback (most recent call last):
    jkeras.errors.MissingAttribute: jkeras.colors has no 'gren'. Did you mean 'green'?
    """
    public, place = sorted(set(names)), module.partition(".")[2]
    own = vars(sys.modules.get(module, sys))
    complete_on_demand(own.get(name) for name in public)

    def get(name: str) -> NoReturn:
        def message() -> str:
            return f"{module} has no {name!r}.{explain(place, name) or suggest(name, public)}"

        raise missing(message, module, name, sys._getframe(1))

    def listed() -> list[str]:
        return public

    return get, listed


def missing(message: Callable[[], str], module: str, name: str, caller: FrameType) -> Exception:
    """The error for a name that a module does not have.

    Args:
        message: returns what it says.
        module, name: what was looked up.
        caller: the frame that looks it up. In `from module import name`, Python replaces the text of an `AttributeError`, so the
            error is an `ImportError` there.
    """
    if caller.f_code.co_code[caller.f_lasti] == _IMPORT_FROM:
        return ImportError(message(), name=module)
    return MissingAttribute(message, name)


def explain(place: str, name: str) -> str:
    """Return the reason why a name of Keras is missing in a namespace or class of jkeras, as a sentence after a space;
    "" if none is known.

    >>> explain("Model", "predict_proba")
    ' Write model.predict(x).'
    """
    path = f"{place}.{name}".lstrip(".")
    reason: Any = LEFT_OUT.get(path) or OLDER.get(path)
    return f" {reason}" if reason else ""
