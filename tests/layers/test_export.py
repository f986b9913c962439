"""Every layer exports, through `jax.export`, as one program for any number of rows."""

import jax
import numpy as np
import pytest

import jkeras
from tests.catalogue import ROWS
from tests.marks import slow_unless_longest
from tests.oracle import assert_close


def export(row):
    """The layer's call, exported for any number of rows, and the same as a function of (variables, *inputs)."""
    layer = row.make(jkeras)
    layer.build_abstractly(*row.inputs(), **row.call)
    variables = layer.init(jax.random.key(0))

    def call(variables, *inputs):
        return layer.apply(variables, *inputs, training=row.training, **row.call)[0]

    dtype = "float32" if row.integers is None else "int32"
    (rows,) = jax.export.symbolic_shape("rows")
    specs = row.arguments(lambda shape: jax.ShapeDtypeStruct((rows, *shape[1:]), dtype))
    return jax.export.export(jax.jit(call))(variables, *specs), call, variables


EXPORTED = [row for row in ROWS if not row.fixed and not any(isinstance(x, np.ndarray) for x in jax.tree.leaves(row.call))]
FIRST = list({row.name: row for row in reversed(EXPORTED)}.values())[::-1]


@pytest.mark.parametrize("row", FIRST, ids=str)
def test_every_layer_exports_for_any_number_of_rows(row):
    exported, _, _ = export(row)
    assert all(isinstance(aval.shape, tuple) for aval in exported.out_avals)


@pytest.mark.parametrize("row", [slow_unless_longest(row, row not in FIRST) for row in EXPORTED], ids=str)
def test_what_is_exported_computes_the_same(row):
    exported, call, variables = export(row)
    for inputs in (row.inputs(), jax.tree.map(lambda x: np.concatenate([x, x, x[:1]]), row.inputs())):
        assert_close(exported.call(variables, *inputs), jax.jit(call)(variables, *inputs), rtol=1e-5, atol=1e-5)
