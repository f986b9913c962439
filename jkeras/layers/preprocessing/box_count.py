"""A layer that makes the number of boxes the same for every image."""

from typing import Any

import jax.numpy as jnp

from jkeras.layers.options import sizes
from jkeras.layers.preprocessing.images import ImageLayer, Transformation

__all__ = ["MaxNumBoundingBoxes"]


class MaxNumBoundingBoxes(ImageLayer):
    """A layer that removes or adds bounding boxes, so that each image has `max_number` of them, in training and in
    inference.

    It takes a dict with "bounding_boxes"; images and labels stay as they are.

    Args:
        max_number: how many boxes each image gets.
        fill_value: the coordinates and the labels of boxes that are added.

    Raises:
        ValueError: `max_number` is no positive integer.

    >>> import numpy as np
    >>> boxes = {"boxes": np.ones((2, 3, 4)), "labels": np.zeros((2, 3))}
    >>> layer = MaxNumBoundingBoxes(5, bounding_box_format="xyxy")
    >>> layer({"images": np.ones((2, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].tolist()[0]
    [0.0, 0.0, 0.0, -1.0, -1.0]
    """

    always = True

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        (self.max_number,) = sizes(self, "max_number", max_number, 1)
        self.fill_value = int(fill_value)

    def transform_images(self, images: Any, transformation: Transformation | None = None, training: bool = True) -> Any:
        """Return the images unchanged."""
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: dict, transformation: Transformation | None = None, training: bool = True
    ) -> dict:
        """Return `max_number` boxes and labels per image."""

        def fit(values: Any) -> Any:
            values = jnp.asarray(values)[:, : self.max_number]
            missing = [(0, self.max_number - values.shape[1] if axis == 1 else 0) for axis in range(values.ndim)]
            return jnp.pad(values, missing, constant_values=self.fill_value)

        return {key: fit(value) for key, value in bounding_boxes.items()}
