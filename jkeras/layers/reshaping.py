"""Layers that move, repeat, drop or pad entries without changing them."""

import math
from collections.abc import Sequence
from typing import Any

import jax.image
import jax.numpy as jnp

from jkeras import ops
from jkeras.core.data_format import standardize_data_format
from jkeras.core.symbolic import KerasTensor
from jkeras.errors import suggest
from jkeras.layers.input_spec import InputSpec, check_input
from jkeras.layers.options import Configured, sizes

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "Flatten", "Permute", "RepeatVector", "Reshape", "UpSampling1D",
    "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip


class Flatten(Configured):
    """A layer that merges all axes except the first into one axis.

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
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))


class Reshape(Configured):
    """A layer that gives each sample another shape. The entries keep their order.

    Args:
        target_shape: the new shape of a sample, without the batch axis: a tuple of integers. One of them may be -1; it is computed
            from the others.

    Raises:
        ValueError: `target_shape` is no shape, or holds another number of entries than a sample.

    >>> Reshape((2, -1)).compute_output_shape((None, 6))
    (None, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if any(not isinstance(d, int) or d < -1 for d in self.target_shape) or self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape needs a shape with at most one -1, got target_shape={target_shape!r}.")
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        size, known = math.prod(inputs.shape[1:]), math.prod(d for d in self.target_shape if d != -1)
        if size != known and (-1 not in self.target_shape or not known or size % known):
            raise ValueError(
                f"Layer {self.name!r} (Reshape) cannot give samples of shape {inputs.shape[1:]}, which have {size} entries, "
                f"the shape {self.target_shape}."
            )
        return ops.reshape(inputs, (inputs.shape[0], *(size // known if d == -1 else d for d in self.target_shape)))


class Permute(Configured):
    """A layer that puts the axes of each sample into another order.

    Args:
        dims: the new order, counted from 1 because 0 is the batch.

    >>> Permute((2, 1)).compute_output_shape((None, 3, 4))
    (None, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute needs each of the axes 1, ..., n once, got dims={dims!r}.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs, which are sparse where the inputs are."""
        check_input(self, inputs)
        shape = tuple(inputs.shape[axis] for axis in (0, *self.dims))
        return KerasTensor(shape, self._infer_from_call((inputs,), {}).dtype, sparse=inputs.sparse)


class RepeatVector(Configured):
    """A layer that repeats each vector `n` times: `(batch, features)` becomes `(batch, n, features)`.

    Args:
        n: the number of repetitions, a positive integer.

    >>> RepeatVector(3).compute_output_shape((None, 5))
    (None, 3, 5)
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        return ops.repeat(inputs[:, None], self.n, axis=1)


class _Spatial(Configured):
    """The base of layers for the spatial axes of `(batch, *spatial, channels)`, or `(batch, channels, *spatial)`.

    Args:
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
    """

    rank: int

    def __init__(self, data_format: str | None, kwargs: dict):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self.needs_no_build

    def along_axes(self, values: Any, other: Any) -> list:
        """One value per axis of the input: `values` for the spatial ones."""
        return [other, *values, other] if self.data_format == "channels_last" else [other, other, *values]

    def margins(self, name: str, value: Any) -> Any:
        """An argument `(before, after)` per spatial axis, or one integer for all; for one axis the pair itself."""
        if self.rank == 1:
            return sizes(self, name, value, 2, zero=True)
        values = [value] * self.rank if isinstance(value, int) else value
        if not isinstance(values, (tuple, list)) or len(values) != self.rank:
            raise ValueError(
                f"{type(self).__name__} needs {name}= an integer, {self.rank} integers, or {self.rank} pairs of integers, "
                f"got {name}={value!r}."
            )
        return tuple(sizes(self, name, pair, 2, zero=True) for pair in values)


class _Cropping(_Spatial):
    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, kwargs)
        self.cropping = self.margins("cropping", cropping)

    def call(self, inputs: Any) -> Any:
        pairs = [self.cropping] if self.rank == 1 else self.cropping
        axes = self.along_axes(pairs, (0, 0))
        cut = [(before + after, n) for (before, after), n in zip(axes, inputs.shape, strict=True) if before + after]
        if any(isinstance(n, int) and margin >= n for margin, n in cut):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) with cropping={self.cropping} leaves nothing of an input of "
                f"shape {inputs.shape}."
            )
        return inputs[tuple(slice(before, n - after) for (before, after), n in zip(axes, inputs.shape, strict=True))]


class Cropping1D(_Cropping):
    """A layer that drops steps at both ends of `(batch, steps, channels)`.

    Args:
        cropping: `(at the start, at the end)`, or one integer for both.

    >>> Cropping1D((1, 2)).compute_output_shape((None, 8, 3))
    (None, 5, 3)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """A layer that drops rows and columns at the borders of images.

    Args:
        cropping: `((top, bottom), (left, right))`, or `(rows, columns)`, or one integer for all four.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.

    >>> Cropping2D(((1, 2), (0, 1))).compute_output_shape((None, 8, 8, 3))
    (None, 5, 7, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """A layer that drops entries at the borders of volumes.

    Args:
        cropping: `((before, after), (before, after), (before, after))`, or one integer for each spatial axis, or one for all.

    >>> Cropping3D((1, 2, 0)).compute_output_shape((None, 8, 8, 8, 3))
    (None, 6, 4, 8, 3)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


class _ZeroPadding(_Spatial):
    """Adds zeros at the borders.

    Args:
        padding: the numbers of zeros: `(before, after)` for each spatial axis, or one integer for each axis, or one for all.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, kwargs)
        self.padding = self.margins("padding", padding)

    def call(self, inputs: Any) -> Any:
        pairs = [self.padding] if self.rank == 1 else self.padding
        return ops.pad(inputs, self.along_axes(pairs, (0, 0)))


class ZeroPadding1D(_ZeroPadding):
    """A layer that adds zeros at both ends of `(batch, steps, channels)`.

    Args:
        padding: the numbers of steps to add: `(at the start, at the end)`, or one integer for both.

    >>> ZeroPadding1D((1, 2)).compute_output_shape((None, 8, 3))
    (None, 11, 3)
    """

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """A layer that adds zeros around images.

    Args:
        padding: the numbers of pixels to add: `((top, bottom), (left, right))`, or `(rows, columns)`, or one integer for all four.

    >>> ZeroPadding2D((1, 2)).compute_output_shape((None, 8, 8, 3))
    (None, 10, 12, 3)
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """A layer that adds zeros around volumes.

    >>> ZeroPadding3D((1, 2, 0)).compute_output_shape((None, 4, 4, 4, 3))
    (None, 6, 8, 4, 3)
    """

    rank = 3


class UpSampling1D(_Spatial):
    """A layer that repeats each step of `(batch, steps, channels)`.

    Args:
        size: the number of repetitions, a positive integer.

    >>> UpSampling1D(2).compute_output_shape((None, 3, 4))
    (None, 6, 4)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__("channels_last", kwargs)
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"UpSampling1D needs an integer size, got size={size!r}.")
        (self.size,) = sizes(self, "size", size, 1)

    def call(self, inputs: Any) -> Any:
        return ops.repeat(inputs, self.size, axis=1)


class _UpSampling(_Spatial):
    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, kwargs)
        self.size = sizes(self, "size", size, self.rank)

    def call(self, inputs: Any) -> Any:
        # Broadcasting along a new axis, where `repeat` would gather along each axis in turn.
        factors = self.along_axes(self.size, 1)
        shape = [n for d, f in zip(inputs.shape, factors, strict=True) for n in (d, f)]
        spread = jnp.broadcast_to(inputs.reshape([n for d in inputs.shape for n in (d, 1)]), shape)
        return spread.reshape([d * f for d, f in zip(inputs.shape, factors, strict=True)])


class UpSampling2D(_UpSampling):
    """A layer that makes images larger, by repeating pixels or interpolating between them.

    Args:
        size: the factors `(rows, columns)`, or one integer for both.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.

    Raises:
        ValueError: the interpolation is unknown.

    >>> import numpy as np
    >>> UpSampling2D((1, 2))(np.array([[[[1.0], [2.0]]]], "float32"))[0, 0, :, 0].tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    rank = 2
    methods = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")

    def __init__(self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in self.methods:
            hint = suggest(self.interpolation, self.methods)
            raise ValueError(f"UpSampling2D needs interpolation= one of {self.methods}, got {interpolation!r}.{hint}")

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        shape = [d * f for d, f in zip(inputs.shape, self.along_axes(self.size, 1), strict=True)]
        return jax.image.resize(inputs, shape, self.interpolation, antialias=False).astype(inputs.dtype)


class UpSampling3D(_UpSampling):
    """A layer that repeats the entries of volumes along three spatial axes.

    Args:
        size: three factors, or one integer for all.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.

    >>> UpSampling3D(2).compute_output_shape((None, 2, 3, 4, 1))
    (None, 4, 6, 8, 1)
    """

    rank = 3
