"""Fashion-MNIST: 70,000 grey images of clothes in 10 classes, 28 x 28 pixels."""

import gzip
import os

import numpy as np

from jkeras.datasets.files import BASE
from jkeras.utils.download import get_file

__all__ = ["load_data"]


def load_data() -> tuple:
    """Load the images and their classes.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        OSError: a file is not there and cannot be downloaded; the message says where to put it.

    Source: https://github.com/zalandoresearch/fashion-mnist

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    return tuple(
        (_read(f"{part}-images-idx3-ubyte.gz"), _read(f"{part}-labels-idx1-ubyte.gz")) for part in ("train", "t10k")
    )


def _read(name: str) -> np.ndarray:
    """An array in the IDX format: two zeros, the kind, the number of axes, the sizes as big-endian int32, the bytes."""
    path = get_file(name, origin=BASE + name, cache_subdir=os.path.join("datasets", "fashion-mnist"))
    with gzip.open(path, "rb") as file:
        content = file.read()
    axes = content[3]
    shape = np.frombuffer(content, ">i4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
