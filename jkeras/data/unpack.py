"""The three forms of a batch: `x`, `(x, y)` and `(x, y, sample_weight)`."""

from typing import Any


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Split data into inputs, targets and sample weights; what is missing is None.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        the tuple `(x, y, sample_weight)`.

    >>> unpack_x_y_sample_weight(("features", "labels"))
    ('features', 'labels', None)

    Raises:
        ValueError: for a tuple or list of more than three entries, or of none.
    """
    if not isinstance(data, tuple | list):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Data must be x, (x,), (x, y) or (x, y, sample_weight); got {len(data)} entries. "
            "Several inputs are one entry: ((x1, x2), y)."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return the shortest form of inputs, targets and weights from which `unpack_x_y_sample_weight` makes all three
    again.

    A lone `x` stays bare unless it is a tuple or list, whose entries would be taken for y and sample_weight.

    Args:
        x: the inputs.
        y: the targets, or None.
        sample_weight: the weights of the samples, or None.

    Returns:
        `x`, `(x, y)` or `(x, y, sample_weight)`.

    >>> pack_x_y_sample_weight("features"), pack_x_y_sample_weight("features", "labels")
    ('features', ('features', 'labels'))
    """
    if y is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
