"""Layers that act in training only, or on the loss, to keep a model from fitting noise."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from jkeras import random, regularizers
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured

__all__ = [
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
    "SpatialDropout2D", "SpatialDropout3D",
]  # fmt: skip


class _Noise(Configured):
    """Noise of a strength between 0 and 1, in training only; strength 0 is no noise."""

    strength = "rate"  # the argument that says how much

    def __init__(self, amount: float, seed: Any, kwargs: dict):
        super().__init__(**kwargs)
        if not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
            raise ValueError(
                f"{type(self).__name__} needs {self.strength}= between 0 and 1, got {self.strength}={amount!r}."
            )
        setattr(self, self.strength, amount)
        self.seed = seed
        if amount > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.disturb(inputs) if training and getattr(self, self.strength) > 0 else inputs

    def disturb(self, inputs: Any) -> Any:
        """The inputs with noise."""
        raise TypeError(f"{type(self).__name__} must define disturb(inputs).")


class Dropout(_Noise):
    """A layer that in training sets a fraction `rate` of the inputs to zero and scales the rest by `1 / (1 - rate)`.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Args:
        rate: the fraction, from 0 to 1.
        noise_shape: the shape of the mask, which is broadcast to the inputs; None in it stands for the inputs' own length. None
            means the shape of the inputs, so that each entry is dropped by itself.
        seed: an integer that makes the noise reproducible. None takes a new one.

    Raises:
        ValueError: `rate` is outside [0, 1], or `noise_shape` holds something else than positive integers and None.

    >>> import numpy as np
    >>> x = np.ones((2, 4), "float32")
    >>> Dropout(0.5, seed=1)(x).tolist() == x.tolist()          # only in training
    True
    >>> sorted(set(np.asarray(Dropout(0.5, seed=1)(x, training=True)).ravel().tolist()))
    [0.0, 2.0]
    """

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, kwargs)
        if noise_shape is not None and (
            not isinstance(noise_shape, (list, tuple))
            or any(n is not None and (not isinstance(n, int) or isinstance(n, bool) or n <= 0) for n in noise_shape)
        ):
            raise ValueError(
                f"Dropout needs noise_shape= a tuple of positive integers and None, one per axis, got noise_shape={noise_shape!r}."
            )
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs: Any) -> Any:
        return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)


class _SpatialDropout(_Noise):
    """Dropout of whole channels: neighbours in space are so alike that single entries would not be missed.

    Tompson et al. 2015, arXiv:1411.4280.
    """

    rank: int

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def disturb(self, inputs: Any) -> Any:
        ones = (1,) * self.rank
        shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)
        return random.dropout(inputs, self.rate, noise_shape=shape, seed=self.seed_generator)

    def get_config(self) -> dict:
        """The constructor's arguments; Keras's class takes `trainable` for none of them, and writes the dtype by name."""
        config = super().get_config() | {"dtype": self.dtype_policy.name}
        del config["trainable"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """A layer that in training drops whole channels of `(batch, steps, channels)`, and scales the others up.

    Args:
        rate: the fraction of channels, from 0 to 1.
        seed: an integer that makes the noise reproducible. None takes a new one.

    >>> import numpy as np
    >>> y = SpatialDropout1D(0.5, seed=0)(np.ones((1, 3, 4), "float32"), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(rate, "channels_last", seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """A layer that in training drops whole channels of `(batch, height, width, channels)`, and scales the others up.

    Args:
        rate: the fraction of channels, from 0 to 1.
        data_format: `"channels_last"` for inputs `(batch, *spatial, channels)`, `"channels_first"` for `(batch, channels,
            *spatial)`. None takes the setting of `jkeras.config`, which is `"channels_last"` at first.
        seed: an integer that makes the noise reproducible. None takes a new one.

    >>> import numpy as np
    >>> y = SpatialDropout2D(0.5, seed=0)(np.ones((1, 3, 3, 4), "float32"), training=True)
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(rate, data_format, seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout3D(SpatialDropout2D):
    """A layer that in training drops whole channels of `(batch, depth, height, width, channels)`, and scales the others
    up.

    >>> import numpy as np
    >>> y = SpatialDropout3D(0.5, seed=0)(np.ones((1, 2, 2, 2, 4), "float32"), training=True)
    >>> bool((y == y[:, :1, :1, :1]).all())
    True
    """

    rank = 3


class AlphaDropout(_Noise):
    """A layer for dropout that keeps mean and variance, for inputs from a SELU. Dropped entries get SELU's limit at
    minus infinity.

    Klambauer et al. 2017, arXiv:1706.02515.

    Args:
        rate: the fraction that is dropped, from 0 to 1.
        noise_shape: the shape of the mask, which is broadcast to the inputs; None in it stands for the inputs' own length. None
            means the shape of the inputs, so that each entry is dropped by itself.
        seed: an integer that makes the noise reproducible. None takes a new one.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(1000, 8)).astype("float32")
    >>> round(float(AlphaDropout(0.3, seed=1)(x, training=True).std()), 1)
    1.0
    """

    limit = -1.6732632423543772 * 1.0507009873554805  # -alpha * scale of the SELU

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs: Any) -> Any:
        wanted = self.noise_shape or (None,) * inputs.ndim
        shape = [n if d is None else d for d, n in zip(wanted, inputs.shape, strict=True)]
        kept = random.uniform(shape, seed=self.seed_generator) >= self.rate
        slope = ((1 - self.rate) * (1 + self.rate * self.limit**2)) ** -0.5
        return slope * jnp.where(kept, inputs, self.limit) - slope * self.limit * self.rate


class GaussianDropout(_Noise):
    """A layer that in training multiplies its inputs by normal noise of mean 1 and the variance of dropout, `rate / (1
    - rate)`.

    Srivastava et al. 2014.

    Args:
        rate: says how strong the noise is: as strong as dropout of this fraction. From 0 to below 1.
        seed: an integer that makes the noise reproducible. None takes a new one.

    >>> import numpy as np
    >>> y = GaussianDropout(0.5, seed=1)(np.ones((1000, 8), "float32"), training=True)
    >>> round(float(y.mean()), 1), round(float(y.std()), 1)
    (1.0, 1.0)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed, kwargs)

    def disturb(self, inputs: Any) -> Any:
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, stddev, self.compute_dtype, self.seed_generator)


class GaussianNoise(_Noise):
    """A layer that in training adds normal noise of mean 0.

    Args:
        stddev: the standard deviation of the noise, from 0 to 1.
        seed: an integer that makes the noise reproducible. None takes a new one.

    >>> import numpy as np
    >>> y = GaussianNoise(0.5, seed=1)(np.zeros((1000, 8), "float32"), training=True)
    >>> round(float(y.std()), 1)
    0.5
    """

    strength = "stddev"

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(stddev, seed, kwargs)

    def disturb(self, inputs: Any) -> Any:
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, self.compute_dtype, self.seed_generator)


class ActivityRegularization(Configured):
    """A layer that returns its inputs, and adds `(l1 * sum |x| + l2 * sum x^2) / batch` to the loss.

    Args:
        l1: the factor of the sum of the absolute values, from 0 on.
        l2: the factor of the sum of the squares, from 0 on.

    >>> import numpy as np
    >>> layer = ActivityRegularization(l1=0.1)
    >>> y = layer(np.array([[1.0, -2.0]], "float32"))
    >>> round(float(layer.losses[0]), 4)
    0.3
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict:
        """Return the two factors and the name."""
        config = super().get_config()
        del config["activity_regularizer"]
        return config
