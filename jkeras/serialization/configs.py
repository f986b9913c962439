"""Convert objects to plain data, and back.

The form is Keras 3's: `{"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}`.
`registry` finds the objects for the names.
"""

import functools
import inspect
import threading
import types
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jkeras.errors import ArgumentError, keywords_of
from jkeras.serialization.registry import OPERATIONS, address, custom_object_scope, find, get_registered_name
from jkeras.serialization.shared_objects import made_before, note_made, note_written, reading, without_single_ids, writing

DEEPEST = 100  # configs in configs


class _Thread(threading.local):
    depth = 0  # how many configs in each other are being read


_reading = _Thread()


def serialize(obj: Any) -> Any:
    """Convert an object, or a structure of objects, to plain data for JSON, in Keras 3's form.

    An object that occurs twice is marked in the config, so that it is one object again when the config is read.

    Args:
        obj: a layer, loss, optimizer or other object with a config, a public or registered function, an array, a dtype, a
            slice, plain data, or nested lists, tuples and dicts of them.

    Returns:
        plain data.

    Raises:
        TypeError: the object has no config, or is a lambda (which cannot be named).

    >>> import jkeras
    >>> serialize(jkeras.layers.ReLU(name="relu"))["class_name"]
    'ReLU'
    """
    with writing() as outermost:
        config = _serialize(obj)
    return without_single_ids(config) if outermost else config


def serialize_arguments(owner: Any, arguments: Mapping[str, Any], write: Callable[[Any], Any] = serialize) -> dict[str, Any]:
    """The config of an object's arguments.

    Raises:
        TypeError: an argument cannot be written; the message names the object, the argument, and what to do.
    """
    found = {}
    for name, value in arguments.items():
        try:
            found[name] = write(value)
        except TypeError as error:
            who = f"{type(owner).__name__} {owner.name!r}" if hasattr(owner, "name") else type(owner).__name__
            raise TypeError(f"{who} has {name}={value!r:.200}, which a config cannot hold: {error}") from error
    return found


