"""`Wrapper`: the base class of layers that contain another layer."""

from typing import Any

from jkeras.core.policy import dtype_policy
from jkeras.layers.base import Layer
from jkeras.layers.options import Configured

__all__ = ["Wrapper"]


def hand_on_policy(wrapper: Layer, *layers: Layer) -> None:
    """Let a wrapper's dtype policy hold for the layers it wraps, and theirs, where they have none but the default."""
    default = dtype_policy()
    for layer in (part for each in layers for part in each._flatten_layers()):
        if layer.dtype_policy == default and not layer.built:
            layer.dtype_policy = wrapper.dtype_policy


class Wrapper(Configured):
    """The base class of layers that contain another layer, in `self.layer`, and change its behaviour.

    Args:
        layer: the layer to wrap. A `dtype` given to the wrapper holds for it, too, unless it has one of its own.

    Raises:
        ValueError: `layer` is not a layer.

    >>> import jkeras, numpy as np
    >>> class Doubled(Wrapper):
    ...     def call(self, inputs):
    ...         return 2 * self.layer(inputs)
    >>> Doubled(jkeras.layers.ReLU())(np.array([-1.0, 3.0], "float32")).tolist()
    [0.0, 6.0]
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} wraps a layer, got {layer!r} of type {type(layer).__name__}.")
        super().__init__(**kwargs)
        if kwargs.get("dtype") is not None:
            hand_on_policy(self, layer)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
