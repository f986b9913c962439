"""Images in files and in arrays: reading, writing and converting them with Pillow (`pip install jkeras[image]`)."""

import functools
import io
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from jkeras.core import data_format as formats
from jkeras.core import dtype as dtypes
from jkeras.errors import suggest

PILLOW_METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}


def pillow() -> Any:
    """Pillow's `Image` module.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image  # an optional dependency, which `import jkeras` need not load
    except ImportError as error:
        raise ImportError("Images are read by Pillow, which is not installed: pip install 'jkeras[image]'.") from error
    return Image


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """Make a Pillow image of an array.

    Args:
        x: of shape (height, width, channels) with 1, 3 or 4 channels; channels first with `data_format="channels_first"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        scale: whether to stretch the values so that they go from 0 to 255.
        dtype: to compute in, the default float for None.

    Raises:
        ValueError: the array has another rank or number of channels.

    >>> array_to_img(np.zeros((4, 6, 3))).size
    (6, 4)
    """
    image = pillow()
    x = np.array(x, dtype=dtype or dtypes.floatx())
    if x.ndim != 3:
        raise ValueError(f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}")
    if formats.standardize_data_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - x.min()
        top = x.max()
        x = x * (255 / top) if top else x
    channels = x.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"Unsupported channel number: {channels}. An image has 1, 3 or 4 channels.")
    if channels == 1:
        return image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    return image.fromarray(np.ascontiguousarray(x.astype("uint8")))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """Make an array of a Pillow image.

    Args:
        img: the image.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        dtype: of the array, the default float for None.

    Returns:
        An array of shape (height, width, channels), or (channels, height, width).

    Raises:
        ValueError: the image has another rank.

    >>> img_to_array(array_to_img(np.zeros((4, 6, 1)))).shape
    (4, 6, 1)
    """
    x = np.asarray(img, dtype=dtype or dtypes.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"Unsupported image shape: {x.shape}. An image has two axes, or three axes with the channels.")
    x = x[..., None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if formats.standardize_data_format(data_format) == "channels_first" else x


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Write an array to an image file.

    Args:
        path: the file's name, or an open file.
        x: the array, of shape (height, width, channels).
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        file_format: such as `"png"`; by default what the ending of the name says.
        scale: True stretches the values so that they go from 0 to 255.
        **kwargs: further arguments of Pillow's `Image.save`.

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> save_img(os.path.join(folder.name, "a.png"), np.zeros((8, 6, 3)))
    >>> os.listdir(folder.name)
    ['a.png']
    >>> folder.cleanup()
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = pathlib.Path(path).suffix[1:].lower()
    file_format = "jpeg" if file_format and file_format.lower() == "jpg" else file_format
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("JPEG files have no fourth channel, so the image is saved as RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file.

    Args:
        path: the file's name, or an `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: `(height, width)` to resize to.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: whether to cut off what does not fit the ratio of `target_size`, instead of stretching.

    Returns:
        A Pillow image.

    Raises:
        ValueError: an option is unknown, or the file is no image that can be read.
        TypeError: `path` is something else.

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> save_img(os.path.join(folder.name, "a.png"), np.zeros((8, 6, 3)))
    >>> load_img(os.path.join(folder.name, "a.png"), target_size=(4, 3)).size  # Pillow gives (width, height)
    (3, 4)
    >>> folder.cleanup()
    """
    image = pillow()
    if color_mode not in MODES:
        raise ValueError(
            f'color_mode must be "grayscale", "rgb", or "rgba", got {color_mode!r}.{suggest(color_mode, MODES)}'
        )
    if not isinstance(path, (io.BytesIO, str, bytes, os.PathLike)):
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    mode = MODES[color_mode][0]
    try:
        with image.open(path) as opened:
            opened.load()
            keeps = opened.mode == mode or (mode == "L" and opened.mode in ("I;16", "I"))
            img = opened.copy() if keeps else opened.convert(mode)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise ValueError(f"The image {path!r} cannot be read: {error}") from error
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    if interpolation not in PILLOW_METHODS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are {', '.join(PILLOW_METHODS)}"
        )
    (width, height), (new_height, new_width) = img.size, target_size
    box = None
    if keep_aspect_ratio:
        box_height = min(height, (width * new_height) // new_width)
        box_width = min(width, (height * new_width) // new_height)
        top, left = (height - box_height) // 2, (width - box_width) // 2
        box = (left, top, left + box_width, top + box_height)
    return img.resize((new_width, new_height), getattr(image.Resampling, interpolation.upper()), box=box)


# -- resizing ---------------------------------------------------------------------------------------------------------


def _lanczos(radius: int) -> Callable:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


def _cubic(x: np.ndarray) -> np.ndarray:  # Keys 1981, a = -0.5
    x = np.abs(x)
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0.0))


def _mitchell(x: np.ndarray) -> np.ndarray:  # Mitchell and Netravali 1988, B = C = 1/3
    x = np.abs(x)
    inner, outer = (7 * x / 6 - 2) * x * x + 8 / 9, ((-7 * x / 18 + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


KERNELS: dict[str, tuple[float, Callable]] = {  # how far a kernel reaches, and the kernel
    "bilinear": (1, lambda x: np.maximum(0.0, 1 - np.abs(x))),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.where(np.abs(x) < 1.5, np.exp(-2 * x * x), 0.0)),
    "mitchellcubic": (2, _mitchell),
}
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


@functools.lru_cache(maxsize=256)
def _taps(size: int, new: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """For each new place the old places that count, and their weights: arrays of shape (taps, new)."""
    ratio = size / new
    if method == "nearest":
        return np.floor((np.arange(new) + 0.5) * ratio).astype(int)[None], np.ones((1, new), np.float32)
    if method == "area":
        start = np.arange(new) * ratio
        places = np.floor(start).astype(int) + np.arange(int(np.ceil(ratio)) + 1)[:, None]
        weights = np.clip(np.minimum(places + 1, start + ratio) - np.maximum(places, start), 0, None)
    else:
        reach, kernel = KERNELS[method]
        center = (np.arange(new) + 0.5) * ratio - 0.5
        places = np.floor(center).astype(int) + np.arange(1 - int(np.ceil(reach)), int(np.ceil(reach)) + 1)[:, None]
        weights = kernel(center - places)
    weights = np.where((places >= 0) & (places < size), weights, 0.0)
    return np.clip(places, 0, size - 1), (weights / weights.sum(axis=0)).astype(np.float32)


def resize(x: np.ndarray, size: tuple[int, int], method: str = "bilinear") -> np.ndarray:
    """Resize an image without smoothing, as `ops.image.resize` does, in NumPy: images of any size compile nothing.

    Args:
        x: of shape (height, width, channels).
        size: `(height, width)`.
        method: one of `METHODS`.

    >>> resize(np.arange(4.0).reshape(2, 2, 1), (1, 1))[0, 0, 0]
    np.float32(1.5)
    """
    x = np.asarray(x, np.float32)
    for axis, new in enumerate(size):
        if x.shape[axis] == new:
            continue
        places, weights = _taps(x.shape[axis], new, method)
        shape = [-1 if a == axis else 1 for a in range(x.ndim)]
        parts = (np.take(x, p, axis=axis) * w.reshape(shape) for p, w in zip(places, weights, strict=True))
        total = next(parts)
        for part in parts:
            total += part
        x = total
    return x


def crop_to_ratio(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part in the middle of an image that has the ratio of `size`."""
    (height, width), (new_height, new_width) = x.shape[:2], size
    cropped = max(min(height, int(width * new_height / new_width)), 1)
    narrowed = max(min(width, int(height * new_width / new_height)), 1)
    top, left = int((height - cropped) / 2), int((width - narrowed) / 2)
    return x[top : top + cropped, left : left + narrowed]


