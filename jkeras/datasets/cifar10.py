"""CIFAR-10: 60,000 colour images in 10 classes, 32 x 32 pixels."""

from jkeras.datasets.cifar import load

__all__ = ["load_data"]


def load_data() -> tuple:
    """Load the images and their classes.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3),
        (10000, 1); channels come first if `image_data_format()` says so.

    Raises:
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (50000, 32, 32, 3)
    """
    batches = [f"data_batch_{i}" for i in range(1, 6)]
    return load("cifar-10-python.tar.gz", "cifar-10-batches-py", batches, "test_batch", b"labels", "uint8")
