"""Filters: every pixel becomes a weighted sum of its neighbours. All of them are separable: they run over the rows,
then over the columns.
"""

import jax
import jax.numpy as jnp

from jkeras.ops.family import Array, array_op, floating
from jkeras.ops.image.layout import batched

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


def correlate(x, taps, axis, same=True):
    """`y[i] = sum_k taps[k] x[i + k]` along axis 1 or 2 of (batch, height, width, channels); with zeros around `x` so that
    its length stays, if `same`."""
    shape = [1, 1, 1, x.shape[-1]]
    shape[axis - 1] = len(taps)
    kernel = jnp.broadcast_to(jnp.asarray(taps, x.dtype).reshape([-1 if n == axis - 1 else 1 for n in range(4)]), shape)
    padding, layout = "SAME" if same else "VALID", ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=layout, feature_group_count=x.shape[-1]
    )


def bell(size, sigma, dtype, used=None):
    """Return the Gaussian function at `size` points around its centre, with sum 1; only `used` of them, if given, are
    not 0.
    """
    x = jnp.arange(size, dtype=dtype) - (size - 1) / 2
    weights = jnp.exp(-0.5 * jnp.square(x / jnp.asarray(sigma, dtype)))
    if used is not None:
        weights = jnp.where(jnp.abs(x) * 2 < used, weights, jnp.zeros_like(weights))
    return weights / jnp.sum(weights)


def blur(x, kernel_size, sigma, used=None):
    """`gaussian_blur` of (batch, height, width, channels)."""
    for axis, size, deviation in ((2, kernel_size[0], sigma[0]), (1, kernel_size[1], sigma[1])):
        x = correlate(x, bell(size, deviation, x.dtype, used), axis)
    return x


@array_op
def gaussian_blur(images: Array, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Blur images: average neighbours with weights from a Gaussian function of their distance. The image is surrounded
    by zeros.

    Args:
        images: an image or a batch of them, floating-point.
        kernel_size: how many neighbours count, along the width and the height.
        sigma: standard deviations of the Gaussian function, along the width and the height.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the shape of `images`.

    >>> gaussian_blur(jnp.ones((5, 5, 1)))[2, 2].round(4).tolist()
    [1.0]
    """
    x, back = batched("gaussian_blur", images, data_format)
    return back(blur(x, kernel_size, sigma))


@array_op
def sobel_edges(images: Array, data_format=None):
    """Compute the change of brightness from pixel to pixel (Sobel and Feldman 1968).

    Args:
        images: an image or a batch of them, floating-point.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the shape of `images` and a last axis of 2: the change along the height, and along the width.

    >>> ramp = jnp.broadcast_to(jnp.arange(5.0)[None, :, None], (5, 5, 1))
    >>> sobel_edges(ramp)[2, 2, 0].tolist()  # no change along the height
    [0.0, 8.0]
    """
    x, back = batched("sobel_edges", images, data_format)
    step, smooth = (-1, 0, 1), (1, 2, 1)
    vertical = correlate(correlate(x, step, 1), smooth, 2)
    horizontal = correlate(correlate(x, smooth, 1), step, 2)
    return jnp.stack([back(vertical), back(horizontal)], axis=-1)


@array_op
def ssim(image1: Array, image2: Array, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """Compute the structural similarity of images (Wang et al. 2004). It is 1 for equal images.

    With means m, variances v and covariance c over a Gaussian window around each pixel, it is the mean over pixels of

        (2 m1 m2 + (k1 max_val)^2) (2 c + (k2 max_val)^2) / ((m1^2 + m2^2 + (k1 max_val)^2) (v1 + v2 + (k2 max_val)^2))

    Args:
        image1, image2: images, or batches of them, of the same shape.
        max_val: the largest value a pixel may have.
        filter_size: side of the window.
        filter_sigma: standard deviation of its weights.
        k1, k2: small constants that keep the fraction stable.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of shape (batch,), or a scalar for single images.

    >>> image = jnp.ones((11, 11, 1))
    >>> float(ssim(image, image))
    1.0
    """
    x, _ = batched("ssim", floating(image1), data_format)
    y, _ = batched("ssim", floating(image2), data_format)
    weights = bell(filter_size, filter_sigma, x.dtype)

    def local_mean(z):
        return correlate(correlate(z, weights, 1, same=False), weights, 2, same=False)

    m1, m2 = local_mean(x), local_mean(y)
    v1, v2, c = local_mean(x * x) - m1 * m1, local_mean(y * y) - m2 * m2, local_mean(x * y) - m1 * m2
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    similarity = (2 * m1 * m2 + c1) * (2 * c + c2) / ((m1 * m1 + m2 * m2 + c1) * (v1 + v2 + c2))
    result = jnp.mean(similarity, axis=(1, 2, 3)).astype(image1.dtype)
    return result[0] if image1.ndim == 3 else result
