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


METRICS = {
    "AUC": {"curve": "PR", "thresholds": [0.2, 0.6], "multi_label": True, "num_labels": 2},
    "BinaryAccuracy": {"threshold": 0.3},
    "BinaryIoU": {"target_class_ids": [1], "threshold": 0.3},
    "F1Score": {"average": "micro", "threshold": 0.5},
    "FBetaScore": {"average": "macro", "beta": 2.0},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": 1},
    "MeanIoU": {"num_classes": 3, "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0], "axis": 1},
    "OneHotMeanIoU": {"num_classes": 3, "sparse_y_pred": True},
    "Precision": {"thresholds": [0.2, 0.6], "top_k": 2, "class_id": 1},
    "R2Score": {"class_aggregation": None, "num_regressors": 2},
    "SensitivityAtSpecificity": {"specificity": 0.3, "num_thresholds": 20, "class_id": 1},
    "TruePositives": {"thresholds": 0.3},
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    ours, theirs = (getattr(k.metrics, name)(**METRICS[name], name="m") for k in (jkeras, keras))
    assert plain(ours.get_config()) == plain(theirs.get_config())
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
