"""Conversion of images to (batch, height, width, channels), the layout of all image operations here, and back."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jkeras.core.data_format import standardize_data_format


def batched(name: str, images: jax.Array, data_format: str | None) -> tuple[jax.Array, Callable]:
    """`images` as (batch, height, width, channels), and the function that brings such an array into the given layout.

    Raises:
        ValueError: `images` is neither an image nor a batch of them.
    """
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{name}() needs an image (three axes) or a batch of images (four axes), got an array of shape {images.shape}."
        )
    last = standardize_data_format(data_format) == "channels_last"

    def back(outputs):
        outputs = outputs if last else jnp.moveaxis(outputs, 3, 1)
        return outputs[0] if images.ndim == 3 else outputs

    inputs = images[None] if images.ndim == 3 else images
    return inputs if last else jnp.moveaxis(inputs, 1, 3), back
