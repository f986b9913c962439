"""The table of names and objects.

A config file may only name objects of these tables: those that the library publishes (`publish`), that the user has
registered (`register_serializable`), and that are in an open `custom_object_scope`. Nothing is ever imported
because a file names it.
"""

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jkeras.errors import suggest

_published: dict[str, dict[str, Any]] = {}  # module -> {name: object}
_address: dict[Any, tuple[str, str]] = {}  # object -> (module, its first name)
_registered: dict[str, Any] = {}  # "package>name" -> object
_scope = threading.local()
OPERATIONS = ("keras.ops", "keras.random")  # what computes; a config names no function there


def publish(module: str, names: Mapping[str, Any]) -> None:
    """Add the library's own classes and functions to the closed table, under Keras's module name.

    Several names may lead to one object; the first is the one that is written to files.
    """
    table = _published.setdefault(module, {})
    for name, item in names.items():
        if inspect.isclass(item) or inspect.isfunction(item):
            table[name] = item
            _address.setdefault(item, (module, name))


def named(*items: Any, spell: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Return classes and functions by their names.

    Args:
        *items: the classes and functions.
        spell: the second spelling of the name of a class. None means that there is none.

    >>> from jkeras.serialization.naming import snake_case
    >>> list(named(ValueError, abs, spell=snake_case))
    ['ValueError', 'abs', 'value_error']
    """
    own = {item.__name__: item for item in items}
    return own if spell is None else own | {spell(name): item for name, item in own.items() if inspect.isclass(item)}


def published(module: str) -> Mapping[str, Any]:
    """The table of one module, `{name: object}`."""
    return _published.get(module, {})


def address(item: Any) -> tuple[str, str] | None:
    """Keras's module, and the name there, of one of the library's classes and functions; None for anything else.

    >>> import jkeras
    >>> address(jkeras.layers.Dense)
    ('keras.layers', 'Dense')
    """
    return _address.get(item)


def register_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Decorator that lets a class or function of yours be written to, and read from, a config.

    Args:
        package: the first half of the registered name, so that two libraries do not collide.
        name: the second half; by default the object's own name.

    Raises:
        ValueError: a class without `get_config` is registered.

    >>> @register_serializable("doc")
    ... def halve(x):
    ...     return x / 2
    >>> get_registered_name(halve)
    'doc>halve'
    """

    def decorate(item: Any) -> Any:
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ValueError(f"{item.__name__} needs a get_config() method before it can be registered.")
        _registered[f"{package}>{name or item.__name__}"] = item
        return item

    return decorate


def get_registered_name(obj: Any) -> str:
    """Return the name under which `obj` was registered, or its plain name.

    Args:
        obj: a class or function.

    >>> get_registered_name(dict)
    'dict'
    """
    return next((name for name, known in _registered.items() if known is obj), obj.__name__)


def get_custom_objects() -> dict[str, Any]:
    """Return the live table of registered objects, `{"package>name": object}`. Entries may be added and deleted.

    >>> import jkeras
    >>> @jkeras.saving.register_keras_serializable("example")
    ... class Shown(jkeras.layers.Layer):
    ...     pass
    >>> "example>Shown" in get_custom_objects()
    True
    """
    return _registered


def get_registered_object(name: str, custom_objects: Mapping | None = None, module_objects: Mapping | None = None) -> Any:
    """Find a custom object by its registered or plain name. Return None if it is unknown.

    Args:
        name: the registered name `"package>name"`, or the plain one.
        custom_objects: `{name: object}` in which to look first.
        module_objects: `{name: object}` in which to look last.

    Returns:
        the object, or None.

    >>> get_registered_object("mine", custom_objects={"mine": print}) is print
    True
    """
    for table in (custom_objects or {}, *reversed(_scopes()), _registered, module_objects or {}):
        if name in table:
            return table[name]
    if any(name in table for table in _tables()):
        return None  # a registered name without its package does not take the place of one of the library's
    return next((item for key, item in _registered.items() if key.split(">")[-1] == name), None)


def _tables() -> Iterator[Mapping[str, Any]]:
    """The library's names. Operations are left out: ops.gelu is not the activation, nor ops.binary_crossentropy the loss."""
    return (table for place, table in _published.items() if not place.startswith(OPERATIONS))


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Within the block, configs may also name the given objects.

    Args:
        custom_objects: `{name: object}`.

    >>> with custom_object_scope({"thrice": lambda x: 3 * x}):
    ...     get_registered_object("thrice")(2)
    6
    """
    scopes = _scopes()
    scopes.append(custom_objects)
    try:
        yield
    finally:
        scopes.pop()


def _scopes() -> list[Mapping[str, Any]]:
    if not hasattr(_scope, "stack"):
        _scope.stack = []
    return _scope.stack


def find(module: str | None, name: str, registered_name: str | None, custom_objects: Mapping | None) -> Any:
    """The class or function that a config names.

    Args:
        module, name, registered_name: as the config has them.
        custom_objects: `{name: object}` that the config may name besides.

    Raises:
        ValueError: it stands in no table; a similar name is suggested.
    """
    for known in (registered_name, name):
        found = known and get_registered_object(known, custom_objects)
        if found is not None and found:
            return found
    tables = [published(module or "")]
    if module in ("builtins", None) or not (module or "").startswith("keras"):
        tables += _tables()
    table = next((table for table in tables if name in table), None)
    if table is not None:
        if registered_name not in (None, "", name, "function"):
            raise ValueError(
                f"The config names {name!r} of {module!r}, which is the library's, but is registered as {registered_name!r}, which is "
                "not known here. If that is yours, decorate it with @jkeras.saving.register_keras_serializable(), or pass "
                f"custom_objects={{{registered_name!r}: ...}}."
            )
        return table[name]
    everything = [n for t in _published.values() for n in t] + list(_registered)
    raise ValueError(
        f"The config names {name!r} of {module!r}, which is not known here.{suggest(name, everything)} If it is yours, "
        f"decorate it with @jkeras.saving.register_keras_serializable(), or pass custom_objects={{{name!r}: ...}}."
    )
