"""The settings: Keras's names, and that layers and draws follow them."""

import numpy as np
import pytest

from jkeras import config, initializers
from jkeras.core.data_format import standardize_data_format
from jkeras.core.dtype import DTypePolicy
from tests.oracle import keras

LEFT_OUT = {
    "set_backend": "there is one, JAX",
    "is_nnx_enabled": "there are no flax modules underneath",
    "enable_unsafe_deserialization": "code found in a config is never run",
    "enable_traceback_filtering": "tracebacks are not filtered",
    "disable_traceback_filtering": "tracebacks are not filtered",
    "is_traceback_filtering_enabled": "tracebacks are not filtered",
    "enable_interactive_logging": "the progress bar looks at whether the output is a terminal",
    "disable_interactive_logging": "as above; verbose=0 or 2 decides",
    "is_interactive_logging_enabled": "as above",
    "enable_flash_attention": "XLA chooses how attention is computed",
    "disable_flash_attention": "XLA chooses how attention is computed",
    "is_flash_attention_enabled": "XLA chooses how attention is computed",
    "max_epochs": "fit's arguments decide",
    "set_max_epochs": "fit's arguments decide",
    "max_steps_per_epoch": "fit's arguments decide",
    "set_max_steps_per_epoch": "fit's arguments decide",
}


@pytest.fixture(autouse=True)
def _restore():
    yield
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_dtype_policy(None)


def test_defaults_are_keras():
    for name in ("floatx", "epsilon", "image_data_format", "backend"):
        assert getattr(config, name)() == getattr(keras.config, name)()
    assert config.dtype_policy().name == keras.config.dtype_policy().name


def test_every_name_of_keras_is_here_or_left_out_with_a_reason():
    names = {n for n in dir(keras.config) if not n.startswith("_")}
    assert {n for n in names if not hasattr(config, n)} == set(LEFT_OUT)


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
    config.set_dtype_policy(None)
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
