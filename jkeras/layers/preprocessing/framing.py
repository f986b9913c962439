"""Layers that bring images to one size: resized, cropped in the middle, or cropped at random."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.layers.options import sizes
from jkeras.layers.preprocessing.images import ImageLayer, RandomImageLayer, Shape, Transformation
from jkeras.ops.image.resampling import METHODS, check_choice

__all__ = ["CenterCrop", "RandomCrop", "Resizing"]


class _Framing(ImageLayer):
    """Images come out with the layer's `height` and `width`, in training or not."""

    always = True
    height: int
    width: int

    def size_after(self, height: Any, width: Any) -> tuple[int, int]:
        return self.height, self.width

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The input's shape with the layer's height and width."""
        shape = list(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(f"{type(self).__name__} takes images, of rank 3 or 4, got input_shape={tuple(input_shape)}.")
        first = len(shape) - (2 if self.data_format == "channels_first" else 3)
        shape[first : first + 2] = self.height, self.width
        return tuple(shape)


class Resizing(_Framing):
    """A layer that resizes images to `height` x `width`, in training and in inference.

    Args:
        height, width: of the images that come out, in pixels.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: whether to cut off what does not fit, so that nothing is stretched.
        pad_to_aspect_ratio: whether to add margins, so that nothing is stretched.
        fill_mode: how margins are filled: `"constant"` is the only way.
        fill_value: the value of the margins.
        antialias: whether to blur when images shrink, so that no pixel is passed over.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Returns:
        Images of the dtype of the input.

    Raises:
        ValueError: a size that is not a positive integer, or an unknown `interpolation`.

    >>> import numpy as np
    >>> Resizing(4, 6)(np.zeros((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, **kwargs)
        (self.height,), (self.width,) = sizes(self, "height", height, 1), sizes(self, "width", width, 1)
        check_choice(type(self).__name__, "interpolation", interpolation, METHODS)
        check_choice(type(self).__name__, "fill_mode", fill_mode, ("constant",))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing takes crop_to_aspect_ratio=True or pad_to_aspect_ratio=True, not both.")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def transform_images(
        self, images: Any, transformation: Transformation | None = None, training: bool = True
    ) -> jax.Array:
        """Return the resized images, in their own dtype."""
        return self._resize(jnp.asarray(images), self.interpolation, self.data_format)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._resize(masks, "nearest", "channels_last")

    def _resize(self, images: jax.Array, interpolation: str, data_format: str) -> jax.Array:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=data_format,
        )

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        height, width = self._height_width(transformation["input_shape"])
        across, down = self.width / width, self.height / height
        left = top = 0
        if self.pad_to_aspect_ratio:
            across = down = min(across, down)
            left, top = (self.width - width * across) // 2, (self.height - height * down) // 2  # type: ignore[assignment]
        elif self.crop_to_aspect_ratio:
            across = down = max(across, down)
            left, top = -((width * across - self.width) // 2), -((height * down - self.height) // 2)  # type: ignore[assignment]
        empty = jnp.all(boxes == -1, -1, keepdims=True) | jnp.all(boxes == 0, -1, keepdims=True)
        moved = boxes * jnp.array([across, down] * 2, boxes.dtype) + jnp.array([left, top] * 2, boxes.dtype)
        return jnp.where(empty, jnp.zeros_like(moved), moved)


class _Window(_Framing):
    """Cuts a window of `height` x `width` out of the images; smaller images are cropped to its shape and resized."""

    def __init__(self, height: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        (self.height,), (self.width,) = sizes(self, "height", height, 1), sizes(self, "width", width, 1)

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the window in the middle of an image."""
        if height >= self.height and width >= self.width:
            rows, columns = self.height, self.width
        else:
            rows = max(min(height, int(width * self.height / self.width)), 1)
            columns = max(min(width, int(height * self.width / self.height)), 1)
        return (height - rows) // 2, (width - columns) // 2, rows, columns

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        return {"window": self.window(*shape[1:3])}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return self._cut(images, transformation, "bilinear")

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._cut(masks, transformation, "nearest")

    def _cut(self, images: jax.Array, transformation: Transformation, interpolation: str) -> jax.Array:
        top, left, rows, columns = transformation["window"]
        images = jax.lax.dynamic_slice_in_dim(images, top, rows, 1)
        images = jax.lax.dynamic_slice_in_dim(images, left, columns, 2)
        if (rows, columns) == (self.height, self.width):
            return images
        return ops.image.resize(images, (self.height, self.width), interpolation, data_format="channels_last")

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        top, left, rows, columns = transformation["window"]
        corner = jnp.stack([left, top, left, top]).astype(boxes.dtype)
        size = jnp.array([columns, rows] * 2, boxes.dtype)
        scale = jnp.array([self.width / columns, self.height / rows] * 2, boxes.dtype)
        return jnp.clip(boxes - corner, 0, size) * scale


class CenterCrop(_Window):
    """A layer that returns the middle of the images, `height` x `width`, in training and in inference.

    Where an image is smaller than that, the largest window of that shape is cut out of its middle, and resized.

    Args:
        height, width: of the images that come out, in pixels.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a size that is not a positive integer.

    >>> import numpy as np
    >>> CenterCrop(1, 2)(np.arange(12.0).reshape(3, 4, 1)).ravel().tolist()
    [5.0, 6.0]
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any):
        super().__init__(height, width, data_format=data_format, **kwargs)


class RandomCrop(_Window, RandomImageLayer):  # type: ignore[override]
    """A layer that in training returns a window of `height` x `width` at a random place, the same for all images, and
    otherwise the middle.

    Where an image is not larger than the window in both directions, the middle is taken in training too, as by `CenterCrop`.

    Args:
        height, width: of the images that come out, in pixels.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a size that is not a positive integer.

    >>> import numpy as np
    >>> RandomCrop(2, 2, seed=1)(np.zeros((5, 8, 8, 3)), training=True).shape
    (5, 2, 2, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(height, width, seed=seed, data_format=data_format, name=name, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Transformation:
        transformation = super().get_random_transformation(data, training, seed)
        height, width = self._height_width(transformation["input_shape"])  # type: ignore[index]
        if training and height > self.height and width > self.width:
            top = self.uniform((), 0.0, float(height - self.height + 1), seed).astype("int32")
            left = self.uniform((), 0.0, float(width - self.width + 1), seed).astype("int32")
            transformation["window"] = (top, left, self.height, self.width)  # type: ignore[index]
        return transformation  # type: ignore[return-value]
