"""The overlap of bounding boxes: the areas of their intersection divided by those of their union."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.dtype import epsilon
from jkeras.ops.bounding_boxes import convert_format


def image_size(image_shape: Any) -> tuple[Any, Any]:
    """Height and width of an image of shape (height, width, channels); None for None."""
    return (None, None) if image_shape is None else tuple(image_shape[:2])  # type: ignore[return-value]


def _check_relative(format: str, image_shape: Any) -> None:
    if "rel" in format and image_shape is None:
        raise ValueError(
            f"Boxes in the relative format {format!r} are compared by the size of the image: the `image_shape` argument must be "
            "provided, (height, width, channels)."
        )


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: int = -1,
    image_shape: Any = None,
) -> jax.Array:
    """The intersection over union of each of some boxes with each of others.

    Args:
        boxes1: array of shape (M, 4) or (batch, M, 4).
        boxes2: array of shape (N, 4) or (batch, N, 4).
        bounding_box_format: of both, see `convert_format`.
        use_masking: whether boxes with four negative numbers stand for nothing.
        mask_val: what pairs with such a box get.
        image_shape: (height, width, channels), for the formats with `rel_`.

    Returns:
        An array of shape (M, N), or (batch, M, N) if there is a batch.

    Raises:
        ValueError: boxes of another rank, or a relative format without `image_shape`.

    >>> compute_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]], "xyxy").round(3).tolist()
    [[0.3330000042915344, 0.0]]
    """
    _check_relative(bounding_box_format, image_shape)
    height, width = image_size(image_shape)
    both = [convert_format(boxes, bounding_box_format, "yxyx", height, width) for boxes in (boxes1, boxes2)]
    for number, boxes in enumerate(both, 1):
        if boxes.ndim not in (2, 3):
            raise ValueError(
                f"compute_iou() expects boxes{number} to be batched, or to be unbatched: len(boxes{number}.shape) is 3 or 2, got "
                f"shape {boxes.shape}."
            )
    one, other = both[0][..., :, None, :], both[1][..., None, :, :]
    sides = jnp.minimum(one[..., 2:], other[..., 2:]) - jnp.maximum(one[..., :2], other[..., :2])
    shared = jnp.maximum(sides, 0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (one, other)]
    overlap = shared / (areas[0] + areas[1] - shared + epsilon())
    if not use_masking:
        return overlap
    return jnp.where((one.max(-1) < 0) | (other.max(-1) < 0), jnp.asarray(mask_val, overlap.dtype), overlap)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> jax.Array:
    """The complete intersection over union of boxes, in pairs (Zheng et al. 2020, arXiv:1911.08287): less for boxes whose centers
    are far from each other, and whose sides have another ratio.

    Args:
        boxes1: array of shape (..., 4).
        boxes2: array of shape (..., 4), which broadcasts against `boxes1`.
        bounding_box_format: of both, see `convert_format`.
        image_shape: (height, width, channels), for the formats with `rel_`.

    Returns:
        An array of the boxes' shape without the last axis; 1 for equal boxes.

    Raises:
        ValueError: a relative format without `image_shape`.

    >>> compute_ciou([0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0], "xyxy").round(3).item()
    1.0
    """
    _check_relative(bounding_box_format, image_shape)
    height, width = image_size(image_shape)
    small = epsilon()
    one, other = (convert_format(boxes, bounding_box_format, "xyxy", height, width) for boxes in (boxes1, boxes2))
    widths, heights = zip(*((b[..., 2] - b[..., 0], b[..., 3] - b[..., 1] + small) for b in (one, other)), strict=True)
    sides = jnp.minimum(one[..., 2:], other[..., 2:]) - jnp.maximum(one[..., :2], other[..., :2])
    shared = jnp.maximum(sides, 0).prod(-1)
    union = widths[0] * heights[0] + widths[1] * heights[1] - shared + small
    overlap = shared / (union + small)
    around = jnp.maximum(one[..., 2:], other[..., 2:]) - jnp.minimum(one[..., :2], other[..., :2])
    diagonal = jnp.square(around).sum(-1) + small
    distance = jnp.square((one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2).sum(-1)
    ratios = [jnp.arctan(w / h) for w, h in zip(widths, heights, strict=True)]
    difference = 4 / jnp.pi**2 * jnp.square(ratios[1] - ratios[0])
    weight = difference / (difference - overlap + 1 + small)
    return overlap - (distance / diagonal + difference * weight)
