"""Operations on symbolic tensors: the inferred shapes and dtypes are those of the real call."""

import numpy as np
import pytest

from jkeras import ops
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from tests.ops.rows import B, X, Y

x = KerasTensor((None, 4), name="x")


def test_an_open_batch_stays_open():
    assert ops.relu(x).shape == (None, 4)
    assert ops.sum(x, axis=1).shape == (None,)
    assert ops.sum(x, axis=0).shape == (4,)
    assert ops.concatenate([x, X]).shape == (None, 4)
    assert ops.reshape(x, (-1, 2)).shape == (None, 2)
    assert ops.reshape(x, (None, 2)).shape == (None, 2)
    assert ops.reshape(x, (ops.shape(x)[0], -1, 2)).shape == (None, 2, 2)
    assert ops.matmul(x, np.ones((4, 3), "float32")).shape == (None, 3)
    assert ops.matmul(np.ones((5, 4), "float32"), ops.transpose(x)).shape == (5, None)


def test_what_is_known_of_a_symbolic_tensor():
    assert ops.shape(x) == (None, 4)
    assert ops.ndim(x) == 2
    assert ops.dtype(x) == "float32"
    assert not ops.is_tensor(x)
    assert ops.size(x).shape == ()


def test_the_call_is_recorded_with_its_arguments():
    y = ops.sum(x, axis=1, keepdims=True)
    node = y.history.node
    assert node.operation is ops.sum
    assert node.args == (x,)
    assert node.kwargs == {"axis": 1, "keepdims": True}
    first, second = ops.split(x, 2, axis=1)
    assert first.history.node is second.history.node
    assert (first.history.index, second.history.index) == (0, 1)


def test_variables_are_read():
    v = Variable(X)
    np.testing.assert_array_equal(ops.add(v, Variable(Y)), X + Y)
    np.testing.assert_array_equal(ops.stack([v, v]), np.stack([X, X]))
    np.testing.assert_array_equal(ops.convert_to_numpy(v), X)
    assert ops.add(x, Variable(np.ones(4, "float32"))).shape == (None, 4)
    assert ops.shape(v) == (B, 4)


OPERATORS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "true_divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "power": lambda a, b: a**b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "not_equal": lambda a, b: a != b,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_operations(name):
    operator = OPERATORS[name]
    for a, b in ((x, x), (x, 2), (2.0, x), (x, X[0]), (X[0], x)):
        y = operator(a, b)
        assert y.shape == (None, 4)
        assert y.dtype == operator(abs(X), Y).dtype.name
        reflected = {"less": "greater", "greater": "less", "less_equal": "greater_equal", "greater_equal": "less_equal"}
        assert y.history.operation in (getattr(ops, name), getattr(ops, reflected.get(name, name)))


def test_other_operators():
    p = x > 0
    for y, operation in (((p & p), "logical_and"), (p | True, "logical_or"), (p ^ p, "logical_xor"), (~p, "logical_not")):
        assert (y.shape, y.dtype, y.history.operation) == ((None, 4), "bool", getattr(ops, operation))
    for y, operation in ((-x, "negative"), (abs(x), "absolute"), (round(x, 1), "round")):
        assert (y.shape, y.dtype, y.history.operation) == ((None, 4), "float32", getattr(ops, operation))
    assert (x @ np.ones((4, 2), "float32")).shape == (None, 2)
    assert (np.ones((5, 4), "float32") @ ops.transpose(x)).shape == (5, None)
    assert x[:, 0].shape == (None,)
    assert x[:, None, ::2].shape == (None, 1, 2)
    assert x.reshape((-1, 2, 2)).shape == (None, 2, 2)
    assert x[:, :1].squeeze(1).shape == (None,)
    assert (x == x) is True  # identity: tensors are looked up in lists and dicts


def test_a_symbolic_tensor_has_no_value():
    for use in (np.asarray, float, bool, iter, len):
        with pytest.raises(TypeError, match="symbolic tensor"):
            use(x)
    with pytest.raises(ValueError, match="symbolic tensor"):  # as in Keras
        ops.convert_to_numpy(x)


def test_sizes_that_depend_on_values():
    table = KerasTensor((2, 4))
    assert ops.unique(table).shape == (None,)
    values, first, inverse = ops.unique(table, axis=0, return_index=True, return_inverse=True)
    assert (values.shape, first.shape, inverse.shape) == ((None, 4), (None,), (2,))
    assert ops.unique(table, size=3).shape == (3,)
    assert [index.shape for index in ops.nonzero(table)] == [(None,), (None,)]
    assert len(ops.where(table > 0)) == 2
    assert ops.segment_sum(x, KerasTensor((None,), "int32")).shape == (None, 4)
    assert ops.segment_sum(x, KerasTensor((10,), "int32"), num_segments=5).shape == (5, 4)
    assert ops.diag(KerasTensor((None, 3))).shape == ops.diagonal(KerasTensor((None, 3))).shape == (None,)
    assert [part.shape for part in ops.unstack(KerasTensor((2, None, 3)), num=2, axis=1)] == [(2, 3), (2, 3)]
    with pytest.raises(ValueError, match="give num"):
        ops.unstack(KerasTensor((2, None, 3)), axis=1)


def test_positions_may_be_of_a_floating_dtype():  # which an Input has by default
    positions = KerasTensor((None, 2))
    assert ops.take(KerasTensor((5, 3)), positions, axis=0).shape == (None, 2, 3)
    assert ops.take([1, 2, 3], [2.0, 0.0]).tolist() == [3, 1]
    assert ops.slice_update(KerasTensor((4, 4)), KerasTensor((2,)), KerasTensor((2, 2))).shape == (4, 4)
    assert ops.slice(np.eye(3), [1.0, 1.0], (2, 2)).tolist() == [[1, 0], [0, 1]]
    assert float(ops.switch(1.0, [lambda: 1.0, lambda: 2.0])) == 2.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.add(KerasTensor((2, 3)), KerasTensor((4, 3))),
        lambda: ops.inner(KerasTensor((5, 3)), KerasTensor((4,))),
        lambda: ops.split(KerasTensor((3, 4)), 2, axis=10),
        lambda: ops.swapaxes(KerasTensor((3, 4)), 5, 0),
        lambda: ops.transpose(KerasTensor((3, 4)), (0, 0)),
        lambda: ops.diagonal(KerasTensor((3, 4)), axis1=-1, axis2=1),
        lambda: ops.cond(KerasTensor((), "bool"), lambda: np.ones(3), lambda: np.ones(4)),
        lambda: ops.linalg.inv(KerasTensor((None, 20))),
    ],
)
def test_what_does_not_fit_is_a_value_error(call):
    with pytest.raises(ValueError):
        call()
