"""Layers that change the hue and saturation of images, and all of their colours together, at random, in training only."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.arguments import read
from jkeras.layers.preprocessing.colors import EPSILON, LAST, Color, RandomBrightness, RandomContrast
from jkeras.layers.preprocessing.images import RandomImageLayer, Shape, Transformation, checked_range, rescale

__all__ = ["RandomColorJitter", "RandomHue", "RandomSaturation"]


class RandomHue(Color):
    """A layer that in training turns the hue of RGB images by a random angle.

    Args:
        factor: the largest angle, as a fraction of half a turn: 0.2 draws from 0 to 36 degrees, and the direction besides.
            Two numbers are the least and the largest.
        value_range: the least and the largest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    >>> import numpy as np
    >>> red = np.array([[[255.0, 0.0, 0.0]]])
    >>> RandomHue((1.0, 1.0), seed=1)(red, training=True).round().ravel().tolist()
    [0.0, 255.0, 255.0]
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
        sign = jnp.where(self.uniform((shape[0],), 0.0, 1.0, seed) > 0.5, -1.0, 1.0)
        return {"factor": sign * self.uniform((shape[0],), *self.factor, seed) * 0.5}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        turn = transformation["factor"].astype(images.dtype).reshape(-1, 1, 1)
        hue, saturation, value = _hsv(rescale(images, self.value_range, (0, 1)))
        hue = hue + turn
        hue = jnp.where(hue > 1, hue - 1, jnp.where(hue < 0, hue + 1, hue))
        return rescale(jnp.clip(_rgb(hue, saturation, value), 0, 1), (0, 1), self.value_range)


class RandomSaturation(Color):
    """A layer that in training makes the colours of RGB images stronger or weaker.

    Args:
        factor: for a number f, the saturation is multiplied by `f / (1 - f)`: 0 and less leaves shades of grey, 0.5 the
            image as it is, 1 full colours. Two numbers are the least and the largest f, one number stands for (-f, f).
        value_range: the least and the largest value of a pixel, and of the saturation: (0, 1) keeps pixels in their range.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from -1 to 1.

    >>> import numpy as np
    >>> RandomSaturation((0.0, 0.0))(np.array([[[90.0, 20.0, 30.0]]]), training=True).ravel().tolist()
    [90.0, 90.0, 90.0]
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
        factor = self.uniform((shape[0],), *self.factor, seed)
        return {"factor": factor / (1 - factor + EPSILON)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        hue, saturation, value = _hsv(images)
        factor = transformation["factor"].astype(images.dtype).reshape(-1, 1, 1)
        return _rgb(hue, jnp.clip(saturation * factor, *self.value_range), value)


def _hsv(images: jax.Array) -> jax.Array:
    return jnp.moveaxis(ops.image.rgb_to_hsv(images, **LAST), -1, 0)


def _rgb(hue: jax.Array, saturation: jax.Array, value: jax.Array) -> jax.Array:
    return ops.image.hsv_to_rgb(jnp.stack([hue, saturation, value], -1), **LAST)


class RandomColorJitter(RandomImageLayer):
    """A layer that in training changes brightness, contrast, saturation and hue, in this order.

    Args:
        value_range: the least and the largest value of a pixel.
        brightness_factor: as in `RandomBrightness`; None for no change.
        contrast_factor: as in `RandomContrast`; None for no change.
        saturation_factor: as in `RandomSaturation`; None for no change.
        hue_factor: as in `RandomHue`; None for no change.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor is out of its bounds.

    >>> import numpy as np
    >>> layer = RandomColorJitter(brightness_factor=0.2, hue_factor=0.1, seed=1)
    >>> layer(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor

        def part(kind: type[Color], name: str) -> Color | None:
            def make(factor: Any) -> Color | None:
                return None if factor is None else kind(factor, value_range=value_range, seed=seed)  # type: ignore[call-arg]

            return read(name, make, getattr(self, name))

        self.random_brightness = part(RandomBrightness, "brightness_factor")
        self.random_contrast = part(RandomContrast, "contrast_factor")
        self.random_saturation = part(RandomSaturation, "saturation_factor")
        self.random_hue = part(RandomHue, "hue_factor")

    @property
    def parts(self) -> list[Color]:
        """The layers that change one thing each."""
        parts = (self.random_brightness, self.random_contrast, self.random_saturation, self.random_hue)
        return [part for part in parts if part is not None]

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        seed = self.generator if seed is None else seed
        return {part.name: part.draw(shape, seed) for part in self.parts}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        for part in self.parts:
            images = part.change(images, transformation[part.name])
        return images
