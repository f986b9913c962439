"""Scopes, operations and functions under Keras's names: the same small programs run on both."""

import numpy as np
import pytest

import jkeras
from tests.oracle import keras

both = pytest.mark.parametrize("k", [jkeras, keras], ids=["jkeras", "keras"])


@both
def test_a_stateless_scope_keeps_what_is_assigned(k):
    one, two, out = (k.Variable(np.full(2, v, "float32")) for v in (1, 2, 0))
    with k.StatelessScope(state_mapping=[(one, k.ops.full((2,), 5.0))], collect_losses=True) as scope:
        out.assign(one + two)
        inside = np.asarray(out + 0.0)
        scope.add_loss(k.ops.sum(out))
    assert inside.tolist() == [7.0, 7.0] and np.asarray(out.value).tolist() == [0.0, 0.0]
    assert np.asarray(scope.get_current_value(out)).tolist() == [7.0, 7.0]
    assert scope.get_current_value(two) is None
    assert [float(loss) for loss in scope.losses] == [14.0]
    with pytest.raises(ValueError):
        k.StatelessScope([("one", np.zeros(2))])
    with pytest.raises(ValueError):
        k.StatelessScope([(one, np.zeros(3))])


def test_a_stateless_scope_makes_a_pure_function():
    import jax

    dense = jkeras.layers.Dense(1)
    x = np.ones((2, 3), "float32")
    dense.build((None, 3))

    def loss(values):
        with jkeras.StatelessScope(zip(dense.weights, values, strict=True)):
            return jkeras.ops.sum(dense(x))

    gradients = jax.jit(jax.grad(loss))([w.value for w in dense.weights])
    assert np.asarray(gradients[0]).tolist() == [[2.0]] * 3 and np.asarray(gradients[1]).tolist() == [2.0]


@both
def test_a_name_scope_is_part_of_paths(k):
    with k.name_scope("outer"), k.name_scope("inner"):
        assert k.Variable(np.ones(2), name="v").path == "outer/inner/v"
    assert k.Variable(np.ones(2), name="v").path == "v"
    for name in ("a/b", 4):
        with pytest.raises(ValueError):
            k.name_scope(name)


@both
def test_an_operation_of_ones_own(k):
    class Scale(k.Operation):
        def __init__(self, factor, name=None):
            super().__init__(name=name)
            self.factor = factor

        def call(self, x):
            return self.factor * x

        def compute_output_spec(self, x):
            return k.KerasTensor(x.shape, x.dtype)

    scale = Scale(3, name="scale")
    x = k.Input((2,))
    y = scale(x)
    assert scale.input is x and scale.output is y and y.shape == (None, 2)
    model = k.Model(x, y)
    assert "scale" in [operation.name for operation in model.operations]
    assert np.asarray(model(np.ones((1, 2)))).tolist() == [[3.0, 3.0]]
    assert scale.get_config() == {"factor": 3, "name": "scale"}
    assert Scale.from_config(scale.get_config()).factor == 3
    with pytest.raises(NotImplementedError):
        Scale(object()).get_config()
    with pytest.raises(ValueError):
        k.Operation(name="a/b")


def test_an_operation_is_written_with_its_model():
    @jkeras.saving.register_keras_serializable("tests")
    class ShiftBy(jkeras.Operation):
        def __init__(self, by, name=None):
            super().__init__(name=name)
            self.by = by

        def call(self, x):
            return x + self.by

    x = jkeras.Input((2,))
    model = jkeras.Model(x, ShiftBy(4)(jkeras.layers.Dense(2, kernel_initializer="ones")(x)))
    again = jkeras.Model.from_config(model.get_config())
    assert np.asarray(again(np.ones((1, 2)))).tolist() == [[6.0, 6.0]]


@both
def test_a_function_is_a_part_of_a_graph(k):
    x = k.Input((3,))
    middle = 2 * x + 1
    end = k.ops.square(middle)
    function = k.Function(middle, {"end": end})
    assert np.asarray(function(np.full((1, 3), 3.0))["end"]).tolist() == [[9.0, 9.0, 9.0]]
    assert function(k.KerasTensor((4, 3)))["end"].shape == (4, 3)
    assert k.Function(x, end).compute_output_shape((5, 3)) == (5, 3)
    with pytest.raises(ValueError):
        function(np.ones((1, 4)))
    with pytest.raises(ValueError):
        k.Function(k.Input((3,)), end)
    with pytest.raises(ValueError):
        k.Function(x, [])


@both
def test_what_a_variable_refuses(k):
    v = k.Variable([[1, 2]])
    assert v.dtype == "int32" and k.Variable([[1.0, 2.0]]).dtype == "float32"
    assert np.asarray(round(k.Variable([1.25]), 1)).tolist() == pytest.approx([1.2])
    for name, error in (("constraint", ValueError), ("regularizer", ValueError), ("overwrite_with_gradient", TypeError)):
        with pytest.raises(error):
            setattr(v, name, "yes")
    for name in (12, "a/b"):
        with pytest.raises(ValueError):
            k.Variable([1.0], name=name)
    with pytest.raises(AttributeError):
        k.KerasTensor((2,)).shape = (3,)
