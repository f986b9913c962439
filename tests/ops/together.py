"""Many calls in one compiled program: one compilation in the place of hundreds."""

from collections.abc import Container, Sequence
from typing import Any

import jax
import numpy as np

from tests.ops.rows import B, Row


def is_input(x: Any) -> bool:
    """Whether an argument may be traced: batches, and other arrays but those of integers (places, sizes)."""
    return isinstance(x, np.ndarray) and (x.dtype.kind != "i" or (x.ndim > 0 and x.shape[0] == B))


def results(module: Any, rows: Sequence[Row], eager: Container[str] = ()) -> list[list[np.ndarray]]:
    """For each row, the arrays that the function of that name in `module` returns; the `eager` ones run by themselves."""
    flat = [jax.tree.flatten((row.args, row.kwargs)) for row in rows]
    together = [i for i, row in enumerate(rows) if row.name not in eager]
    inputs = [[x for x in flat[i][0] if is_input(x)] for i in together]

    def call(i, inputs):
        leaves, structure = flat[i]
        args, kwargs = jax.tree.unflatten(structure, [next(inputs) if is_input(x) else x for x in leaves])
        return jax.tree.leaves(getattr(module, rows[i].name)(*args, **kwargs))

    def run(inputs):
        return {i: call(i, iter(arrays)) for i, arrays in zip(together, inputs, strict=True)}

    # 17 s of CPU time for all operations; 26 s with the usual optimizations, 50 s one by one.
    quick = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    outputs = jax.device_get(jax.jit(run).lower(inputs).compile(compiler_options=quick)(inputs))
    for i in set(range(len(rows))) - set(together):
        outputs[i] = [np.asarray(x) for x in call(i, filter(is_input, flat[i][0]))]
    return [outputs[i] for i in range(len(rows))]
