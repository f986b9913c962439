"""Images in files and arrays (see `jkeras.utils`), and `ImageDataGenerator` for programs that were written for Keras 2."""

from jkeras.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from jkeras.preprocessing.generator import ImageDataGenerator
from jkeras.preprocessing.iterators import Iterator, NumpyArrayIterator
from jkeras.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from jkeras.serialization.namespace import namespace
from jkeras.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]

__getattr__, __dir__ = namespace(__name__, __all__)
