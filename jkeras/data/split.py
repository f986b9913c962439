"""Split the end of the data off for validation."""

import math

import jax

from jkeras.data.check import check_lengths
from jkeras.data.sources import holds_array, is_leaf, tree_of_rows


def train_validation_split(arrays: tuple, validation_split: float) -> tuple[tuple, tuple]:
    """Split `(x, y, sample_weight)` into a first part for training and a last part for validation, without copying.

    Args:
        arrays: `(x, y, sample_weight)`, each a structure of arrays or None.
        validation_split: the fraction, between 0 and 1, that becomes validation data. It is taken from the end, in the order
            given: shuffle data that is sorted by class before.

    Returns:
        Two such triples, whose leaves are views (`jkeras.data.Rows`) that `make_data` takes as arrays.

    Raises:
        ValueError: for a fraction outside (0, 1), for data that has no length, if one of the parts would be empty.

    >>> train, validation = train_validation_split(([[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1], None), 0.25)
    >>> len(train[0]), validation[0].whole()
    (3, array([[4.]], dtype=float32))
    """
    if not isinstance(validation_split, (int, float)) or not 0 < validation_split < 1:
        raise ValueError(f"validation_split must be a number between 0 and 1, got {validation_split!r}.")
    for name, tree in zip(("x", "y", "sample_weight"), arrays, strict=True):
        for leaf in jax.tree.leaves(tree, is_leaf=is_leaf):
            if not holds_array(leaf):
                raise ValueError(
                    f"validation_split needs arrays, whose end can be set aside, and {name} is a "
                    f"{type(leaf).__name__}. Pass validation_data=... instead."
                )
    rows = tuple(tree_of_rows(tree, name) for name, tree in zip(("x", "y", "sample_weight"), arrays, strict=True))
    total = check_lengths(*rows)
    at = math.floor(total * (1.0 - validation_split))
    if at in (0, total):
        raise ValueError(
            f"validation_split={validation_split} of {total} samples leaves {at} for training and {total - at} "
            "for validation. Give more data or another fraction."
        )
    return tuple(  # type: ignore[return-value]
        tuple(jax.tree.map(lambda leaf, s=start, e=stop: leaf.part(s, e), tree) for tree in rows)
        for start, stop in ((0, at), (at, total))
    )
