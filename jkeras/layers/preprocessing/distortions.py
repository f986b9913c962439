"""Layers that distort images or erase parts of them at random, in training only."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops, random
from jkeras.layers.preprocessing.colors import Color, coin, where
from jkeras.layers.preprocessing.geometry import INTERPOLATIONS
from jkeras.layers.preprocessing.images import (
    RandomImageLayer,
    Shape,
    Transformation,
    checked_range,
    chosen,
    interval,
)
from jkeras.ops import bounding_boxes as boxing
from jkeras.ops.image.resampling import FILL_MODES, distort

__all__ = ["RandomElasticTransform", "RandomErasing", "RandomPerspective"]


class RandomPerspective(RandomImageLayer):
    """A layer that in training changes the perspective of some of the images: their corners move at random.

    Args:
        factor: the probability. Of two numbers, or one number p for (0, p), the probability is itself drawn between them.
        scale: how far corners move, from 0 to 1: at 1 by up to half of their distance from the upper left corner.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: the value outside of the image.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor or scale that is not from 0 to 1, or an unknown `interpolation`.

    >>> import numpy as np
    >>> RandomPerspective(scale=0.3, seed=1)(np.ones((2, 6, 6, 3)), training=True).shape
    (2, 6, 6, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = interval(self, "factor", factor, 0.0)
        if isinstance(scale, (tuple, list)) or not 0 <= scale <= 1:
            raise ValueError(f"RandomPerspective needs scale= a number from 0 to 1, got scale={scale!r}.")
        self.scale = scale
        self.interpolation = chosen(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        batch, height, width = shape[:3]
        moved = coin(self, shape, self.factor, seed)
        dtype = self.float_dtype
        far = self.uniform((batch, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed, dtype)
        corners = jnp.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], dtype)
        corners = jnp.broadcast_to(corners, (batch, 4, 2))
        return {"apply_perspective": moved, "start_points": corners, "end_points": corners + corners * far}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return self._read(images, transformation, self.interpolation)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._read(masks, transformation, "nearest")

    def _read(self, images: jax.Array, transformation: Transformation, interpolation: str) -> jax.Array:
        points = transformation["start_points"], transformation["end_points"]
        changed = ops.image.perspective_transform(
            images, *points, interpolation, self.fill_value, data_format="channels_last"
        )
        return where(transformation["apply_perspective"], changed, images)

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        points = (jnp.asarray(transformation[key]).astype(boxes.dtype) for key in ("start_points", "end_points"))
        moved = boxing.warp_by_points(boxes, *points)
        return jnp.where(jnp.asarray(transformation["apply_perspective"]).reshape(-1, 1, 1), moved, boxes)


class RandomElasticTransform(RandomImageLayer):
    """A layer that in training distorts some of the images at random, with similar shifts for neighbouring pixels
    (Simard et al. 2003).

    Pixels are read from elsewhere, up to 0.1 times the longer side of the image away, where the distances are random
    numbers blurred over 0.05 times the shorter side. Boxes stay where they are.

    Args:
        factor: the probability. Of two numbers, or one number p for (0, p), the probability is itself drawn between them.
        scale: what both numbers are multiplied by: two numbers from 0 to 1 to draw from, or one number s for (0, s).
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what stands outside of the image: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`, as in
            `jkeras.ops.image.map_coordinates`.
        fill_value: the value outside for `"constant"`.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor or scale that is not from 0 to 1, or an unknown word.

    >>> import numpy as np
    >>> RandomElasticTransform(seed=1)(np.ones((2, 20, 20, 3)), training=True).shape
    (2, 20, 20, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = interval(self, "factor", factor, 0.0)
        self.scale = interval(self, "scale", scale, 0.0)
        self.interpolation = chosen(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = chosen(self, "fill_mode", fill_mode, FILL_MODES)
        self.fill_value = fill_value
        self.value_range = checked_range(self, value_range)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        seed = self.generator if seed is None else seed
        moved = coin(self, shape, self.factor, seed)
        strength = self.uniform((), *self.scale, seed, self.float_dtype)
        noise = random.normal(shape[:3], dtype=self.float_dtype, seed=seed)  # one, for the images and their masks
        return {"apply_transform": moved, "distortion_factor": strength, "noise": noise}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return jnp.clip(self._read(images, transformation, self.interpolation), *self.value_range)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._read(masks.astype(self.float_dtype), transformation, "nearest").astype(masks.dtype)

    def _read(self, images: jax.Array, transformation: Transformation, interpolation: str) -> jax.Array:
        height, width = images.shape[1:3]
        strength, tiny = transformation["distortion_factor"], jnp.finfo(images.dtype).tiny
        alpha, sigma = max(height, width) * 0.1 * strength, min(height, width) * 0.05 * strength
        size = int(6 * min(height, width) * 0.05 * self.scale[1]) | 1
        sigma = jnp.maximum(sigma, jnp.asarray(tiny, images.dtype))
        noise = transformation.get("noise")
        if noise is None:  # a transformation in Keras's form, which has a seed in its place
            noise = random.normal(images.shape[:3], dtype=self.float_dtype, seed=transformation["seed"])
        changed = distort(images, noise, alpha, sigma, size, interpolation, self.fill_mode, self.fill_value)
        return where(transformation["apply_transform"], changed, images)


class RandomErasing(Color):
    """A layer that in training erases a rectangle of some of the images (Zhong et al. 2017, arXiv:1708.04896).

    Args:
        factor: the probability. Of two numbers, or one number p for (0, p), the probability is itself drawn between them.
        scale: the least and the largest part of the area that is erased; one number s for (0, s).
        fill_value: the value of the erased pixels, a number or one per channel; None for random numbers.
        value_range: the least and the largest value of a pixel.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor or scale that is not from 0 to 1, or another kind of `fill_value`.

    >>> import numpy as np
    >>> layer = RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0)
    >>> float(layer(np.ones((1, 8, 8, 1)), training=True).mean())
    0.75
    """

    bounds = (0.0, 1.0)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, seed, {"data_format": data_format, **kwargs})
        self.scale = interval(self, "scale", scale, *self.bounds)
        if fill_value is not None and not all(
            isinstance(n, (int, float)) for n in (fill_value if isinstance(fill_value, (tuple, list)) else [fill_value])
        ):
            raise ValueError(f"RandomErasing needs fill_value= a number, one per channel, or None, got {fill_value!r}.")
        self.fill_value = fill_value

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        dtype = self.float_dtype
        sides = jnp.sqrt(self.uniform((shape[0], 2), *self.scale, seed, dtype))
        masks, _ = rectangles(self, shape, sides[:, 0], sides[:, 1], seed)
        erased = coin(self, shape, self.factor, seed)
        if self.fill_value is None:
            layout = (shape[0], shape[3], *shape[1:3]) if self.data_format == "channels_first" else shape
            filling = random.normal(layout, dtype=dtype, seed=self.generator if seed is None else seed) * self.value_range[1]
            filling = jnp.moveaxis(filling, 1, -1) if self.data_format == "channels_first" else filling
        else:
            filling = jnp.broadcast_to(jnp.asarray(self.fill_value, dtype), shape)
        return {"apply_erasing": erased, "batch_masks": masks, "fill_value": jnp.clip(filling, *self.value_range)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        chosen = transformation["batch_masks"] & jnp.asarray(transformation["apply_erasing"]).reshape(-1, 1, 1, 1)
        return jnp.where(chosen, transformation["fill_value"].astype(images.dtype), images)


def rectangles(layer: RandomImageLayer, shape: Shape, across: Any, down: Any, seed: Any) -> tuple[jax.Array, jax.Array]:
    """A random rectangle in each image.

    Args:
        layer: that draws.
        shape: of the images, (batch, height, width, channels).
        across, down: arrays of shape (batch,), the sides as fractions of the image's.
        seed: as in `draw`.

    Returns:
        masks of shape (batch, height, width, 1), and which part of each image the rectangle is, of shape (batch,).
    """
    dtype = layer.float_dtype

    def side(length: int, part: Any) -> tuple[jax.Array, jax.Array]:
        size = part * length
        start = layer.uniform((shape[0],), 0.0, 1.0, seed, dtype) * (length - size)
        places, first, last = jnp.arange(length, dtype=dtype)[None], start[:, None], (start + size)[:, None]
        return (places >= first) & (places < last), last[:, 0] - first[:, 0]

    (columns, width), (rows, height) = side(shape[2], across), side(shape[1], down)
    return (rows[:, :, None] & columns[:, None, :])[..., None], width * height / (shape[1] * shape[2])
