"""Iterators over the batches that `ImageDataGenerator` makes: their base class, and those over arrays."""

import os
import threading
import warnings
from collections.abc import Iterator as Iteration
from typing import Any

import numpy as np

from jkeras.core import data_format as formats
from jkeras.core import dtype as dtypes
from jkeras.utils import PyDataset
from jkeras.utils.images import array_to_img

ENDINGS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


class Iterator(PyDataset):
    """An iterator over batches of samples in an order; the base class of the iterators below.

    It is a `PyDataset` for `fit`, and in a loop it never ends. A subclass defines `_get_batches_of_transformed_samples(
    index_array)`.

    Args:
        n: the number of samples.
        batch_size: samples per batch.
        shuffle: whether each epoch has an order of its own, drawn from NumPy's global generator.
        seed: with it, the generator is seeded before each batch.
        **kwargs: of `PyDataset`.

    >>> class Numbers(Iterator):
    ...     def _get_batches_of_transformed_samples(self, index_array):
    ...         return index_array * 10
    >>> numbers = Numbers(n=5, batch_size=2, shuffle=False, seed=None)
    >>> len(numbers), numbers[2].tolist()
    (3, [40])
    """

    white_list_formats = ENDINGS

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: np.ndarray | None = None

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}.")
        self._seed()
        if self.index_array is None:
            self._set_index_array()
        return self._get_batches_of_transformed_samples(self._rows(idx))

    def _rows(self, number: int) -> np.ndarray:
        assert self.index_array is not None
        return self.index_array[number * self.batch_size : (number + 1) * self.batch_size]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._set_index_array()

    def reset(self) -> None:
        """Begin with the first batch again."""
        self.batch_index = 0

    def __iter__(self) -> "Iteration[Any]":
        return self

    def __next__(self) -> Any:
        with self.lock:
            self._seed()
            if self.batch_index == 0:
                self._set_index_array()
            rows = self._rows(self.batch_index)
            self.batch_index = (self.batch_index + 1) % max(len(self), 1)
        return self._get_batches_of_transformed_samples(rows)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise TypeError(f"{type(self).__name__} must define _get_batches_of_transformed_samples(self, index_array).")


class Images(Iterator):
    """The common base of the iterators: it changes images, and writes them to a folder."""

    def _prepare(
        self,
        image_data_generator: Any,
        data_format: str | None,
        dtype: Any,
        save_to_dir: Any,
        save_prefix: str,
        save_format: str,
    ) -> None:
        self.image_data_generator = image_data_generator
        self.data_format = formats.standardize_data_format(data_format)
        self.dtype = dtype or dtypes.floatx()
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format

    def _changed(self, images: Any, shape: tuple, rows: np.ndarray) -> np.ndarray:
        batch = np.zeros((len(rows), *shape), self.dtype)
        for place, image in enumerate(images):
            if self.image_data_generator:
                image = self.image_data_generator.random_transform(image.astype(self.dtype))
                image = self.image_data_generator.standardize(image)
            batch[place] = image
        if self.save_to_dir:
            for image, row in zip(batch, rows, strict=True):
                name = f"{self.save_prefix}_{row}_{np.random.randint(10**7)}.{self.save_format}"
                array_to_img(image, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))
        return batch


def check_subset(subset: str | None) -> None:
    """Raise unless a subset's name is `"training"`, `"validation"` or None.

    Raises:
        ValueError: it has another name.
    """
    if subset not in (None, "training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')


class NumpyArrayIterator(Images):
    """An iterator over batches of images in an array, changed at random; see `ImageDataGenerator.flow`.

    Args:
        x: array of four axes; or `(x, others)`, where others are arrays that go along.
        y: labels, or None.
        image_data_generator: the `ImageDataGenerator` that changes the images.
        batch_size, shuffle, sample_weight, seed, save_to_dir, save_prefix, save_format, subset, ignore_class_split: see
            `ImageDataGenerator.flow`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        dtype: the dtype of the images. None means the default float.

    Raises:
        ValueError: arrays have other lengths or ranks, or the two subsets have other classes.

    >>> from jkeras.preprocessing.image import ImageDataGenerator
    >>> images, labels = NumpyArrayIterator(np.ones((5, 8, 8, 3)), np.arange(5), ImageDataGenerator(), batch_size=2)[0]
    >>> images.shape, labels.tolist()
    ((2, 8, 8, 3), [0, 1])
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ):
        self._prepare(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        x, others = (x[0], x[1] if isinstance(x[1], list) else [x[1]]) if isinstance(x, (tuple, list)) else (x, [])
        x, others = np.asarray(x, self.dtype), [np.asarray(other) for other in others]
        for name, array in (("y", y), ("sample_weight", sample_weight), *(("x[1]", other) for other in others)):
            if array is not None and len(array) != len(x):
                raise ValueError(
                    f"All arrays should have the same length: x has {len(x)} entries, and {name} has {len(array)}."
                )
        if x.ndim != 4:
            raise ValueError(
                f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {x.shape}"
            )
        channels = x.shape[3 if self.data_format == "channels_last" else 1]
        if channels not in (1, 3, 4):
            warnings.warn(
                f"Images have 1, 3 or 4 channels, but with data_format={self.data_format!r} an array of shape {x.shape} has "
                f"{channels}.",
                stacklevel=3,
            )
        y = None if y is None else np.asarray(y)
        check_subset(subset)
        kept = slice(None)
        if subset is not None:
            at = int(len(x) * image_data_generator._validation_split)
            if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:at]), np.unique(y[at:])):
                raise ValueError(
                    "Training and validation subsets have different number of classes after the split. If your arrays are sorted by "
                    "the label, shuffle them."
                )
            kept = slice(None, at) if subset == "validation" else slice(at, None)
        self.x, self.x_misc, self.y = x[kept], [other[kept] for other in others], None if y is None else y[kept]
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)[kept]
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        batch: Any = self._changed((self.x[row] for row in index_array), self.x.shape[1:], index_array)
        batch = [batch, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return batch
        weights = () if self.sample_weight is None else (self.sample_weight[index_array],)
        return batch, self.y[index_array], *weights
