"""Convert objects to plain data in the form of Keras 2: the name of the class and its config, without a module."""

from collections.abc import Mapping
from typing import Any

from jkeras.saving import deserialize_keras_object as _deserialize
from jkeras.serialization import serialize
from jkeras.serialization.namespace import namespace

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def serialize_keras_object(instance: Any) -> Any:
    """The form in which Keras 2 writes an object: `{"class_name": ..., "config": ...}`, or the name of a function.

    Args:
        instance: an object with `get_config`, a named function, or None.

    Raises:
        TypeError: the object has no config, or is a lambda.

    >>> import jkeras
    >>> serialize_keras_object(jkeras.regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    config = serialize(instance)
    if not isinstance(config, dict) or "class_name" not in config:
        return config
    registered = config.get("registered_name")
    if config["class_name"] == "function":
        return config["config"] if registered == "function" else registered
    return {"class_name": registered or config["class_name"], "config": config["config"]}


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping | None = None,
    custom_objects: Mapping | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object that `serialize_keras_object` described.

    Args:
        identifier: a config, a name, or None.
        module_objects: `{name: object}` of what is meant.
        custom_objects: the same of your own objects.
        printable_module_name: what is meant, for messages.

    Raises:
        ValueError: the name is unknown.

    >>> import jkeras
    >>> deserialize_keras_object({"class_name": "L2", "config": {"l2": 0.5}}, vars(jkeras.regularizers)).l2
    0.5
    """
    return _deserialize(
        identifier, custom_objects, module_objects=module_objects or {}, printable_module_name=printable_module_name
    )


__getattr__, __dir__ = namespace(__name__, __all__)
