"""Layers that blur or sharpen images at random, in training only."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.layers.options import sizes
from jkeras.layers.preprocessing.colors import Color, coin, where
from jkeras.layers.preprocessing.images import Shape, Transformation, interval
from jkeras.ops.image.filters import blur, correlate

__all__ = ["RandomGaussianBlur", "RandomSharpness"]


class RandomSharpness(Color):
    """A layer that in training makes images sharper or less sharp at random.

    Args:
        factor: 0 for the mean over the neighbours, 0.5 for the image as it is, 1 for twice its difference to that mean. Two
            numbers are the least and the largest; one number f stands for (0, f).
        value_range: the least and the largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    >>> import numpy as np
    >>> RandomSharpness(0.5, seed=1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    bounds = (0.0, 1.0)

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, seed, {"data_format": data_format, **kwargs})

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        return {"factor": self.uniform((shape[0],), *self.factor, seed)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        ones = (1.0, 1.0, 1.0)
        smooth = (correlate(correlate(images, ones, 1), ones, 2) + 4 * images) / 13  # weights 1/13, in the middle 5/13
        factor = jnp.asarray(transformation["factor"]).astype(images.dtype).reshape(-1, 1, 1, 1) * 2
        return jnp.clip(images + (1 - factor) * (smooth - images), *self.value_range)


class RandomGaussianBlur(Color):
    """A layer that in training blurs some of the images.

    Args:
        factor: the probability. Of two numbers, or one number p for (0, p), the probability is itself drawn between them.
        kernel_size: how many neighbours count, an odd number, or two of them for the width and the height.
        sigma: the standard deviation of the weights: two numbers from 0 to 1 to draw from, or one number s for (0, s).
        value_range: the least and the largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor or sigma that is not from 0 to 1, or an even `kernel_size`.

    >>> import numpy as np
    >>> RandomGaussianBlur(kernel_size=5, seed=1)(np.ones((2, 6, 6, 3)), training=True).shape
    (2, 6, 6, 3)
    """

    bounds = (0.0, 1.0)

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, seed, {"data_format": data_format, **kwargs})
        self.kernel_size = sizes(self, "kernel_size", kernel_size, 2)
        if any(size % 2 == 0 for size in self.kernel_size):
            raise ValueError(f"RandomGaussianBlur needs odd numbers for kernel_size=, got {kernel_size!r}.")
        self.sigma = interval(self, "sigma", sigma, *self.bounds)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        chosen = coin(self, shape, self.factor, seed)
        return {"should_apply_blur": chosen, "blur_factor": self.uniform((2,), *self.sigma, seed, self.float_dtype) + 1e-6}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        blurred = blur(images, self.kernel_size, transformation["blur_factor"])
        return jnp.clip(where(transformation["should_apply_blur"], blurred, images), *self.value_range)
