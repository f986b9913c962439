"""Convert `class_weight` and `sample_weight` to one form: an array of sample weights per target."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.data.rows import Rows
from jkeras.data.sources import is_leaf


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float], class_axis: bool | None = None) -> np.ndarray:
    """Give each label the weight of its class, in `floatx`.

    Args:
        y: class numbers, of shape (samples,), (samples, 1) or (samples, ...), one for each step or pixel; or one-hot rows or
            probabilities along the last axis (the class is the largest entry).
        class_weight: dict of class numbers to weights. A class that it does not name counts 1, as in Keras.
        class_axis: whether the last axis of `y` counts the classes. By default it does if every row sums to 1.

    Returns:
        The weights, of the shape of the labels: that of `y` without a last axis that counts the classes or has length 1.

    >>> class_weight_to_sample_weights(np.array([0, 1, 1, 2]), {1: 3.0})
    array([1., 3., 3., 1.], dtype=float32)
    >>> class_weight_to_sample_weights(np.array([[0, 1, 0], [0, 0, 1]]), {1: 3.0})
    array([3., 1.], dtype=float32)
    >>> class_weight_to_sample_weights(np.array([[0, 1, 2], [2, 2, 0]]), {1: 3.0})
    array([[1., 3., 1.],
           [1., 1., 1.]], dtype=float32)

    Raises:
        ValueError: if `class_weight` is no dict of class numbers to weights, or names a class that one-hot labels have no
            column for; if `y` has rows with several labels each.
    """
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels, rows = labels[..., 0], False
    else:
        rows = labels.ndim > 1 and (_are_distributions(labels) if class_axis is None else class_axis)
    table = _checked(class_weight, labels.shape[-1] if rows else None)
    if rows:
        if (labels.sum(axis=-1) > 1 + TOLERANCE).any():
            raise ValueError(SEVERAL_LABELS.format(shape=labels.shape))
        labels = labels.argmax(axis=-1)
    elif labels.ndim > 1:
        _check_label_map(labels, table)
    classes, where = np.unique(np.round(labels).astype("int32"), return_inverse=True)
    return np.array([table.get(int(c), 1.0) for c in classes], dtypes.floatx())[where.reshape(labels.shape)]


TOLERANCE = 1e-3  # of the sum of probabilities
SEVERAL_LABELS = (
    "class_weight gives a weight to the one class of each sample, but y, of shape {shape}, has rows with several labels. "
    "Weigh the samples with sample_weight instead: one number per sample, or one per label, in the shape of y."
)


def _are_distributions(labels: np.ndarray) -> bool:
    """True if each row is one-hot, or probabilities."""
    return bool((labels >= 0).all() and (np.abs(labels.sum(axis=-1) - 1) <= TOLERANCE).all())


def _check_label_map(labels: np.ndarray, table: dict[int, float]) -> None:
    """Several class numbers per sample, each with a weight of its own: they must be class numbers."""
    if labels.dtype.kind == "f" and (labels != np.round(labels)).any():
        raise ValueError(
            f"class_weight needs class numbers or one-hot rows, but y, of shape {labels.shape}, holds "
            f"{labels[labels != np.round(labels)].flat[0]}. Weigh the samples with sample_weight instead."
        )
    if labels.size and labels.min() >= 0 and labels.max() <= 1 and any(key not in (0, 1) for key in table):
        raise ValueError(SEVERAL_LABELS.format(shape=labels.shape))


def _checked(class_weight: Any, classes: int | None) -> dict[int, float]:
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight must be a dict of class numbers to weights, such as {{0: 1.0, 1: 5.0}}; got a "
            f"{type(class_weight).__name__}."
        )
    table = {}
    for key, weight in class_weight.items():
        try:
            number = int(key)
            if isinstance(key, str) or number != key:
                raise ValueError
            table[number] = float(weight)
        except (TypeError, ValueError):
            raise ValueError(
                f"class_weight must map class numbers to weights, such as {{0: 1.0, 1: 5.0}}; got the entry "
                f"{key!r}: {weight!r}. Labels with names must be encoded as integers first."
            ) from None
    beyond = [key for key in table if classes is not None and not 0 <= key < classes]
    if beyond:
        raise ValueError(
            f"class_weight names the class {beyond[0]}, but y has {classes} columns, so the classes are 0 to {classes - 1}."  # type: ignore[operator]
        )
    return table


def sample_weights(
    y: Any, sample_weight: Any, class_weight: Any, class_axis: Callable[[tuple], bool | None] | None = None
) -> Any:
    """Bring weights into the structure of `y`: nothing, one array, or one array for each target.

    Args:
        y: structure of `Rows`, or None.
        sample_weight: structure of `Rows`, or None.
        class_weight: dict of class numbers to weights, or None.
        class_axis: says of the shape of `y` whether its last axis counts the classes, or None if that is not known.

    Returns:
        A structure of `Rows` in `floatx`, or None.

    Raises:
        ValueError: if both kinds are given, if `class_weight` meets several targets or none, if the structures differ.
    """
    if class_weight is not None:
        return _from_class_weight(y, sample_weight, class_weight, class_axis)
    if sample_weight is None:
        return None
    floatx = jax.dtypes.canonicalize_dtype(dtypes.floatx())
    sample_weight = jax.tree.map(lambda rows: rows.with_dtype(floatx), sample_weight)
    if y is None or (is_leaf(y) and is_leaf(sample_weight)):
        return sample_weight
    if is_leaf(sample_weight):
        return _for_each_target(y, sample_weight)
    if _structure(sample_weight) != _structure(y):
        raise ValueError(
            "sample_weight must be one array, or one array for each target in the structure of y; y is "
            f"{_names(y)}, sample_weight is {_names(sample_weight)}."
        )
    return sample_weight


def _from_class_weight(y: Any, sample_weight: Any, class_weight: Any, class_axis: Callable | None) -> Any:
    if sample_weight is not None:
        raise ValueError(
            "class_weight and sample_weight were both given. Multiply the weights of the classes into "
            "sample_weight and pass that alone."
        )
    if y is None:
        raise ValueError("class_weight was given, but there is no y whose classes it could weigh.")
    if len(jax.tree.leaves(y)) != 1:
        raise ValueError(
            f"class_weight works with a single target, and y has several ({_names(y)}). Pass sample_weight "
            "with one array for each instead."
        )

    def weigh(rows: Rows) -> Rows:
        known = None if class_axis is None else class_axis(rows.shape)
        return Rows(class_weight_to_sample_weights(rows.whole(), class_weight, known), "sample_weight")

    return jax.tree.map(weigh, y)


def _for_each_target(y: Any, sample_weight: Rows) -> Any:
    if len(sample_weight.shape) > 1 and sample_weight.shape[1:] != (1,):
        raise ValueError(
            f"y has several targets ({_names(y)}) and sample_weight is one array of shape "
            f"{sample_weight.shape}. One array for all must have one number per sample; otherwise "
            "pass one array for each target."
        )
    return jax.tree.map(lambda _: sample_weight, y)


def _structure(tree: Any) -> Any:
    """None stands for a target without weights."""
    return jax.tree.structure(tree, is_leaf=lambda leaf: leaf is None)


def _names(tree: Any) -> str:
    return ", ".join(rows.name for rows in jax.tree.leaves(tree))
