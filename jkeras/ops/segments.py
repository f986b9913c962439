"""Reductions over groups of rows, where an array says which group each row belongs to."""

import jax

from jkeras.core.symbolic import KerasTensor
from jkeras.ops.family import Array, family
from jkeras.ops.op import spec_of

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


@family
def segment(function, data: Array, segment_ids: Array, num_segments=None, sorted=False):
    """Args:
        data: array of shape (n, ...).
        segment_ids: int array of shape (n,), the group of each row; groups that do not exist are left out.
        num_segments: the number of groups. Without it, it is one more than the largest id, which must then be known: it
            is needed inside `jit`.
        sorted: whether the ids are known to ascend, which may be faster.

    Returns:
        array of shape (num_segments, ...).

    Raises:
        ValueError: the ids are not 1-D, or there is not one for each row.
    """
    if segment_ids.ndim != 1 or not data.ndim or segment_ids.shape[0] != data.shape[0]:
        raise ValueError(
            "A segment operation needs one id for each row: data of shape (n, ...) and segment_ids of shape (n,), got "
            f"data.shape={data.shape} and segment_ids.shape={segment_ids.shape}."
        )
    return function(data, segment_ids, num_segments, indices_are_sorted=sorted)


segment_sum = segment(
    jax.ops.segment_sum, "Compute the sum over the rows of each group.", "segment_sum([1, 2, 4], [0, 0, 1]) -> [3, 4]"
)
segment_prod = segment(
    jax.ops.segment_prod, "Compute the product over the rows of each group.", "segment_prod([2, 3, 4], [0, 0, 1]) -> [6, 4]"
)
segment_max = segment(
    jax.ops.segment_max,
    "Return the largest entry over the rows of each group; for an empty group, the smallest number of the dtype.",
    "segment_max([1, 2, 4], [0, 0, 1]) -> [2, 4]",
)
segment_min = segment(
    jax.ops.segment_min,
    "Return the smallest entry over the rows of each group; for an empty group, the largest number of the dtype.",
    "segment_min([1, 2, 4], [0, 0, 1]) -> [1, 4]",
)


def _segment_spec(data, segment_ids, num_segments=None, sorted=False):
    shape, ids = data.shape, segment_ids.shape
    unknown = bool(shape) and len(ids) == 1 and None in (shape[0], ids[0])
    if not unknown and (num_segments is not None or shape[:1] != ids):
        return NotImplemented
    return KerasTensor((num_segments, *shape[1:]), data.dtype)


for _operation in (segment_sum, segment_prod, segment_max, segment_min):
    spec_of(_operation)(_segment_spec)
