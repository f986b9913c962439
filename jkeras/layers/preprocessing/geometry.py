"""Layers that flip, turn, zoom, move or shear images at random, in training only.

Except for the flip, each new pixel is read from a place in the old image, which is an affine function of its own place.
Each layer defines this function in `matrix`, so that images, masks and boxes move together.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.layers.preprocessing.images import RandomImageLayer, Shape, Transformation, chosen, interval
from jkeras.ops import bounding_boxes as boxing

__all__ = ["RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class RandomFlip(RandomImageLayer):
    """A layer that in training flips half of the images.

    Args:
        mode: `"horizontal"` (left becomes right), `"vertical"` (top becomes bottom), or `"horizontal_and_vertical"` (both
            at once: the image turned by 180 degrees).
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: an unknown `mode`.

    >>> import numpy as np
    >>> RandomFlip("horizontal", seed=3)(np.arange(12.0).reshape(4, 1, 3, 1), training=True)[..., 0].tolist()
    [[[0.0, 1.0, 2.0]], [[5.0, 4.0, 3.0]], [[6.0, 7.0, 8.0]], [[9.0, 10.0, 11.0]]]
    """

    modes = ("horizontal", "vertical", "horizontal_and_vertical")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.mode = chosen(self, "mode", mode, self.modes)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        return {"flips": self.uniform((shape[0], 1, 1, 1), 0.0, 1.0, seed) <= 0.5}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        axes = [axis for axis, word in ((1, "vertical"), (2, "horizontal")) if word in self.mode]
        return jnp.where(transformation["flips"], jnp.flip(images, axes), images)

    change_masks = change  # type: ignore[assignment]

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        height, width = self._height_width(transformation["input_shape"])
        left, top, right, bottom = jnp.moveaxis(boxes, -1, 0)
        if "horizontal" in self.mode:
            left, right = width - right, width - left
        if "vertical" in self.mode:
            top, bottom = height - bottom, height - top
        flips = jnp.asarray(transformation["flips"]).reshape(-1, 1, 1)
        return jnp.where(flips, jnp.stack([left, top, right, bottom], -1), boxes)


class _Affine(RandomImageLayer):
    """Reads each new pixel at an affine function of its place.

    Args:
        fill_mode: what stands outside of the image: `"reflect"` and `"wrap"` continue it, `"constant"` is `fill_value`,
            `"nearest"` the pixel at the edge.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: a number.
    """

    def __init__(self, seed: int | None, fill_mode: str, interpolation: str, fill_value: float, kwargs: dict):
        super().__init__(seed, **kwargs)
        self.fill_mode = chosen(self, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = chosen(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def matrix(self, transformation: Transformation, height: int, width: int) -> jax.Array:
        """The affine maps of images of this size, of shape (batch, 8), as `ops.image.affine_transform` takes them."""
        raise TypeError(f"{type(self).__name__} must define matrix(transformation, height, width).")

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return self._read(images, transformation, self.interpolation)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._read(masks, transformation, "nearest")

    def _read(self, images: jax.Array, transformation: Transformation, interpolation: str) -> jax.Array:
        matrix = self.matrix(transformation, *images.shape[1:3]).astype("float32")
        return ops.image.affine_transform(
            images, matrix, interpolation, self.fill_mode, self.fill_value, data_format="channels_last"
        )

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        return boxing.warp(boxes, self.matrix(transformation, *self._height_width(transformation["input_shape"])))


def _stack(*numbers: Any) -> jax.Array:
    """Six numbers per image as maps, of shape (batch, 8)."""
    size = next(n.shape[0] for n in numbers if hasattr(n, "shape"))
    columns = [jnp.asarray(n, "float32").reshape(-1) for n in (*numbers, 0.0, 0.0)]
    return jnp.stack([jnp.broadcast_to(column, (size,)) for column in columns], -1)


class RandomRotation(_Affine):
    """A layer that in training turns each image by a random angle around its centre.

    Args:
        factor: the largest angle, as a fraction of a full turn: 0.2 draws from -72 to 72 degrees. Two numbers are the
            least and the largest; positive angles turn counterclockwise.
        fill_mode: what stands outside of the image: `"reflect"` or `"wrap"` continue it, `"constant"` is `fill_value`,
            `"nearest"` the pixel at the edge.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer; by default a random one.
        fill_value: a number.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from -1 to 1, or an unknown word.

    >>> import numpy as np
    >>> layer = RandomRotation((0.25, 0.25), interpolation="nearest")
    >>> layer(np.array([[1.0, 2.0], [3.0, 4.0]])[..., None], training=True)[..., 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, fill_mode, interpolation, fill_value, {"data_format": data_format, **kwargs})
        self.factor = interval(self, "factor", factor)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        low, high = self.factor
        return {"angle": self.uniform((shape[0],), low * 360.0, high * 360.0, seed)}

    def matrix(self, transformation: Transformation, height: int, width: int) -> jax.Array:
        angle = jnp.asarray(transformation["angle"]) * (math.pi / 180)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        return _stack(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)


