"""The small namespaces: what stands in them works, and is the same object as elsewhere."""

import copy

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import keras


def test_names_that_stand_in_several_places_are_one_object():
    assert jkeras.saving.CustomObjectScope is jkeras.utils.custom_object_scope
    assert jkeras.saving.deserialize_keras_object is jkeras.utils.deserialize_keras_object
    assert jkeras.mixed_precision.Policy is jkeras.DTypePolicy is jkeras.dtype_policies.FloatDTypePolicy
    assert jkeras.backend.set_floatx is jkeras.config.set_floatx
    assert jkeras.Regularizer is jkeras.regularizers.Regularizer and jkeras.Initializer is jkeras.initializers.Initializer
    assert jkeras.version() == jkeras.__version__


def test_backend():
    for name in ("float32", "bfloat16", "int8", "uint32", "bool"):
        for question in ("is_float_dtype", "is_int_dtype", "standardize_dtype"):
            assert getattr(jkeras.backend, question)(name) == getattr(keras.backend, question)(name), (question, name)
    for dtypes in (("int32", "float16"), ("bfloat16", "float32"), ("int8", "uint8"), ("bool", "int32")):
        assert jkeras.backend.result_type(*dtypes) == keras.backend.result_type(*dtypes)
    assert [jkeras.backend.get_uid("namespaces") for _ in range(2)] == [1, 2]


def test_global_policies():
    try:
        jkeras.mixed_precision.set_global_policy("mixed_bfloat16")
        assert jkeras.layers.Dense(1).compute_dtype == "bfloat16"
        assert jkeras.mixed_precision.global_policy() == jkeras.dtype_policies.get("mixed_bfloat16")
    finally:
        jkeras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("namespace,item", [
    ("layers", lambda k: k.layers.Dense(3, activation="relu", name="d")),
    ("optimizers", lambda k: k.optimizers.SGD(0.5, momentum=0.25, name="s")),
    ("optimizers.schedules", lambda k: k.optimizers.schedules.CosineDecay(0.5, 10)),
    ("metrics", lambda k: k.metrics.MeanSquaredError(name="m")),
    ("losses", lambda k: k.losses.MeanSquaredError(reduction="sum")),
    ("dtype_policies", lambda k: k.DTypePolicy("mixed_float16")),
], ids=["layer", "optimizer", "schedule", "metric", "loss", "policy"])  # fmt: skip
def test_objects_go_through_their_namespace_and_keras(namespace, item):
    def place(k):
        for name in namespace.split("."):
            k = getattr(k, name)
        return k

    config = place(jkeras).serialize(item(jkeras))
    again = place(jkeras).deserialize(config)
    assert again.get_config() == item(jkeras).get_config()
    theirs = place(keras).deserialize(copy.deepcopy(config))  # Keras writes into it
    assert type(theirs).__name__ == type(again).__name__
    assert place(jkeras).serialize(place(jkeras).deserialize(place(keras).serialize(theirs))) == config


def test_a_layer_is_asked_for():
    config = jkeras.optimizers.serialize(jkeras.optimizers.SGD())
    with pytest.raises(ValueError, match="SGD.*no layer"):
        jkeras.layers.deserialize(config)


def test_devices():
    with jkeras.device("cpu:0"):
        assert jkeras.ops.ones(2).device == jax.devices("cpu")[0]
    with pytest.raises(ValueError, match="no device 'cpu:99'; there are"), jkeras.device("cpu:99"):
        pass
    with pytest.raises(ValueError, match="no device 'abacus'"):
        jkeras.device("abacus")


def test_defaults_for_each_axis():
    """Keras shows them as tuples; what they mean is the same."""
    assert jkeras.layers.Conv2D(1, 3).strides == jkeras.layers.Conv2D(1, 3, strides=(1, 1)).strides
    x = np.ones((1, 4, 4, 4, 1), "float32")
    for make in (lambda k: k.layers.ZeroPadding3D(), lambda k: k.layers.UpSampling3D(), lambda k: k.layers.MaxPooling3D()):
        assert make(jkeras)(x).shape == tuple(make(keras)(x).shape)
        assert make(jkeras).get_config().keys() <= make(keras).get_config().keys() | {"trainable"}
