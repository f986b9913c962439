"""Names of objects, and the conversion of objects to plain data and back.

    publish, published, register_serializable, ...    the table of names (`registry`)
    serialize, deserialize                            objects to plain data, and back (`configs`)
    Shortcuts                                         strings as arguments that mean objects (`shortcuts`)

`naming` makes the names of objects. `namespace` and `left_out` have the errors for names that do not exist.
"""

from jkeras.serialization.configs import (
    arguments_of,
    describe_constructor,
    deserialize,
    own_arguments,
    serialize,
    serialize_arguments,
)
from jkeras.serialization.registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    named,
    publish,
    published,
    register_serializable,
)
from jkeras.serialization.shortcuts import Shortcuts

__all__ = [
    "Shortcuts",
    "arguments_of",
    "custom_object_scope",
    "describe_constructor",
    "deserialize",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "named",
    "own_arguments",
    "publish",
    "published",
    "register_serializable",
    "serialize",
    "serialize_arguments",
]
