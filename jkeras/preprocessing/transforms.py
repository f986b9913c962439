"""Changes of single images, in NumPy: rotations, shifts, shears, zooms, and other colours. Older programs use them.

New programs let the model start with `RandomRotation`, `RandomZoom`, ..., which run in the compiled step.
"""

from typing import Any

import numpy as np

from jkeras.utils.images import array_to_img, img_to_array, pillow


def apply_affine_transform(
    x: Any,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate, shift, shear and zoom an image around its middle.

    Args:
        x: array of three axes.
        theta: the angle of the rotation, in degrees.
        tx: how many columns the image is read to the right (below, if the columns stand before the rows).
        ty: how many rows the image is read below.
        shear: the angle of shearing, in degrees.
        zx: the factor that the columns are read at: above 1 the image gets narrower.
        zy: the same, of the rows.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels, 0 or 2.
        fill_mode: what lies around the image: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: the value around it, for `"constant"`.
        order: of the interpolation by splines, 0 to 5; 1 is linear.

    Raises:
        ValueError: the axes are not 0, 1 and 2, or the array has another rank.

    >>> apply_affine_transform(np.arange(3.0).reshape(3, 1, 1), ty=1, row_axis=0, col_axis=1, channel_axis=2)[:, 0, 0].tolist()
    [1.0, 2.0, 2.0]
    """
    from scipy import ndimage  # here so that only those who need it load it

    x = np.asarray(x)
    if {row_axis, col_axis, channel_axis} != {0, 1, 2} or channel_axis == 1:
        raise ValueError(
            "`row_axis`, `col_axis` and `channel_axis` must be 0, 1 and 2, and the channels must be first or last. Got "
            f"row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}."
        )
    if x.ndim != 3:
        raise ValueError(f"Expected an image with three axes, got an array of shape {x.shape}.")
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    shift = rotation @ [tx, ty]
    matrix = rotation @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ np.diag([zx, zy])
    if np.array_equal(matrix, np.eye(2)) and not shift.any():
        return x
    middle = np.array([x.shape[row_axis], x.shape[col_axis]]) / 2 - 0.5
    offset = middle + shift - matrix @ middle
    if col_axis > row_axis:
        matrix, offset = matrix[::-1, ::-1], offset[::-1]
    planes = np.moveaxis(x, channel_axis, 0)
    moved = [ndimage.affine_transform(plane, matrix, offset, order=order, mode=fill_mode, cval=cval) for plane in planes]
    return np.moveaxis(np.stack(moved), 0, channel_axis)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add a number to all values of an image. They stay between its smallest and its largest value.

    Args:
        x: array of three axes.
        intensity: the number.
        channel_axis: the axis of the channels. It changes nothing; Keras has it, too.

    >>> apply_channel_shift(np.array([[[0.0, 4.0]]]), 1.0).tolist()
    [[[1.0, 4.0]]]
    """
    x = np.asarray(x)
    return np.clip(x + intensity, x.min(), x.max()).astype(x.dtype)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply the values of an image, as whole numbers from 0 to 255, by a factor.

    Args:
        x: array of shape (height, width, channels).
        brightness: the factor; 1 leaves the image as it is.
        scale: whether the values are stretched to 0 up to 255 before.

    Raises:
        ImportError: Pillow is not installed.

    >>> apply_brightness_shift(np.full((1, 1, 1), 100.0), 0.5, scale=False).tolist()
    [[[50.0]]]
    """
    pillow()
    from PIL import ImageEnhance  # an optional dependency

    x = np.asarray(x)
    low, high = x.min(), x.max()
    outside = low < 0 or high > 255
    image = ImageEnhance.Brightness(array_to_img(x, scale=outside or scale)).enhance(brightness)
    changed = img_to_array(image)
    return changed / 255 * (high - low) + low if outside and not scale else changed


def _pair(name: str, value: Any) -> Any:
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise ValueError(f"`{name}` should be a tuple or list of two floats. Received: {value}")
    return value


def random_rotation(
    x: Any,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotate an image by a random angle, drawn from NumPy's global generator.

    Args:
        x: array of three axes.
        rg: the largest angle, in degrees.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels, 0 or 2.
        fill_mode: how pixels outside of the image are made: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: their value, for `"constant"`.
        interpolation_order: the order of the spline between pixels, from 0 to 5.

    >>> random_rotation(np.ones((3, 4, 4)), 20).shape
    (3, 4, 4)
    """
    theta = np.random.uniform(-rg, rg)
    options = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, theta, 0, 0, 0, 1, 1, *options)


def random_shift(
    x: Any,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shift an image at random, with numbers from NumPy's global generator.

    Args:
        x: array of three axes.
        wrg: the largest part of the width.
        hrg: the largest part of the height.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels, 0 or 2.
        fill_mode: how pixels outside of the image are made: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: their value, for `"constant"`.
        interpolation_order: the order of the spline between pixels, from 0 to 5.

    >>> random_shift(np.ones((3, 4, 4)), 0.2, 0.1).shape
    (3, 4, 4)
    """
    ty = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    tx = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    options = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *options)


def random_shear(
    x: Any,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear an image by a random angle, drawn from NumPy's global generator.

    Args:
        x: array of three axes.
        intensity: the largest angle, in degrees.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels, 0 or 2.
        fill_mode: how pixels outside of the image are made: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: their value, for `"constant"`.
        interpolation_order: the order of the spline between pixels, from 0 to 5.

    >>> random_shear(np.ones((3, 4, 4)), 20).shape
    (3, 4, 4)
    """
    shear = np.random.uniform(-intensity, intensity)
    options = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *options)


def random_zoom(
    x: Any,
    zoom_range: Any,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom an image by two random factors, drawn from NumPy's global generator.

    Args:
        x: array of three axes.
        zoom_range: the least and the largest factor.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels, 0 or 2.
        fill_mode: how pixels outside of the image are made: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: their value, for `"constant"`.
        interpolation_order: the order of the spline between pixels, from 0 to 5.

    Raises:
        ValueError: `zoom_range` is not two numbers.

    >>> random_zoom(np.ones((3, 4, 4)), (0.8, 1.2)).shape
    (3, 4, 4)
    """
    low, high = _pair("zoom_range", zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    options = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *options)


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Add a random number to the values of an image, drawn from NumPy's global generator.

    Args:
        x: array of three axes.
        intensity_range: the largest number.
        channel_axis: the axis of the channels.

    >>> random_channel_shift(np.ones((3, 4, 4)), 0.1).shape
    (3, 4, 4)
    """
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """Multiply the brightness of an image by a random factor, drawn from NumPy's global generator.

    Args:
        x: array of shape (height, width, channels).
        brightness_range: the least and the largest factor.
        scale: True if the values are stretched to 0 up to 255 before.

    Raises:
        ValueError: `brightness_range` is not two numbers.

    >>> random_brightness(np.ones((4, 4, 3)), (0.8, 1.2)).shape
    (4, 4, 3)
    """
    low, high = _pair("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)
