"""`ImageDataGenerator`: batches of images that are changed at random, as programs for Keras 2 make them."""

import warnings
from typing import Any

import numpy as np

from jkeras.core import data_format as formats
from jkeras.core import dtype as dtypes
from jkeras.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from jkeras.preprocessing.iterators import NumpyArrayIterator
from jkeras.preprocessing.transforms import apply_affine_transform, apply_brightness_shift, apply_channel_shift

SMALL = 1e-6  # is added to what is divided by


class ImageDataGenerator:
    """A generator that changes images at random and rescales them, in NumPy, on the host.

    Keras keeps it for older programs. New ones read folders by `utils.image_dataset_from_directory` and let the model start with
    `RandomFlip`, `RandomRotation`, ..., which run in the compiled step. Random numbers come from NumPy's global generator.

    Args:
        featurewise_center: whether to subtract the mean of all images of `fit`.
        samplewise_center: whether to subtract each image's own mean.
        featurewise_std_normalization: whether to divide by the standard deviation of all images of `fit`.
        samplewise_std_normalization: whether to divide by each image's own standard deviation.
        zca_whitening: whether to remove the correlation of pixels in the images of `fit`.
        zca_epsilon: is added to the standard deviations there.
        rotation_range: the largest angle, in degrees.
        width_shift_range: how far images move sideways: a fraction of the width, a number of pixels, or a list to choose from.
        height_shift_range: the same, up and down.
        brightness_range: the least and the largest factor of the brightness, or None.
        shear_range: the largest angle of shearing, in degrees.
        zoom_range: the least and the largest zoom; one number z for 1 - z and 1 + z.
        channel_shift_range: the largest number that is added to all values.
        fill_mode: what lies around an image: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: the value around it, for `"constant"`.
        horizontal_flip: whether half of the images are mirrored left to right.
        vertical_flip: whether half of the images are mirrored upside down.
        rescale: a factor of all values, or None.
        preprocessing_function: a function of one image, which gives one of the same shape, or None.
        data_format: `"channels_last"` or `"channels_first"`; the global setting for None.
        validation_split: the fraction of images, between 0 and 1, that is set aside.
        interpolation_order: of the interpolation by splines; 1 is linear.
        dtype: of the images, the default float for None.

    Raises:
        ValueError: a range or fraction is of another form.

    >>> images = np.arange(32.0).reshape(2, 4, 4, 1)
    >>> generator = ImageDataGenerator(rescale=1 / 31, horizontal_flip=True)
    >>> x, y = next(generator.flow(images, np.arange(2), batch_size=2, seed=0))
    >>> x.shape, float(x.max()), sorted(y.tolist())
    ((2, 4, 4, 1), 1.0, [0, 1])
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Any = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ):
        self.data_format = formats.standardize_data_format(data_format)
        last = self.data_format == "channels_last"
        self.channel_axis, self.row_axis, self.col_axis = (3, 1, 2) if last else (1, 2, 3)
        self.dtype = dtype or dtypes.floatx()
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be strictly between 0 and 1. Received: {validation_split}")
        zooms = (1 - zoom_range, 1 + zoom_range) if isinstance(zoom_range, (float, int)) else zoom_range
        if len(zooms) != 2 or not all(isinstance(zoom, (float, int)) for zoom in zooms):
            raise ValueError(f"`zoom_range` should be a float or a tuple or list of two floats. Received: {zoom_range}")
        if brightness_range is not None and (not isinstance(brightness_range, (tuple, list)) or len(brightness_range) != 2):
            raise ValueError(f"`brightness_range` should be tuple or list of two floats. Received: {brightness_range}")
        if zca_whitening and featurewise_std_normalization:
            _warn("zca_whitening", "featurewise_std_normalization")
            featurewise_std_normalization = False
        for reason, given in (
            ("zca_whitening", zca_whitening),
            ("featurewise_std_normalization", featurewise_std_normalization),
        ):
            if given and not featurewise_center:
                _warn(reason, "featurewise_center")
                featurewise_center = True
        if samplewise_std_normalization and not samplewise_center:
            _warn("samplewise_std_normalization", "samplewise_center")
            samplewise_center = True
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range, self.zoom_range = rotation_range, shear_range, list(zooms)
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.channel_shift_range = brightness_range, channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self._validation_split = validation_split
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    # -- batches ------------------------------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of images in an array, changed at random: for `fit`, or for a loop without end.

        Args:
            x: array of four axes; or `(x, others)`, where others are arrays that go along as they are.
            y: labels, or None.
            batch_size: images per batch.
            shuffle: whether each epoch has an order of its own.
            sample_weight: one weight per image, or None.
            seed: with it, NumPy's global generator is seeded before each batch.
            save_to_dir: a folder that the changed images are written to, to look at.
            save_prefix: what their names start with.
            save_format: `"png"` or `"jpeg"`.
            ignore_class_split: whether the two subsets may have other classes.
            subset: with `validation_split`: `"training"` or `"validation"`.
        """
        options = (save_to_dir, save_prefix, save_format, subset, ignore_class_split, self.dtype)
        return NumpyArrayIterator(x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format, *options)

    def flow_from_directory(
        self,
        directory: Any,
        target_size: Any = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the images in a folder with one subfolder for each class, changed at random.

        Args:
            directory: the folder.
            target_size: `(height, width)` that all images are resized to.
            color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
            classes: the subfolders to take, in the order of their numbers; by default all, in alphabetical order.
            class_mode: `"categorical"` for one-hot labels, `"binary"` and `"sparse"` for numbers, `"input"` for the images
                themselves, None for no labels.
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset: see `flow`.
            follow_links: whether to follow links to folders.
            interpolation: see `utils.load_img`.
            keep_aspect_ratio: whether to cut off what does not fit the ratio of `target_size`, instead of stretching.
        """
        saving = (self.data_format, save_to_dir, save_prefix, save_format, follow_links, subset, interpolation)
        reading = (target_size, color_mode, classes, class_mode, batch_size, shuffle, seed)
        return DirectoryIterator(directory, self, *reading, *saving, keep_aspect_ratio, self.dtype)

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
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
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
    ) -> DataFrameIterator:
        """Batches of the images that the rows of a table name, changed at random.

        Args:
            dataframe: a pandas `DataFrame`.
            directory: where the files are; None if their names are whole paths.
            x_col: the column of the names.
            y_col: the column of the labels; a list of columns for `class_mode="multi_output"`.
            weight_col: the column of weights, or None.
            classes: the classes to take, in the order of their numbers; by default all, in alphabetical order.
            class_mode: as for `flow_from_directory`; or `"raw"` for the column's values, `"multi_output"` for a list of them.
            target_size, color_mode, interpolation: see `flow_from_directory`.
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset: see `flow`.
            validate_filenames: whether rows whose file is missing or no image are left out, with a warning.
        """
        class_mode = "raw" if class_mode == "other" else class_mode
        reading = (x_col, y_col, weight_col, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed)
        saving = (self.data_format, save_to_dir, save_prefix, save_format, subset, interpolation, False, self.dtype)
        return DataFrameIterator(dataframe, directory, self, *reading, *saving, validate_filenames)

    # -- one image ----------------------------------------------------------------------------------------------------

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Images brought to the scale that the options say. The array itself may be changed.

        Args:
            x: an image or a batch of images, of a floating-point dtype.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + SMALL
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x /= self.std + SMALL
        if self.zca_whitening and self._is_fitted("zca_whitening", self.zca_whitening_matrix):
            x = (x.reshape(-1, len(self.zca_whitening_matrix)) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    @staticmethod
    def _is_fitted(option: str, found: Any) -> bool:
        if found is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{option}`, but it hasn't been fit on any training data: images stay as they "
                "are. Call `.fit(images)` first.",
                stacklevel=3,
            )
        return found is not None

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        """Draw a change of an image, as a dict for `apply_transform`.

        Args:
            img_shape: the image's shape.
            seed: of NumPy's global generator, if it is to be seeded.
        """
        if seed is not None:
            np.random.seed(seed)
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        ty = _shift(self.height_shift_range, img_shape[self.row_axis - 1])
        tx = _shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else np.random.uniform(*self.zoom_range, 2)  # type: ignore[call-overload]
        flips = [bool(np.random.random() < 0.5) and flip for flip in (self.horizontal_flip, self.vertical_flip)]
        channel = (
            np.random.uniform(-self.channel_shift_range, self.channel_shift_range) if self.channel_shift_range else None
        )
        brightness = None if self.brightness_range is None else np.random.uniform(*self.brightness_range)
        return {
            **{"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy},
            **{"flip_horizontal": flips[0], "flip_vertical": flips[1]},
            **{"channel_shift_intensity": channel, "brightness": brightness},
        }

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Apply a change to an image.

        Args:
            x: array of three axes.
            transform_parameters: a dict with any of the keys `"theta"`, `"tx"`, `"ty"`, `"shear"`, `"zx"`, `"zy"` (see
                `apply_affine_transform`), `"channel_shift_intensity"`, `"flip_horizontal"`, `"flip_vertical"`, `"brightness"`.
        """
        given = transform_parameters.get
        affine = {name: given(name, 1 if name[0] == "z" else 0) for name in ("theta", "tx", "ty", "shear", "zx", "zy")}
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            **affine,
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given("channel_shift_intensity"), channel)  # type: ignore[arg-type]
        if given("flip_horizontal"):
            x = np.flip(x, column)
        if given("flip_vertical"):
            x = np.flip(x, row)
        return x if given("brightness") is None else apply_brightness_shift(x, given("brightness"), False)  # type: ignore[arg-type]

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Apply a random change to an image.

        Args:
            x: array of three axes.
            seed: of NumPy's global generator, if it is to be seeded.
        """
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the statistics for `featurewise_center`, `featurewise_std_normalization` and `zca_whitening`.

        Args:
            x: array of four axes.
            augment: whether to look at images that are changed at random.
            rounds: with `augment`, how many changed versions of each image.
            seed: of NumPy's global generator, if it is to be seeded.

        Raises:
            ValueError: the array has another rank.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}")
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        over = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = x.mean(over, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(over, keepdims=True)[0]
            x /= self.std + SMALL
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _warn(reason: str, option: str) -> None:
    warnings.warn(f"This ImageDataGenerator specifies `{reason}`, which overrides setting of `{option}`.", stacklevel=4)


def _shift(span: Any, size: int) -> Any:
    """A shift of a part of the size, of some pixels, or one of several to choose from."""
    if not np.ndim(span) and not span:
        return 0
    if np.ndim(span) or (isinstance(span, (int, np.integer)) and span > 0):
        shift = np.random.choice(span) * np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-span, span)
    return shift * size if np.max(span) < 1 else shift
