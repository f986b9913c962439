"""MNIST: 70,000 grey images of handwritten digits, 28 x 28 pixels."""

from jkeras.datasets.files import fetch, read_npz

__all__ = ["load_data"]


def load_data(path: str = "mnist.npz") -> tuple:
    """Load the images and their digits.

    Args:
        path: the name of the file that keeps them, in the folder `datasets` of `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    Source: http://yann.lecun.com/exdb/mnist/

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    arrays = read_npz(fetch("mnist.npz", path))
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
