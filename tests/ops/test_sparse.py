"""Sparse arrays among the arguments: used as they are where JAX can, and made dense where it cannot."""

import jax
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from jkeras import KerasTensor, ops
from tests.oracle import assert_close, keras

DENSE = np.array([[0, 2, 0], [1, 0, 3]], "float32")
OTHER = np.arange(6, dtype="float32").reshape(2, 3)
CALLS = [
    ("matmul", (DENSE, OTHER.T), False),
    ("multiply", (DENSE, OTHER), True),
    ("multiply", (DENSE, 2.0), True),
    ("add", (DENSE, DENSE), True),
    ("transpose", (DENSE,), True),
    ("negative", (DENSE,), True),
    ("sum", (DENSE, 1), None),
    ("reshape", (DENSE, (3, 2)), None),
    ("add", (DENSE, OTHER), None),
    ("exp", (DENSE,), None),
    ("softmax", (DENSE,), None),
    ("concatenate", ([DENSE, DENSE],), None),
]


@pytest.mark.parametrize(("name", "args", "stays_sparse"), CALLS)
def test_values_are_those_of_the_dense_array(name, args, stays_sparse):
    sparse = BCOO.fromdense(DENSE)
    result = getattr(ops, name)(*([sparse, sparse] if type(a) is list else sparse if a is DENSE else a for a in args))
    if stays_sparse is not None:
        assert isinstance(result, BCOO) == stays_sparse
    assert_close(ops.convert_to_numpy(result), getattr(ops, name)(*args))


def test_conversion():
    sparse = BCOO.fromdense(DENSE)
    assert ops.convert_to_tensor(sparse) is sparse
    assert ops.is_tensor(sparse)
    assert_close(ops.convert_to_tensor(sparse, sparse=False), DENSE)
    assert ops.cast(sparse, "int32").dtype == "int32"
    assert ops.shape(sparse) == (2, 3)


def test_classes_as_sparse_arrays():
    classes = np.array([[0, 2], [1, -1]])
    for ours, theirs in (
        (ops.one_hot(classes, 3, axis=0, sparse=True), keras.ops.one_hot(classes, 3, axis=0)),
        (ops.multi_hot(classes, 3, sparse=True), keras.ops.multi_hot(classes, 3)),
        (ops.bincount([0, 2, 2], sparse=True), keras.ops.bincount(np.array([0, 2, 2]))),
    ):
        assert isinstance(ours, BCOO)
        assert_close(ours.todense(), theirs)


@pytest.mark.parametrize(
    ("name", "args", "stays_sparse"),
    [
        *((name, (DENSE - OTHER * (OTHER > 3),), True) for name in ("ceil", "floor", "abs", "sqrt", "tanh", "relu")),
        *((name, (DENSE, OTHER * (OTHER > 3)), True) for name in ("add", "subtract", "maximum", "minimum", "multiply")),
        ("exp", (DENSE,), False),
        ("divide", (DENSE, OTHER + 1), True),
        ("divide", (DENSE, OTHER), True),  # 0 / 0 is NaN, stored or not
        ("digitize", (DENSE, np.array([0.1, 2.0])), True),
        ("digitize", (DENSE, np.array([-1.0, 2.0])), False),
    ],
)
def test_entries_that_are_not_stored(name, args, stays_sparse):
    many = name in ("add", "subtract", "maximum", "minimum", "multiply")
    given = [BCOO.fromdense(a) if i == 0 or many else a for i, a in enumerate(args)]
    symbolic = [KerasTensor(a.shape, sparse=isinstance(a, BCOO)) for a in given]
    operation = getattr(ops, name)
    with np.errstate(all="ignore"):
        expected = getattr(keras.ops, name)(*args)
    for function in (
        (operation, jax.jit(operation)) if stays_sparse and name != "digitize" and 0 not in args[-1] else (operation,)
    ):
        result = function(*given)
        assert isinstance(result, BCOO) == stays_sparse
        assert_close(ops.convert_to_numpy(result), expected)
    if name != "digitize":
        assert operation(*symbolic).sparse == stays_sparse


def test_positions_that_are_stored_twice():
    x = BCOO((np.array([1.0, 2.0], "float32"), np.array([[0, 1], [0, 1]])), shape=(2, 2))
    assert ops.square(x).todense().tolist() == [[0, 9], [0, 0]]
    assert ops.maximum(x, x).todense().tolist() == [[0, 3], [0, 0]]


def test_sparse_beside_dense():
    x = BCOO.fromdense(DENSE)
    assert_close(ops.concatenate([x, OTHER], axis=1), np.concatenate([DENSE, OTHER], axis=1))
    assert isinstance(ops.concatenate([x, x]), BCOO)
    counts = ops.bincount(BCOO.fromdense(np.array([0, 2, 2])))
    assert np.asarray(ops.convert_to_numpy(counts)).tolist() == [0, 0, 2]  # of what is stored
    weighted = ops.bincount(np.array([0, 2, 2]), weights=BCOO.fromdense(np.array([1.0, 0.0, 3.0], "float32")))
    assert np.asarray(weighted).tolist() == [1, 0, 3]
    assert ops.one_hot([1], 2, dtype="bool", sparse=True).dtype == "bool"


def test_bincount_of_stored_entries():
    from jax.experimental.sparse import BCOO

    places = np.arange(1, 16, 2)[:, None]
    x, weights = (BCOO((np.array(a), places), shape=(16,)) for a in ([1, 1, 2, 3, 2, 4, 4, 6], [0, 0, 3, 2, 1, 1, 4, 2]))
    for k in (ops, keras.ops):
        flat = k.bincount(x, weights=weights, minlength=3)
        rows = k.bincount(k.expand_dims(x, 0), weights=k.expand_dims(weights, 0))
        assert flat.todense().tolist() == [0, 0, 4, 2, 5, 0, 2] and rows.todense().tolist() == [[0, 0, 4, 2, 5, 0, 2]]
    assert ops.bincount(x).todense().tolist() == [0, 2, 2, 1, 2, 0, 1]
    with pytest.raises(ValueError, match="takes sparse weights with the same entries"):
        ops.bincount(x, weights=np.ones(16))
