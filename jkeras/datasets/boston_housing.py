"""The Boston housing prices of 1978: 506 rows of 13 numbers.

Source: Harrison and Rubinfeld, "Hedonic prices and the demand for clean air", 1978. One of the columns encodes a racist assumption;
use it to study that, not to predict prices.
"""

from jkeras.datasets.files import fetch, split_table

__all__ = ["load_data"]


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple:
    """Load the table, shuffled and split.

    Args:
        path: the name of the file that keeps it, in the folder `datasets` of `~/.keras`.
        test_split: the part of the rows that is kept for tests.
        seed: of the shuffle.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 arrays of shapes (404, 13), (404,), (102, 13), (102,). Prices are in
        thousands of dollars.

    Raises:
        ValueError: `test_split` is not in [0, 1).
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (404, 13)
    """
    return split_table(fetch("boston_housing.npz", path), test_split, seed)
