"""A model that cannot be built, or whose building is interrupted, is as it was, and can be built again."""

import numpy as np
import pytest

import jkeras
from jkeras import layers


class Failing(layers.Layer):
    """Raises while it builds (or is called), as often as it was told to."""

    def __init__(self, errors, where="build"):
        super().__init__()
        self.errors, self.where = iter(errors), where  # no list, which would get its entries back
        self.inner = layers.Dense(2)

    def build(self, input_shape):
        self.w = self.add_weight(shape=(2,), name="w")
        self.inner.build(input_shape)
        self.fail("build")

    def call(self, x):
        self.fail("call")
        return self.inner(x) + self.w

    def fail(self, where):
        error = next(self.errors, None) if where == self.where else None
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_a_layer(error):
    layer = Failing([error()])
    with pytest.raises(error):
        layer.build((None, 3))
    assert not layer.built and not layer.inner.built and not layer.weights and "w" not in vars(layer)
    layer.build((None, 4))
    assert [w.shape for w in layer.weights] == [(2,), (4, 2), (2,)]


def test_a_symbolic_call():
    layer = Failing([KeyboardInterrupt()], "call")
    with pytest.raises(KeyboardInterrupt):
        layer(jkeras.Input((3,)))
    assert not layer.built and not layer.weights
    assert layer(jkeras.Input((4,))).shape == (None, 2)


def test_a_sequential_model():
    model = jkeras.Sequential([layers.Dense(3), Failing([MemoryError()]), layers.Dense(1)])
    with pytest.raises(MemoryError):
        model(np.ones((2, 5), "float32"))
    assert not model.built and not model.weights and len(model.layers) == 3
    assert model(np.ones((2, 4), "float32")).shape == (2, 1)
    assert model.layers[0].kernel.shape == (4, 3)


def test_a_layer_that_cannot_be_added():
    model = jkeras.Sequential([jkeras.Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="circle|3|4"):
        model.add(layers.Conv2D(2, 3))
    assert len(model.layers) == 1 and model.output_shape == (None, 3)
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
