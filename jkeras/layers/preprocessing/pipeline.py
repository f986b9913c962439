"""Layers one after another, as one layer."""

from typing import Any

from jkeras.layers.options import Configured

__all__ = ["Pipeline"]


class Pipeline(Configured):
    """A layer that applies layers one after another, to arrays or to dicts of images, labels and boxes.

    Unlike a `Sequential`, it is a plain layer, whose layers get whatever structure they are given.

    Args:
        layers: a list of layers.

    Raises:
        ValueError: `layers` holds something that is no layer.

    >>> import jkeras, numpy as np
    >>> pipeline = Pipeline([jkeras.layers.Resizing(4, 4), jkeras.layers.Rescaling(0.5)])
    >>> pipeline(np.ones((2, 8, 8, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(self, layers: Any, name: str | None = None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(callable(layer) for layer in layers):
            raise ValueError(f"Pipeline needs layers= a list of layers, got {layers!r}.")
        self.layers = list(layers)

    def call(self, inputs: Any, training: bool = True) -> Any:
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> "Pipeline":
        """Make a pipeline from `get_config()`."""
        return super().from_config({"layers": None, **config}, custom_objects)  # type: ignore[return-value]

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        config = super().get_config()
        return {name: config[name] for name in ("name", "layers")}
