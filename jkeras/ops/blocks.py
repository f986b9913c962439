"""Functions that turn images into blocks and back: sliding windows, and pixels as channels."""

import jax

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.family import Array, array_op
from jkeras.ops.patterns import rearrange

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]


def _pair(x):
    return (x, x) if isinstance(x, int) else tuple(x)


@array_op
def unfold(x: Array, kernel_size, dilation=1, padding=0, stride=1):
    """Return all windows of an image, each as a column.

    Args:
        x: array of shape (batch, channels, height, width).
        kernel_size: size of the windows, an integer or a pair.
        dilation: distance of neighbours in a window, likewise.
        padding: how many zeros to add at every side, likewise.
        stride: distance of neighbouring windows, likewise.

    Returns:
        array of shape (batch, channels * window size, windows).

    Raises:
        ValueError: `x` does not have four axes.

    >>> import jax.numpy as jnp
    >>> unfold(jnp.ones((1, 2, 3, 3)), 2).shape
    (1, 8, 4)
    """
    if x.ndim != 4:
        raise ValueError(f"unfold() needs an array of shape (batch, channels, height, width), got shape {x.shape}.")
    patches = jax.lax.conv_general_dilated_patches(
        x, _pair(kernel_size), _pair(stride), [(p, p) for p in _pair(padding)], rhs_dilation=_pair(dilation)
    )
    return patches.reshape(*patches.shape[:2], -1)


@array_op
def fold(x: Array, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Put windows back into an image and add them up where they overlap. It is the transpose of the linear map
    `unfold`.

    Args:
        x: floating-point array of shape (batch, channels * window size, windows).
        output_size: (height, width) of the image, or one integer for both.
        kernel_size, dilation, padding, stride: those of `unfold`.

    Returns:
        array of shape (batch, channels, height, width).

    Raises:
        ValueError: `x` does not have three axes, or its windows do not fit the image.

    >>> import jax.numpy as jnp
    >>> image = jnp.arange(9.0).reshape(1, 1, 3, 3)
    >>> fold(unfold(image, 2, stride=1), 3, 2)[0, 0].tolist()  # each pixel as often as it lies in a window
    [[0.0, 2.0, 2.0], [6.0, 16.0, 10.0], [6.0, 14.0, 8.0]]
    """
    if x.ndim != 3:
        raise ValueError(f"fold() needs an array of shape (batch, channels * window size, windows), got shape {x.shape}.")
    height, width = _pair(kernel_size)
    image = jax.ShapeDtypeStruct((x.shape[0], x.shape[1] // (height * width), *_pair(output_size)), x.dtype)

    def windows(image):
        return unfold(image, kernel_size, dilation, padding, stride)

    expected = jax.eval_shape(windows, image).shape
    if expected != x.shape:
        raise ValueError(f"fold() got windows of shape {x.shape}, but an image of shape {image.shape} has {expected}.")
    return jax.linear_transpose(windows, image)(x)[0]


def _check_block(name, block_size):
    if block_size < 2:
        raise ValueError(f"{name}() needs a block_size of 2 at least, got block_size={block_size}.")


@array_op
def depth_to_space(x: Array, block_size, data_format="channels_last"):
    """Turn channels into blocks of pixels (pixel shuffle, arXiv:1609.05158).

    Args:
        x: array of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: the side of a block; its square must divide the channels.
        data_format: "channels_last" or "channels_first".

    Returns:
        array with `block_size` times the height and width, and `block_size^2` times fewer channels.

    >>> depth_to_space([[[[1, 2, 3, 4]]]], 2)[0, :, :, 0].tolist()
    [[1, 2], [3, 4]]
    """
    _check_block("depth_to_space", block_size)
    last = standardize_data_format(data_format) == "channels_last"
    pattern = "n h w (a b c) -> n (h a) (w b) c" if last else "n (c a b) h w -> n c (h a) (w b)"
    return rearrange(x, pattern, a=block_size, b=block_size)


@array_op
def space_to_depth(x: Array, block_size, data_format="channels_last"):
    """Turn blocks of pixels into channels; the inverse of `depth_to_space`.

    Args:
        x: array of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: the side of a block; it must divide the height and width.
        data_format: "channels_last" or "channels_first".

    Returns:
        array with `block_size` times less height and width, and `block_size^2` times the channels.

    >>> space_to_depth([[[[1], [2]], [[3], [4]]]], 2).tolist()
    [[[[1, 2, 3, 4]]]]
    """
    _check_block("space_to_depth", block_size)
    last = standardize_data_format(data_format) == "channels_last"
    pattern = "n (h a) (w b) c -> n h w (a b c)" if last else "n c (h a) (w b) -> n (c a b) h w"
    return rearrange(x, pattern, a=block_size, b=block_size)
