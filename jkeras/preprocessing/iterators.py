"""Iterators over the batches that `ImageDataGenerator` makes, from arrays, from a folder, and from the rows of a table."""

import os
import threading
import warnings
from collections.abc import Iterator as Iteration
from typing import Any

import numpy as np

from jkeras.core import data_format as formats
from jkeras.core import dtype as dtypes
from jkeras.utils import PyDataset
from jkeras.utils.images import MODES, array_to_img, img_to_array, load_img

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


class _Images(Iterator):
    """What the iterators have in common: changing images, and writing them to a folder to look at."""

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


def _check_subset(subset: str | None) -> None:
    if subset not in (None, "training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')


class NumpyArrayIterator(_Images):
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
        _check_subset(subset)
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


class _Files(_Images):
    """Batches of images in files. A subclass sets `filepaths`, `class_mode`, `classes`, `class_indices` and `labels`."""

    filepaths: list[str]
    class_mode: str | None
    classes: Any = None
    class_indices: dict[str, int]
    labels: Any = None
    sample_weight: Any = None

    def _prepare_files(
        self, target_size: Any, color_mode: str, subset: str | None, interpolation: str, keep_aspect_ratio: bool
    ) -> None:
        if color_mode not in MODES:
            raise ValueError(f'Invalid color mode: {color_mode}; expected "rgb", "rgba", or "grayscale".')
        _check_subset(subset)
        self.target_size, self.color_mode, self.subset = tuple(target_size), color_mode, subset
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        channels = MODES[color_mode][1]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)

    def _part(self, count: int) -> slice:
        """Which of the files belong to the subset: those of validation come first."""
        if self.subset is None:
            return slice(None)
        at = int(self.image_data_generator._validation_split * count)
        return slice(0, at) if self.subset == "validation" else slice(at, count)

    def _read(self, path: str) -> np.ndarray:
        options = (self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio)
        return img_to_array(load_img(path, *options), data_format=self.data_format)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        x = self._changed((self._read(self.filepaths[row]) for row in index_array), self.image_shape, index_array)
        if self.class_mode is None:
            return x
        weights = () if self.sample_weight is None else (self.sample_weight[index_array],)
        return x, self._targets(x, index_array), *weights

    def _targets(self, x: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "multi_output":
            return [output[rows] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[row] for row in rows], self.dtype)
        vectors = np.zeros((len(rows), len(self.class_indices)), self.dtype)
        for place, row in enumerate(rows):
            vectors[place, self.classes[row]] = 1
        return vectors


