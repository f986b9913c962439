"""Symbolic tensors: which dimensions of a result are known, and what is remembered."""

import pytest

import jkeras
from jkeras.core.symbolic import KerasTensor


def test_a_tensor_that_records_no_history():
    x = KerasTensor((None, 3), record_history=False)
    dense = jkeras.layers.Dense(2)
    y = jkeras.ops.relu(dense(x))
    assert y.shape == (None, 2)
    assert y.history is None and not y.record_history
    dense(KerasTensor((None, 3)))
    assert dense.output.shape == (None, 2)  # its only call in a graph


@pytest.mark.parametrize("shape, wanted", [((-1, 4), (None, 4)), ((5, -1, 2), (5, None, 2)), ((-1, 12), (None, 12))])
def test_an_unknown_dimension_can_be_divided(shape, wanted):
    assert jkeras.ops.reshape(KerasTensor((None, 10)), shape).shape == wanted


def test_a_kernel_may_be_long_where_the_length_is_unknown():
    x = jkeras.Input((None, 1))
    assert jkeras.layers.Conv1D(2, 400, strides=160)(x).shape == (None, None, 2)
