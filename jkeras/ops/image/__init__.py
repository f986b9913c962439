"""Operations on images: colours, framing, filters, and resampling.

An image has shape (height, width, channels), a batch of them (batch, height, width, channels); with
`data_format="channels_first"` the channels stand before the height. Every function takes both, and returns what it got.
"""

from jkeras.ops.image.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from jkeras.ops.image.filters import gaussian_blur, sobel_edges, ssim
from jkeras.ops.image.framing import crop_images, extract_patches, extract_patches_3d, pad_images
from jkeras.ops.image.resampling import (
    affine_transform,
    elastic_transform,
    map_coordinates,
    perspective_transform,
    resize,
    scale_and_translate,
)
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
publish("keras.ops.image", {name: globals()[name] for name in __all__})

__getattr__, __dir__ = namespace(__name__, __all__)
