"""Pad sequences to one length, and cut windows out of a long sequence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.data import Dataset
from jkeras.errors import suggest


def pad_sequences(
    sequences: Sequence,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of several lengths as one array.

    Args:
        sequences: each a list or array of shape (length, ...), all with the same trailing axes.
        maxlen: the common length; by default that of the longest.
        dtype: of the result; `object` for strings.
        padding: whether to fill up at the beginning (`"pre"`) or the end (`"post"`).
        truncating: whether to cut off the beginning or the end of what is longer.
        value: to fill up with.

    Returns:
        An array of shape (len(sequences), maxlen, ...).

    Raises:
        ValueError: an option is unknown, an entry is not a sequence, trailing axes differ, or a string is to fill numbers.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    for name, option in (("padding", padding), ("truncating", truncating)):
        if option not in ("pre", "post"):
            raise ValueError(f"{name} must be 'pre' or 'post', got {option!r}.{suggest(option, ('pre', 'post'))}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OSU":
        raise ValueError(f"A string cannot fill up an array of dtype {dtype!r}; use pad_sequences(..., dtype=object).")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences() expects a list of sequences, but entry {i} is {sequence!r}.")
    if maxlen is None:
        maxlen = max(map(len, sequences))
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    padded = np.full((len(sequences), maxlen, *inner), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        kept = sequence[max(len(sequence) - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen]
        if not len(kept):
            continue
        kept = np.asarray(kept, dtype=dtype)
        if kept.shape[1:] != inner:
            raise ValueError(f"Sequence {i} has entries of shape {kept.shape[1:]}, but those before it have shape {inner}.")
        start = maxlen - len(kept) if padding == "pre" else 0
        padded[i, start : start + len(kept)] = kept
    return padded


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> "Windows":
    """Sliding windows over a series, in batches, as `fit` accepts them.

    Window i holds `data[p], data[p + sampling_rate], ...` (`sequence_length` entries) with `p = i * sequence_stride`, and
    its target is `targets[p]`.

    Args:
        data: of shape (time, ...).
        targets: one for each possible start of a window, or None.
        sequence_length: entries per window.
        sequence_stride: steps from one window to the next.
        sampling_rate: steps from one entry of a window to the next.
        batch_size: windows per batch; None gives single windows without a batch axis.
        shuffle: whether the windows come in random order, another one for each epoch.
        seed: an integer that makes the order reproducible; by default one is drawn from NumPy's global generator.
        start_index: the first entry that is used: only `data[start_index:end_index]` is. None means the first of all.
        end_index: the end of this part. None means the end of the data.
        format: `"tf"` or `"grain"`, as in Keras; the result is the same, and needs neither.

    Raises:
        ValueError: a number is out of range, or no window fits.

    >>> series = np.arange(10)
    >>> x, y = timeseries_dataset_from_array(series[:-3], series[3:], sequence_length=3, batch_size=2)[1]
    >>> x.tolist(), y.tolist()
    ([[2, 3, 4], [3, 4, 5]], [5, 6])
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    steps = {"sequence_length": sequence_length, "sequence_stride": sequence_stride, "sampling_rate": sampling_rate}
    for name, step in steps.items():
        if not 0 < step <= len(data):
            raise ValueError(f"{name} must lie between 1 and the length of the data, {len(data)}, got {step}.")
    start, stop = 0 if start_index is None else start_index, len(data) if end_index is None else end_index
    if not 0 <= start < stop <= len(data):
        raise ValueError(
            f"start_index={start_index}, end_index={end_index} select no rows of data of length {len(data)}; they must "
            "satisfy 0 <= start_index < end_index <= len(data)."
        )
    data = np.asarray(data)[start:stop]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[start:stop]
        count = min(count, len(targets))
    if count < 1:
        raise ValueError(f"No window of {sequence_length} entries, {sampling_rate} apart, fits into {len(data)} steps.")
    order = None
    if shuffle:
        order = np.random.RandomState(np.random.randint(1000000) if seed is None else seed)
    offsets = np.arange(sequence_length) * sampling_rate
    return Windows(data, targets, np.arange(0, count, sequence_stride), offsets, batch_size, order)


class Windows(Dataset):
    """The batches of `timeseries_dataset_from_array`."""

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        offsets: np.ndarray,
        batch_size: int | None,
        order: np.random.RandomState | None,
    ):
        super().__init__(self._window, -(-len(starts) // (batch_size or 1)))
        self.data, self.targets, self.starts, self.offsets = data, targets, starts, offsets
        self.batch_size, self.order = batch_size, order
        self.on_epoch_end()

    def _window(self, index: int) -> Any:
        if self.batch_size is None:
            starts = self.starts[index]
        else:
            starts = self.starts[index * self.batch_size : (index + 1) * self.batch_size]
        windows = self.data[starts[..., None] + self.offsets]
        return windows if self.targets is None else (windows, self.targets[starts])

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self.order is not None:
            self.order.shuffle(self.starts)
