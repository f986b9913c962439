"""Colour spaces: red, green and blue; hue, saturation and value; grey."""

import jax.numpy as jnp

from jkeras.ops.family import Array, array_op, floating
from jkeras.ops.image.layout import batched

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

LUMA = (0.2989, 0.5870, 0.1140)  # how bright red, green and blue look (ITU-R BT.601)


@array_op
def rgb_to_grayscale(images: Array, data_format=None):
    """Convert colours to their brightness, `0.2989 red + 0.587 green + 0.114 blue`.

    Args:
        images: an image or a batch of them, with 3 channels; with 1 channel they come back as they are.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array with 1 channel, of the same dtype.

    Raises:
        ValueError: another number of channels or axes.

    >>> rgb_to_grayscale(jnp.ones((1, 1, 3))).round(3).tolist()
    [[[1.0]]]
    """
    x, back = batched("rgb_to_grayscale", images, data_format)
    if x.shape[-1] == 1:
        return images
    if x.shape[-1] != 3:
        raise ValueError(f"rgb_to_grayscale() needs 3 channels (or 1), got images of shape {images.shape}.")
    x = floating(x)
    return back(jnp.tensordot(x, jnp.asarray(LUMA, x.dtype), 1)[..., None].astype(images.dtype))


def _planes(name, images, data_format):
    x, back = batched(name, images, data_format)
    if not jnp.issubdtype(x.dtype, jnp.floating) or x.shape[-1] != 3:
        raise ValueError(
            f"{name}() needs floating-point images with 3 channels, got dtype {x.dtype.name} and shape {images.shape}."
        )
    return x, back


@array_op
def rgb_to_hsv(images: Array, data_format=None):
    """Convert red, green and blue to hue, saturation and value.

    The value is the largest of the three components and the range the distance to the smallest; the saturation is range /
    value. The hue goes from 0 (red) over 1/3 (green) and 2/3 (blue) to 1 (red again), and is 0 for grey.

    Args:
        images: an image or a batch of them, floating-point, with 3 channels from 0 to 1.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the same shape and dtype, from 0 to 1.

    Raises:
        ValueError: the images are not floating-point, or have another number of channels or axes.

    >>> rgb_to_hsv(jnp.array([[[0.0, 0.5, 0.0]]])).round(3).tolist()  # a dark green
    [[[0.333..., 1.0, 0.5]]]
    """
    x, back = _planes("rgb_to_hsv", images, data_format)
    red, green, blue = jnp.moveaxis(jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).eps, 0, x), -1, 0)
    value = jnp.maximum(jnp.maximum(red, green), blue)
    spread = value - jnp.minimum(jnp.minimum(red, green), blue)
    grey = spread == 0
    sixth = 1 / (6 * jnp.where(grey, 1, spread))
    hue = jnp.where(value == green, (blue - red) * sixth + 2 / 6, (red - green) * sixth + 4 / 6)
    hue = jnp.where(value == red, (green - blue) * sixth, hue)
    hue = jnp.where(grey, 0, jnp.where(hue < 0, hue + 1, hue))
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    return back(jnp.stack([hue, saturation, value], -1))


@array_op
def hsv_to_rgb(images: Array, data_format=None):
    """Convert hue, saturation and value to red, green and blue; the inverse of `rgb_to_hsv`.

    Args:
        images: an image or a batch of them, floating-point, with 3 channels from 0 to 1.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the same shape and dtype.

    Raises:
        ValueError: the images are not floating-point, or have another number of channels or axes.

    >>> hsv_to_rgb(jnp.array([[[0.0, 1.0, 0.5]]])).tolist()  # a dark red
    [[[0.5, 0.0, 0.0]]]
    """
    x, back = _planes("hsv_to_rgb", images, data_format)
    hue, saturation, value = x[..., :1], x[..., 1:2], x[..., 2:]
    sixths = jnp.mod(hue, 1) * 6
    distance = jnp.abs(sixths - jnp.asarray([3, 2, 4], x.dtype))  # from cyan, green and blue
    pure = jnp.clip((distance - jnp.asarray([1, 2, 2], x.dtype)) * jnp.asarray([1, -1, -1], x.dtype), 0, 1)
    return back(value * (1 - saturation + saturation * pure))
