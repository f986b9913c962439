"""A layer that rescales numbers by a given scale and offset."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Numbers
from jkeras.core.data_format import image_data_format
from jkeras.layers.options import Configured

__all__ = ["Rescaling"]


class Rescaling(Configured):
    """A layer that computes `inputs * scale + offset`, in training and in inference.

    Args:
        scale: a number, or one per channel.
        offset: a number, or one per channel.

    Returns:
        An array of the layer's compute dtype, whatever the dtype of the input.

    >>> import numpy as np
    >>> Rescaling(1 / 127.5, offset=-1)(np.array([0, 255], "uint8")).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, scale: Numbers, offset: Numbers = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        scale, offset = (self._per_channel(value, inputs.ndim) for value in (self.scale, self.offset))
        return inputs.astype(self.compute_dtype) * scale + offset

    def _per_channel(self, value: Any, rank: int) -> Any:
        value = jnp.asarray(np.asarray(value), self.compute_dtype)
        if value.ndim and image_data_format() == "channels_first":
            value = value.reshape(value.shape + (1,) * (3 - value.ndim))
        return value.reshape((1,) * (rank - value.ndim) + value.shape) if value.ndim else value
