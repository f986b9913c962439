"""Penalties: Keras's values, gradients by JAX, configs both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import regularizers
from jkeras.core.variable import Variable
from tests.oracle import assert_close, keras

CASES = [
    ("L1", {"l1": 0.3}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.3, "l2": 0.2}),
    ("L1L2", {"l1": 0.3}),
    ("L1L2", {}),
    ("OrthogonalRegularizer", {"factor": 0.3}),
    ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}),
]
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize(("name", "options"), CASES)
def test_values_and_gradients_are_keras(name, options):
    ours, theirs = getattr(regularizers, name)(**options), getattr(keras.regularizers, name)(**options)
    expected = jax.jit(jax.value_and_grad(theirs))(X)
    with jax.numpy_dtype_promotion("strict"):
        assert_close(jax.jit(jax.value_and_grad(ours))(X), expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_what_it_may_be_called_on(name, options):
    regularizer = getattr(regularizers, name)(**options)
    expected = jax.jit(regularizer)(X)
    assert expected.shape == () and expected.dtype == "float32"
    assert_close(regularizer(X), expected)
    assert_close(regularizer(Variable(X)), expected)
    half = jax.eval_shape(regularizer, jax.ShapeDtypeStruct(X.shape, "bfloat16"))
    assert half.shape == () and half.dtype == "bfloat16"


def test_rows_of_zeros_have_a_finite_gradient():
    x = jnp.zeros((3, 2)).at[0, 0].set(1.0)
    assert np.isfinite(jax.jit(jax.grad(regularizers.OrthogonalRegularizer(0.1)))(x)).all()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_configs_go_both_ways(name, options):
    ours, theirs = getattr(regularizers, name)(**options), getattr(keras.regularizers, name)(**options)
    config = regularizers.serialize(ours)
    assert config["config"] == pytest.approx(keras.regularizers.serialize(theirs)["config"])
    assert config["class_name"] == name and config["module"] == "keras.regularizers"
    assert regularizers.deserialize(config).get_config() == ours.get_config()
    assert keras.regularizers.deserialize(config).get_config() == pytest.approx(ours.get_config())


def test_every_name_of_keras_is_here():
    assert [n for n in dir(keras.regularizers) if not n.startswith("_") and not hasattr(regularizers, n)] == []


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "L1", "L2", "L1L2", "orthogonal_regularizer"])
def test_names_mean_what_they_mean_in_keras(name):
    theirs = keras.regularizers.get(name)
    ours = regularizers.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == pytest.approx(theirs.get_config())


def test_get():
    def mine(x):
        return jnp.sum(x)

    assert regularizers.get(None) is None
    assert regularizers.get(mine) is mine
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)
    assert regularizers.get({"class_name": "L2", "config": {"l2": 0.5}}).l2 == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regularizers.get("l1_l3"), "Unknown regularizer: 'l1_l3'.*Did you mean 'l1_l2'"),
        (lambda: regularizers.L2(-1.0), "l2= a number from 0 on that is finite, or None, got l2=-1.0"),
        (lambda: regularizers.L1(float("nan")), "l1= a number from 0 on that is finite"),
        (lambda: regularizers.L1L2(l2="a"), "l2= a number"),
        (lambda: regularizers.OrthogonalRegularizer(mode="row"), "Did you mean 'rows'"),
        (lambda: regularizers.OrthogonalRegularizer()(jnp.ones((2, 2, 2))), r"expects a matrix.*\(2, 2, 2\)"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_subclasses_must_say_what_they_are():
    with pytest.raises(TypeError, match="must define __call__"):
        regularizers.Regularizer()(X)
    with pytest.raises(TypeError, match="must define get_config"):
        regularizers.Regularizer().get_config()
