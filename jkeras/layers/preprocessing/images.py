"""The base of layers on images.

Such a layer takes one image (height, width, channels), or a batch of them; or a dict of things that belong together:

    "images"               the images
    "labels"               one entry per image
    "bounding_boxes"       {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}, in the layer's `bounding_box_format`
    "segmentation_masks"   images of classes

A random layer draws a *transformation* once per call, a dict of arrays with an entry per image, and applies it to all of
them. A subclass draws it in `draw`, and applies it in `change` to the images. `change` always gets floating-point numbers
of shape (batch, height, width, channels).
"""

import numbers
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops, random
from jkeras.core import dtype as dtypes
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.options import Configured
from jkeras.ops import bounding_boxes as boxing
from jkeras.ops.image.layout import batched

Transformation = dict[str, Any]
Shape = tuple[int, ...]


class ImageLayer(Configured):
    """A layer on images.

    Args:
        bounding_box_format: the format of bounding boxes, if some are given: "xyxy", "yxyx", "xywh", "center_xywh",
            "center_yxhw", and "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh" for fractions of the image's size.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
    """

    always = False  # whether the layer also acts when it is not training

    def __init__(self, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            boxing.check_format(f"{type(self).__name__}'s bounding_box_format", bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.data_format = standardize_data_format(data_format)
        self.built = self.needs_no_build

    # -- what subclasses write ----------------------------------------------------------------------------------------

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        """The transformation of images of shape (batch, height, width, channels)."""
        return {}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        """The transformed images, of shape (batch, height, width, channels)."""
        raise TypeError(f"{type(self).__name__} must define change(images, transformation).")

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        """The transformed masks, of shape (batch, height, width, classes); by default nothing moves."""
        return masks

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array | None:
        """The moved boxes, (batch, boxes, 4) in "xyxy"; None where nothing moves."""
        return None

    def size_after(self, height: Any, width: Any) -> tuple[Any, Any]:
        """The size of the images that come out."""
        return height, width

    # -- Keras's steps ------------------------------------------------------------------------------------------------

    def call(self, data: Any, training: bool = True) -> Any:
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self.transform_images(data, transformation, training=training)
        if "images" not in data:
            raise ValueError(f"{type(self).__name__} takes an array or a dict with 'images', got the keys {list(data)}.")
        single = data["images"].ndim == 3
        result = jax.tree.map(lambda x: jnp.asarray(x)[None], data) if single else dict(data)
        for key, value in result.items():
            if key == "bounding_boxes" and self.bounding_box_format is None:
                raise ValueError(
                    f"{type(self).__name__} got 'bounding_boxes', but does not know their format: "
                    f"{type(self).__name__}(..., bounding_box_format='xyxy')."
                )
            step = getattr(self, f"transform_{key}", None)
            if step is not None:
                result[key] = step(value, transformation, training=training)
        return jax.tree.map(lambda x: x[0], result) if single else result

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Transformation | None:
        """Return the random transformation of one call: a dict of arrays, or None if the layer does nothing."""
        images = data["images"] if isinstance(data, dict) else data
        shape = tuple(images.shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} takes one image, of rank 3, or a batch of images, of rank 4, got an array of shape "
                f"{shape}."
            )
        if not (training or self.always):
            return None
        batch = shape if len(shape) == 4 else (1, *shape)
        if self.data_format == "channels_first":
            batch = (batch[0], *batch[2:], batch[1])
        return self.draw(batch, seed) | {"input_shape": shape}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> jax.Array:
        """Images after a transformation, in the layer's compute dtype."""
        images = jnp.asarray(images)
        if not self._acts(transformation, training):
            return self.cast(images)
        images, back = batched(type(self).__name__, images, self.data_format)
        return back(self.cast(self.change(images.astype(self.float_dtype), transformation)))

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """Labels after a transformation: as they were, unless images are mixed."""
        return labels

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Masks after a transformation; classes are not interpolated."""
        if not self._acts(transformation, training):
            return segmentation_masks
        masks, back = batched(type(self).__name__, jnp.asarray(segmentation_masks), self.data_format)
        return back(self.change_masks(masks, transformation))

    def transform_bounding_boxes(self, bounding_boxes: dict, transformation: Any = None, training: bool = True) -> dict:
        """Boxes after a transformation; where nothing of a box is left in the image, its label is -1."""
        if not self._acts(transformation, training):
            return bounding_boxes
        height, width = self._height_width(transformation["input_shape"])
        boxes = jnp.asarray(bounding_boxes["boxes"])
        single = boxes.ndim == 2
        boxes = boxing.convert_format(boxes[None] if single else boxes, self.bounding_box_format, "xyxy", height, width)
        moved = self.move_boxes(boxes, transformation)
        if moved is None:
            return bounding_boxes
        height, width = self.size_after(height, width)
        result = boxing.clip_to_image_size(bounding_boxes | {"boxes": moved}, height, width)
        result = boxing.convert_format(result, "xyxy", self.bounding_box_format, height, width)
        if single:
            result["boxes"] = result["boxes"][0]
            if "labels" in result:
                result["labels"] = result["labels"].reshape(jnp.shape(bounding_boxes["labels"]))
        return result

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _acts(self, transformation: Transformation | None, training: bool) -> bool:
        return self.always or (bool(training) and transformation is not None)

    def _height_width(self, shape: Shape) -> tuple[int, int]:
        return shape[-2:] if self.data_format == "channels_first" else shape[-3:-1]  # type: ignore[return-value]

    @property
    def float_dtype(self) -> Any:
        """The dtype of the arithmetic: the compute dtype, if it is a floating-point one."""
        return self.compute_dtype if dtypes.is_float(self.compute_dtype) else "float32"

    def cast(self, images: jax.Array) -> jax.Array:
        """Images in the compute dtype, rounded and clipped if it is an integer one."""
        if images.dtype == self.compute_dtype or dtypes.is_float(self.compute_dtype):
            return images.astype(self.compute_dtype)
        return ops.saturate_cast(jnp.round(images), self.compute_dtype)

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        config = super().get_config() | {"data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


class RandomImageLayer(ImageLayer):
    """A layer that changes images at random in training, each image in its own way, and does nothing otherwise.

    Args:
        seed: an integer; by default a random one.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def uniform(self, shape: Shape, low: Any, high: Any, seed: Any = None, dtype: Any = "float32") -> jax.Array:
        """Uniform numbers in [low, high)."""
        return random.uniform(shape, low, high, dtype=dtype, seed=self.generator if seed is None else seed)


def interval(
    layer: Any,
    name: str,
    value: Any,
    low: float = -1.0,
    high: float = 1.0,
    mirrored: bool = True,
    strict: bool = False,
    open_below: bool = False,
) -> tuple[float, float]:
    """A factor that is given as two numbers, or as one: 0.2 stands for (-0.2, 0.2), or for (0, 0.2) where `low` is 0.

    Args:
        layer: whose argument it is, for messages.
        name: of the argument.
        value: what was given.
        low, high: the bounds.
        mirrored: whether one number also stands for its negative.
        strict: whether both of two numbers must be within the bounds; otherwise some number between them must.
        open_below: whether `low` itself is out of bounds.

    Raises:
        ValueError: it is neither a number nor two of them, or out of bounds.

    >>> interval(None, "factor", 0.2), interval(None, "factor", [0.5, 0.1])
    ((-0.2, 0.2), (0.1, 0.5))
    """
    pair = value if isinstance(value, (tuple, list)) else (value,)
    known = len(pair) == (2 if pair is value else 1) and all(isinstance(n, numbers.Real) for n in pair)
    inside = known and [low <= n <= high and not (open_below and n == low) for n in pair]
    if not known or not (all(inside) if strict or pair is not value else pair[0] <= high and pair[1] >= low):  # type: ignore[arg-type]
        bounds = f"{'above' if open_below else 'from'} {low} {'up ' if open_below else ''}to {high}"
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) {bounds}. {type(layer).__name__} got "
            f"{name}={value!r}."
        )
    if pair is value:
        return tuple(sorted(value))
    size = abs(value)
    return (max(-size, low) if mirrored else 0), size


def checked_range(layer: Any, value: Any) -> list:
    """The `value_range` of pixels, smaller number first.

    Raises:
        ValueError: it is not two numbers.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(isinstance(n, numbers.Real) for n in value):
        raise ValueError(
            f"The `value_range` argument should be a list of two numbers, the least and the largest value of a pixel. "
            f"{type(layer).__name__} got value_range={value!r}."
        )
    return sorted(value)


def chosen(layer: Any, name: str, value: Any, known: tuple) -> Any:
    """An argument that is one of a few words.

    Raises:
        ValueError: it is none of them.
    """
    if value not in known:
        raise ValueError(f"{type(layer).__name__} needs {name}= from {known}, got {name}={value!r}.")
    return value


def rescale(images: jax.Array, old: Any, new: Any) -> jax.Array:
    """Pixels of one value range in another."""
    if tuple(old) == tuple(new):
        return images
    low, high, least, most = (jnp.asarray(n, images.dtype) for n in (*old, *new))
    return (images - low) / (high - low) * (most - least) + least