class RandomZoom(_Affine):
    """A layer that in training zooms each image in or out at random around its centre.

    Args:
        height_factor: the largest change of the height, as a fraction: 0.2 draws from -0.2 (20 % zoomed in) to 0.2
            (20 % zoomed out). Two numbers are the least and the largest.
        width_factor: the same for the width; None for the height's own, so that nothing is stretched.
        fill_mode: what stands outside of the image: `"reflect"` or `"wrap"` continue it, `"constant"` is `fill_value`,
            `"nearest"` the pixel at the edge.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer; by default a random one.
        fill_value: a number.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not above -1 and up to 1, or an unknown word.

    >>> import numpy as np
    >>> layer = RandomZoom((1.0, 1.0), fill_mode="constant")  # twice as much is seen
    >>> layer(np.ones((4, 4, 1)), training=True)[..., 0].sum(0).round(1).tolist()
    [0.0, 2.0, 2.0, 0.0]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, fill_mode, interpolation, fill_value, {"data_format": data_format, **kwargs})
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = self._interval("height_factor", height_factor)
        if width_factor is not None:
            self.width_lower, self.width_upper = self._interval("width_factor", width_factor)

    def _interval(self, name: str, value: Any) -> tuple[float, float]:
        return interval(self, name, value, strict=True, open_below=True)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        height = self.uniform((shape[0], 1), 1.0 + self.height_lower, 1.0 + self.height_upper, seed)
        width = height
        if self.width_factor is not None:
            width = self.uniform((shape[0], 1), 1.0 + self.width_lower, 1.0 + self.width_upper, seed)
        return {"height_zoom": height, "width_zoom": width}

    def matrix(self, transformation: Transformation, height: int, width: int) -> jax.Array:
        across, down = transformation["width_zoom"], transformation["height_zoom"]
        return _stack(across, 0.0, (width - 1) / 2 * (1 - across), 0.0, down, (height - 1) / 2 * (1 - down))


class RandomTranslation(_Affine):
    """A layer that in training moves each image at random.

    Args:
        height_factor: the largest move down, as a fraction of the height: 0.2 draws from -0.2 (up) to 0.2 (down). Two
            numbers are the least and the largest.
        width_factor: the same to the right, as a fraction of the width.
        fill_mode: what stands outside of the image: `"reflect"` or `"wrap"` continue it, `"constant"` is `fill_value`,
            `"nearest"` the pixel at the edge.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer; by default a random one.
        fill_value: a number.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from -1 to 1, or an unknown word.

    >>> import numpy as np
    >>> layer = RandomTranslation(0.0, (0.5, 0.5), fill_mode="constant")
    >>> layer(np.array([[1.0, 2.0, 3.0, 4.0]])[..., None], training=True).ravel().tolist()
    [0.0, 0.0, 1.0, 2.0]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, fill_mode, interpolation, fill_value, {"data_format": data_format, **kwargs})
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = interval(self, "height_factor", height_factor, strict=True)
        self.width_lower, self.width_upper = interval(self, "width_factor", width_factor, strict=True)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        down = self.uniform((shape[0], 1), self.height_lower, self.height_upper, seed) * shape[1]
        right = self.uniform((shape[0], 1), self.width_lower, self.width_upper, seed) * shape[2]
        return {"translations": jnp.concatenate([right, down], 1)}

    def matrix(self, transformation: Transformation, height: int, width: int) -> jax.Array:
        right, down = jnp.moveaxis(jnp.asarray(transformation["translations"]), -1, 0)
        return _stack(1.0, 0.0, -right, 0.0, 1.0, -down)


class RandomShear(_Affine):
    """A layer that in training shears each image at random: rows (or columns) move further, the further down (or right)
    they are.

    Args:
        x_factor: the largest shear along the width, in pixels per pixel of height: 0.2 draws from -0.2 to 0.2. Two numbers
            are the least and the largest, and the sign is drawn besides.
        y_factor: the same along the height.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what stands outside of the image: `"reflect"` or `"wrap"` continue it, `"constant"` is `fill_value`,
            `"nearest"` the pixel at the edge.
        fill_value: a number.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: a factor that is not from -1 to 1, or an unknown word.

    >>> import numpy as np
    >>> RandomShear(0.2, seed=1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, fill_mode, interpolation, fill_value, {"data_format": data_format, **kwargs})
        self.x_factor = interval(self, "x_factor", x_factor, strict=True)
        self.y_factor = interval(self, "y_factor", y_factor, strict=True)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        column, dtype = (shape[0], 1), self.float_dtype
        sign = jnp.where(self.uniform(column, 0.0, 1.0, seed, dtype) > 0.5, -1, 1).astype(dtype)
        down = self.uniform(column, *self.y_factor, seed, dtype)
        right = self.uniform(column, *self.x_factor, seed, dtype)
        return {"shear_factor": jnp.concatenate([right, down], 1) * sign}

    def matrix(self, transformation: Transformation, height: int, width: int) -> jax.Array:
        right, down = jnp.moveaxis(jnp.asarray(transformation["shear_factor"]), -1, 0)
        return _stack(1.0, right, 0.0, down, 1.0, 0.0)
