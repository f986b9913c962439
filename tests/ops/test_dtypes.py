"""Result dtypes against Keras, for every dtype of the arguments. Nothing is computed: shapes are inferred."""

import jax
import numpy as np
import pytest

from jkeras import ops
from jkeras.core.dtype import set_floatx
from tests.ops.rows import BINARY, ELEMENTWISE, PRODUCTS, REDUCTIONS, SHAPING, UNARY
from tests.oracle import keras

DTYPES = ("bool", "int8", "uint8", "int32", "float16", "bfloat16", "float32")
ROWS = [*UNARY, *BINARY, *ELEMENTWISE, *REDUCTIONS, *SHAPING, *PRODUCTS]


def infer(function, row, first, second=None):
    """The shapes and dtypes of the results when array arguments have the given dtypes; None if that is refused."""
    leaves, structure = jax.tree.flatten(row.args)
    places = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray) and not np.iscomplexobj(x)]
    dtypes = [first, *[second or first] * len(places)]
    specs = [jax.ShapeDtypeStruct(leaves[i].shape, dtype) for i, dtype in zip(places, dtypes, strict=False)]

    def run(arrays):
        values = leaves[:]
        for i, array in zip(places, arrays, strict=True):
            values[i] = array
        return function(*jax.tree.unflatten(structure, values), **row.kwargs)

    try:
        return [(x.shape, x.dtype.name) for x in jax.tree.leaves(jax.eval_shape(run, specs))]
    except (TypeError, ValueError, NotImplementedError):
        return None


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_dtypes_are_those_of_keras(row):
    for dtype in DTYPES:
        with np.errstate(over="ignore"):
            expected = infer(getattr(keras.ops, row.name), row, dtype)
        if expected is not None:
            assert infer(getattr(ops, row.name), row, dtype) == expected, dtype


@pytest.mark.parametrize("pair", [("int32", "float16"), ("bool", "int8"), ("bfloat16", "float32"), ("uint8", "int8")])
def test_two_dtypes_promote_as_in_keras(pair):
    for row in BINARY:
        expected = infer(getattr(keras.ops, row.name), row, *pair)
        if expected is not None:
            assert infer(getattr(ops, row.name), row, *pair) == expected, row


@pytest.fixture
def bfloat16():
    set_floatx("bfloat16")
    yield
    set_floatx("float32")


@pytest.mark.usefixtures("bfloat16")
def test_integers_become_the_default_float():
    assert {ops.dtype(f([1, 2])) for f in (ops.exp, ops.sqrt, ops.sin, ops.floor, ops.erf)} == {"bfloat16"}
    assert ops.zeros(2).dtype == ops.arange(1.0).dtype == ops.eye(2).dtype == ops.one_hot([0], 2).dtype == "bfloat16"
    assert ops.arange(3).dtype == "int32"
