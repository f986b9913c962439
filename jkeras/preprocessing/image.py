"""Images in files and arrays; see `jkeras.utils`."""

from jkeras.serialization.namespace import namespace
from jkeras.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

__getattr__, __dir__ = namespace(__name__, __all__)
