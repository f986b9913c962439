"""Pooling to an output of a given size, whatever the size of the input."""

from typing import Any

from jkeras import ops
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured, sizes

__all__ = [
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
]  # fmt: skip


class _AdaptivePooling(Configured):
    """As many windows as wanted, evenly spread; they overlap where the input's length is no multiple.

    Args:
        output_size: the number of windows: an integer for all spatial axes, or a tuple with one integer per axis.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.

    Shapes:
        inputs `(batch, *spatial, channels)`, outputs `(batch, *output_size, channels)`.
    """

    rank: int

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_size = sizes(self, "output_size", output_size, self.rank)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self.needs_no_build


class _AdaptiveMaxPooling(_AdaptivePooling):
    def call(self, inputs: Any) -> Any:
        return ops.adaptive_max_pool(inputs, self.output_size, self.data_format)


class _AdaptiveAveragePooling(_AdaptivePooling):
    def call(self, inputs: Any) -> Any:
        return ops.adaptive_average_pool(inputs, self.output_size, self.data_format)


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """A layer that divides one axis into `output_size` windows and returns the largest entry of each.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first` the channels
        follow the batch.

    >>> AdaptiveMaxPooling1D(3).compute_output_shape((None, 8, 3))
    (None, 3, 3)
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """A layer that divides height and width into `output_size` windows and returns the largest entry of each.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first` the
        channels follow the batch.

    >>> AdaptiveMaxPooling2D(3).compute_output_shape((None, 8, 8, 3))
    (None, 3, 3, 3)
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """A layer that divides three spatial axes into `output_size` windows and returns the largest entry of each.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first`
        the channels follow the batch.

    >>> AdaptiveMaxPooling3D(3).compute_output_shape((None, 8, 8, 8, 3))
    (None, 3, 3, 3, 3)
    """

    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """A layer that divides one axis into `output_size` windows and computes the mean of each.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first` the channels
        follow the batch.

    >>> AdaptiveAveragePooling1D(3).compute_output_shape((None, 8, 3))
    (None, 3, 3)
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """A layer that divides height and width into `output_size` windows and computes the mean of each.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first` the
        channels follow the batch.

    >>> AdaptiveAveragePooling2D(3).compute_output_shape((None, 8, 8, 3))
    (None, 3, 3, 3)
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """A layer that divides three spatial axes into `output_size` windows and computes the mean of each.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, *output_size, channels)`; with `channels_first`
        the channels follow the batch.

    >>> AdaptiveAveragePooling3D(3).compute_output_shape((None, 8, 8, 8, 3))
    (None, 3, 3, 3, 3)
    """

    rank = 3
