"""Sequential models: every way to say the input's shape, growing and shrinking, summary, configs."""

import numpy as np
import pytest

import jkeras
from jkeras.layers import Activation, Dense, Dropout, Flatten, Input
from jkeras.models import Sequential
from tests.oracle import keras

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


@pytest.mark.parametrize("make", [
    lambda k: k.Sequential([k.layers.Input((3,)), k.layers.Dense(4), k.layers.Dense(2)]),
    lambda k: k.Sequential([k.layers.Dense(4, input_shape=(3,)), k.layers.Dense(2)]),
    lambda k: k.Sequential([k.layers.Dense(4, input_dim=3), k.layers.Dense(2)]),
    lambda k: k.Sequential([k.layers.Dense(4), k.layers.Dense(2)]),
], ids=["Input", "input_shape", "input_dim", "deferred"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Do not pass an")
@pytest.mark.slow
def test_every_way_to_say_the_shape(make):
    results = []
    for k in (keras, jkeras):
        k.utils.clear_session()
        k.utils.set_random_seed(1)
        model = make(k)
        results.append(
            (np.asarray(model(X)), model.get_weights(), [layer.name for layer in model.layers], model.count_params())
        )
    (theirs, their_weights, their_names, count), (ours, weights, names, own_count) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(weights, their_weights, strict=True))
    assert (names, own_count) == (their_names, count)


def test_deferred_models_are_built_by_their_first_data():
    model = Sequential([Dense(4), Dense(2)])
    assert not model.built and model.inputs is None
    with pytest.raises(AttributeError, match=r"not built.*Input"):
        _ = model.output_shape
    model(X)
    assert model.built and model.output_shape == (None, 2) and model.input_shape == (None, 3)
    other = Sequential([Dense(4)])
    other.build((None, 7))
    assert other.layers[0].kernel.shape == (7, 4)


def test_layers_come_and_go():
    model = Sequential([Input((3,)), Dense(4)])
    kernel = model.layers[0].kernel
    model.add(Dense(5, name="top"))
    assert model.output_shape == (None, 5)
    assert model.pop().name == "top"
    assert model.output_shape == (None, 4) and model.layers[0].kernel is kernel
    model.add(Dropout(0.5))
    model.add(Activation("tanh"))
    assert model.predict(X, verbose=0).shape == (6, 4)
    assert model.layers[0].output.shape == (None, 4)  # one output, however often the model changed


def test_wrong_inputs_name_the_layer():
    with pytest.raises(
        ValueError, match=r"Layer 'flat' \(Dense\) expects an input with at least 2 axes, but got shape \(None,\)"
    ):
        Sequential([Input(()), Dense(2, name="flat")])
    model = Sequential([Input((3,)), Dense(2)])
    with pytest.raises(ValueError, match=r"size 3 along axis -1, but got shape \(6, 4\)"):
        model(np.zeros((6, 4)))


def test_the_summary():
    jkeras.utils.clear_session()
    model = Sequential([Input((2, 3)), Flatten(), Dense(4, name="hidden"), Dense(2, trainable=False)])
    lines: list[str] = []
    model.summary(print_fn=lines.append, show_trainable=True)
    text = "\n".join(lines)
    for part in (
        'Model: "sequential"', "flatten (Flatten)", "(None, 6)", "hidden (Dense)", "28",
        "Total params: 38 (152.00 B)", "Trainable params: 28 (112.00 B)", "Non-trainable params: 10 (40.00 B)",
    ):  # fmt: skip
        assert part in text, text
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert [row.split("│")[-2].strip() for row in rows] == ["-", "Y", "N"]
    model.summary(print_fn=lines.append, line_length=60, layer_range=("hidden", "hidden"))
    assert "flatten" not in lines[-1] and max(map(len, lines[-1].splitlines()[1:5])) == 60


def test_configs_make_the_model_again():
    model = Sequential(
        [Input((3,)), Dense(4, activation="relu", kernel_regularizer="l2"), Dropout(0.1), Dense(2)], name="net"
    )
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(X), again(X))
    assert again.name == "net" and [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    theirs = keras.Sequential.from_config(model.get_config())  # Keras reads it
    theirs.set_weights(model.get_weights())
    np.testing.assert_allclose(theirs(X), model(X), rtol=1e-5)
    back = Sequential.from_config(theirs.get_config())  # and we read Keras's
    assert [type(layer).__name__ for layer in back.layers] == ["Dense", "Dropout", "Dense"]


def test_models_are_layers():
    inner = Sequential([Input((3,)), Dense(4, name="inner_dense")])
    outer = Sequential([inner, Dense(2)])
    assert outer.input_shape == (None, 3)
    assert list(outer.snapshot()["params"]) == ["sequential", "dense"]
    assert len(outer.weights) == 4


def test_weights_of_the_wrong_shape_change_nothing():
    model = Sequential([Input((3,)), Dense(4)])
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"shapes \[\(3, 4\), \(4,\)\], but set_weights\(\) got shapes \[\(3, 4\), \(5,\)\]"
    ):
        model.set_weights([before[0] + 1, np.zeros(5)])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_finding_layers():
    model = Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")])
    assert model.get_layer("b") is model.layers[1] is model.get_layer(index=1)
    with pytest.raises(ValueError, match=r"no layer 'c'; its layers are \['a', 'b'\]"):
        model.get_layer("c")
