"""Layers that mix images, and their labels, with others of the batch, in training only."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import random
from jkeras.layers.preprocessing.distortions import rectangles
from jkeras.layers.preprocessing.images import RandomImageLayer, Shape, Transformation, interval

__all__ = ["CutMix", "MixUp"]


class _Mix(RandomImageLayer):
    """Mixes each image, with a weight of its own, with the one at its place in a random order of the batch."""

    def order(self, shape: Shape, seed: Any) -> jax.Array:
        """A random order of the batch."""
        numbers = jnp.arange(shape[0], dtype="int32")
        return random.shuffle(numbers, seed=self.generator if seed is None else seed)

    def transform_labels(self, labels: Any, transformation: Transformation | None = None, training: bool = True) -> Any:
        """Labels in the proportion of their images, as floating-point numbers: one per class, or per image."""
        if not self._acts(transformation, training):
            return labels
        labels = jnp.asarray(labels)
        labels = labels if jnp.issubdtype(labels.dtype, jnp.floating) else labels.astype(self.float_dtype)
        return self.mix(labels, transformation)  # type: ignore[arg-type]

    def mix(self, values: jax.Array, transformation: Transformation) -> jax.Array:
        """Each value times the image's weight, plus another one times the rest."""
        weight = jnp.asarray(transformation["mix_weight"]).astype(values.dtype).reshape((-1,) + (1,) * (values.ndim - 1))
        return weight * values + (1 - weight) * values[jnp.asarray(transformation["permutation_order"])]


class MixUp(_Mix):
    """A layer that in training blends each image, and its label, with another one of the batch (Zhang et al. 2017,
    arXiv:1710.09412).

    It takes a dict with "images" and "labels", one number per class. Bounding boxes become those of both images.

    Args:
        alpha: the weights are drawn from the Beta(alpha, alpha) distribution: small numbers for weights near 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.
        seed: an integer; by default a random one.

    Raises:
        ValueError: `alpha` is not positive.

    >>> import numpy as np
    >>> data = {"images": np.ones((4, 8, 8, 3)), "labels": np.eye(4)}
    >>> MixUp(seed=1)(data, training=True)["labels"].sum(1).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, data_format=data_format, **kwargs)
        if isinstance(alpha, (tuple, list)) or not alpha > 0:
            raise ValueError(f"MixUp needs alpha= a positive number, got alpha={alpha!r}.")
        self.alpha = alpha

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        order = self.order(shape, seed)
        weight = random.beta((shape[0],), self.alpha, self.alpha, seed=self.generator if seed is None else seed)
        return {"mix_weight": weight, "permutation_order": order}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return self.mix(images, transformation)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self.mix(masks.astype(self.float_dtype), transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: dict, transformation: Transformation | None = None, training: bool = True
    ) -> dict:
        """Return the boxes of both images, (batch, 2 * boxes, 4)."""
        if not self._acts(transformation, training):
            return bounding_boxes
        order = jnp.asarray(transformation["permutation_order"])  # type: ignore[index]
        return {key: jnp.concatenate([value, jnp.asarray(value)[order]], 1) for key, value in bounding_boxes.items()}


class CutMix(_Mix):
    """A layer that in training puts a rectangle of another image of the batch into each image (Yun et al. 2019,
    arXiv:1905.04899).

    It takes a dict with "images" and "labels", one number per class, which are mixed in the proportion of the areas. It
    takes no bounding boxes.

    Args:
        factor: of the Beta(factor, factor) distribution that the areas are drawn from: two numbers from 0 to 1 to draw it
            from, or one number f for (0, f).
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from 0 to 1, or bounding boxes.

    >>> import numpy as np
    >>> data = {"images": np.ones((4, 8, 8, 3)), "labels": np.eye(4)}
    >>> CutMix(seed=1)(data, training=True)["labels"].sum(1).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = interval(self, "factor", factor, 0.0)

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        dtype, source = self.float_dtype, self.generator if seed is None else seed
        alpha = self.uniform((), *self.factor, seed, dtype) + 1e-6
        side = jnp.sqrt(1 - random.beta((shape[0],), alpha, alpha, dtype=dtype, seed=source))
        masks, area = rectangles(self, shape, side, side, seed)
        return {"batch_masks": masks, "mix_weight": 1 - area, "permutation_order": self.order(shape, seed)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return jnp.where(transformation["batch_masks"], images[jnp.asarray(transformation["permutation_order"])], images)

    change_masks = change  # type: ignore[assignment]

    def transform_bounding_boxes(
        self, bounding_boxes: dict, transformation: Transformation | None = None, training: bool = True
    ) -> dict:
        """Raise an error in training, because a part of a box has no meaning."""
        if self._acts(transformation, training):
            raise ValueError("CutMix takes no bounding boxes: it would cut them. Use MixUp.")
        return bounding_boxes
