"""How much each sample counts: `class_weight` and `sample_weight` brought into one form, an array per target."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.data.rows import Rows
from jkeras.data.sources import is_leaf


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Give each sample the weight of its class, shape (samples,), in `floatx`.

    `y` holds class numbers, shape (samples,) or (samples, 1), or one-hot rows (the class is the largest entry).
    A class that `class_weight` does not name counts 1, as in Keras.

    >>> class_weight_to_sample_weights(np.array([0, 1, 1, 2]), {1: 3.0})
    array([1., 3., 3., 1.], dtype=float32)

    Raises:
        ValueError: if `class_weight` is no dict of class numbers to weights, or names a class that one-hot labels have no
            column for.
    """
    labels = np.asarray(y)
    one_hot = labels.ndim > 1 and labels.shape[-1] != 1
    table = _checked(class_weight, labels.shape[-1] if one_hot else None)
    if one_hot:
        labels = labels.argmax(axis=-1)
    elif labels.ndim > 1:
        labels = labels[..., 0]
    classes, where = np.unique(np.round(labels).astype("int32"), return_inverse=True)
    return np.array([table.get(int(c), 1.0) for c in classes], dtypes.floatx())[where.reshape(labels.shape)]


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
            f"class_weight names the class {beyond[0]}, but y has {classes} columns, so the classes are 0 to {classes - 1}."
        )
    return table


def sample_weights(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """Bring weights into the structure of `y`: nothing, one array, or one array for each target.

    Args:
        y: structure of `Rows`, or None.
        sample_weight: structure of `Rows`, or None.
        class_weight: dict of class numbers to weights, or None.

    Returns:
        A structure of `Rows` in `floatx`, or None.

    Raises:
        ValueError: if both kinds are given, if `class_weight` meets several targets or none, if the structures differ.
    """
    if class_weight is not None:
        return _from_class_weight(y, sample_weight, class_weight)
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


def _from_class_weight(y: Any, sample_weight: Any, class_weight: Any) -> Rows:
    if sample_weight is not None:
        raise ValueError(
            "class_weight and sample_weight were both given. Multiply the weights of the classes into "
            "sample_weight and pass that alone."
        )
    if y is None:
        raise ValueError("class_weight was given, but there is no y whose classes it could weigh.")
    if not is_leaf(y):
        raise ValueError(
            f"class_weight works with a single target, and y has several ({_names(y)}). Pass sample_weight "
            "with one array for each instead."
        )
    return Rows(class_weight_to_sample_weights(y.whole(), class_weight), "sample_weight")


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
