"""A layer that normalizes numbers to mean 0 and variance 1, by statistics that are given or computed from data."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Numbers
from jkeras.layers.options import Configured
from jkeras.layers.preprocessing.adapt import arrays_of

__all__ = ["Normalization"]

EPSILON = 1e-7  # the smallest standard deviation that is divided by


class Normalization(Configured):
    """A layer that computes `(inputs - mean) / sqrt(variance)`.

    The statistics are given, or `adapt` finds them in data. They are weights then, which are saved with the model and which
    training does not change.

    Args:
        axis: the axis (or axes) whose entries have statistics of their own: -1 for one mean per feature. None for one mean
            of all numbers.
        mean: a number, or an array whose shape is that of the axes.
        variance: the same, of that shape.
        invert: whether to do the opposite, `inputs * sqrt(variance) + mean`.

    Raises:
        ValueError: only one of `mean` and `variance` is given, or they do not fit each other, `axis` or the inputs.

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> layer(np.array([[0.0, 10.0]])).tolist()
    [[-1.0, 2.0]]
    """

    unsaved = ("mean", "variance")  # the attributes are arrays, written as lists below

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Numbers | None = None,
        variance: Numbers | None = None,
        invert: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert
        self.supports_masking = True
        if (mean is None) != (variance is None):
            raise ValueError(f"Normalization needs mean= and variance= together, got mean={mean} and variance={variance}.")
        if mean is not None and (np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis)):  # type: ignore[arg-type]
            raise ValueError(
                f"Normalization needs mean= and variance= of the same shape, with at most one axis for each of axis={self.axis}, "
                f"got the shapes {np.shape(mean)} and {np.shape(variance)}."  # type: ignore[arg-type]
            )

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(f"Layer {self.name!r} has axis={self.axis}, but got inputs of shape {tuple(input_shape)}.")
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        sizes = tuple(input_shape[axis] for axis in self._kept)
        if None in sizes:
            raise ValueError(
                f"Layer {self.name!r} has separate statistics along axis={self.axis}, whose sizes must be known; got inputs "
                f"of shape {tuple(input_shape)}."
            )
        self._sizes = sizes
        self._rank = rank
        self._broadcast = tuple(input_shape[axis] if axis in self._kept else 1 for axis in range(rank)) if sizes else ()
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, initializer="zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, initializer="ones", trainable=False, name="variance")
            self.count = self.add_weight((), initializer="zeros", dtype="int32", trainable=False, name="count")
        else:
            try:
                np.broadcast_to(np.asarray(self.input_mean), sizes)
            except ValueError as error:
                raise ValueError(
                    f"Layer {self.name!r} has mean= of shape {np.shape(self.input_mean)}, but along axis={self.axis} inputs of "
                    f"shape {tuple(input_shape)} have the sizes {sizes}."
                ) from error

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts against the inputs; None before the layer is built."""
        return self._statistic(self.input_mean, "adapt_mean")

    @property
    def variance(self) -> Any:
        """The variance, in the shape of `mean`."""
        return self._statistic(self.input_variance, "adapt_variance")

    def _statistic(self, given: Any, weight: str) -> Any:
        if not self.built:
            return None
        value = getattr(self, weight).value if given is None else jnp.broadcast_to(np.asarray(given), self._sizes)
        return value.reshape(self._broadcast).astype(self.compute_dtype)

    @property
    def is_fixed(self) -> bool:
        """True if the statistics were given, so that there is nothing to adapt."""
        return self.input_mean is not None

    def adapt(self, data: Any) -> None:
        """Find the mean and the variance of data; what was found before is forgotten.

        Args:
            data: whatever holds numbers: an array, a data frame or column of pandas, a list of numbers; or batches of them:
                a list of arrays, a `PyDataset`, a data loader or a generator. Of a batch `(x, y)` it takes the x.

        Raises:
            ValueError: there are no data, they do not fit the layer's inputs, or `mean` and `variance` were given.
        """
        if self.input_mean is not None:
            raise ValueError(f"Layer {self.name!r} was given its mean and variance, so there is nothing to adapt.")
        count, mean, squares = 0.0, None, None  # squares: the sum of squared distances to the mean
        for array in arrays_of(self, data):
            if not self.built:
                self.build(array.shape)
            if (self._sizes and array.ndim != self._rank) or any(
                array.shape[axis] != size for axis, size in zip(self._kept, self._sizes, strict=True)
            ):
                raise ValueError(
                    f"Layer {self.name!r} has statistics of shape {self._sizes} along axis={self.axis}, but adapt() got data of "
                    f"shape {array.shape}. Make a new layer for data of another size."
                )
            over = tuple(axis for axis in range(array.ndim) if axis not in self._kept)
            new = math.prod(array.shape[axis] for axis in over)
            if not new:
                continue
            new_mean = array.mean(over)
            new_squares = np.square(array - array.mean(over, keepdims=True)).sum(over)
            if mean is None:
                count, mean, squares = new, new_mean, new_squares
                continue
            step = new_mean - mean  # Chan et al. 1979, "Updating formulae and a pairwise algorithm"
            mean = mean + step * new / (count + new)
            squares = squares + new_squares + np.square(step) * count * new / (count + new)
            count += new
        if mean is None:
            raise ValueError(f"Layer {self.name!r}: adapt() got no data.")
        self.adapt_mean.assign(np.asarray(mean, "float32"))
        self.adapt_variance.assign(np.asarray(squares / count, "float32"))  # type: ignore[operator]

    def call(self, inputs: Any) -> Any:
        deviation = jnp.maximum(jnp.sqrt(self.variance), jnp.asarray(EPSILON, self.compute_dtype))
        inputs = inputs.astype(self.compute_dtype)
        return inputs * deviation + self.mean if self.invert else (inputs - self.mean) / deviation

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return super().get_config() | {name: np.asarray(value).tolist() for name, value in given.items()}
