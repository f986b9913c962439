"""Images on another grid of pixels: every new pixel is read from a place of the old image, between its pixels.

`map_coordinates` reads at given places. A projective map with the eight numbers (a0, a1, a2, b0, b1, b2, c0, c1) says that
the new pixel (x, y) is read at

    ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)        k = c0 x + c1 y + 1

which is what `affine_transform` and `perspective_transform` do. An affine map has c0 = c1 = 0; others are obeyed too.
"""

import jax
import jax.numpy as jnp

from jkeras.errors import suggest
from jkeras.ops.elementwise import saturate_cast
from jkeras.ops.family import Array, Operand, array_op
from jkeras.ops.image.filters import blur
from jkeras.ops.image.layout import batched
from jkeras.serialization import published

__all__ = [
    "affine_transform", "elastic_transform", "map_coordinates", "perspective_transform", "resize", "scale_and_translate",
]  # fmt: skip

ORDERS = {"nearest": 0, "bilinear": 1}
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
SCALING_METHODS = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


def check_choice(function, argument, value, known):
    """Refuse a value that is not one of the known ones, with an error that names the function and the argument."""
    if value not in known:
        raise ValueError(
            f"{function}() needs {argument} from {list(known)}, got {value!r}.{suggest(value, map(str, known))}"
        )


