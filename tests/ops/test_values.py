"""Every operation against the installed Keras: values and dtypes; and its inferred shapes against the real ones."""

import functools

import jax
import numpy as np
import pytest

from jkeras import ops
from jkeras.core.symbolic import KerasTensor
from tests.ops.rows import ROWS, B, T
from tests.ops.together import is_input, results
from tests.oracle import assert_close, keras

TOLERANCES = dict.fromkeys(("cholesky_inverse", "det", "inv", "lstsq", "pinv", "svd", "stft", "istft"), 1e-5)
VALUES_DECIDE = {"nonzero", "unique", "bincount"}  # how long the result is, so that there is no program for all values
PYTHON = {"shape", "ndim", "size", "convert_to_numpy"}  # comes out
NUMBERS = {"bartlett", "blackman", "hamming", "hanning", "kaiser", "rearrange"}  # that Keras cannot take inside a program
INDICES = range(len(ROWS))
IDS = [str(row) for row in ROWS]
EAGER = VALUES_DECIDE | PYTHON | NUMBERS


@functools.cache
def ours():
    with jax.numpy_dtype_promotion("strict"):
        return results(ops, ROWS, EAGER)


@functools.cache
def theirs():
    return results(keras.ops, ROWS, EAGER)


def parts(arrays):
    """Complex arrays as their real and imaginary parts."""
    return [part for a in arrays for part in ((a.real, a.imag) if np.iscomplexobj(a) else (a,))]


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_values_and_dtypes_are_those_of_keras(index):
    actual, expected = ours()[index], theirs()[index]
    assert [a.dtype for a in actual] == [e.dtype for e in expected]
    assert_close(parts(actual), parts(expected), rtol=TOLERANCES.get(ROWS[index].name, 2e-6))


def exact(x):
    return KerasTensor(x.shape, x.dtype.name)


def open_batch(x):
    """A symbolic tensor in the place of an array, of a batch of unknown size."""
    return KerasTensor((None, *x.shape[1:]) if x.ndim and x.shape[0] == B else x.shape, x.dtype.name)


SYMBOLIC = [
    i for i in INDICES if ROWS[i].name not in VALUES_DECIDE | PYTHON and any(map(is_input, jax.tree.leaves(ROWS[i].args)))
]


@pytest.mark.parametrize("index", SYMBOLIC, ids=[IDS[i] for i in SYMBOLIC])
def test_inferred_shapes_and_dtypes_are_the_real_ones(index):
    row = ROWS[index]
    opened = exact if row.name == "reshape" and -1 not in row.args[1] else open_batch  # it says how long the batch is
    args, kwargs = jax.tree.map(lambda x: opened(x) if is_input(x) else x, (row.args, row.kwargs))
    with jax.numpy_dtype_promotion("strict"):
        inferred = jax.tree.leaves(getattr(ops, row.name)(*args, **kwargs))
        for tensor, array in zip(inferred, ours()[index], strict=True):
            assert tensor.dtype == array.dtype
            assert tensor.ndim == array.ndim
            assert all(d is None or d == k for d, k in zip(tensor.shape, array.shape, strict=True))
            assert None not in tensor.shape or opened is open_batch


def test_where_without_values_gives_positions():
    assert_close(ops.where(T), keras.ops.where(T))


BINS = {
    "uint8": (np.array([1, 4, 0, 2], "uint8"), [1, 1, 1, 0, 1]),
    "largest int8": (np.array([127, 3], "int8"), [0, 0, 0, 1, *[0] * 123, 1]),
    "largest uint8": (np.array([255], "uint8"), [*[0] * 255, 1]),
    "uint16": (np.array([[1], [2]], "uint16"), [[0, 1, 0], [0, 0, 1]]),
    "uint32": (np.array([2, 2], "uint32"), [0, 0, 2]),
    "bool": (np.array([True, False, True]), [1, 2]),
    "empty": (np.array([], "int32"), [0, 0]),
    "no rows": (np.zeros((0, 3), "int32"), np.zeros((0, 2))),
}


@pytest.mark.parametrize("name", BINS)
def test_bincount_of_every_integer_dtype(name):
    x, wanted = BINS[name]
    assert np.array_equal(ops.bincount(x, minlength=2), wanted)


SMALL = {
    "moments": lambda k, d: k.ops.moments(np.array([[100, 1, 1], [100, 0, 1]]).astype(d), axes=0),
    "hard_shrink": lambda k, d: k.ops.hard_shrink(np.array([0, 1, 2]).astype(d)),
    "solve": lambda k, d: k.ops.solve(np.tile(np.diag([1.0, 2, 4]).astype("float32"), (2, 1, 1)), np.ones(3, "float32")),
}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool", "int32"])
@pytest.mark.parametrize("name", SMALL)
def test_small_integers_give_floats_as_in_keras(name, dtype):
    k = type("k", (), {"ops": ops})
    for ours, theirs in zip(jax.tree.leaves(SMALL[name](k, dtype)), jax.tree.leaves(SMALL[name](keras, dtype)), strict=True):
        assert ours.dtype == theirs.dtype
        assert_close(ours, theirs, rtol=1e-5)
