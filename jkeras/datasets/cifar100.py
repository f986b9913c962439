"""CIFAR-100: 60,000 colour images in 100 classes, which belong to 20 coarser ones, 32 x 32 pixels."""

from jkeras.datasets.cifar import load

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> tuple:
    """Load the images and their classes.

    Args:
        label_mode: `"fine"` for the 100 classes, `"coarse"` for the 20.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1),
        the images uint8, the classes int64; channels come first if `image_data_format()` says so.

    Raises:
        ValueError: an unknown `label_mode`.
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (50000, 32, 32, 3)
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.')
    return load("cifar-100-python.tar.gz", "cifar-100-python", ["train"], "test", f"{label_mode}_labels".encode(), "int64")
