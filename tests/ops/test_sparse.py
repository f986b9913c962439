"""Sparse arrays among the arguments: used as they are where JAX can, and made dense where it cannot."""

import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from jkeras import ops
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
