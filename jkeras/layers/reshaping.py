"""Layers that move entries around without changing them."""

from typing import Any

import jax.numpy as jnp

from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured

__all__ = ["Flatten"]


class Flatten(Configured):
    """All axes but the first become one.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; with the latter the channels are moved to the end first.

    Shapes:
        inputs `(batch, ...)`, outputs `(batch, product of the rest)`; `(batch,)` becomes `(batch, 1)`.

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 3, 4), "float32")).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}.")
        self.data_format = data_format or "channels_last"
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], -1) if inputs.ndim > 1 else inputs[:, None]
