"""The classic tutorial's model: so small that only the cost of a step besides its mathematics shows."""

import numpy as np

from benchmarks.harness import KERAS, SCAN, at_most, faster

TITLE = "tutorial MLP 2-5-2, batch 5, SGD"
BATCH, STEPS, EPOCHS = 5, 200, 20
LOSS, OPTIMIZER = "categorical_crossentropy", "sgd"
GOALS = (at_most(1.1, SCAN), faster(20, KERAS))


def data(rng, rows):
    x = rng.normal(size=(rows, 2)).astype("float32")
    return x, np.eye(2, dtype="float32")[(x[:, 0] * x[:, 1] > 0).astype(int)]


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential([layers.Input((2,)), layers.Dense(5, activation="relu"), layers.Dense(2, activation="softmax")])


def raw_jax(jax):
    def init(key):
        glorot, (a, b) = jax.nn.initializers.glorot_uniform(), jax.random.split(key)
        return {"k1": glorot(a, (2, 5)), "b1": jax.numpy.zeros(5), "k2": glorot(b, (5, 2)), "b2": jax.numpy.zeros(2)}, ()

    def apply(p, state, x, key):
        return jax.nn.relu(x @ p["k1"] + p["b1"]) @ p["k2"] + p["b2"], state

    return init, apply


def torch_model(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 2))


def flax_model(nnx, rngs):
    return nnx.Sequential(nnx.Linear(2, 5, rngs=rngs), nnx.relu, nnx.Linear(5, 2, rngs=rngs))
