"""Functional models: graphs of recorded calls."""

import numpy as np
import pytest

import jkeras
from jkeras.layers import Dense, Dropout, Input, Layer
from tests.oracle import keras

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Z = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")


class Sum(Layer):
    """A user's layer of several arguments."""

    def call(self, a, b):
        return a + b


def branched(k, merge):
    """Two inputs, a shared layer, two outputs."""
    x, z = k.layers.Input((3,), name="x"), k.layers.Input((2,), name="z")
    shared = k.layers.Dense(4, activation="tanh", name="shared")
    left, right = shared(x), shared(k.layers.Dense(3, name="widen")(z))
    joined = merge(left, right)
    return k.Model(
        [x, z], {"a": k.layers.Dense(1, name="a")(joined), "b": k.layers.Dense(2, name="b")(left)}, name="branched"
    )


def pair():
    k_model = branched(keras, lambda a, b: keras.layers.Add(name="add")([a, b]))
    model = branched(jkeras, lambda a, b: Sum(name="add")(a, b))
    model.set_weights(k_model.get_weights())
    return k_model, model


def test_weights_outputs_and_layers_are_in_keras_order():
    theirs, ours = pair()
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    expected, actual = theirs([X, Z]), ours([X, Z])
    assert set(actual) == {"a", "b"}
    for name in actual:
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours({"x": X, "z": Z})["a"], actual["a"])  # inputs by name


def test_shared_layers_share_weights():
    _, model = pair()
    assert len(model.weights) == 8
    assert sorted(model.snapshot()["params"]) == ["a", "b", "shared", "widen"]


@pytest.mark.parametrize("loss", [{"a": "mse", "b": "mae"}, "mse"], ids=["dict", "one"])
def test_training_several_outputs_gives_keras_numbers(loss):
    y = {"a": X[:, :1], "b": Z}
    histories = []
    for model in pair():
        weights = {"a": 1.0, "b": 0.5} if isinstance(loss, dict) else None
        model.compile("sgd", loss, loss_weights=weights, metrics={"a": ["mae"], "b": ["mse"]})
        histories.append(model.fit([X, Z], y, epochs=3, batch_size=2, shuffle=False, verbose=0).history)
    theirs, ours = histories
    assert set(theirs) == set(ours)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, err_msg=name)


def test_intermediate_outputs_make_feature_extractors():
    _, model = pair()
    features = jkeras.Model(model.inputs, model.get_layer("widen").output)
    np.testing.assert_allclose(features([X, Z]), model.get_layer("widen")(Z), rtol=1e-6)
    assert features.count_params() == 9


def test_operators_on_symbolic_tensors():
    x = Input((3,))
    model = jkeras.Model(x, 2.0 * x - x**2 + x[:, :1])
    np.testing.assert_allclose(model(X), 2 * X - X**2 + X[:, :1], rtol=1e-6)


def test_unknown_dimensions_beyond_the_batch_are_carried():
    x = Input((None, 3))
    y = Dense(5)(x)
    assert y.shape == (None, None, 5)
    model = jkeras.Model(x, y)
    assert model(np.zeros((2, 7, 3))).shape == (2, 7, 5)
    assert model(np.zeros((2, 4, 3))).shape == (2, 4, 5)


def test_a_model_is_a_pure_function_too():
    import jax

    x = Input((3,))
    model = jkeras.Model(x, Dropout(0.5)(Dense(2)(x)))
    variables = model.init(jax.random.key(0))
    outputs, _ = jax.jit(model.apply)(variables, X)
    model.update(variables)
    np.testing.assert_allclose(outputs, model(X), rtol=1e-6)


@pytest.mark.parametrize("build,message", [
    (lambda x, z: jkeras.Model(x, Sum()(Dense(2)(x), z)), r"disconnected.*input 'z' \(shape \(None, 2\)\)"),
    (lambda x, z: jkeras.Model(x, Dense(1, name="d")(Dense(2, name="d")(x))), "named 'd'"),
    (lambda x, z: jkeras.Model(x, X), "symbolic tensors"),
    (lambda x, z: Dense(2, name="d")(Input(())), r"Layer 'd' \(Dense\) expects an input with at least 2 axes"),
], ids=["disconnected", "names", "arrays", "rank"])  # fmt: skip
def test_graphs_that_make_no_sense(build, message):
    with pytest.raises(ValueError, match=message):
        build(Input((3,), name="x"), Input((2,), name="z"))


def test_wrong_inputs():
    _, model = pair()
    with pytest.raises(ValueError, match=r"2 input\(s\) \['x', 'z'\], but got 1"):
        model(X)
    with pytest.raises(ValueError, match=r"lacks \['z'\]"):
        model({"x": X})
    with pytest.raises(ValueError, match=r"input 'z' has shape \(None, 2\), but got an array of shape \(6, 3\)"):
        model([X, X])
    with pytest.raises(TypeError, match=r"no value.*jkeras\.ops"):
        np.asarray(Input((3,)))


def residual(depth, constant=0.5):
    x = y = Input((3,))
    for _ in range(depth):
        y = Dense(3)(y) + constant * y
    return jkeras.Model(x, y)


def test_deep_graphs_can_be_copied():
    import copy

    model = residual(150)
    again = copy.deepcopy(model)
    assert not set(map(id, model.weights)) & set(map(id, again.weights))
    assert len(again.layers) == len(model.layers) and again.inputs[0] is not model.inputs[0]


def test_equal_graphs_share_a_program():
    compilations = []
    for rate, constant in ((0.1, 0.5), (0.2, 0.5), (0.1, 0.25)):
        model = residual(2, constant)
        model.compile(jkeras.optimizers.SGD(rate), "mse")
        model.fit(X, X, verbose=0)
        compilations.append(model.stats()["compilations"])
    assert compilations[0] > 0 and compilations[1] == 0 and compilations[2] > 0


def test_calls_of_one_operation_are_counted_apart():
    """Two sums at different depths are two operations: layers stand in Keras's order."""

    def make(k):
        x = k.layers.Input((3,))
        early = k.layers.Dense(3, name="early")(x) + k.layers.Dense(3, name="other")(x)
        late = k.layers.Dense(3, name="late")(k.layers.Dense(3, name="middle")(early))
        return k.Model(x, [k.layers.Dense(3, name="side")(x) + x, late + early])

    assert [layer.name for layer in make(jkeras).layers][1:] == [layer.name for layer in make(keras).layers][1:]


def test_inputs_that_nothing_uses_stand_where_keras_has_them():
    def make(k):
        x, extra = k.layers.Input((3,), name="x"), k.layers.Input((2,), name="extra")
        return k.Model([x, extra], k.layers.Dense(1, name="last")(k.layers.Dense(2, name="first")(x)))

    theirs, ours = make(keras), make(jkeras)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert jkeras.Model.from_config(theirs.get_config()).input_names == ["x", "extra"]
    assert [t.name for t in keras.Model.from_config(ours.get_config()).inputs] == ["x", "extra"]
