"""Convert layers to plain data and back, under the names of `keras.layers`."""

from collections.abc import Mapping
from typing import Any

from jkeras import serialization
from jkeras.layers.base import Layer

__all__ = ["deserialize", "serialize"]


def serialize(layer: Layer) -> dict:
    """Return the layer's class and config, in Keras 3's form.

    Args:
        layer: the layer. Its weights are no part of the result.

    Returns:
        A dict of plain data with the keys `module`, `class_name`, `config` and `registered_name`.

    >>> import jkeras
    >>> config = serialize(jkeras.layers.ReLU(max_value=6.0))
    >>> config["class_name"], config["config"]["max_value"]
    ('ReLU', 6.0)
    """
    return serialization.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Layer:
    """Return the layer that `serialize` described, with fresh weights.

    Args:
        config: its class and config.
        custom_objects: `{name: class}` that the config may name besides the library's and the registered ones.

    Raises:
        ValueError: the config names something unknown, or something that is no layer.

    >>> import jkeras
    >>> deserialize(serialize(jkeras.layers.ReLU(max_value=6.0))).max_value
    6.0
    """
    layer = serialization.deserialize(config, custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(f"The config describes {layer!r}, which is no layer.")
    return layer
