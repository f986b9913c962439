"""Metrics by name, as configs, and as `compile(metrics=...)` understands them."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras import metrics
from tests.metrics.test_parity import CASES, IDS
from tests.oracle import assert_close, keras


def spec(*shape, dtype="float32"):
    return jax.ShapeDtypeStruct(shape, dtype)


def test_every_name_of_keras():
    known = keras.src.metrics.ALL_OBJECTS_DICT
    for name, cls in known.items():
        found = metrics.names._shortcuts.names[name]
        assert found.__name__ == cls.__name__, name


@pytest.mark.parametrize(("name", "kwargs", "data"), CASES, ids=IDS)
def test_configs_go_both_ways(name, kwargs, data):
    ours = getattr(metrics, name)(**kwargs, name="mine")
    config = metrics.serialize(ours)
    assert config["module"] == "keras.metrics" and config["class_name"] == name
    again = metrics.deserialize(config)
    assert type(again) is type(ours) and metrics.serialize(again) == config
    theirs = keras.metrics.deserialize(config)  # Keras reads ours
    assert type(theirs).__name__ == name and theirs.name == "mine"
    back = metrics.deserialize(keras.metrics.serialize(theirs))  # and we read Keras's
    assert {k: v for k, v in metrics.serialize(back)["config"].items() if (name, k) != ("CosineSimilarity", "axis")} == {
        k: v for k, v in config["config"].items() if (name, k) != ("CosineSimilarity", "axis")
    }


def test_config_of_a_wrapped_function():
    ours = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="share", threshold=0.7)
    again = metrics.deserialize(metrics.serialize(ours))
    y_true, y_pred = [[1], [1]], [[0.6], [0.8]]
    assert_close(again(y_true, y_pred), 0.5)
    assert metrics.deserialize(metrics.serialize(metrics.mean_squared_error)) is jkeras.losses.mean_squared_error


def test_get():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("mean_squared_err"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get(metrics.Recall), metrics.Recall)
    assert metrics.get({"class_name": "BinaryAccuracy", "config": {"threshold": 0.2}}).threshold == 0.2
    assert metrics.get("huber") is jkeras.losses.huber
    assert metrics.get(None) is None
    instance = metrics.Mean()
    assert metrics.get(instance) is instance
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match="Could not interpret metric"):
        metrics.get(3)


SHAPES = [((4, 1), (4, 1)), ((4,), (4, 1)), ((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3))]
SHAPES += [((4, 5), (4, 5, 3)), ((4, 5, 3), (4, 5, 3)), ((4, 5, 1), (4, 5, 1))]


@pytest.mark.parametrize("word", ["accuracy", "acc", "Accuracy"])
@pytest.mark.parametrize(("y_true", "y_pred"), SHAPES)
def test_accuracy_is_what_keras_picks(word, y_true, y_pred):
    theirs = keras.src.trainers.compile_utils.get_metric(word, np.zeros(y_true), np.zeros(y_pred))
    ours = metrics.resolve(word, spec(*y_true), spec(*y_pred))
    assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)


@pytest.mark.parametrize(("y_true", "y_pred"), SHAPES)
def test_crossentropy_is_what_keras_picks_as_a_loss(y_true, y_pred):
    loss = keras.src.trainers.compile_utils.get_loss("crossentropy", np.zeros(y_true), np.zeros(y_pred))
    ours = metrics.resolve("ce", spec(*y_true), spec(*y_pred))
    assert ours._fn.__name__ == loss.fn.__name__ and ours.name == "ce"


def my_metric(y_true, y_pred):
    return abs(y_true - y_pred)


class Halved:
    def __call__(self, y_true, y_pred):
        return my_metric(y_true, y_pred) / 2


@pytest.mark.parametrize(
    "identifier", ["mse", "MeanSquaredError", my_metric, "auc", keras.metrics.binary_accuracy, lambda y_true, y_pred: y_pred]
)
def test_names_in_logs(identifier):
    y = np.ones((3, 1), "float32")
    theirs = keras.src.trainers.compile_utils.get_metric(identifier, y, y)
    assert metrics.resolve(identifier, spec(3, 1), spec(3, 1)).name == theirs.name


def test_resolve():
    metric = metrics.resolve(my_metric, spec(3, 1), spec(3, 1))
    assert_close(metric([[1.0], [2.0]], [[2.0], [4.0]]), 1.5)
    assert_close(metrics.resolve(Halved())([[1.0], [2.0]], [[2.0], [4.0]]), 0.75)
    assert metrics.resolve("f1_score", spec(3, 2), spec(3, 2)).true_positives.shape == (2,)
    given = metrics.Mean(name="given")
    assert metrics.resolve(given) is given and given.name == "given"
    with pytest.raises(ValueError, match="is None"):
        metrics.resolve(None)
    with pytest.raises(ValueError, match="shapes of the targets"):
        metrics.resolve("accuracy", None, spec(3, 1))
    with pytest.raises(ValueError, match="at most they broadcast"):
        metrics.resolve("mse", spec(3, 2), spec(3, 3))
