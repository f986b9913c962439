"""The modules that programs get for Keras's: views, which look up their names elsewhere."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from jkeras.serialization.namespace import missing


class View(ModuleType):
    """A module that looks up its names elsewhere.

    Args:
        name: under which it was imported.
        find: `name -> object`; raises an AttributeError that says what to do.
        names: what `dir` and `import *` give.
        doc: the docstring.
    """

    def __init__(self, name: str, find: Callable[[str], Any], names: Callable[[], list[str]], doc: str | None = None):
        super().__init__(name, doc)
        self.__dict__.update(_find=find, _names=names, __path__=[])  # a path makes it a package, with modules in it

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return self._names()
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._find(name)
        except AttributeError as error:
            raise missing(error.__str__, self.__name__, name, sys._getframe(1)) from None

    def __dir__(self) -> list[str]:
        return self._names()


class Absent(View):
    """A module of Keras that jkeras does not have, or a member of it.

    Packages import such modules for a small part of what they do. So the import works, and all names are there. A member raises an
    error when it is called or subclassed; nothing is an instance of it.

    Args:
        name: of the module or member: `"keras.applications"`.
        reason: a sentence for the error.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(name, self._member, lambda: [], reason)

    def _member(self, name: str) -> "Absent":
        return self.__dict__.setdefault(name, Absent(f"{self.__name__}.{name}", self.__doc__ or ""))

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"jkeras has no {self.__name__}. {self.__doc__}")

    __call__ = __mro_entries__ = _refuse

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __subclasscheck__(self, subclass: type) -> bool:
        return False
