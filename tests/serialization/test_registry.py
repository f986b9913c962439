"""Configs name only what stands in a table; names that are not there get a suggestion."""

import json

import numpy as np
import pytest

import jkeras
from jkeras import serialization
from tests.oracle import keras


@jkeras.utils.register_keras_serializable("tests")
def doubled(x):
    return 2 * x


@jkeras.utils.register_keras_serializable("tests")
class Shift(jkeras.layers.Layer):
    def __init__(self, by=1.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, x):
        return x + self.by


@pytest.mark.parametrize("value", [
    None, 1, 2.5, "text", [1, (2, 3)], {"a": [1, None]}, b"bytes", slice(1, 3), Ellipsis, np.float32(2.0),
], ids=repr)  # fmt: skip
def test_plain_data_comes_back(value):
    assert serialization.deserialize(serialization.serialize(value)) == value


def test_arrays_come_back():
    for array in (np.arange(3.0), jkeras.ops.ones((2, 2))):
        back = serialization.deserialize(serialization.serialize(array))
        assert type(back) is type(array) and np.array_equal(back, array)


@pytest.mark.parametrize("item", [
    jkeras.layers.Dense(3, activation="relu", kernel_regularizer="l2"), jkeras.optimizers.Adam(0.1),
    jkeras.losses.Huber(delta=2.0), jkeras.metrics.MeanSquaredError(name="m"), jkeras.initializers.HeNormal(seed=3),
    jkeras.constraints.MaxNorm(2.0), jkeras.DTypePolicy("mixed_bfloat16"),
], ids=lambda item: type(item).__name__)  # fmt: skip
def test_objects_come_back_here_and_in_keras(item):
    config = serialization.serialize(item)
    back = serialization.deserialize(config)
    assert type(back) is type(item) and serialization.serialize(back) == config
    assert type(keras.saving.deserialize_keras_object(config)).__name__ == type(item).__name__


def test_what_a_user_registers_comes_back():
    layer = jkeras.layers.Dense(2, activation=doubled)
    assert jkeras.layers.Dense.from_config(serialization.deserialize(layer.get_config())).activation is doubled
    model = jkeras.Sequential([jkeras.Input((2,)), Shift(3.0)])
    again = jkeras.Sequential.from_config(model.get_config())
    assert again.layers[0].by == 3.0


def test_custom_objects_may_be_passed_along():
    class Local(Shift):
        pass

    config = serialization.serialize(Local(2.0))
    with pytest.raises(ValueError, match=r"'Local'.*register_keras_serializable"):
        serialization.deserialize(config)
    assert serialization.deserialize(config, {"Local": Local}).by == 2.0
    with jkeras.utils.custom_object_scope({"Local": Local}):
        assert serialization.deserialize(config).by == 2.0


def test_files_cannot_name_code():
    for config in (
        {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"class_name": "__lambda__", "config": {"value": ["bytecode"]}},
    ):
        with pytest.raises(ValueError, match="not known here|never run"):
            serialization.deserialize(config)
    with pytest.raises(TypeError, match="lambda cannot be written"):
        serialization.serialize(lambda x: x)


def test_misspelt_classes_get_a_suggestion():
    with pytest.raises(ValueError, match="Did you mean 'Dense'"):
        serialization.deserialize({"module": "keras.layers", "class_name": "Dens", "config": {}, "registered_name": None})


def test_a_name_of_the_library_with_the_registration_of_another_class():
    config = {"class_name": "Dense", "module": "keras.layers", "registered_name": "mine>Dense", "config": {"units": 1}}
    with pytest.raises(ValueError, match="registered as 'mine>Dense', which is not known here"):
        serialization.deserialize(config)


def test_a_slice_may_hold_arrays():
    config = serialization.serialize(slice(None, np.array([0, 1]), 1))
    assert json.loads(json.dumps(config)) == config == serialization.serialize(serialization.deserialize(config))


def test_a_config_of_another_type_is_a_type_error_too():
    with pytest.raises(TypeError, match="should be a dict"):
        serialization.deserialize({"class_name": "Dense", "config": [1, 2, 3]})


def test_a_function_of_the_library_with_the_registration_of_another_one():
    config = {"class_name": "function", "module": "builtins", "config": "relu", "registered_name": "mine>relu"}
    with pytest.raises(ValueError, match="registered as 'mine>relu', which is not known here"):
        serialization.deserialize(config)
    assert serialization.deserialize(config | {"registered_name": ""}) is jkeras.activations.relu
