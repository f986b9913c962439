"""Small data sets for experiments. They are downloaded once, checked by their hash, and stored in `~/.keras/datasets`.

    (x_train, y_train), (x_test, y_test) = jkeras.datasets.mnist.load_data()

Without a network, you can put the file there by hand; the error message names the file and the folder.
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
