"""Every name of Keras's `ops` is there, with its parameters, their order and defaults; and every one is tested."""

import inspect

import pytest

from jkeras import ops
from jkeras.serialization import published
from tests.ops.rows import ROWS
from tests.oracle import keras


def names(module):
    return [name for name in dir(module) if not name.startswith("_")]


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", names(keras.ops))
def test_signatures_hold_those_of_keras(name):
    theirs, ours = getattr(keras.ops, name), getattr(ops, name)
    assert ours.__doc__
    if not inspect.ismodule(theirs):
        expected = parameters(theirs)
        assert parameters(ours)[: len(expected)] == expected
        assert ours.__name__ == name or getattr(ops, ours.__name__) is ours
        assert published("keras.ops")[name] is ours


@pytest.mark.parametrize("module", ["image", "linalg", "nn", "numpy"])
def test_modules_by_subject_hold_the_same_functions(module):
    theirs, ours = getattr(keras.ops, module), getattr(ops, module)
    for name in names(theirs):
        assert getattr(ours, name) is getattr(ops, name, getattr(ours, name))


FILES_OF_THEIR_OWN = {
    *("associative_scan", "cond", "custom_gradient", "fori_loop", "jvp", "map", "scan", "switch"),  # test_control
    *("vectorize", "vectorized_map", "while_loop"),
    *("dtype", "is_tensor"),  # test_symbolic
    *("conv", "conv_transpose", "depthwise_conv", "separable_conv"),  # test_convolution
    *("adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"),  # test_pooling
    *("image", "linalg", "nn", "numpy"),  # namespaces
}


def test_every_operation_has_a_row():
    assert set(names(keras.ops)) - {row.name for row in ROWS} == FILES_OF_THEIR_OWN
