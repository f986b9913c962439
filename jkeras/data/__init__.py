"""Batches from everything that `fit`, `evaluate` and `predict` accept.

    arrays, lists, pandas, sparse matrices, files  -> ArrayData   (rows.py, arrays.py)
    generators, loaders, PyDataset                 -> StreamData  (streams.py, dataset.py, prefetch.py)

`make_data` makes both.
"""

from jkeras.data.adapter import make_data
from jkeras.data.arrays import ArrayData, Epoch
from jkeras.data.chain import Dataset
from jkeras.data.dataset import PyDataset
from jkeras.data.prefetch import prefetch, stack
from jkeras.data.rows import Rows
from jkeras.data.sources import as_rows, is_leaf, spec_of
from jkeras.data.split import train_validation_split
from jkeras.data.staged import HostRows, Source, Staged, StagedRows
from jkeras.data.streams import StreamData
from jkeras.data.unpack import pack_x_y_sample_weight, unpack_x_y_sample_weight
from jkeras.data.weights import class_weight_to_sample_weights

__all__ = [
    "ArrayData",
    "Dataset",
    "Epoch",
    "HostRows",
    "PyDataset",
    "Rows",
    "Source",
    "Staged",
    "StagedRows",
    "StreamData",
    "as_rows",
    "class_weight_to_sample_weights",
    "is_leaf",
    "make_data",
    "pack_x_y_sample_weight",
    "prefetch",
    "spec_of",
    "stack",
    "train_validation_split",
    "unpack_x_y_sample_weight",
]
