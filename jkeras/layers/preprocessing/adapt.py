"""Read the data that is passed to `adapt`."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from jkeras.data.dataset import by_index, length
from jkeras.data.sources import as_rows, holds_array, is_leaf
from jkeras.data.streams import is_by_number, is_stream

CHUNK = 1 << 20


def arrays_of(layer: Any, data: Any, chunk: int | None = CHUNK) -> Iterator[np.ndarray]:
    """Arrays of float64, one after another, whose first axes count samples.

    Args:
        layer: whose `adapt` was called, for messages.
        data: an array or what `fit` takes as one, or batches of them: a list or tuple of arrays, a data set, a generator.
        chunk: how many numbers of a large array are handed out at once; None for all.

    Raises:
        ValueError: it is something else.

    >>> [array.tolist() for array in arrays_of(None, [np.ones((2, 1)), np.zeros((1, 1))])]
    [[[1.0], [1.0]], [[0.0]]]
    """
    if isinstance(data, (list, tuple)) and not is_leaf(data):
        yield from _batches(layer, data, chunk)
    elif is_by_number(data):
        size = length(data)
        if size is None:
            raise ValueError(f"adapt() of layer {layer.name!r} needs data with an end, got a data set without a length.")
        yield from _batches(layer, by_index(data, range(size)), chunk)
    elif holds_array(data):
        rows = as_rows(data, "data").with_dtype("float64")
        step = len(rows) if chunk is None else chunk // max(1, math.prod(rows.shape[1:]))
        for start in range(0, len(rows), max(1, step)):
            yield rows.read(slice(start, start + step))
    elif is_stream(data):
        yield from _batches(layer, data, chunk)
    else:
        raise ValueError(
            f"adapt() of layer {layer.name!r} takes an array, a data frame, a list, a data set or a generator of batches, got "
            f"{type(data).__name__}."
        )


def _batches(layer: Any, batches: Any, chunk: int | None) -> Iterator[np.ndarray]:
    for batch in batches:
        if isinstance(batch, tuple) or (isinstance(batch, list) and not is_leaf(batch)):  # (x, y)
            batch = batch[0]
        yield from arrays_of(layer, batch, chunk)
