"""Projections: Keras's values, bounds that hold, configs both ways."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jkeras import constraints
from jkeras.core.variable import Variable
from tests.oracle import assert_close, keras

CASES = [
    ("MaxNorm", {"max_value": 0.8}),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 0.9, "axis": 1}),
    ("MinMaxNorm", {"min_value": 2.0, "max_value": 3.0, "rate": 0.3}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("NonNeg", {}),
    ("Constraint", {}),
]
W = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")


@pytest.mark.parametrize(("name", "options"), CASES)
def test_values_are_keras(name, options):
    ours, theirs = getattr(constraints, name)(**options), getattr(keras.constraints, name)(**options)
    expected = jax.jit(theirs)(W)
    with jax.numpy_dtype_promotion("strict"):
        assert_close(jax.jit(ours)(W), expected)
        half = jax.eval_shape(ours, jax.ShapeDtypeStruct(W.shape, "bfloat16"))
        assert half.dtype == "bfloat16" and half.shape == W.shape
        if name != "Constraint":
            assert_close(ours(W), expected)
            assert_close(ours(Variable(W)), expected)


@settings(max_examples=25, deadline=None)
@given(arrays("float32", (3, 2), elements=st.floats(-100, 100, width=32)))
def test_bounds_hold(w):
    norm = lambda x: np.linalg.norm(np.asarray(x), axis=0)  # noqa: E731
    assert (norm(constraints.MaxNorm(2.0)(w)) <= 2 + 1e-4).all()
    assert (np.asarray(constraints.NonNeg()(w)) >= 0).all()
    far = norm(w) > 1e-2
    np.testing.assert_allclose(norm(constraints.UnitNorm()(w))[far], 1, atol=1e-4)
    bounded = norm(constraints.MinMaxNorm(1.0, 2.0)(w))[far]
    assert (bounded >= 1 - 1e-4).all() and (bounded <= 2 + 1e-4).all()
    assert np.isfinite(np.asarray(constraints.UnitNorm()(w))).all()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_configs_go_both_ways(name, options):
    ours, theirs = getattr(constraints, name)(**options), getattr(keras.constraints, name)(**options)
    config = constraints.serialize(ours)
    assert config == keras.constraints.serialize(theirs)
    assert constraints.deserialize(config).get_config() == ours.get_config()
    assert keras.constraints.deserialize(config).get_config() == ours.get_config()


def test_every_name_of_keras_is_here():
    assert [n for n in dir(keras.constraints) if not n.startswith("_") and not hasattr(constraints, n)] == []


@pytest.mark.parametrize("name", ["max_norm", "min_max_norm", "non_neg", "unit_norm", "MaxNorm", "UnitNorm"])
def test_names_mean_what_they_mean_in_keras(name):
    theirs = keras.constraints.get(name)
    ours = constraints.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == theirs.get_config()


def test_get():
    def mine(w):
        return w / 2

    assert constraints.get(None) is None
    assert constraints.get(mine) is mine
    assert isinstance(constraints.get(constraints.NonNeg), constraints.NonNeg)
    with pytest.raises(ValueError, match=r"Unknown constraint: 'maxnorm'.*Did you mean"):
        constraints.get("maxnorm")
    with pytest.raises(ValueError, match="Could not interpret constraint: 3"):
        constraints.get(3)
