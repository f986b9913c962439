"""Names, configs, symbolic tensors."""

import numpy as np
import pytest

from jkeras import regularizers, utils
from jkeras.core.symbolic import KerasTensor, call
from tests.oracle import keras


def test_registering():
    @utils.register_keras_serializable("tests.utils")
    class Quartic(regularizers.Regularizer):
        def __init__(self, factor=1.0):
            self.factor = factor

        def __call__(self, x):
            return self.factor * (x**4).sum()

        def get_config(self):
            return {"factor": self.factor}

    try:
        assert utils.get_registered_name(Quartic) == "tests.utils>Quartic"
        assert utils.get_registered_object("tests.utils>Quartic") is Quartic
        config = utils.serialize_keras_object(Quartic(2.0))
        assert config["registered_name"] == "tests.utils>Quartic"
        assert utils.deserialize_keras_object(config).factor == 2.0
        assert float(regularizers.get(config)(np.float32([2.0]))) == 32.0
    finally:
        del utils.get_custom_objects()["tests.utils>Quartic"]
    with pytest.raises(ValueError, match="Quartic"):
        utils.deserialize_keras_object(config)
    with utils.custom_object_scope({"Quartic": Quartic}):
        assert isinstance(utils.deserialize_keras_object(config), Quartic)
    with utils.CustomObjectScope({"Quartic": Quartic}):
        assert isinstance(regularizers.get("Quartic"), Quartic)
    assert isinstance(utils.deserialize_keras_object(config, custom_objects={"Quartic": Quartic}), Quartic)


def test_code_in_configs_is_never_run():
    with pytest.raises(ValueError, match="never runs code"):
        utils.deserialize_keras_object({}, safe_mode=False)


def test_config_container():
    config, theirs = utils.Config(a=1), keras.utils.Config(a=1)
    for c in (config, theirs):
        c.b = 2
        c["c"] = 3
        c.update({"a": 5})
        del c["c"]
    assert config.as_dict() == theirs.as_dict() == {"a": 5, "b": 2}
    assert config.to_json() == theirs.to_json()
    assert sorted(config) == sorted(theirs) and len(config) == len(theirs) and "a" in config
    assert config.get("z", 1) == theirs.get("z", 1) == 1
    config.freeze()
    for change in (lambda: config.pop("a"), lambda: setattr(config, "a", 1), lambda: config.update(a=1), config.clear):
        with pytest.raises(ValueError, match="The config is frozen"):
            change()
    config.unfreeze()
    assert config.pop("a") == 5
    config.learning_rate = 0.1
    with pytest.raises(AttributeError, match="Did you mean 'learning_rate'"):
        config.learning_rat  # noqa: B018


def test_sources_of_a_symbolic_tensor():
    a, b, c = (KerasTensor((2,), name=n) for n in "abc")
    add = lambda x, y: x + y  # noqa: E731
    out = call(add, (call(add, (b, a), {}), call(add, (b, c), {})), {})
    assert [x.name for x in utils.get_source_inputs(out)] == ["b", "a", "c"]
    assert utils.get_source_inputs(a) == [a]
    assert utils.is_keras_tensor(out) and not utils.is_keras_tensor(np.ones(2))


def test_packing_and_dtypes_are_reexported():
    assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight(1, 2)) == (1, 2, None)
    assert utils.standardize_dtype(np.float32) == "float32"
    assert utils.Sequence is utils.PyDataset
