"""Small data sets to try things on: downloaded once, checked by their hash, kept in `~/.keras/datasets`.

    (x_train, y_train), (x_test, y_test) = jkeras.datasets.mnist.load_data()

Without a network, a file that is put there by hand will do; the error says which, and where.
"""

from jkeras.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
from jkeras.serialization.namespace import namespace

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]

__getattr__, __dir__ = namespace(__name__, __all__)
