"""Bounding boxes, arrays of shape (..., 4): convert, move, cut and compare them, and encode them as differences to
anchors.

The formats that they have are those of `convert_format`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.errors import suggest
from jkeras.ops.bounding_boxes import clip_to_image_size, convert_format
from jkeras.serialization.namespace import namespace
from jkeras.utils.box_overlap import compute_ciou, compute_iou, image_size

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]


def _corners(boxes: Any, format: str, function: str) -> jax.Array:
    if str(format).lower() != "xyxy":
        raise ValueError(
            f"{function}() takes boxes in pixels, in the format 'xyxy', got bounding_box_format={format!r}. Convert them first: "
            f'convert_format(boxes, {format!r}, "xyxy", height, width).'
        )
    boxes = jnp.asarray(boxes)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"{function}() takes boxes of shape (..., 4), got shape {boxes.shape}.")
    return boxes


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> jax.Array:
    """Boxes in a part of the image that is cut out; they end where the part ends.

    Args:
        boxes: array of shape (..., 4), in pixels.
        top: rows above the part.
        left: columns left of the part.
        height: rows of the part.
        width: columns of the part.
        bounding_box_format: `"xyxy"`.

    Raises:
        ValueError: another format or shape.

    >>> crop([[10.0, 20.0, 50.0, 60.0]], top=10, left=20, height=40, width=30).tolist()
    [[0.0, 10.0, 30.0, 40.0]]
    """
    boxes = _corners(boxes, bounding_box_format, "crop")
    moved = boxes - jnp.asarray([left, top, left, top]).astype(boxes.dtype)
    return jnp.clip(moved, 0, jnp.asarray([width, height, width, height]).astype(boxes.dtype))


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> jax.Array:
    """Boxes in an image to which rows above and columns to the left are added.

    Args:
        boxes: array of shape (..., 4), in pixels.
        top: how many rows are added above.
        left: how many columns are added to the left.
        height: of the image. It changes nothing; Keras has it, too.
        width: of the image, likewise.
        bounding_box_format: `"xyxy"`.

    Raises:
        ValueError: another format or shape.

    >>> pad([[1.0, 2.0, 3.0, 4.0]], top=10, left=20).tolist()
    [[21.0, 12.0, 23.0, 14.0]]
    """
    boxes = _corners(boxes, bounding_box_format, "pad")
    return boxes + jnp.asarray([left, top, left, top]).astype(boxes.dtype)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> jax.Array:
    """The upright boxes around boxes that are rotated, sheared, scaled and moved.

    Args:
        boxes: array of shape (batch, boxes, 4), in pixels.
        angle: in degrees, counterclockwise on the screen; of shape (batch,), as the following.
        translate_x: how far to move to the right, as a fraction of the width.
        translate_y: how far to move down, as a fraction of the height.
        scale: the factor of all lengths.
        shear_x: the angle of shearing along the width, in degrees.
        shear_y: the angle of shearing along the height, in degrees.
        height: of the image in pixels.
        width: of the image in pixels.
        center_x: the point that stays where it is, as a fraction of the width; the middle for None.
        center_y: the same, of the height.
        bounding_box_format: `"xyxy"`.

    Raises:
        ValueError: another format or shape.

    >>> import numpy as np
    >>> zero, one = np.zeros(1), np.ones(1)
    >>> affine_transform([[[10.0, 20.0, 30.0, 60.0]]], zero, zero + 0.1, zero, one, zero, zero, 101, 101).tolist()
    [[[20.0, 20.0, 40.0, 60.0]]]
    """
    boxes = _corners(boxes, bounding_box_format, "affine_transform")
    if boxes.ndim != 3:
        raise ValueError(f"affine_transform() takes boxes of shape (batch, boxes, 4), got shape {boxes.shape}.")
    boxes = boxes if jnp.issubdtype(boxes.dtype, jnp.floating) else boxes.astype("float32")

    def per_image(value: Any) -> jax.Array:
        return jnp.asarray(value, boxes.dtype).reshape(-1, 1, 1)

    angle, shear_x, shear_y = (-jnp.deg2rad(per_image(value)) for value in (angle, shear_x, shear_y))
    cosine, sine = jnp.cos(angle - shear_y) / jnp.cos(shear_y), jnp.sin(angle - shear_y) / jnp.cos(shear_y)
    # The matrix of a rotation and two shears, times the scale; the point in the middle stays where it is.
    xx, xy = jnp.cos(angle) + sine * jnp.tan(shear_x), -(cosine * jnp.tan(shear_x) + jnp.sin(angle))
    yx, yy = sine, cosine
    scale = per_image(scale)
    middle_x = per_image(0.5 if center_x is None else center_x) * (width - 1)
    middle_y = per_image(0.5 if center_y is None else center_y) * (height - 1)
    x = boxes[..., jnp.array([0, 2, 2, 0])] - middle_x + per_image(translate_x) * (width - 1)
    y = boxes[..., jnp.array([1, 1, 3, 3])] - middle_y + per_image(translate_y) * (height - 1)
    x, y = scale * (xx * x + xy * y) + middle_x, scale * (yx * x + yy * y) + middle_y
    return jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)


def _deltas(name: str, format: str, variance: Any) -> Any:
    if format not in ("center_xywh", "center_yxhw"):
        raise ValueError(
            f"`{name}` should be one of 'center_xywh' or 'center_yxhw', got {format!r}."
            f"{suggest(str(format), ('center_xywh', 'center_yxhw'))}"
        )
    variance = jnp.ones(4) if variance is None else jnp.asarray(variance, "float32")
    if variance.shape[-1:] != (4,):
        raise ValueError(f"`variance` must be length 4, got shape {variance.shape}.")
    return variance


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> jax.Array:
    """Boxes as differences to anchors, which a detector learns to predict: (shift / size, log of the ratio of sizes).

    Args:
        anchors: array of shape (boxes, 4).
        boxes: array of shape (boxes, 4) or (batch, boxes, 4).
        anchor_format: of `anchors`, see `convert_format`.
        box_format: of `boxes`.
        encoding_format: `"center_yxhw"` or `"center_xywh"`: the order of the four differences.
        variance: four numbers that the differences are divided by; None for 1.
        image_shape: (height, width, channels), for the formats with `rel_`.

    Raises:
        ValueError: an unknown format, or a `variance` that is not four numbers.

    >>> encode_box_to_deltas([[0.0, 0.0, 4.0, 4.0]], [[1.0, 0.0, 5.0, 4.0]], "xyxy", "xyxy").tolist()
    [[0.0, 0.25, 0.0, 0.0]]
    """
    variance = _deltas("encoding_format", encoding_format, variance)
    height, width = image_size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    anchor_sizes, sizes = (jnp.maximum(x[..., 2:], epsilon()) for x in (anchors, boxes))
    shifts = (boxes[..., :2] - anchors[..., :2]) / anchor_sizes
    return jnp.concatenate([shifts, jnp.log(sizes / anchor_sizes)], -1) / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Boxes from their differences to anchors: the opposite of `encode_box_to_deltas`.

    Args:
        anchors: array of shape (boxes, 4), or a dict of them, one per level.
        boxes_delta: array of shape (boxes, 4) or (batch, boxes, 4), or a dict of them with the keys of `anchors`.
        anchor_format: of `anchors`, see `convert_format`.
        box_format: of the result.
        encoded_format: `"center_yxhw"` or `"center_xywh"`: the order of the four differences.
        variance: four numbers that the differences are multiplied by; None for 1.
        image_shape: (height, width, channels), for the formats with `rel_`.

    Raises:
        ValueError: an unknown format, or a `variance` that is not four numbers.

    >>> decode_deltas_to_boxes([[0.0, 0.0, 4.0, 4.0]], [[0.0, 0.25, 0.0, 0.0]], "xyxy", "xyxy").tolist()
    [[1.0, 0.0, 5.0, 4.0]]
    """
    variance = _deltas("encoded_format", encoded_format, variance)
    if isinstance(anchors, dict) or isinstance(boxes_delta, dict):
        if not isinstance(anchors, dict) or not isinstance(boxes_delta, dict) or set(anchors) != set(boxes_delta):
            got = [sorted(map(str, x)) if isinstance(x, dict) else type(x).__name__ for x in (anchors, boxes_delta)]
            raise ValueError(
                f"`anchors` and `boxes_delta` should both be arrays, or dicts with the same keys, got {got[0]} and {got[1]}."
            )
        options = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(anchors[level], boxes_delta[level], *options) for level in anchors}
    height, width = image_size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = jnp.asarray(boxes_delta, "float32") * variance
    centers = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
    boxes = jnp.concatenate([centers, jnp.exp(deltas[..., 2:]) * anchors[..., 2:]], -1)
    return convert_format(boxes, encoded_format, box_format, height, width)


__getattr__, __dir__ = namespace(__name__, __all__)
