"""The California housing prices of 1990: 20,640 rows of 8 numbers.

Source: Pace and Barry, "Sparse spatial autoregressions", 1997.
"""

from jkeras.datasets.files import fetch, split_table

__all__ = ["load_data"]


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple:
    """Load the table, shuffled and split.

    Args:
        version: `"large"` for all rows, `"small"` for 600 of them.
        path: the name of the file that keeps it, in the folder `datasets` of `~/.keras`.
        test_split: the part of the rows that is kept for tests.
        seed: of the shuffle.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of shapes (16512, 8), (16512,), (4128, 8), (4128,). Prices are in dollars.

    Raises:
        ValueError: an unknown `version`, or `test_split` is not in [0, 1).
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (16512, 8)
    """
    if version not in ("small", "large"):
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version}")
    return split_table(fetch("california_housing.npz", path), test_split, seed, 600 if version == "small" else None)
