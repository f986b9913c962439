"""Layers that change the shades of an image depending on its histogram: contrast, equalization, solarization."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.layers.options import sizes
from jkeras.layers.preprocessing.images import (
    ImageLayer,
    RandomImageLayer,
    Shape,
    Transformation,
    checked_range,
    interval,
    rescale,
)

__all__ = ["AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "Solarization"]

BYTE = (0, 255)


class AutoContrast(ImageLayer):
    """A layer that stretches each channel of an image so that its values fill the range, in training and in inference.

    Args:
        value_range: the least and the largest value of a pixel.

    Raises:
        ValueError: `value_range` is not two numbers.

    >>> import numpy as np
    >>> AutoContrast()(np.array([[100.0, 150.0, 200.0]])[..., None]).ravel().tolist()
    [0.0, 127.5, 255.0]
    """

    always = True

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any):
        super().__init__(**kwargs)
        self.value_range = checked_range(self, value_range)

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        shades = rescale(images, self.value_range, BYTE)
        low, high = shades.min((1, 2), keepdims=True), shades.max((1, 2), keepdims=True)
        scale = 255.0 / jnp.where(high == low, jnp.ones_like(low), high - low)
        stretched = rescale(jnp.clip(shades * scale - low * scale, 0, 255), BYTE, self.value_range)
        return jnp.where(high == low, images, stretched)  # one shade cannot be stretched


class Equalization(ImageLayer):
    """A layer that in training spreads the shades of each channel of an image so that all are about equally frequent.

    A shade becomes the fraction of pixels that are not brighter, times 255.

    Args:
        value_range: the least and the largest value of a pixel.
        bins: how many shades are told apart.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: `value_range` is not two numbers, or `bins` no positive integer.

    >>> import numpy as np
    >>> Equalization()(np.array([[1.0, 2.0, 3.0, 3.0]])[..., None], training=True).ravel().tolist()
    [0.0, 85.0, 255.0, 255.0]
    """

    def __init__(self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        (self.bins,) = sizes(self, "bins", bins, 1)
        self.value_range = checked_range(self, value_range)

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        shades = rescale(images, self.value_range, BYTE)
        channel = jax.vmap(jax.vmap(self._equalize, in_axes=-1, out_axes=-1))  # of each image
        return rescale(channel(shades), BYTE, self.value_range)

    def _equalize(self, channel: jax.Array) -> jax.Array:
        bins = jnp.clip(channel * (self.bins - 1) / 255, 0, self.bins - 1).astype("int32")
        counts = jnp.zeros(self.bins, "float32").at[bins].add(1)
        up_to = jnp.cumsum(counts)
        first = counts[jnp.min(bins)]  # pixels of the darkest shade
        rest = jnp.maximum(up_to[-1] - first, 1)
        table = jnp.clip(jnp.round((up_to - first) * 255 / rest), 0, 255).astype(channel.dtype)
        return jnp.where(jnp.sum(counts > 0) <= 1, channel, table[bins])


class Solarization(RandomImageLayer):
    """A layer that in training makes negatives of the bright parts of the images.

    Args:
        addition_factor: added to all pixels first, as a fraction of the range: two numbers from 0 to 1 to draw from, or one
            number a for (0, a).
        threshold_factor: from which value on pixels become negatives, likewise.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    >>> import numpy as np
    >>> layer = Solarization(threshold_factor=(0.5, 0.5))
    >>> layer(np.array([[0.0, 100.0, 200.0]])[..., None], training=True).ravel().tolist()
    [0.0, 100.0, 55.0]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.addition_factor = interval(self, "addition_factor", addition_factor, 0.0, mirrored=False, strict=True)
        self.threshold_factor = interval(self, "threshold_factor", threshold_factor, 0.0, mirrored=False, strict=True)
        self.value_range = checked_range(self, value_range)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        def number(factor: tuple[float, float]) -> jax.Array:
            return self.uniform((shape[0], 1, 1, 1), factor[0] * 255.0, factor[1] * 255.0, seed, self.float_dtype)

        return {"additions": number(self.addition_factor), "thresholds": number(self.threshold_factor)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        shades = jnp.clip(rescale(images, self.value_range, BYTE) + transformation["additions"], 0, 255)
        shades = jnp.where(shades < transformation["thresholds"], shades, 255 - shades)
        return rescale(shades, BYTE, self.value_range)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """A layer that equalizes the shades of an image part by part, in training and in inference (CLAHE).

    The image is divided into tiles. Each has a table of shades, as in `Equalization`, whose slope is limited; between the
    middles of tiles, the tables' answers are interpolated (Zuiderveld 1994, "Contrast limited adaptive histogram
    equalization").

    Args:
        value_range: the least and the largest value of a pixel.
        clip_limit: how many times the mean frequency of a shade counts at most; 0 for no limit.
        tile_grid_size: how many tiles there are along the height and the width.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: `value_range` is not two numbers, or the grid not two positive integers.

    >>> import numpy as np
    >>> ContrastLimitedAdaptiveHistogramEqualization()(np.ones((2, 20, 20, 3))).shape
    (2, 20, 20, 3)
    """

    always = True

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.clip_limit = clip_limit
        self.tile_grid_size = sizes(self, "tile_grid_size", tile_grid_size, 2)

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        shades = rescale(images.astype("float32"), self.value_range, BYTE)
        channel = jax.vmap(jax.vmap(self._equalize, in_axes=-1, out_axes=-1))
        return rescale(channel(shades), BYTE, self.value_range).astype(images.dtype)

    def _equalize(self, channel: jax.Array) -> jax.Array:
        """One channel, of shape (height, width), from 0 to 255."""
        (height, width), (down, across) = channel.shape, self.tile_grid_size
        rows, columns = -(-height // down), -(-width // across)  # of a tile
        padding = ((0, rows * down - height), (0, columns * across - width))
        pixels = jnp.clip(jnp.pad(channel, padding, mode="symmetric"), 0, 255).astype("int32")
        tiles = pixels.reshape(down, rows, across, columns).swapaxes(1, 2).reshape(down * across, rows * columns)
        tables = jax.vmap(self._table)(tiles).reshape(down, across, 256)

        def neighbours(size: int, tile: int, count: int) -> tuple[jax.Array, jax.Array, jax.Array]:
            place = (jnp.arange(size, dtype="float32") - tile / 2.0) / tile  # 0 in the middle of the first tile
            first = jnp.floor(place)
            index = first.astype("int32")
            return jnp.clip(index, 0, count - 1), jnp.clip(index + 1, 0, count - 1), place - first

        top, bottom, y = (n[:height, None] for n in neighbours(rows * down, rows, down))
        left, right, x = (n[None, :width] for n in neighbours(columns * across, columns, across))
        pixels = pixels[:height, :width]
        upper = tables[top, left, pixels] * (1 - x) + tables[top, right, pixels] * x
        lower = tables[bottom, left, pixels] * (1 - x) + tables[bottom, right, pixels] * x
        return upper * (1 - y) + lower * y

    def _table(self, tile: jax.Array) -> jax.Array:
        """Return the new value of each of 256 shades in a tile."""
        counts = jnp.zeros(256, "float32").at[tile].add(1)
        if self.clip_limit > 0:
            clipped = jnp.minimum(counts, self.clip_limit * tile.size / 256)
            counts = clipped + (counts.sum() - clipped.sum()) / 256  # what is cut off is shared by all
        up_to = jnp.cumsum(counts)
        rest = tile.size - up_to[0]
        return jnp.clip((up_to - up_to[0]) * 255 / jnp.where(rest == 0, jnp.ones_like(rest), rest), 0, 255)
