"""The settings: Keras's names, and that layers and draws follow them."""

import numpy as np
import pytest

from jkeras import config, initializers
from jkeras.core.data_format import standardize_data_format
from jkeras.core.policy import DTypePolicy, reset_dtype_policy
from tests.oracle import keras


@pytest.fixture(autouse=True)
def _restore():
    yield
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    reset_dtype_policy()


def test_defaults_are_keras():
    for name in ("floatx", "epsilon", "image_data_format", "backend"):
        assert getattr(config, name)() == getattr(keras.config, name)()
    assert config.dtype_policy().name == keras.config.dtype_policy().name


def test_floatx():
    config.set_floatx("bfloat16")
    assert config.floatx() == "bfloat16"
    assert config.dtype_policy().name == "bfloat16"
    assert initializers.Ones()((2,)).dtype == "bfloat16"
    with pytest.raises(ValueError, match="Did you mean 'float32'"):
        config.set_floatx("flaot32")


def test_epsilon():
    from jkeras import constraints

    config.set_epsilon(1.0)
    assert config.epsilon() == 1.0
    np.testing.assert_allclose(constraints.UnitNorm()(np.ones((1, 1), "float32")), 0.5)


def test_dtype_policy():
    config.set_dtype_policy("mixed_bfloat16")
    assert config.dtype_policy() == DTypePolicy("mixed_bfloat16")
    assert config.dtype_policy().compute_dtype == "bfloat16"
    with pytest.raises(ValueError, match="Invalid `policy`"):
        config.set_dtype_policy(None)
    reset_dtype_policy()
    assert config.dtype_policy().name == "float32"


def test_image_data_format():
    config.set_image_data_format("channels_first")
    assert config.image_data_format() == "channels_first"
    assert standardize_data_format(None) == "channels_first"
    assert standardize_data_format("channels_last") == "channels_last"
    with pytest.raises(ValueError, match="Did you mean 'channels_last'"):
        config.set_image_data_format("channel_last")
    with pytest.raises(ValueError, match="data_format must be one of"):
        config.set_image_data_format(None)
