"""Pooling: the largest or the mean entry of each window, channel by channel.

Windows of a given size (`MaxPooling2D`), or one window over everything (`GlobalMaxPooling2D`), over one, two or three spatial
axes. `adaptive_pooling.py` has the layers with as many windows as wanted.
"""

from typing import Any

from jkeras import ops
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured, sizes

__all__ = [
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalAveragePooling3D", "MaxPool1D", "MaxPool2D",
    "MaxPool3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
]  # fmt: skip


class _Pooling(Configured):
    """Windows of a given size.

    Args:
        pool_size: the size of the window: an integer for all spatial axes, or a tuple with one integer per axis.
        strides: the distance from one window to the next: an integer or one per spatial axis. None means `pool_size`, so that
            windows do not overlap.
        padding: `"valid"` leaves out what does not fill a window. `"same"` also uses windows that reach over the edge; what lies
            outside changes neither a maximum nor a mean.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.

    Shapes:
        inputs `(batch, *spatial, channels)`, outputs the same with fewer places; with `channels_first` the channels
        follow the batch.
    """

    rank: int

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = sizes(self, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else sizes(self, "strides", strides, self.rank)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"{type(self).__name__} needs padding='valid' or 'same', got padding={padding!r}.")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self.needs_no_build

    def check(self, inputs: Any, outputs: Any) -> Any:
        """The outputs, if there are any."""
        if 0 in outputs.shape[1:]:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) has pool_size={self.pool_size}, which does not fit its "
                f'input of shape {tuple(inputs.shape)}. Use a smaller one or padding="same".'
            )
        return outputs


class _MaxPooling(_Pooling):
    def call(self, inputs: Any) -> Any:
        return self.check(inputs, ops.max_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format))


class _AveragePooling(_Pooling):
    def call(self, inputs: Any) -> Any:
        return self.check(inputs, ops.average_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format))


class _GlobalPooling(Configured):
    """One window over all spatial axes.

    Args:
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
        keepdims: True if the spatial axes stay in the output, with length 1.

    Shapes:
        inputs `(batch, *spatial, channels)`, outputs `(batch, channels)`.
    """

    rank: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self.needs_no_build

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self.spatial, keepdims=self.keepdims)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self.spatial, keepdims=self.keepdims)


class MaxPooling1D(_MaxPooling):
    """A layer that returns the largest entry of each window over one axis, such as time.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, new steps, channels)`; with `channels_first` the channels follow
        the batch.

    >>> MaxPooling1D().compute_output_shape((None, 8, 3))
    (None, 4, 3)
    """

    rank = 1


class MaxPooling2D(_MaxPooling):
    """A layer that returns the largest entry of each window over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, new height, new width, channels)`; with `channels_first`
        the channels follow the batch.

    >>> MaxPooling2D().compute_output_shape((None, 8, 8, 3))
    (None, 4, 4, 3)
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    """A layer that returns the largest entry of each window over three spatial axes.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, new depth, new height, new width, channels)`;
        with `channels_first` the channels follow the batch.

    >>> MaxPooling3D().compute_output_shape((None, 8, 8, 8, 3))
    (None, 4, 4, 4, 3)
    """

    rank = 3


class AveragePooling1D(_AveragePooling):
    """A layer that computes the mean of each window over one axis, such as time.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, new steps, channels)`; with `channels_first` the channels follow
        the batch.

    >>> AveragePooling1D().compute_output_shape((None, 8, 3))
    (None, 4, 3)
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """A layer that computes the mean of each window over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, new height, new width, channels)`; with `channels_first`
        the channels follow the batch.

    >>> AveragePooling2D().compute_output_shape((None, 8, 8, 3))
    (None, 4, 4, 3)
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """A layer that computes the mean of each window over three spatial axes.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, new depth, new height, new width, channels)`;
        with `channels_first` the channels follow the batch.

    >>> AveragePooling3D().compute_output_shape((None, 8, 8, 8, 3))
    (None, 4, 4, 4, 3)
    """

    rank = 3


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """A layer that returns the largest entry over one axis, such as time.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, channels)`; with `channels_first` the channels follow the batch.

    >>> GlobalMaxPooling1D().compute_output_shape((None, 8, 3))
    (None, 3)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """A layer that returns the largest entry over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, channels)`; with `channels_first` the channels follow
        the batch.

    >>> GlobalMaxPooling2D().compute_output_shape((None, 8, 8, 3))
    (None, 3)
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """A layer that returns the largest entry over three spatial axes.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, channels)`; with `channels_first` the channels
        follow the batch.

    >>> GlobalMaxPooling3D().compute_output_shape((None, 8, 8, 8, 3))
    (None, 3)
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """A layer that computes the mean over one axis, such as time.

    Shapes:
        inputs `(batch, steps, channels)`, outputs `(batch, channels)`; with `channels_first` the channels follow the batch.
        A mask `(batch, steps)` leaves steps out of the mean.

    >>> GlobalAveragePooling1D().compute_output_shape((None, 8, 3))
    (None, 3)
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        kept = ops.expand_dims(ops.cast(mask, "bool"), 3 - self.spatial[0])
        count = ops.sum(ops.cast(kept, inputs.dtype), axis=self.spatial, keepdims=self.keepdims)
        return ops.sum(ops.where(kept, inputs, 0), axis=self.spatial, keepdims=self.keepdims) / count

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None  # there are no steps left to mask


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """A layer that computes the mean over height and width.

    Shapes:
        inputs `(batch, height, width, channels)`, outputs `(batch, channels)`; with `channels_first` the channels follow
        the batch.

    >>> GlobalAveragePooling2D().compute_output_shape((None, 8, 8, 3))
    (None, 3)
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """A layer that computes the mean over three spatial axes.

    Shapes:
        inputs `(batch, depth, height, width, channels)`, outputs `(batch, channels)`; with `channels_first` the channels
        follow the batch.

    >>> GlobalAveragePooling3D().compute_output_shape((None, 8, 8, 8, 3))
    (None, 3)
    """

    rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D
