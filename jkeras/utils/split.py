"""Split data into two parts, for training and for testing."""

import random
from typing import Any

import jax
import numpy as np


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Split arrays along their first axis into a left and a right part.

    Args:
        dataset: an array, or a tuple, list or dict of arrays of the same length.
        left_size: how many samples go left, as an int or as a fraction; by default all that do not go right.
        right_size: how many samples go right, counted from the end.
        shuffle: whether to shuffle before.
        seed: of the shuffling; by default one is drawn from Python's `random`.

    Returns:
        `(left, right)`, each of the dataset's own structure, with NumPy arrays.

    Raises:
        ValueError: the lengths of the arrays differ, no size is given, or a part would be empty or too large.

    >>> left, right = split_dataset((np.arange(4), np.arange(4) * 10), left_size=0.75)
    >>> right
    (array([3]), array([30]))
    """
    arrays = jax.tree.map(np.asarray, dataset, is_leaf=lambda x: hasattr(x, "__array__"))
    lengths = {len(array) if array.ndim else None for array in jax.tree.leaves(arrays)}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(
            f"split_dataset() expects arrays with one common length, but got lengths {lengths or 'of nothing'}."
        )
    total: Any = lengths.pop()
    if left_size is None and right_size is None:
        raise ValueError("split_dataset() needs left_size=... or right_size=..., a number of samples or a fraction.")
    left = None if left_size is None else _count("left_size", left_size, total)
    right = total - (left or 0) if right_size is None else _count("right_size", right_size, total)
    left = total - right if left is None else left
    if min(left, right) < 1 or left + right > total:
        raise ValueError(
            f"left_size={left_size} and right_size={right_size} of {total} samples are {left} and {right} samples. Each "
            "part needs one "
            f"sample at least, and both together have at most {total}."
        )
    order = list(range(total))
    if shuffle:
        random.Random(random.randint(0, 1000000) if seed is None else seed).shuffle(order)
    return tuple(
        jax.tree.map(lambda array, rows=rows: array[rows], arrays) for rows in (order[:left], order[total - right :])
    )


def _count(name: str, size: Any, total: int) -> int:
    if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name} must be an int, a fraction or None, got {size!r}.")
    whole = isinstance(size, (int, np.integer))
    if not 0 < size < (total if whole else 1):
        raise ValueError(f"{name} must be an int between 1 and {total - 1} or a fraction between 0 and 1, got {size!r}.")
    return int(size) if whole else round(size * total)
