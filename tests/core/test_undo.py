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


def test_assignments_happen_all_or_not_at_all():
    """Shapes and dtypes are compared before the first box changes, and an interrupt in between gives back what was there."""
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(2, name="dense"), layers.Dense(1)], name="m")
    model.compile(jkeras.optimizers.Adam(name="adam"), "mse")
    model.optimizer.build(model.trainable_variables)
    before = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    good = model.get_weights()
    state = [v.numpy() for v in model.optimizer.variables]
    for bad in (np.zeros(7), np.array(["a"]), np.array([1j]), None):
        for write, values in ((model.set_weights, good), (model.optimizer.set_weights, state)):
            with pytest.raises((ValueError, TypeError)):
                write([*[v + 1 for v in values[:-1]], bad])
    with pytest.raises(ValueError, match="shape"):
        model.layers[0].load_own_variables({"0": np.ones((3, 2)), "1": np.ones(3)})
    tree = model.get_state_tree("numpy_array")
    tree["trainable_variables"]["m"]["dense"]["kernel"] = good[0] + 1
    tree["optimizer_variables"]["adam"]["iteration"] = np.array("a")
    with pytest.raises((ValueError, KeyError)):
        model.set_state_tree(tree)
    stopping = model.weights[2]
    stopping.__class__ = type("Stopping", (jkeras.Variable,), {"assign": _stop_once})
    with pytest.raises(KeyboardInterrupt):
        model.set_weights([w + 1 for w in good])
    for variable, value in zip((*model.variables, *model.optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(variable, value)


def _stop_once(self, value):
    self.__class__ = jkeras.Variable
    raise KeyboardInterrupt


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_optimizer_that_is_interrupted_while_it_builds_can_be_built_again(error, monkeypatch):
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    made, new = [], type(model.optimizer)._new_variable

    def stop(self, *args, **kwargs):
        made.append(1)
        if len(made) == 2:
            raise error
        return new(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(model.optimizer), "_new_variable", stop)
        with pytest.raises(error):
            model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert not model.optimizer.built
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert int(model.optimizer.iterations) == 1
