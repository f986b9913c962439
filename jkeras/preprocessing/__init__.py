"""Readers of data, under the names that older programs use. `jkeras.utils` has the same functions."""

from jkeras.preprocessing import image, sequence
from jkeras.serialization.namespace import namespace
from jkeras.utils import image_dataset_from_directory, text_dataset_from_directory, timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]

__getattr__, __dir__ = namespace(__name__, __all__)
