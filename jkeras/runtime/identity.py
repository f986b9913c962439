"""One short text for everything that a trace can read of some objects. Objects with equal identities give the same
program.

A model that equals one that was trained before needs no trace, because it runs the same program. A config cannot tell
this: it does not contain attributes that were changed after the object was made. So the identity covers everything
that is reachable from the objects: attributes, lists and dicts, functions with the variables that they use, arrays,
and the places of variables. It also covers the settings of the process that a trace reads.

Two things are left out. The values of variables are arguments of the program. Attributes that a class lists in
`untraced` are not read by a step.

A user's own code may read anything, for example a global variable. So objects of classes, and functions, from outside
of this library, JAX, NumPy and optax have no identity. Their programs are traced again and compared as text (see
`executables`).
"""

import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

TRUSTED = frozenset(("jkeras", "jax", "jaxlib", "numpy", "optax", *sys.stdlib_module_names - {"__main__"}))
TRANSPARENT = ("jkeras", "jax", "optax", "typing", "abc")  # whose objects consist of what their attributes say
PLAIN = (type(None), str, bool, int, float, complex, bytes, type(...), type(NotImplemented))
CONTAINERS = (tuple, list, dict, set, frozenset)
_settings: list[Callable[[], Any]] = []


def programs_depend_on(*settings: Callable[[], Any]) -> None:
    """Let settings of the process, each a function that reads one, be part of every identity."""
    _settings.extend(settings)


def identity(roots: Any, arguments: Iterable[Any], by_name: bool = False) -> bytes | None:
    """The identity of some objects.

    Args:
        roots: any objects.
        arguments: the variables whose values are arguments of the program. If the objects hold others, they have no identity. What
            counts as a variable says so: its class lists in `traced` the attributes that a trace reads of it.
        by_name: whether data comes in dicts. Then names that were counted ("dense_7") and `labels` of classes are looked at, too.

    Returns:
        A digest, or None if something reachable may depend on what cannot be seen here.

    >>> from jkeras.layers import Dense
    >>> identity(Dense(3), ()) == identity(Dense(3), ()) != identity(Dense(4), ())
    True
    >>> own = eval("lambda x: x", {"__name__": "__main__"})  # a function of the user's own
    >>> identity(Dense(3, activation=own), ()) is None
    True
    """
    try:
        return _Walk({id(v) for v in arguments}, by_name).digest((roots, [read() for read in _settings]))
    except _Unknown:
        return None


class _Unknown(Exception):
    """Something has no identity."""


