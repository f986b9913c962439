"""Configs have Keras's keys and values, so that two configs compare equal whoever wrote them."""

import json

import pytest

import jkeras
from tests.catalogue import ROWS
from tests.oracle import keras

OURS_ONLY = {"SimpleRNN": {"seed"}}  # Keras forgets it


def plain(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_layers(row):
    ours = plain(jkeras.saving.serialize_keras_object(row.make(jkeras)))
    theirs = plain(keras.saving.serialize_keras_object(row.make(keras)))
    for name in OURS_ONLY.get(row.name, ()):
        del ours["config"][name]
    assert ours == theirs


def graph(k):
    layers = k.layers
    x, z = k.Input((6, 4), name="x"), k.Input((3,), name="z")
    y = layers.RMSNormalization()(layers.LayerNormalization()(x))
    y = k.ops.relu(layers.Dense(4, activation="tanh")(y)) * 2
    y = layers.LayerNormalization(axis=[1, 2])(layers.Dropout(0.3)(y))
    y = k.Sequential([layers.Bidirectional(layers.LSTM(3))])(y)
    shared = k.Model(z, layers.Dense(2, activation=k.activations.relu)(z))
    return k.Model({"x": x, "z": z}, [layers.Concatenate()([y, z]), shared(z)])


def test_graphs_and_automatic_names():
    jkeras.utils.clear_session()
    keras.utils.clear_session()
    ours, theirs = graph(jkeras), graph(keras)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    assert graph(jkeras).name == graph(keras).name != ours.name


@pytest.mark.parametrize("name", ["Nadam", "Adafactor", "Adam", "Ftrl"])
def test_names_of_optimizers_variables(name):
    found = []
    for k in (jkeras, keras):
        k.utils.clear_session()
        model = k.Sequential([k.Input((3,)), k.layers.Dense(2)])
        optimizer = getattr(k.optimizers, name)()
        optimizer.build(model.trainable_variables)
        found.append([variable.name for variable in optimizer.variables])
    assert found[0] == found[1]
