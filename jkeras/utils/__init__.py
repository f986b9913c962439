"""Utility functions: seeds, labels, sequences, files, plots."""

from jkeras.callbacks.progbar import Progbar
from jkeras.core.dtype import standardize as standardize_dtype
from jkeras.data import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight
from jkeras.runtime.switches import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from jkeras.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from jkeras.serialization.namespace import namespace
from jkeras.training.rate_finder import find_learning_rate
from jkeras.utils import bounding_boxes, legacy
from jkeras.utils.audio import audio_dataset_from_directory
from jkeras.utils.download import get_file
from jkeras.utils.feature_space import FeatureSpace
from jkeras.utils.folders import image_dataset_from_directory, text_dataset_from_directory
from jkeras.utils.graph import get_source_inputs, is_keras_tensor
from jkeras.utils.images import array_to_img, img_to_array, load_img, save_img
from jkeras.utils.numerical import normalize, to_categorical
from jkeras.utils.objects import Config
from jkeras.utils.plot_model import model_to_dot, plot_model
from jkeras.utils.sequences import pad_sequences, timeseries_dataset_from_array
from jkeras.utils.session import clear_session, set_random_seed
from jkeras.utils.split import split_dataset

Sequence = PyDataset

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "find_learning_rate",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "legacy",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

__getattr__, __dir__ = namespace(__name__, __all__)
