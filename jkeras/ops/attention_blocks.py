"""Attention of long sequences on a CPU: a block of targets at a time, so that the scores stay in the cache.

The scores are as many as targets times sources, for each example and head: 512 MiB for 32 examples of 1024 steps and 4 heads. Each
target needs its own row of them alone. So a loop goes over the examples, and one within over blocks of targets, and the
backward pass computes the scores of a block again. The numbers are those of the computation in one piece, in any dtype, with any mask
and bias; being ordinary JAX, it can be differentiated again, and mapped. Examples that are divided between devices are computed side
by side, because a loop over them would bring all of them to every device.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jkeras.runtime.compiler_options import target
from jkeras.runtime.mesh import may_divide

LONG = 2**26  # bytes of scores; fewer are computed in one piece, and find their memory where the step before left it
BLOCK = 2**21  # bytes of the scores of a block


def is_long(query: Any, key: Any) -> bool:
    """Return True if the scores take so much memory on a CPU that blocks are better."""
    if target() != "cpu" or not all(isinstance(n, int) for n in (*query.shape, *key.shape)):
        return False
    return query.shape[0] * _row_bytes(query, key) * query.shape[1] > LONG


def in_blocks(compute: Callable, query: Any, key: Any, value: Any, bias: Any, mask: Any, is_causal: bool) -> Any:
    """Compute attention a block of targets at a time.

    Args:
        compute: `(query, key, value, bias, mask) -> outputs`, of some targets.
        query, key, value: as for `ops.dot_product_attention`.
        bias, mask: with four axes, or None.
        is_causal: whether a target attends to the sources up to its own position alone.

    >>> x = jnp.arange(8.0).reshape(1, 4, 2, 1)
    >>> in_blocks(lambda q, k, v, bias, mask: q + v.sum(1, keepdims=True), x, x, x, None, None, False)[0, :, 0, 0].tolist()
    [12.0, 14.0, 16.0, 18.0]
    """
    targets, sources = query.shape[1], key.shape[1]
    size = _block_size(targets, max(1, BLOCK // _row_bytes(query, key)))
    starts = jnp.arange(0, targets, size)
    whole: dict[str, Any] = {}  # what all examples share
    rows = {"query": query, "key": key, "value": value}  # what each has for itself
    for name, array in (("bias", bias), ("mask", mask)):
        if array is not None:
            (whole if array.shape[0] == 1 else rows)[name] = array

    def example(_: None, own: dict) -> tuple[None, Any]:
        arrays = {name: array[None] for name, array in own.items()} | whole
        blocks, shared = {"query": _cut(arrays.pop("query"), 1, size)}, dict[str, Any]()
        for name, array in arrays.items():
            if name in ("bias", "mask") and array.shape[2] > 1:
                blocks[name] = _cut(array, 2, size)
            else:
                shared[name] = array

        @jax.checkpoint
        def block(shared: dict, own: dict, start: Any) -> Any:
            given = shared | own
            allowed = given.get("mask")
            if is_causal:
                causal = (start + jnp.arange(size)[:, None] >= jnp.arange(sources)[None])[None, None]
                allowed = causal if allowed is None else allowed & causal
            return compute(given["query"], given["key"], given["value"], given.get("bias"), allowed)

        _, outputs = lax.scan(lambda _, x: (None, block(shared, *x)), None, (blocks, starts))
        return None, jnp.moveaxis(outputs, 0, 1).reshape(targets, *outputs.shape[3:])

    return jax.vmap(lambda own: example(None, own)[1])(rows) if may_divide() else lax.scan(example, None, rows)[1]


def _row_bytes(query: Any, key: Any) -> int:
    """The bytes of one target's scores."""
    return query.shape[2] * key.shape[1] * max(4, query.dtype.itemsize)


def _block_size(targets: int, limit: int) -> int:
    """Choose the largest divisor within a limit; all targets if it is so small that the loop would take longer than it saves.

    >>> _block_size(1024, 150), _block_size(1021, 150)
    (128, 1021)
    """
    size = next(n for n in range(min(targets, limit), 0, -1) if targets % n == 0)
    return size if 8 * size >= limit else targets


def _cut(array: Any, axis: int, size: int) -> Any:
    """Cut an axis into blocks, which become the first axis."""
    shape = (*array.shape[:axis], array.shape[axis] // size, size, *array.shape[axis + 1 :])
    return jnp.moveaxis(array.reshape(shape), axis, 0)
