"""Layers that change the colours of images at random, in training only. All pixels of an image change in the same way.

Pixels are expected in the layer's `value_range`, and stay in it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops, random
from jkeras.layers.preprocessing.images import RandomImageLayer, Shape, Transformation, checked_range, interval, rescale

__all__ = [
    "RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomGrayscale", "RandomInvert", "RandomPosterization",
]  # fmt: skip

LAST = {"data_format": "channels_last"}
EPSILON = 1e-7


class Color(RandomImageLayer):
    """Changes pixels by a `factor` that is drawn for each image."""

    bounds = (-1.0, 1.0)

    def __init__(self, factor: Any, value_range: Any, seed: int | None, kwargs: dict):
        super().__init__(seed, **kwargs)
        self.factor = interval(self, "factor", factor, *self.bounds)
        self.value_range = checked_range(self, value_range)

    def per_image(self, shape: Shape, seed: Any, low: float, high: float, dtype: Any = "float32") -> jax.Array:
        """A number for each image, of shape (batch, 1, 1, 1)."""
        return self.uniform((shape[0],), low, high, seed, dtype).reshape(-1, 1, 1, 1)


class RandomBrightness(Color):
    """A layer that in training adds a random number to all pixels of an image.

    Args:
        factor: the largest change, as a fraction of the value range: 0.2 draws from -0.2 to 0.2. Two numbers are the least
            and the largest.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from -1 to 1.

    >>> import numpy as np
    >>> RandomBrightness((0.5, 0.5), value_range=(0, 1))(np.full((1, 1, 3), 0.25), training=True).ravel().tolist()
    [0.75, 0.75, 0.75]
    """

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any):
        super().__init__(factor, value_range, seed, kwargs)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        low, high = self.value_range
        return {"rgb_delta": self.per_image(shape, seed, *self.factor) * (high - low)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return jnp.clip(images + transformation["rgb_delta"].astype(images.dtype), *self.value_range)


class RandomContrast(Color):
    """A layer that in training stretches the pixels of an image around the mean of each channel by a random factor.

    Args:
        factor: two numbers (a, b) draw the factor from `1 - a` to `1 + b`; one number b, from 1 to `1 + b`.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    >>> import numpy as np
    >>> RandomContrast((0.0, 0.5), seed=1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    bounds = (0.0, 1.0)

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any):
        super().__init__(factor, value_range, seed, kwargs)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        low, high = self.factor
        return {"contrast_factor": self.per_image(shape, seed, 1.0 - low, 1.0 + high, self.float_dtype)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        mean = images.mean(1, keepdims=True).mean(2, keepdims=True)
        factor = transformation["contrast_factor"].astype(images.dtype)
        return jnp.clip((images - mean) * factor + mean, *self.value_range)


class RandomGrayscale(RandomImageLayer):
    """A layer that in training converts some of the RGB images to shades of grey.

    Args:
        factor: the probability, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: `factor` is no number from 0 to 1.

    >>> import numpy as np
    >>> RandomGrayscale(1.0)(np.array([[[100.0, 0.0, 0.0]]]), training=True).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, data_format=data_format, **kwargs)
        if isinstance(factor, (tuple, list)) or not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale needs factor= a number from 0 to 1, got factor={factor!r}.")
        self.factor = factor

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        return {"should_apply": self.uniform((shape[0],), 0.0, 1.0, seed).reshape(-1, 1, 1, 1) < self.factor}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return jnp.where(transformation["should_apply"], ops.image.rgb_to_grayscale(images, **LAST), images)


class RandomInvert(Color):
    """A layer that in training makes negatives of some of the images: each pixel is subtracted from the largest value.

    Args:
        factor: the probability. Of two numbers, or one number p for (0, p), the probability is itself drawn between them.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    >>> import numpy as np
    >>> RandomInvert((1.0, 1.0))(np.array([[[100.0, 0.0, 255.0]]]), training=True).ravel().tolist()
    [155.0, 255.0, 0.0]
    """

    bounds = (0.0, 1.0)

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, seed, {"data_format": data_format, **kwargs})

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        return {"apply_inversion": coin(self, shape, self.factor, seed)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return where(transformation["apply_inversion"], self.value_range[1] - images, images)


class RandomPosterization(Color):
    """A layer that in training keeps only a few bits of each pixel. With n bits, each channel has 2^n shades.

    Args:
        factor: two numbers from 1 to 8: how many bits are kept, from the first up to below the second; the number itself if
            they are equal. One number n stands for (1, n).
        value_range: the least and the largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from 1 to 8.

    >>> import numpy as np
    >>> RandomPosterization((1, 1))(np.array([[[100.0, 130.0, 255.0]]]), training=True).ravel().tolist()
    [0.0, 128.0, 128.0]
    """

    bounds = (1, 8)

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
        low, high = self.factor
        bits = jnp.full((shape[0],), low, "uint8")
        if low != high:
            bits = random.randint((shape[0],), low, high, "uint8", seed=self.generator if seed is None else seed)
        return {"shift_factor": 8 - bits}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        shift = transformation["shift_factor"].reshape(-1, 1, 1, 1)
        whole = rescale(images, self.value_range, (0, 255)).astype("uint8")
        return rescale((whole >> shift << shift).astype(images.dtype), (0, 255), self.value_range)


class RandomColorDegeneration(Color):
    """A layer that in training mixes RGB images with their shades of grey.

    Args:
        factor: how much grey: 0 leaves the image as it is, 1 only grey. Two numbers are the least and the largest; one
            number stands for itself and its negative.
        value_range: the least and the largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from -1 to 1.

    >>> import numpy as np
    >>> RandomColorDegeneration((1.0, 1.0))(np.array([[[100.0, 0.0, 0.0]]]), training=True).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

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
        return {"factor": self.per_image(shape, seed, *self.factor)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        grey = ops.image.rgb_to_grayscale(images, **LAST)
        return jnp.clip(images + transformation["factor"].astype(images.dtype) * (grey - images), *self.value_range)


def coin(layer: RandomImageLayer, shape: Shape, factor: tuple[float, float], seed: Any) -> jax.Array:
    """True if each image is changed, of shape (batch,): with a probability that is drawn from `factor` first."""
    probability = layer.uniform((shape[0],), *factor, seed)
    return layer.uniform((shape[0],), 0.0, 1.0, seed) < probability


def where(chosen: Any, changed: jax.Array, images: jax.Array) -> jax.Array:
    """The changed images where `chosen`, of shape (batch,), says so."""
    return jnp.where(jnp.asarray(chosen).reshape(-1, 1, 1, 1), changed, images)
