"""Masks travel through layers as in Keras, and steps that are masked do not count."""

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

A = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
B = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
A[0, 3:] = A[1, 1] = B[0, :2] = B[1, 1] = 0.0

MERGES = {
    "add": lambda k: k.layers.Add(),
    "average": lambda k: k.layers.Average(),
    "subtract": lambda k: k.layers.Subtract(),
    "multiply": lambda k: k.layers.Multiply(),
    "maximum": lambda k: k.layers.Maximum(),
    "minimum": lambda k: k.layers.Minimum(),
    "concatenate": lambda k: k.layers.Concatenate(),
    "concatenate steps": lambda k: k.layers.Concatenate(axis=1),
}


def merged(k, merge, both):
    """The masked inputs (the second only if `both`) merged, and the mean over the steps that count."""
    a, b = k.Input((5, 3)), k.Input((5, 3))
    masked = [k.layers.Masking()(a), k.layers.Masking()(b) if both else b]
    outputs = MERGES[merge](k)(masked)
    return np.asarray(k.Model([a, b], [outputs, k.layers.GlobalAveragePooling1D()(outputs)])([A, B])[1])


@pytest.mark.parametrize("both", [True, False], ids=["both", "one"])
@pytest.mark.parametrize("merge", MERGES)
def test_merged_masks_are_those_of_keras(merge, both):
    assert_close(merged(jkeras, merge, both), merged(keras, merge, both), rtol=1e-5)


CHAINS = {
    "batch normalization": lambda k: [k.layers.BatchNormalization()],
    "activations": lambda k: [k.layers.LeakyReLU(), k.layers.Dropout(0.5), k.layers.Activation("tanh"), k.layers.Identity()],
    "dense": lambda k: [k.layers.Dense(3, kernel_initializer="ones"), k.layers.LayerNormalization()],
    "noise": lambda k: [k.layers.GaussianNoise(0.1), k.layers.UnitNormalization(), k.layers.ELU()],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_masks_pass_through(chain):
    def mean(k):
        layers = [k.layers.Masking(), *CHAINS[chain](k), k.layers.GlobalAveragePooling1D()]
        return np.asarray(k.Sequential([k.Input((5, 3)), *layers])(A))

    assert_close(mean(jkeras), mean(keras), rtol=1e-5)


def test_embedding_masks_zeros():
    words = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])

    def mean(k):
        layers = [k.layers.Embedding(4, 2, embeddings_initializer="ones", mask_zero=True), k.layers.GlobalAveragePooling1D()]
        return np.asarray(k.Sequential(layers)(words))

    assert_close(mean(jkeras), mean(keras))


def test_a_mask_that_is_dropped_is_reported_once_it_matters():
    model = jkeras.Sequential([jkeras.layers.Masking(), jkeras.layers.Flatten(name="flat")])
    with pytest.warns(UserWarning, match="'flat'.*masked input"):
        model(A)
