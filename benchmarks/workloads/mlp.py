"""A dense network of the size that MNIST is taught with: matrix products, dropout and a stateful optimizer."""

import itertools

from benchmarks.harness import SCAN, at_most

TITLE = "MLP 784-512-512-10, dropout, batch 128, RMSprop"
BATCH, STEPS, EPOCHS = 128, 60, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "rmsprop"
GOALS = (at_most(1.05, SCAN),)
SIZES, RATE = (784, 512, 512, 10), 0.2


def data(rng, rows):
    return rng.uniform(size=(rows, 784)).astype("float32"), rng.integers(10, size=rows).astype("int32")


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dropout(RATE),
            layers.Dense(512, activation="relu"),
            layers.Dropout(RATE),
            layers.Dense(10, activation="softmax"),
        ]
    )


def raw_jax(jax):
    def init(key):
        glorot, keys = jax.nn.initializers.glorot_uniform(), jax.random.split(key, len(SIZES) - 1)
        shapes = itertools.pairwise(SIZES)
        return [(glorot(k, shape), jax.numpy.zeros(shape[1])) for k, shape in zip(keys, shapes, strict=True)], ()

    def apply(params, state, x, key):
        *hidden, (kernel, bias) = params
        for i, (k, b) in enumerate(hidden):
            x = jax.nn.relu(x @ k + b)
            if key is not None:
                keep = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - RATE, x.shape)
                x = jax.numpy.where(keep, x / (1 - RATE), 0)
        return x @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn
    hidden = [(nn.Linear(a, b), nn.ReLU(), nn.Dropout(RATE)) for a, b in ((784, 512), (512, 512))]
    return nn.Sequential(*hidden[0], *hidden[1], nn.Linear(512, 10))


def flax_model(nnx, rngs):
    hidden = [(nnx.Linear(a, b, rngs=rngs), nnx.relu, nnx.Dropout(RATE, rngs=rngs)) for a, b in ((784, 512), (512, 512))]
    return nnx.Sequential(*hidden[0], *hidden[1], nnx.Linear(512, 10, rngs=rngs))
