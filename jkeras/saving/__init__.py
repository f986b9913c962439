"""Models and weights in files, objects as plain data, and back: `keras.saving`."""

from jkeras.saving.archive import load_model, save_model
from jkeras.saving.export import load_exported
from jkeras.saving.file_editor import KerasFileEditor
from jkeras.saving.objects import deserialize_keras_object
from jkeras.saving.weights import load_weights, save_weights
from jkeras.serialization import custom_object_scope, get_custom_objects, get_registered_name, get_registered_object
from jkeras.serialization import register_serializable as register_keras_serializable
from jkeras.serialization import serialize as serialize_keras_object
from jkeras.serialization.namespace import namespace

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_exported",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

__getattr__, __dir__ = namespace(__name__, __all__)