def pad_to_ratio(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image with zeros around it, so that it has the ratio of `size`."""
    (height, width), (new_height, new_width) = x.shape[:2], size
    taller, wider = max(height, int(width * new_height / new_width)), max(width, int(height * new_width / new_height))
    top, left = int((taller - height) / 2), int((wider - width) / 2)
    return np.pad(x, ((top, taller - height - top), (left, wider - width - left), (0, 0)))


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> np.ndarray:
    """Resize images without distortion: what does not fit the ratio of `size` is cut off.

    Args:
        x: an image or a batch of images, of rank 3 or 4.
        size: `(height, width)`.
        interpolation: one of `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"`,
            `"mitchellcubic"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: `size` or the array's rank is wrong, or the method is unknown.

    >>> smart_resize(np.ones((2, 8, 4, 3)), (2, 2)).shape
    (2, 2, 2, 3)
    """
    x = np.asarray(x)
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    if interpolation not in METHODS:
        raise ValueError(f"Argument `interpolation` should be one of {METHODS}, got {interpolation!r}.")
    if x.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width, channels)`, but got "
            f"input with incorrect rank, of shape {x.shape}."
        )
    images = x if x.ndim == 4 else x[None]
    first = formats.standardize_data_format(data_format) == "channels_first"
    images = images.transpose(0, 2, 3, 1) if first else images
    resized = np.stack([resize(crop_to_ratio(image, size), size, interpolation) for image in images])
    resized = resized.transpose(0, 3, 1, 2) if first else resized
    return resized if x.ndim == 4 else resized[0]
