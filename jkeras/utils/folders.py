"""Folders of files as data: `image_dataset_from_directory` and `text_dataset_from_directory`.

A folder has one subfolder for each class. Files are listed, shuffled and split exactly as in Keras, so that one seed gives one split
in both.
"""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from jkeras.core import data_format as formats
from jkeras.core import dtype as dtypes
from jkeras.data import Dataset
from jkeras.data.chain import WORKERS
from jkeras.errors import suggest
from jkeras.utils.images import METHODS, MODES, crop_to_ratio, load_img, pad_to_ratio, resize

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
ON_ERROR = ("raise", "warn", "skip")
SHOWN = 20  # files that a warning names


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """Read the images in a folder, with their labels, in batches that `fit` takes. Files are read when they are needed,
    by several threads.

    Args:
        directory: the folder; with `labels="inferred"`, it has one subfolder for each class.
        labels: `"inferred"`, None for no labels, or a list of integers, one per file, in alphabetical order of the paths.
        label_mode: `"int"` (int32, shape (batch,)), `"categorical"` (one-hot), `"binary"` (0.0 or 1.0, shape (batch, 1)), or
            None for no labels.
        class_names: the subfolders to take, in the order of their numbers; by default all, in alphabetical order.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`: 1, 3 or 4 channels.
        batch_size: images per batch; None gives single images.
        image_size: `(height, width)` that all images are resized to.
        shuffle: whether the images come in random order, a new one for each epoch; the first is that of `file_paths`.
        seed: an integer that makes the order reproducible.
        validation_split: the fraction of files, between 0 and 1, that is set aside.
        subset: with `validation_split`: `"training"`, `"validation"`, or `"both"` for a list of the two.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
            `"mitchellcubic"`.
        follow_links: whether to follow links to folders.
        crop_to_aspect_ratio: cut off what does not fit the ratio of `image_size`, instead of stretching.
        pad_to_aspect_ratio: fill up with zeros what is missing to that ratio, instead of stretching.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        format: `"tf"`: each pass over the data has an order of its own; `"grain"`: all have one, as in Keras. Neither is needed.
        verbose: whether to print how many files there are.
        on_error: `"raise"`: a damaged image is an error when it is read. `"warn"` and `"skip"`: all files are read once now, and those
            that are damaged are left out; `"warn"` names them.

    Returns:
        A data set (`jkeras.data.Dataset`) of float32 images of values 0 to 255, or of `(images, labels)`, with `class_names` and
        `file_paths`, and with the methods `take`, `skip`, `map`, `batch`, `unbatch`, `shuffle`, `cache`, `prefetch`, `repeat`.

    Raises:
        ValueError: an option is out of range, or there are no files; when it is read, an image that is damaged.

    Warns:
        UserWarning: files are left out.

    >>> import os, tempfile
    >>> from jkeras.utils.images import save_img
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in ("cats", "dogs"):
    ...     os.mkdir(os.path.join(folder.name, name))
    ...     save_img(os.path.join(folder.name, name, "1.png"), np.zeros((8, 8, 3)))
    >>> data = image_dataset_from_directory(folder.name, image_size=(4, 4), verbose=False)
    >>> images, labels = next(iter(data))
    >>> images.shape, data.class_names
    ((2, 4, 4, 3), ['cats', 'dogs'])
    >>> folder.cleanup()
    """
    if color_mode not in MODES:
        raise ValueError(f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode}')
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        raise ValueError(f"Invalid `image_size` value. Expected a tuple of 2 integers. Received: image_size={image_size}")
    interpolation = interpolation.lower()
    if interpolation not in METHODS:
        raise ValueError(
            f"Argument `interpolation` should be one of {METHODS}. Received: interpolation={interpolation}."
            f"{suggest(interpolation, METHODS)}"
        )
    first = formats.standardize_data_format(data_format) == "channels_first"

    def read(path: str) -> np.ndarray:
        image = np.asarray(load_img(path, color_mode), np.float32)
        image = image[..., None] if image.ndim == 2 else image
        if crop_to_aspect_ratio:
            image = crop_to_ratio(image, size)
        elif pad_to_aspect_ratio:
            image = pad_to_ratio(image, size)
        image = resize(image, size, interpolation)
        return image.transpose(2, 0, 1) if first else image

    files = (labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links)
    return files_in(directory, read, IMAGES, "images", *files, format, verbose, on_error)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """Read the texts in a folder of `.txt` files, with their labels, in batches for a model that starts with
    `TextVectorization`.

    Args:
        max_length: the number of characters of a text that are kept; None keeps all.
        directory: the folder; with `labels="inferred"`, it has one subfolder for each class.
        labels: `"inferred"`, None for no labels, or a list of integers, one per file, in alphabetical order of the paths.
        label_mode: `"int"` (int32, shape (batch,)), `"categorical"` (one-hot), `"binary"` (0.0 or 1.0, shape (batch, 1)), or
            None for no labels.
        class_names: the subfolders to take, in the order of their numbers; by default all, in alphabetical order.
        batch_size: texts per batch; None gives single texts.
        shuffle: True if the texts come in random order, a new one for each epoch; the first is that of `file_paths`.
        seed: an integer that makes the order reproducible.
        validation_split: the fraction of files, between 0 and 1, that is set aside.
        subset: with `validation_split`: `"training"`, `"validation"`, or `"both"` for a list of the two.
        follow_links: True if links to folders are followed.
        format: `"tf"`: each pass over the data has an order of its own; `"grain"`: all have one, as in Keras.
        verbose: True prints how many files there are.
        on_error: `"raise"`: a damaged file is an error when it is read. `"warn"` and `"skip"`: all files are read once now,
            and those that are damaged are left out; `"warn"` names them.

    Returns:
        A data set of arrays of `str`, or of `(texts, labels)`; see `image_dataset_from_directory`.

    Raises:
        ValueError: an option is out of range, or there are no files; when it is read, a file that is not UTF-8.

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in ("bad", "good"):
    ...     os.mkdir(os.path.join(folder.name, name))
    ...     with open(os.path.join(folder.name, name, "1.txt"), "w") as file:
    ...         _ = file.write(f"a {name} film")
    >>> texts, labels = next(iter(text_dataset_from_directory(folder.name, shuffle=False, verbose=False)))
    >>> list(texts), labels.tolist()
    (['a bad film', 'a good film'], [0, 1])
    >>> folder.cleanup()
    """

    def read(path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read() if max_length is None else file.read()[:max_length]
        except UnicodeDecodeError as error:
            raise ValueError(f"The text {path!r} is not UTF-8: {error}") from error

    files = (labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links)
    return files_in(directory, read, (".txt",), "text files", *files, format, verbose, on_error)


def files_in(
    directory: Any,
    read: Callable[[str], Any],
    endings: tuple[str, ...],
    what: str,
    labels: Any,
    label_mode: str | None,
    class_names: list[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    format: str,
    verbose: bool,
    on_error: str,
) -> Any:
    """The data set of the files in a folder; the arguments are checked here.

    Args:
        read: makes an element of a path.
        endings: of the files' names.
        what: how messages call the files.
        others: see `image_dataset_from_directory`.
    """
    if labels not in ("inferred", None):
        if not isinstance(labels, (list, tuple)):
            raise ValueError(
                "`labels` argument should be a list/tuple of integer labels, of the same size as the number of files in the target "
                'directory; "inferred", to take the subdirectories for classes; or None. '
                f"Received: labels={labels}"
            )
        if class_names:
            raise ValueError(
                f'You can only pass `class_names` if `labels="inferred"`. Received: labels={labels}, class_names={class_names}'
            )
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f'`label_mode` argument must be one of "int", "categorical", "binary", or None. Received: label_mode={label_mode}'
        )
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    if on_error not in ON_ERROR:
        raise ValueError(
            f"`on_error` should be one of {ON_ERROR}. Received: on_error={on_error}{suggest(str(on_error), ON_ERROR)}"
        )
    if labels is None or label_mode is None:
        labels = label_mode = None
    _check_split(validation_split, subset, shuffle, seed)
    seed = np.random.randint(10**6) if seed is None else seed
    paths, numbers, class_names = list_files(directory, labels, endings, class_names, shuffle, seed, follow_links, verbose)
    if label_mode == "binary" and len(class_names or ()) != 2:
        raise ValueError(
            f'When passing `label_mode="binary"`, there must be exactly 2 class_names. Received: class_names={class_names}'
        )
    held = int((validation_split or 0) * len(paths))
    at = len(paths) - held
    parts = {"training": slice(0, at), "validation": slice(at, None), None: slice(None)}
    results = []
    for name in ("training", "validation") if subset == "both" else (subset,):
        chosen = paths[parts[name]]
        if not chosen:
            raise ValueError(
                f"No {f'{name} ' if name else ''}{what} found in directory {directory}. Allowed formats: {endings}"
            )
        if name and verbose:
            print(f"Using {len(chosen)} files for {name}.")
        chosen_numbers = None if numbers is None else np.asarray(numbers)[parts[name]]
        if on_error != "raise":
            kept = _readable(chosen, read, what, on_error == "warn")
            chosen = [chosen[i] for i in kept]
            chosen_numbers = None if chosen_numbers is None else chosen_numbers[kept]
        encoded = None if chosen_numbers is None else _encoded(chosen_numbers, label_mode, len(class_names or ()))
        results.append(
            _dataset(
                chosen, encoded, read, class_names, batch_size, shuffle and format == "tf" and name != "validation", seed
            )
        )
    return results if subset == "both" else results[0]


def _readable(paths: list[str], read: Callable[[str], Any], what: str, warn: bool) -> list[int]:
    """The places of the files that can be read."""

    def problem(path: str) -> str | None:
        try:
            read(path)
        except (ValueError, OSError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(WORKERS) as pool:
        problems = list(pool.map(problem, paths))
    bad = [text for text in problems if text is not None]
    if len(bad) == len(paths):
        raise ValueError(f"None of {len(paths)} {what} can be read. The first: {bad[0]}")
    if bad and warn:
        more = f"\n... and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        warnings.warn(f"{len(bad)} of {len(paths)} {what} are left out:\n" + "\n".join(bad[:SHOWN]) + more, stacklevel=4)
    return [place for place, text in enumerate(problems) if text is None]


def _dataset(
    paths: list[str],
    labels: np.ndarray | None,
    read: Callable,
    class_names: list[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int,
) -> Dataset:
    generator, order = np.random.RandomState(seed), np.arange(len(paths))

    def get(index: int) -> Any:
        place = order[index]
        return read(paths[place]) if labels is None else (read(paths[place]), labels[place])

    data = Dataset(get, len(paths), WORKERS, (lambda: generator.shuffle(order)) if shuffle else None, class_names)
    data = data if batch_size is None else data.batch(batch_size)
    data.file_paths = paths
    return data


def _encoded(numbers: np.ndarray, mode: str | None, classes: int) -> np.ndarray:
    if mode == "categorical":
        return np.eye(classes, dtype=dtypes.floatx())[numbers]
    return numbers.astype(dtypes.floatx())[:, None] if mode == "binary" else numbers.astype("int32")


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {validation_split}")
    if (validation_split or subset) and not (validation_split and subset):
        raise ValueError(
            f"If `subset` is set, `validation_split` must be set, and inversely. Received: {subset=}, {validation_split=}"
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {subset}')
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure that there is no "
            "overlap between the training and validation subset."
        )


def list_files(
    directory: Any,
    labels: Any,
    endings: tuple[str, ...],
    class_names: list[str] | None,
    shuffle: bool,
    seed: int,
    follow_links: bool,
    verbose: bool,
) -> tuple[list[str], Any, list[str] | None]:
    """The paths of files, their labels (or None) and the classes' names (or None), in Keras's order."""
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(f"There is no folder {directory!r}.")
    folders = [""]
    if labels == "inferred":
        entries = sorted(os.listdir(directory))
        folders = [name for name in entries if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")]
        if not folders:
            raise ValueError(
                f"Folder {directory!r} has no subfolders, one for each class. Pass labels=None for files without labels, or a list."
            )
        if class_names is not None:
            if not set(class_names) <= set(folders):
                raise ValueError(
                    "The `class_names` passed did not match the names of the subdirectories of the target directory. "
                    f"Expected: {folders} (or a subset of it), but received: class_names={class_names}"
                )
            folders = list(class_names)
    elif class_names is not None:
        raise ValueError(
            f"When `labels=None` (no labels), argument `class_names` cannot be specified. Received: class_names={class_names}"
        )
    found = [_below(os.path.join(directory, folder), endings, follow_links) for folder in folders]
    paths = [path for part in found for path in part]
    names: list[str] | None = folders
    if labels == "inferred":
        labels = [number for number, part in enumerate(found) for _ in part]
    elif labels is None:
        names = None
    elif len(labels) != len(paths):
        raise ValueError(
            "Expected the lengths of `labels` to match the number of files in the target directory. len(labels) is "
            f"{len(labels)} while we found {len(paths)} files in directory {directory}."
        )
    else:
        names = [str(label) for label in sorted(set(labels))]
    if verbose:
        print(f"Found {len(paths)} files" + ("." if names is None else f" belonging to {len(names)} classes."))
    if shuffle:
        np.random.RandomState(seed).shuffle(paths)
        if labels is not None:
            labels = np.array(labels, "int32")
            np.random.RandomState(seed).shuffle(labels)
    return paths, labels, names


def _below(folder: str, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    return [os.path.join(root, name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(endings)]
