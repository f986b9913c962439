"""Objects as plain data, and back: `keras.saving`."""

from jkeras.core.registry import custom_object_scope, get_custom_objects, get_registered_name, get_registered_object
from jkeras.core.registry import register_serializable as register_keras_serializable
from jkeras.core.registry import serialize as serialize_keras_object
from jkeras.saving.objects import deserialize_keras_object

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "serialize_keras_object",
]