def _serialize(obj: Any) -> Any:
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, (list, tuple)):
        return type(obj)([_serialize(x) for x in obj]) if type(obj) in (list, tuple) else [*map(_serialize, obj)]
    if isinstance(obj, dict):
        return {key: _serialize(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {"start": _serialize(obj.start), "stop": _serialize(obj.stop), "step": _serialize(obj.step)}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, (np.generic, np.dtype)):
        return obj.item() if isinstance(obj, np.generic) else obj.name
    if isinstance(obj, (np.ndarray, jax.Array)):
        kind = "__numpy__" if isinstance(obj, np.ndarray) else "__tensor__"
        return {"class_name": kind, "config": {"value": np.asarray(obj).tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, types.FunctionType):
        return _serialize_function(obj)
    if hasattr(obj, "get_config"):
        module, name = address(type(obj)) or (type(obj).__module__, type(obj).__name__)
        custom = address(type(obj)) is None or module.startswith("keras.src.")  # a class that Keras does not publish
        config = {
            "module": module,
            "class_name": name,
            "config": _serialize(obj.get_config()),
            "registered_name": get_registered_name(type(obj)) if custom else None,
        }
        for part in ("build_config", "compile_config"):
            extra = getattr(obj, f"get_{part}", lambda: None)()
            if extra is not None:
                config[part] = _serialize(extra)
        if not getattr(obj, "is_plain_value", False):
            note_written(obj, config)
        return config
    raise TypeError(
        f"{obj!r:.200} cannot be written to a config: {type(obj).__name__} has no get_config() method. Give it one, and register the "
        "class with @jkeras.saving.register_keras_serializable()."
    )


def _serialize_function(function: types.FunctionType) -> dict:
    if function.__name__ == "<lambda>":
        raise TypeError(
            "A lambda cannot be written to a config; define a named function and register it with "
            "@jkeras.saving.register_keras_serializable()."
        )
    known = address(function)
    if known is not None:
        name = known[1]  # the name alone, in builtins: Keras reads no other form
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    name = get_registered_name(function)
    return {"module": "builtins", "class_name": "function", "config": function.__name__, "registered_name": name}


def _numeric(dtype: Any) -> Any:
    """A dtype of numbers; one of texts takes as much memory as it likes."""
    found = jax.numpy.dtype(dtype)
    if found.kind not in "biufcV" or found.itemsize > 16:
        raise ValueError(f"An array in a config should hold numbers, got dtype {dtype!r:.100}.")
    return found


_VALUES: dict[str, Callable[[dict], Any]] = {
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__slice__": lambda c: slice(*(_deserialize(c[part]) for part in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__numpy__": lambda c: np.array(c["value"], dtype=_numeric(c["dtype"])),
    "__tensor__": lambda c: jax.numpy.array(c["value"], dtype=_numeric(c["dtype"])),
    "__tuple__": lambda c: tuple(_deserialize(x) for x in (c["value"] if isinstance(c, dict) else c)),
}


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make an object from the config that `serialize` returned.

    Args:
        config: what `serialize` returned.
        custom_objects: `{name: object}` that the config may name besides the published and registered ones.

    Raises:
        ValueError: the config names something that is in no table, or holds a lambda's bytecode.

    >>> import jkeras
    >>> deserialize(serialize(jkeras.layers.Dense(3))).units
    3
    """
    with reading():
        return _deserialize(config, custom_objects)


def _deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    if config is None or isinstance(config, (str, int, float)):
        return config
    _reading.depth += 1
    try:
        if _reading.depth > DEEPEST:
            raise ValueError(f"The config has more than {DEEPEST} configs, lists and dicts in each other.")
        return _deserialize_here(config, custom_objects)
    finally:
        _reading.depth -= 1


def check_form(config: dict) -> None:
    """Raise unless what names the class of an object are texts."""
    for key in ("class_name", "module", "registered_name"):
        if not isinstance(config.get(key), (str, type(None) if key != "class_name" else str)):
            raise ValueError(f"{key!r} of a config should be a text, got {config[key]!r:.200} in {config!r:.200}.")


def make_instance(cls: Any, name: str, read: Callable[[], Any]) -> Any:
    """An object from its config; whatever a class makes of a malformed one is a ValueError that says where."""
    config = read()
    if not isinstance(config, dict):
        raise ArgumentError(f"The 'config' of {name!r} should be a dict, got {config!r:.200}.")
    try:
        return cls.from_config(config)
    except (LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError) as error:
        raise ValueError(
            f"The 'config' of {name!r} cannot be read: {type(error).__name__}: {error!s:.200}. It is {config!r:.200}."
        ) from error


def _deserialize_here(config: Any, custom_objects: Mapping | None) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)(_deserialize(x, custom_objects) for x in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value, custom_objects) for key, value in config.items()}
    check_form(config)
    name, inner = config["class_name"], config["config"]
    if name in _VALUES:
        try:
            return _VALUES[name](inner)
        except (TypeError, LookupError, AttributeError) as error:
            raise ArgumentError(f"The 'config' of {name!r} has another form: {inner!r:.200}.") from error
    if name == "__lambda__":
        raise ValueError("The config contains the bytecode of a lambda, which is never run. Register a named function.")
    if name == "function":
        if not isinstance(inner, str):
            raise ArgumentError(f"The 'config' of a function should be its name, got {inner!r:.200}.")
        return find(
            None if str(config.get("module")).startswith(OPERATIONS) else config.get("module"),
            inner,
            config.get("registered_name"),
            custom_objects,
        )
    known = made_before(config)
    if known is not None:
        return known
    cls = find(config.get("module"), name, config.get("registered_name"), custom_objects)
    if not hasattr(cls, "from_config"):
        raise ValueError(
            f"The config names {name!r} of {config.get('module')!r}, which is no class with a from_config() method."
        )
    with custom_object_scope(custom_objects or {}):
        instance = make_instance(cls, name, lambda: _keep_nested(cls, inner, custom_objects))
    if config.get("build_config") and hasattr(instance, "build_from_config"):
        instance.build_from_config(config["build_config"])
    if config.get("compile_config") and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(config["compile_config"])
    note_made(instance, config)
    return instance


def _keep_nested(cls: type, config: Any, custom_objects: Mapping | None) -> Any:
    """Nested configs become objects here, unless the class asks (as models do) to read them itself."""
    return config if getattr(cls, "reads_nested_config", False) else _deserialize(config, custom_objects)


@functools.cache
def own_arguments(cls: type) -> tuple[str, ...]:
    """The names of the constructor's arguments of the library's class from which `cls` derives. What a class of a user adds is
    for its own `get_config`.
    """
    ours = next(base for base in cls.__mro__ if base.__module__.partition(".")[0] == __package__.partition(".")[0])
    return tuple(keywords_of(ours.__init__))  # type: ignore[misc]


def arguments_of(obj: Any) -> dict[str, Any]:
    """The constructor's arguments of an object of the library, which are in the attributes of the same names.

    >>> import jkeras
    >>> arguments_of(jkeras.constraints.MaxNorm(3.0))
    {'max_value': 3.0, 'axis': 0}
    """
    return {name: getattr(obj, name) for name in own_arguments(type(obj))}  # type: ignore[arg-type]


def describe_constructor(cls: type, common: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict:
    """The config of an instance whose class wrote no `get_config`: what its constructor takes.

    Args:
        cls: the class.
        common: what all objects of the kind have (name, dtype); left out where the constructor does not take it.
        arguments: those that the instance was made with.
    """
    variadic = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls.__init__).parameters.values())  # type: ignore[misc]
    names = keywords_of(cls.__init__)  # type: ignore[misc]
    return {k: v for k, v in common.items() if variadic or k in names} | {k: v for k, v in arguments.items() if k in names}