class DirectoryIterator(_Files):
    """An iterator over batches of the images in a folder with one subfolder for each class; see
    `ImageDataGenerator.flow_from_directory`.

    Args:
        directory: the folder.
        image_data_generator: the `ImageDataGenerator` that changes the images, or None.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        dtype: the dtype of the images. None means the default float.
        target_size: `(height, width)` that all images are resized to.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        class_mode: `"categorical"` for one-hot labels, `"binary"` and `"sparse"` for numbers, `"input"` for the images
            themselves, None for no labels.
        batch_size: images per batch.
        shuffle: True if the images come in random order.
        seed: an integer that makes order and changes reproducible.
        save_to_dir: a folder to which changed images are written, or None.
        save_prefix: the beginning of the names of written files.
        save_format: the format of written files: `"png"` or `"jpeg"`.
        subset: `"training"` or `"validation"`, if the generator has a `validation_split`.
        interpolation: the method of resizing: `"nearest"`, `"bilinear"`, `"bicubic"` and others of `utils.load_img`.
        follow_links: True if links to folders are followed.
        keep_aspect_ratio: True cuts off what does not fit the ratio of `target_size`, instead of stretching.
        classes: the subfolders to take, in the order of their numbers; by default all, in alphabetical order.

    Attributes:
        class_indices: `{name of the class: its number}`.
        filenames: the files, below the folder.
        classes: the number of the class of each file.

    Raises:
        ValueError: an option is unknown.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> os.mkdir(os.path.join(folder.name, "cats"))
    >>> array_to_img(np.zeros((8, 8, 3))).save(os.path.join(folder.name, "cats", "1.png"))
    >>> images, labels = DirectoryIterator(folder.name, None, target_size=(4, 4))[0]
    Found 1 images belonging to 1 classes.
    >>> images.shape, labels.tolist()
    ((1, 4, 4, 3), [[1.0]])
    >>> folder.cleanup()
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ):
        self._prepare(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        self._prepare_files(target_size, color_mode, subset, interpolation, keep_aspect_ratio)
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {self.allowed_class_modes}")
        self.directory, self.class_mode = os.fspath(directory), class_mode
        folders = sorted(n for n in os.listdir(directory) if os.path.isdir(os.path.join(directory, n)))
        names = list(classes) if classes else folders
        self.num_classes, self.class_indices = len(names), {name: i for i, name in enumerate(names)}
        self.filenames: list[str] = []
        found: list[int] = []
        for name, number in self.class_indices.items():
            files = _images_below(os.path.join(self.directory, name), follow_links)
            files = files[self._part(len(files))]
            self.filenames += [os.path.join(name, file) for file in files]
            found += [number] * len(files)
        self.samples = len(self.filenames)
        self.classes = self.labels = np.array(found, "int32")
        self.filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


def _images_below(folder: str, follow_links: bool) -> list[str]:
    """The images in a folder and those below it, as paths in it."""
    steps = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    found = [os.path.join(root, name) for root, _, names in steps for name in sorted(names)]
    return [os.path.relpath(path, folder) for path in found if path.lower().endswith(ENDINGS)]


class DataFrameIterator(_Files):
    """An iterator over batches of the images that the rows of a pandas `DataFrame` name; see
    `ImageDataGenerator.flow_from_dataframe`.

    Args:
        dataframe: the table.
        directory: where the files are; None if their names are whole paths.
        image_data_generator: the `ImageDataGenerator` that changes the images, or None.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        keep_aspect_ratio: whether to cut off what does not fit the ratio of `target_size`, instead of stretching.
        dtype: the dtype of the images. None means the default float.
        target_size: `(height, width)` that all images are resized to.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        classes: the classes to take, in the order of their numbers; by default all, in alphabetical order.
        class_mode: `"categorical"` for one-hot labels, `"binary"` and `"sparse"` for numbers, `"input"` for the images
            themselves, None for no labels; or `"raw"` for the column's values, `"multi_output"` for a list of them.
        batch_size: images per batch.
        shuffle: True if the images come in random order.
        seed: an integer that makes order and changes reproducible.
        save_to_dir: a folder to which changed images are written, or None.
        save_prefix: the beginning of the names of written files.
        save_format: the format of written files: `"png"` or `"jpeg"`.
        subset: `"training"` or `"validation"`, if the generator has a `validation_split`.
        interpolation: the method of resizing: `"nearest"`, `"bilinear"`, `"bicubic"` and others of `utils.load_img`.
        x_col: the column of the files' names.
        y_col: the column of the labels; a list of columns for `class_mode="multi_output"`.
        weight_col: the column of weights, or None.
        validate_filenames: True leaves out rows whose file is missing or no image, with a warning.

    Raises:
        ValueError: an option is unknown, or the classes are not two for `"binary"`.
        TypeError: a column holds something else than the mode needs.

    >>> import pandas, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> array_to_img(np.zeros((8, 8, 3))).save(os.path.join(folder.name, "1.png"))
    >>> table = pandas.DataFrame({"file": ["1.png"], "age": [3.0]})
    >>> batches = DataFrameIterator(table, folder.name, x_col="file", y_col="age", class_mode="raw", target_size=(4, 4))
    Found 1 validated image filenames.
    >>> images, ages = batches[0]
    >>> images.shape, ages.tolist()
    ((1, 4, 4, 3), [3.0])
    >>> folder.cleanup()
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
    ):
        self._prepare(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        self._prepare_files(target_size, color_mode, subset, interpolation, keep_aspect_ratio)
        self.directory, self.class_mode = os.fspath(directory or ""), class_mode
        by_class = class_mode in ("binary", "categorical", "sparse")
        self._check(dataframe, x_col, y_col, weight_col, classes, by_class)
        table = dataframe
        if validate_filenames:
            table = self._valid(table, x_col)
        names: list[str] = []
        if by_class:
            names = list(dict.fromkeys(classes)) if classes else sorted({n for v in table[y_col] for n in _listed(v)})
            self.class_indices = {name: i for i, name in enumerate(names)}
            table = table[[any(n in self.class_indices for n in _listed(value)) for value in table[y_col]]]
        table = table.iloc[self._part(len(table))]
        if by_class:
            known = self.class_indices
            numbers = [[known[n] for n in _listed(value) if n in known] for value in table[y_col]]
            alone = [isinstance(value, str) for value in table[y_col]]
            self.classes = [n[0] if one else n for n, one in zip(numbers, alone, strict=True)]
            self.labels = self.classes
        elif class_mode == "multi_output":
            self.labels = [np.array(table[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self.labels = table[y_col].to_numpy()
        self.filenames = table[x_col].tolist()
        self.filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self.sample_weight = table[weight_col].to_numpy() if weight_col else None
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        end = f" belonging to {len(names)} classes." if by_class else "."
        print(f"Found {self.samples} {kind} image filenames{end}")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check(self, table: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any, by_class: bool) -> None:
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(f"Invalid class_mode: {mode}; expected one of: {self.allowed_class_modes}")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f'If class_mode="multi_output", y_col must be a list. Received {type(y_col).__name__}.')
        if not all(isinstance(name, str) for name in table[x_col]):
            raise TypeError(f"All values in column x_col={x_col} must be strings.")
        allowed = (str, list, tuple) if mode == "categorical" else (str,)
        if by_class and not all(isinstance(value, allowed) for value in table[y_col]):
            wanted = "strings, lists or tuples" if mode == "categorical" else "strings"
            raise TypeError(f'If class_mode="{mode}", the values of the column y_col="{y_col}" must be {wanted}.')
        if mode == "binary":
            count = len(set(classes)) if classes else table[y_col].nunique()
            if count != 2:
                raise ValueError(f'If class_mode="binary" there must be 2 classes. Found {count} classes.')
        if classes and not by_class:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=4)
        if weight_col and table[weight_col].dtype.kind not in "biuf":
            raise TypeError(f"Column weight_col={weight_col} must be numeric.")

    def _valid(self, table: Any, x_col: str) -> Any:
        paths = [os.path.join(self.directory, name) for name in table[x_col]]
        valid = [path.lower().endswith(ENDINGS) and os.path.isfile(path) for path in paths]
        if not all(valid):
            warnings.warn(
                f'Found {valid.count(False)} invalid image filename(s) in x_col="{x_col}", such as {paths[valid.index(False)]!r}. '
                "These filename(s) will be ignored.",
                stacklevel=4,
            )
        return table[valid]


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)