@array_op
def map_coordinates(inputs: Array, coordinates: Array, order, fill_mode="constant", fill_value=0):
    """Read an array at places between its entries.

    Args:
        inputs: array of n axes.
        coordinates: array of shape (n, ...), the places.
        order: 0 takes the nearest entry, 1 interpolates linearly.
        fill_mode: what lies outside: "constant", "nearest" (the entry at the edge), "wrap" (the array again), "reflect"
            (the array mirrored at its edge) or "mirror" (mirrored at the last entry).
        fill_value: the value outside for "constant".

    Returns:
        array of shape (...).

    Raises:
        ValueError: the coordinates do not fit, or an argument is unknown.

    >>> map_coordinates([0.0, 1.0, 4.0], [[0.5, 1.5]], order=1).tolist()
    [0.5, 2.5]
    """
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            f"map_coordinates() needs coordinates of shape ({inputs.ndim}, ...) for inputs of shape {inputs.shape}, got "
            f"{coordinates.shape}."
        )
    check_choice("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    check_choice("map_coordinates", "order", order, (0, 1))
    return jax.scipy.ndimage.map_coordinates(inputs, coordinates, order, fill_mode, fill_value)  # type: ignore[arg-type]


def _read(images, places, interpolation, fill_mode, fill_value):
    """Read (batch, height, width, channels) at places (batch, 2, ...), of which y comes first."""

    def read(channel, places):
        return jax.scipy.ndimage.map_coordinates(channel, places, ORDERS[interpolation], fill_mode, fill_value)

    return jax.vmap(jax.vmap(read, (-1, None), -1))(images, places)


def _project(images, maps):
    """The places (batch, 2, height, width) where projective maps (batch, 8) read the pixels."""
    y, x = jnp.meshgrid(*(jnp.arange(n, dtype=maps.dtype) for n in images.shape[1:3]), indexing="ij")
    a0, a1, a2, b0, b1, b2, c0, c1 = (maps[:, i, None, None] for i in range(8))
    k = c0 * x + c1 * y + 1
    places = jnp.stack([b0 * x + b1 * y + b2, a0 * x + a1 * y + a2], axis=1) / k[:, None]
    return jnp.broadcast_to(places, (images.shape[0], *places.shape[1:]))


@array_op
def affine_transform(
    images: Array, transform: Array, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None
):
    """Move, turn, stretch or shear images.

    Args:
        images: an image or a batch of them.
        transform: array of shape (8,), or (batch, 8): the projective map (see above) that says where each pixel of the
            result is read. `[1, 0, dx, 0, 1, dy, 0, 0]` moves by (-dx, -dy).
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect", as in `map_coordinates`.
        fill_value: the value outside for "constant".
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the shape of `images`.

    Raises:
        ValueError: the shapes do not fit, or an argument is unknown.

    >>> image = jnp.array([[1.0, 2.0, 3.0]])[..., None]
    >>> affine_transform(image, [1, 0, 1, 0, 1, 0, 0, 0])[..., 0].tolist()  # moves to the left by 1
    [[2.0, 3.0, 0.0]]
    """
    check_choice("affine_transform", "interpolation", interpolation, ORDERS)
    check_choice("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    x, back = batched("affine_transform", images, data_format)
    if (
        transform.ndim not in (1, 2)
        or transform.shape[-1] != 8
        or (transform.ndim == 2 and len(transform) not in (1, len(x)))
    ):
        raise ValueError(
            f"affine_transform() needs a transform of shape (8,), or (batch, 8), for images of shape {images.shape}, got "
            f"{transform.shape}."
        )
    return back(_read(x, _project(x, jnp.atleast_2d(transform)), interpolation, fill_mode, fill_value))


@array_op
def perspective_transform(
    images: Array, start_points: Array, end_points: Array, interpolation="bilinear", fill_value=0, data_format=None
):
    """Move four points of images to four other places, and all other points in perspective with them.

    Args:
        images: an image or a batch of them.
        start_points: array of shape (4, 2), or (batch, 4, 2): the (x, y) of four points, no three of them on a line.
        end_points: array of that shape, where they go.
        interpolation: "bilinear" or "nearest".
        fill_value: the value outside of the image.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the shape of `images`.

    Raises:
        ValueError: the shapes do not fit, or the interpolation is unknown.

    >>> corners = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]]
    >>> moved = [[1.0, 0.0], [3.0, 0.0], [1.0, 2.0], [3.0, 2.0]]  # to the right by 1
    >>> image = jnp.eye(3)[..., None]
    >>> perspective_transform(image, corners, moved).round(4)[..., 0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    check_choice("perspective_transform", "interpolation", interpolation, ORDERS)
    x, back = batched("perspective_transform", images, data_format)
    if start_points.shape != end_points.shape or start_points.ndim not in (2, 3) or start_points.shape[-2:] != (4, 2):
        raise ValueError(
            "perspective_transform() needs start_points and end_points of shape (4, 2), or (batch, 4, 2), got "
            f"{start_points.shape} and {end_points.shape}."
        )
    start, end = (p.astype("float32").reshape(-1, 4, 2) for p in (start_points, end_points))
    return back(_read(x, _project(x, homography(end, start)), interpolation, "constant", fill_value))


def homography(source, target):
    """The projective maps (batch, 8) that take four points (batch, 4, 2) to four others: a linear equation for each of
    their coordinates, `a0 x + a1 y + a2 - c0 x x' - c1 y x' = x'` and the same with b for y'."""
    point = jnp.concatenate([source, jnp.ones_like(source[..., :1])], -1)  # (x, y, 1)
    nothing = jnp.zeros_like(point)
    sides = jnp.concatenate([target[..., 0], target[..., 1]], -1)  # (batch, 8)
    left = jnp.concatenate([jnp.concatenate([point, nothing], -1), jnp.concatenate([nothing, point], -1)], -2)
    right = -jnp.tile(source, (1, 2, 1)) * sides[..., None]
    return jnp.linalg.solve(jnp.concatenate([left, right], -1), sides[..., None])[..., 0]


@array_op
def elastic_transform(
    images: Array,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Distort images at random, with similar shifts for neighbouring pixels (Simard et al. 2003).

    Every pixel is read at a place that is off by `alpha` times a random number, normal with standard deviation `sigma` and
    blurred with the same; as in Keras, one number serves for both coordinates.

    Args:
        images: an image or a batch of them, floating-point.
        alpha: how far.
        sigma: how alike neighbours are, a Python number.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect", as in `map_coordinates`.
        fill_value: the value outside for "constant".
        seed: an integer, a `SeedGenerator`, or None for the global one.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the shape of `images`.

    Raises:
        ValueError: the shape does not fit, or an argument is unknown.

    >>> elastic_transform(jnp.ones((8, 8, 1)), seed=0).shape
    (8, 8, 1)
    """
    check_choice("elastic_transform", "interpolation", interpolation, ORDERS)
    check_choice("elastic_transform", "fill_mode", fill_mode, FILL_MODES)
    x, back = batched("elastic_transform", images, data_format)
    normal = published("keras.random")["normal"]  # found by name, because random numbers are made of operations
    noise = normal(x.shape[:3], dtype=x.dtype, seed=seed)
    return back(distort(x, noise, alpha, sigma, int(6 * sigma) | 1, interpolation, fill_mode, fill_value))


def distort(x, noise, alpha, sigma, size, interpolation, fill_mode, fill_value):
    """`elastic_transform` of a batch by given noise; `sigma` may be an array, whose blur reaches `size` pixels at most."""
    used = None if isinstance(sigma, int | float) else (6 * sigma).astype("int32") | 1
    noise = blur(noise[..., None] * sigma, (size, size), (sigma, sigma), used)[..., 0]
    grid = jnp.stack(jnp.meshgrid(*(jnp.arange(n, dtype=x.dtype) for n in x.shape[1:3]), indexing="ij"))
    places = grid + alpha * noise[:, None]
    return _read(x, places, interpolation, fill_mode, fill_value).astype(x.dtype)


@array_op
def resize(
    images: Array,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Resize images.

    Args:
        images: an image or a batch of them.
        size: (height, width) of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether to blur when the image shrinks, so that no pixel is passed over.
        crop_to_aspect_ratio: whether to cut the image first, so that nothing is stretched.
        pad_to_aspect_ratio: whether to add margins first, so that nothing is stretched.
        fill_mode: how to fill the margins; "constant" is the only way.
        fill_value: the value of the margins.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        array of the dtype of `images`; integers are rounded.

    Raises:
        ValueError: the size is not a pair of positive integers, the images have another number of axes, an argument is
            unknown, or both cropping and padding are asked for.

    >>> resize(jnp.zeros((2, 8, 8, 3)), (4, 6)).shape
    (2, 4, 6, 3)
    """
    if len(size) != 2 or min(size) <= 0:
        raise ValueError(f"resize() needs size=(height, width), both positive, got size={size}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize() takes crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    check_choice("resize", "interpolation", interpolation, METHODS)
    check_choice("resize", "fill_mode", fill_mode, ("constant",))
    x, back = batched("resize", images, data_format)
    height, width = x.shape[1:3]
    rows, columns = int(width * size[0] / size[1]), int(height * size[1] / size[0])  # what would fit the other side
    if crop_to_aspect_ratio:
        rows, columns = max(min(height, rows), 1), max(min(width, columns), 1)
        top, left = (height - rows) // 2, (width - columns) // 2
        x = x[:, top : top + rows, left : left + columns]
    elif pad_to_aspect_ratio:
        top, left = max(rows - height, 0) // 2, max(columns - width, 0) // 2
        x = jnp.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=fill_value)
    resized = jax.image.resize(x, (x.shape[0], *size, x.shape[-1]), interpolation, antialias)
    if not jnp.issubdtype(images.dtype, jnp.inexact):
        resized = saturate_cast(jnp.round(resized), images.dtype)
    return back(resized.astype(images.dtype))


@array_op
def scale_and_translate(
    images: Array, output_shape: Operand, scale: Array, translation: Array, spatial_dims, method, antialias=True
):
    """Stretch and move an array along some of its axes.

    Args:
        images: array of any shape.
        output_shape: the shape of the result.
        scale: array of shape (k,), the factors.
        translation: array of shape (k,), by how many entries of the result to move afterwards.
        spatial_dims: the k axes.
        method: "linear", "cubic", "lanczos3" or "lanczos5" ("bilinear", "trilinear", "bicubic" and "tricubic" are the same).
        antialias: whether to blur when the array shrinks, so that no entry is passed over.

    Raises:
        ValueError: the method is unknown.

    >>> x = jnp.array([1.0, 2.0, 3.0])
    >>> scale_and_translate(x, (3,), [1.0], [1.0], (0,), "linear").tolist()  # moves by 1
    [0.0, 1.0, 2.0]
    """
    check_choice("scale_and_translate", "method", method, SCALING_METHODS)
    return jax.image.scale_and_translate(images, output_shape, spatial_dims, scale, translation, method, antialias)
