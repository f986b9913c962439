"""Bounding boxes: arrays of shape (..., 4), in the formats that data sets have.

    xyxy          left, top, right, bottom        yxyx           top, left, bottom, right
    xywh          left, top, width, height        center_xywh    x and y of the centre, width, height
    center_yxhw   y and x of the centre, height, width

in pixels; with `rel_` in front, as fractions of the image's width and height.
"""

import jax.numpy as jnp

from jkeras.core.symbolic import list_shapes
from jkeras.errors import suggest
from jkeras.ops.image.resampling import homography

_TO_CORNERS = {
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "yxyx": lambda a, b, c, d: (b, a, d, c),
    "xywh": lambda a, b, c, d: (a, b, a + c, b + d),
    "center_xywh": lambda a, b, c, d: (a - c / 2, b - d / 2, a + c / 2, b + d / 2),
    "center_yxhw": lambda a, b, c, d: (b - d / 2, a - c / 2, b + d / 2, a + c / 2),
}
_FROM_CORNERS = {
    "xyxy": lambda x, y, right, bottom: (x, y, right, bottom),
    "yxyx": lambda x, y, right, bottom: (y, x, bottom, right),
    "xywh": lambda x, y, right, bottom: (x, y, right - x, bottom - y),
    "center_xywh": lambda x, y, right, bottom: (x + (right - x) / 2, y + (bottom - y) / 2, right - x, bottom - y),
    "center_yxhw": lambda x, y, right, bottom: (y + (bottom - y) / 2, x + (right - x) / 2, bottom - y, right - x),
}
FORMATS = (*_TO_CORNERS, *(f"rel_{kind}" for kind in ("xyxy", "yxyx", "xywh", "center_xywh")))


def check_format(name, value):
    """Return the name of a format in lower case.

    Raises:
        ValueError: there is no such format.
    """
    if str(value).lower() not in FORMATS:
        raise ValueError(f"{name} must be one of {FORMATS}, got {value!r}.{suggest(str(value), FORMATS)}")
    return value.lower()


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Convert boxes to another format.

    Args:
        boxes: array of shape (..., 4), or a dict with such an array under "boxes".
        source: the format that the boxes have.
        target: the format of the result.
        height, width: of the image in pixels, for `rel_` formats.
        dtype: of the result.

    Returns:
        what `boxes` was, an array or a new dict.

    Raises:
        ValueError: an unknown format, a last axis that is not 4, or a `rel_` format without the size of the image.

    >>> convert_format([[10, 20, 30, 60]], "xyxy", "rel_center_xywh", height=128, width=128).tolist()
    [[0.15625, 0.3125, 0.15625, 0.3125]]
    """
    if isinstance(boxes, dict):
        return boxes | {"boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = check_format("source", source), check_format("target", target)
    boxes = jnp.asarray(boxes).astype(dtype)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"convert_format() needs boxes of shape (..., 4), got shape {list_shapes([boxes])}.")
    if source == target:
        return boxes
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"convert_format() from {source!r} to {target!r} needs the size of the image: pass height= and width=, in pixels."
        )
    corners = jnp.stack(_TO_CORNERS[source.removeprefix("rel_")](*jnp.moveaxis(boxes, -1, 0)), -1)
    if relative == (True, False):
        corners = corners * _size(height, width, dtype)
    elif relative == (False, True):
        corners = corners / _size(height, width, dtype)
    return jnp.stack(_FROM_CORNERS[target.removeprefix("rel_")](*jnp.moveaxis(corners, -1, 0)), -1)


def _size(height, width, dtype):
    height, width = jnp.asarray(height).astype(dtype), jnp.asarray(width).astype(dtype)
    return jnp.stack([width, height, width, height], -1)


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """Cut boxes off at the image's edges. Where nothing is left of a box, its label becomes -1.

    Args:
        bounding_boxes: a dict with "boxes", of shape (..., 4), and perhaps "labels", of shape (...,).
        height, width: of the image in pixels, for "xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    Returns:
        a new dict.

    Raises:
        ValueError: another format, or "xyxy" without the size of the image.

    >>> clip_to_image_size({"boxes": [[-5.0, 2.0, 4.0, 9.0]]}, height=8, width=8)["boxes"].tolist()
    [[0.0, 2.0, 4.0, 8.0]]
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        raise ValueError(f"clip_to_image_size() takes boxes in 'xyxy' or 'rel_xyxy', got {bounding_box_format!r}.")
    if bounding_box_format == "rel_xyxy":
        height = width = 1
    elif height is None or width is None:
        raise ValueError("clip_to_image_size() needs height= and width= for boxes in 'xyxy'.")
    boxes = jnp.asarray(bounding_boxes["boxes"])
    boxes = boxes if jnp.issubdtype(boxes.dtype, jnp.floating) else boxes.astype("float32")
    boxes = jnp.clip(boxes, 0, _size(height, width, boxes.dtype))
    result = bounding_boxes | {"boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        left, top, right, bottom = jnp.moveaxis(boxes, -1, 0)
        labels = jnp.asarray(bounding_boxes["labels"])
        result["labels"] = jnp.where((right - left) * (bottom - top) > 0, labels, jnp.asarray(-1, labels.dtype))
    return result


def warp(boxes, matrix):
    """Return the upright boxes around boxes whose image was read by affine maps.

    Args:
        boxes: array of shape (batch, boxes, 4), in "xyxy".
        matrix: array of shape (batch, 8), the maps from new pixels to old ones that `ops.image.affine_transform` takes.

    Returns:
        array of the shape of `boxes`.
    """
    a0, a1, a2, b0, b1, b2 = (matrix[:, i, None, None].astype(boxes.dtype) for i in range(6))
    x, y = _corners(boxes)
    x, y, determinant = x - a2, y - b2, a0 * b1 - a1 * b0
    return _around((b1 * x - a1 * y) / determinant, (a0 * y - b0 * x) / determinant)  # Cramer's rule


def warp_by_points(boxes, start_points, end_points):
    """Return the upright boxes around boxes whose image was moved by `ops.image.perspective_transform`.

    Args:
        boxes: array of shape (batch, boxes, 4), in "xyxy".
        start_points, end_points: arrays of shape (batch, 4, 2), four points (x, y) and where they go.

    Returns:
        array of the shape of `boxes`.
    """
    a0, a1, a2, b0, b1, b2, c0, c1 = (homography(start_points, end_points)[:, i, None, None] for i in range(8))
    x, y = _corners(boxes)
    k = c0 * x + c1 * y + 1
    return _around((a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k)


def _corners(boxes):
    return boxes[..., jnp.array([0, 2, 2, 0])], boxes[..., jnp.array([1, 1, 3, 3])]


def _around(x, y):
    return jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)
