"""Layers around a layer."""

from typing import Any

from jkeras.layers.base import Layer
from jkeras.layers.options import Configured

__all__ = ["Wrapper"]


class Wrapper(Configured):
    """Base of layers that hold another one, in `self.layer`, and change what it does.

    Args:
        layer: the layer to wrap.

    Raises:
        ValueError: `layer` is not a layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} wraps a layer, got {layer!r} of type {type(layer).__name__}.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
