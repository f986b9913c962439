"""Names for objects, objects for names: what has a name here, and how objects become plain data and come back.

    publish, published, register_serializable, ...    which names there are (`registry`)
    serialize, deserialize                            an object as plain data, and back (`configs`)
    Shortcuts                                         what a string stands for as an argument (`shortcuts`)

The names that objects get (`naming`), and the errors for names that do not exist (`namespace`, `left_out`), stand beside them.
"""

from jkeras.serialization.configs import describe_constructor, deserialize, serialize, serialize_arguments
from jkeras.serialization.registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    publish,
    published,
    register_serializable,
)
from jkeras.serialization.shortcuts import Shortcuts

__all__ = [
    "Shortcuts",
    "custom_object_scope",
    "describe_constructor",
    "deserialize",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "publish",
    "published",
    "register_serializable",
    "serialize",
    "serialize_arguments",
]