class _Walk:
    """A walk over everything reachable: each object gets a number when it is first met, and is written down once."""

    def __init__(self, arguments: set[int], by_name: bool):
        self._arguments, self._by_name = arguments, by_name
        self._numbers: dict[int, int] = {}
        self._queue: list[Any] = []  # by number; also keeps what is made on the way, so that ids stay unique
        self._classes: set[type] = set()

    def digest(self, root: Any) -> bytes:
        words: list[str] = [self._refer(root)]
        for item in self._queue:  # which grows meanwhile
            words.extend(self._write(item))
        return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()

    def _refer(self, item: Any) -> str:
        """Return the reference that represents an object inside of another one."""
        kind = type(item)
        if kind in PLAIN:
            return f"{kind.__name__} {item!r}"
        known = self._numbers.get(id(item))
        if known is None:
            known = self._numbers[id(item)] = len(self._queue)
            self._queue.append(item)
        return f"@{known}"

    def _write(self, item: Any) -> list[str]:
        kind = type(item)
        traced = getattr(kind, "traced", None)
        if traced is not None:
            if id(item) not in self._arguments:
                raise _Unknown
            return ["variable", *self._attributes({name: getattr(item, name) for name in traced})]
        if isinstance(item, (np.ndarray, np.generic, jax.Array)):
            return _array(item)
        if isinstance(item, jax.tree_util.PyTreeDef):
            return [f"tree {item}"]
        if isinstance(item, np.dtype):
            return [f"dtype {item!r}"]
        if kind in CONTAINERS or (isinstance(item, tuple) and hasattr(item, "_fields")):
            return [self._class(kind), *self._contents(item)]
        if _is_found_by_its_name(item):
            if isinstance(item, type):
                self._class(item)
            return [f"global {item.__module__}.{item.__qualname__}"]
        if isinstance(item, types.FunctionType):
            return self._function(item)
        if isinstance(item, types.MethodType):
            return ["method", self._refer(item.__func__), self._refer(item.__self__)]
        if isinstance(item, types.CellType):
            return ["cell", self._refer(item.cell_contents) if item != types.CellType() else "empty"]
        if isinstance(item, functools.partial):
            return ["partial", *map(self._refer, (item.func, item.args, item.keywords))]
        if any(part is not object and _root(part.__module__) not in TRANSPARENT for part in kind.__mro__):
            raise _Unknown
        return [self._class(kind), *self._attributes(_state(item, self._by_name))]

    def _attributes(self, attributes: dict) -> list[str]:
        return [word for name, value in attributes.items() for word in (name, self._refer(value))] + [")"]

    def _contents(self, item: Any) -> list[str]:
        if isinstance(item, dict):
            return [word for pair in item.items() for word in map(self._refer, pair)] + [")"]
        if isinstance(item, (set, frozenset)):
            if not all(type(x) in PLAIN for x in item):
                raise _Unknown
            return [*sorted(map(self._refer, item)), ")"]
        return [*map(self._refer, item), ")"]

    def _function(self, function: types.FunctionType) -> list[str]:
        """A function that was made by another: its code, and what it closes over."""
        if not _is_trusted(function.__globals__.get("__name__")):
            raise _Unknown
        code = function.__code__
        held = (function.__defaults__, function.__kwdefaults__, function.__closure__, function.__dict__)
        return [f"function {code.co_filename} {code.co_firstlineno} {code.co_name} {hash(code)}", *map(self._refer, held)]

    def _class(self, kind: type) -> str:
        """The name of a class of the library that nobody has put a function of their own into."""
        for part in kind.__mro__:
            if part in self._classes or part.__module__ == "builtins":
                continue
            if not _is_found_by_its_name(part):
                raise _Unknown
            for value in vars(part).values():
                value = getattr(value, "__func__", getattr(value, "fget", value))
                if isinstance(value, types.FunctionType) and not _is_trusted(value.__globals__.get("__name__")):
                    raise _Unknown
            self._classes.add(part)
        return f"{kind.__module__}.{kind.__qualname__}("


def _root(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _is_trusted(module: str | None) -> bool:
    root = _root(module)
    return root in TRUSTED or root.startswith("namedtuple_")  # where the methods of a NamedTuple are made


def _is_found_by_its_name(item: Any) -> bool:
    """True if an object is what a module of the library has under that name, as classes and most functions are."""
    module, name = getattr(item, "__module__", None), getattr(item, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or not _is_trusted(module):
        return False
    if isinstance(item, types.FunctionType) and not _is_trusted(item.__globals__.get("__name__")):
        return False  # a wrapper takes the name of what it wraps
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found is item


def _state(item: Any, by_name: bool) -> dict:
    """The attributes of an object that a trace may read."""
    lists = ("untraced",) if by_name else ("untraced", "labels")
    untraced = {name for part in type(item).__mro__ for each in lists for name in vars(part).get(each, ())}
    attributes = dict(getattr(item, "__dict__", {}))
    if not attributes.get("_named", True) and not by_name:
        untraced.add("name")
    for part in type(item).__mro__:
        slots = vars(part).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(item, name):
                attributes[name] = getattr(item, name)
    return {name: value for name, value in attributes.items() if name not in untraced}


def _array(array: Any) -> list[str]:
    if isinstance(array, jax.core.Tracer) or array.dtype == object or getattr(array, "is_deleted", bool)():
        raise _Unknown
    if isinstance(array, jax.Array) and (
        not array.is_fully_addressable or jax.dtypes.issubdtype(array.dtype, jax.dtypes.extended)
    ):
        raise _Unknown
    values = np.asarray(array)
    weak, content = getattr(array, "weak_type", False), hashlib.sha256(values.tobytes()).hexdigest()
    return [f"{type(array).__name__} {array.dtype.name} {array.shape} {weak} {content}"]
