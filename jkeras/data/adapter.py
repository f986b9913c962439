"""Convert the data that a user passes to `fit`, `evaluate` or `predict` to `ArrayData` or `StreamData`, or raise an
error.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

from jkeras.data.arrays import ArrayData, Shuffle
from jkeras.data.check import check_count
from jkeras.data.staged import StagedBatches
from jkeras.data.streams import StreamData, is_stream
from jkeras.errors import outside


def make_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: Shuffle = False,
    class_weight: dict | None = None,
    class_axis: Callable[[tuple], bool | None] | None = None,
    arrange: Callable[[Any], Any] | None = None,
    one_batch: bool = False,
    stage: Any = None,
) -> "ArrayData | StreamData":
    """Turn the arguments of `fit` into data.

    Args:
        x: arrays (see `ArrayData`), or something that yields batches (see `StreamData`).
        y, sample_weight: arrays; only beside arrays, since a stream's batches hold their own.
        batch_size: samples per step, for arrays; 32 by default.
        steps: steps per epoch; for arrays without a batch size, what determines it.
        shuffle: True, False, or `"batch"`. A stream shuffles itself, except that the batches of a `PyDataset` are shuffled.
        class_weight: dict of class numbers to weights.
        arrange: brings the inputs of arrays, or of each batch, into the model's own structure.
        one_batch: the arrays are one batch, in which each may have a length of its own.
        stage: the host stage of the model (see `jkeras.models.stage`), or None: inputs go through it.
        class_axis: says of the shape of the targets whether its last axis counts the classes, as far as that is known.

    Raises:
        ValueError: for anything that cannot be trained on, saying what would be.

    >>> make_data([[1.0], [2.0], [3.0]], [0, 1, 1], batch_size=2).steps
    2
    """
    check_count(batch_size, "batch_size")
    check_count(steps, "steps")
    if shuffle not in (True, False, "batch"):
        raise ValueError(f"shuffle must be True, False or 'batch', got {shuffle!r}.")
    if x is None:
        raise ValueError(
            "There is no data: x is None. Pass x=, for example an array, a list of arrays, a data set or a generator."
        )
    if is_stream(x):
        for name, given, part in (("y", y, "targets"), ("sample_weight", sample_weight, "sample weights")):
            if given is not None:
                raise ValueError(
                    f"{name} was given, but x is a {type(x).__name__}, whose batches must hold the {part} "
                    f"themselves: let it yield (x, y) or (x, y, sample_weight)."
                )
        if batch_size is not None:
            warnings.warn(
                f"batch_size={batch_size} has no effect: x is a {type(x).__name__}, which yields whole batches.",
                stacklevel=outside(),
            )
        if stage is not None:
            arrange = _then_run(stage, arrange)
        return StreamData(x, class_weight=class_weight, shuffle=bool(shuffle), class_axis=class_axis, arrange=arrange)
    x = x if arrange is None else arrange(x)
    if stage is not None:
        given, x = x, stage.run(x) if one_batch else stage.rows(x)
        if x is None:  # each batch has a shape of its own
            whole = tuple(stage.arrays(given))
            size = batch_size or (math.ceil(len(whole[0]) / steps) if steps else 32)
            batches = StagedBatches(whole, y, sample_weight, size, bool(shuffle))
            return StreamData(batches, class_weight=class_weight, class_axis=class_axis, arrange=stage.run)
    return ArrayData(x, y, sample_weight, batch_size, steps, class_weight, class_axis, one_batch)


def _then_run(stage: Any, arrange: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    return lambda x: stage.run(x if arrange is None else arrange(x))
