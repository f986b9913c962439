"""All of a model's variables as nested dicts: here, and to and from Keras."""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import keras

X, Y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")


def trained(k, seed=0):
    k.utils.clear_session()
    k.utils.set_random_seed(seed)
    layers = [k.layers.Input((3,)), k.layers.Dense(2, name="head"), k.layers.BatchNormalization(), k.layers.Dropout(0.5)]
    model = k.Sequential(layers, name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    return model


def test_trees_are_keras():
    theirs, ours = (trained(k).get_state_tree("numpy_array") for k in (keras, jkeras))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for mine, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)
        assert type(mine) is np.ndarray and mine.dtype == expected.dtype


@pytest.mark.parametrize("value_format", ["backend_tensor", "numpy_array"])
def test_states_are_set(value_format):
    first, second = trained(jkeras), trained(jkeras, 1)
    state = first.get_state_tree(value_format)
    assert np.abs(second.get_weights()[0] - first.get_weights()[0]).max() > 0.01
    second.set_state_tree(state)
    for a, b in zip(jax.tree.leaves(second.get_state_tree()), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)
    theirs = trained(keras, 2)
    theirs.set_state_tree(state)
    np.testing.assert_array_equal(theirs.get_weights()[0], first.get_weights()[0])


def test_bad_trees_change_nothing():
    model = trained(jkeras)
    before = model.get_weights()
    kernel = {"trainable_variables": {"net": {"head": {"kernel": np.zeros((3, 2)), "bais": np.zeros(2)}}}}
    with pytest.raises(ValueError, match="no trainable_variables 'net/head/bais'. Did you mean 'net/head/bias'"):
        model.set_state_tree(kernel)
    with pytest.raises(ValueError, match=r"'net/head/kernel' has shape \(3, 2\), but the tree has \(2, 2\)"):
        model.set_state_tree({"trainable_variables": {"net": {"head": {"kernel": np.zeros((2, 2))}}}})
    with pytest.raises(ValueError, match="Did you mean 'optimizer_variables'"):
        model.set_state_tree({"optimizer_variable": {}})
    with pytest.raises(ValueError, match="Did you mean 'numpy_array'"):
        model.get_state_tree("numpy_arrays")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_paths_that_stand_for_two_variables():
    x = jkeras.Input((3,))
    model = jkeras.Sequential([x.history.operation])
    model.kernels = [jkeras.Variable(np.ones(2), name="kernel"), jkeras.Variable(np.ones(2), name="kernel")]
    with pytest.raises(ValueError, match="Two variables have the path '.*kernel'"):
        model.get_state_tree()
