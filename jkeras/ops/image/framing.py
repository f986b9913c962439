"""Functions that crop images, pad them, and cut them into patches. The values of pixels do not change."""

import math

import jax
import jax.numpy as jnp

from jkeras.core.data_format import standardize_data_format
from jkeras.errors import ArgumentError
from jkeras.ops.family import Array, array_op
from jkeras.ops.image.layout import batched

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "pad_images"]


def _margins(function, axis, before, after, target, difference):
    """The margins (before, after) of one axis, of which exactly two of three numbers are given."""
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"{function}() needs exactly two of {axis[0]}, {axis[1]} and {axis[2]}, got {before}, {after} and {target}."
        )
    before = difference - after if before is None else before
    after = difference - before if after is None else after
    if before < 0 or after < 0 or (target is not None and target < 0):
        raise ValueError(
            f"{function}() got {axis[0]}={before}, {axis[1]}={after} and {axis[2]}={target}: none may be negative."
        )
    return before, after


@array_op
def crop_images(
    images: Array,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Remove rows and columns at the edges of images.

    Args:
        images: an image or a batch of them.
        top_cropping, bottom_cropping, target_height: rows to cut off, and rows that remain; two of the three.
        left_cropping, right_cropping, target_width: columns to cut off, and columns that remain; two of the three.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Raises:
        ValueError: not two of three are given, or one of the three is negative.

    >>> crop_images(jnp.zeros((5, 7, 3)), top_cropping=1, target_height=2, left_cropping=2, right_cropping=0).shape
    (2, 5, 3)
    """
    x, back = batched("crop_images", images, data_format)
    height, width = x.shape[1:3]
    rows = ("top_cropping", "bottom_cropping", "target_height")
    columns = ("left_cropping", "right_cropping", "target_width")
    top, bottom = _margins("crop_images", rows, top_cropping, bottom_cropping, target_height, height - (target_height or 0))
    left, right = _margins("crop_images", columns, left_cropping, right_cropping, target_width, width - (target_width or 0))
    return back(x[:, top : height - bottom, left : width - right])


@array_op
def pad_images(
    images: Array,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Add rows and columns of zeros at the edges of images.

    Args:
        images: an image or a batch of them.
        top_padding, bottom_padding, target_height: rows to add, and rows of the result; two of the three.
        left_padding, right_padding, target_width: columns to add, and columns of the result; two of the three.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Raises:
        ValueError: not two of three are given, or one of the three is negative.

    >>> pad_images(jnp.ones((2, 2, 1)), top_padding=1, bottom_padding=0, left_padding=0, target_width=3)[..., 0].tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """
    x, back = batched("pad_images", images, data_format)
    height, width = x.shape[1:3]
    rows = ("top_padding", "bottom_padding", "target_height")
    columns = ("left_padding", "right_padding", "target_width")
    vertical = _margins("pad_images", rows, top_padding, bottom_padding, target_height, (target_height or 0) - height)
    horizontal = _margins("pad_images", columns, left_padding, right_padding, target_width, (target_width or 0) - width)
    return back(jnp.pad(x, ((0, 0), vertical, horizontal, (0, 0))))


@array_op
def extract_patches(images: Array, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Cut images, or volumes, into patches. Each patch becomes one vector of channels.

    Args:
        images: array of shape (height, width, channels), or with a batch axis in front; for a `size` of three, with a
            depth axis before the height.
        size: of the patches: an integer, a pair, or a triple for volumes.
        strides: distance between neighbouring patches, an integer or a tuple; by default `size`.
        dilation_rate: distance between neighbouring pixels of a patch, likewise.
        padding: "valid" for patches inside of the image only, "same" for one at every stride, with zeros outside.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array with the numbers of patches in the place of height and width, and `patch size * channels` channels.

    Raises:
        ArgumentError: `size` has another length, or the array another number of axes.

    >>> extract_patches(jnp.zeros((2, 6, 6, 3)), 2).shape
    (2, 3, 3, 12)
    """
    rank = 2 if isinstance(size, int) else len(size) if isinstance(size, (list, tuple)) else 0
    if rank not in (2, 3):
        raise ArgumentError(f"extract_patches() needs an integer, a pair or a triple as size, got size={size}.")
    return _patches("extract_patches", images, rank, size, strides, dilation_rate, padding, data_format)


@array_op
def extract_patches_3d(volumes: Array, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Cut volumes into patches: `extract_patches` with three spatial axes, also for a `size` that is one integer.

    Args:
        volumes: array of shape (depth, height, width, channels), or with a batch axis in front.
        size, strides, dilation_rate, padding, data_format: those of `extract_patches`.

    >>> extract_patches_3d(jnp.zeros((1, 4, 4, 4, 3)), 2).shape
    (1, 2, 2, 2, 24)
    """
    return _patches("extract_patches_3d", volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(name, x, rank, size, strides, dilation_rate, padding, data_format):
    def each(value):
        return (value,) * rank if isinstance(value, int) else tuple(value)

    if x.ndim not in (rank + 1, rank + 2) or len(each(size)) != rank:
        raise ArgumentError(
            f"{name}() needs {rank} spatial axes, channels, and perhaps a batch axis, and a size for each spatial axis, got "
            f"shape {x.shape} and size={size}."
        )
    last = standardize_data_format(data_format) == "channels_last"
    batch = x if x.ndim == rank + 2 else x[None]
    batch = jnp.moveaxis(batch, -1, 1) if last else batch
    strides = each(strides or size)
    patches = jax.lax.conv_general_dilated_patches(
        batch, each(size), strides, padding.upper(), rhs_dilation=each(dilation_rate)
    )
    # The patch's channels come as (channel, pixel) and are wanted as (pixel, channel).
    patches = patches.reshape(batch.shape[0], batch.shape[1], math.prod(each(size)), *patches.shape[2:])
    patches = jnp.swapaxes(patches, 1, 2).reshape(batch.shape[0], -1, *patches.shape[3:])
    patches = jnp.moveaxis(patches, 1, -1) if last else patches
    return patches if x.ndim == rank + 2 else patches[0]
