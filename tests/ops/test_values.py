"""Every operation against the installed Keras: values and dtypes."""

import jax
import numpy as np
import pytest

from jkeras import ops
from tests.ops.rows import ROWS
from tests.oracle import assert_close, keras

TOLERANCES = dict.fromkeys(("cholesky_inverse", "det", "inv", "lstsq", "pinv", "svd", "stft", "istft"), 1e-5)


def parts(result):
    """The arrays of a result; complex ones as their real and imaginary parts."""
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(result)]
    return [part for a in arrays for part in ((a.real, a.imag) if np.iscomplexobj(a) else (a,))]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_dtypes_are_those_of_keras(row):
    expected = parts(getattr(keras.ops, row.name)(*row.args, **row.kwargs))
    with jax.numpy_dtype_promotion("strict"):
        actual = parts(getattr(ops, row.name)(*row.args, **row.kwargs))
    assert [a.dtype for a in actual] == [e.dtype for e in expected]
    assert_close(actual, expected, rtol=TOLERANCES.get(row.name, 2e-6))


ELSEWHERE = {  # what takes or returns functions, or has a test file of its own
    *("associative_scan", "cond", "custom_gradient", "dtype", "fori_loop", "is_tensor", "jvp", "map", "scan", "switch"),
    *("vectorize", "vectorized_map", "while_loop", "image", "linalg", "nn", "numpy"),
    *("adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool"),
    "separable_conv",
}


def test_every_operation_has_a_row():
    names = {name for name in dir(keras.ops) if not name.startswith("_")}
    assert names - {row.name for row in ROWS} == ELSEWHERE
