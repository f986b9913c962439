"""Iterators over images in files: those of a folder, or those that a table lists."""

import os
import warnings
from typing import Any

import numpy as np

from jkeras.preprocessing.iterators import ENDINGS, Images, check_subset
from jkeras.utils.images import MODES, img_to_array, load_img


class _Files(Images):
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
        check_subset(subset)
        self.target_size, self.color_mode, self.subset = tuple(target_size), color_mode, subset
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        channels = MODES[color_mode][1]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)

    def _part(self, count: int) -> slice:
        """Return the slice of the files that belong to the subset. The files of the validation subset come first."""
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
    >>> from jkeras.utils import array_to_img
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
    >>> from jkeras.utils import array_to_img
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
        wrong = [name for name in table[x_col] if not isinstance(name, str)]
        if wrong:
            raise TypeError(f"All values in column x_col={x_col} must be strings, the names of files, got {wrong[0]!r}.")
        allowed = (str, list, tuple) if mode == "categorical" else (str,)
        other = [value for value in table[y_col] if not isinstance(value, allowed)] if by_class else []
        if other:
            wanted = "strings, lists or tuples" if mode == "categorical" else "strings"
            raise TypeError(
                f'If class_mode="{mode}", the values of the column y_col="{y_col}" must be {wanted}, got {other[0]!r}.'
            )
        if mode == "binary":
            count = len(set(classes)) if classes else table[y_col].nunique()
            if count != 2:
                raise ValueError(f'If class_mode="binary" there must be 2 classes. Found {count} classes.')
        if classes and not by_class:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=4)
        if weight_col and table[weight_col].dtype.kind not in "biuf":
            raise TypeError(f"Column weight_col={weight_col} must be numeric, got dtype {table[weight_col].dtype}.")

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
