"""Seeds and sessions."""

import random

import numpy as np
import pytest

from jkeras import config, initializers, utils
from jkeras.random import normal
from jkeras.serialization.naming import auto_name
from tests.oracle import keras


@pytest.mark.slow
def test_the_same_seed_gives_kerass_numbers():
    def draw(library):
        library.utils.set_random_seed(5)
        return (
            np.asarray(library.initializers.GlorotUniform()((3, 2))),
            np.asarray(library.random.normal((2,))),
            random.random(),
            np.random.rand(),
            np.asarray(library.initializers.HeNormal()((3, 2))),
            np.asarray(library.random.normal((2,))),
        )

    import jkeras.random

    ours, again, theirs = draw(jkeras), draw(jkeras), draw(keras)
    for a, b, c in zip(ours, again, theirs, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(a, b)
    assert initializers is jkeras.initializers


def test_a_seed_must_be_an_int():
    with pytest.raises(ValueError, match=r"set_random_seed\(\) takes an int, got '1'"):
        utils.set_random_seed("1")


def test_clear_session():
    utils.clear_session()
    assert [auto_name("dense"), auto_name("dense")] == ["dense", "dense_1"]
    config.set_dtype_policy("mixed_bfloat16")
    random.seed(0)
    first = normal((2,))
    utils.clear_session()
    assert auto_name("dense") == "dense"
    assert config.dtype_policy().name == "float32"
    random.seed(0)
    np.testing.assert_array_equal(normal((2,)), first)  # a new global generator, from Python's random
    utils.clear_session(free_memory=False)
