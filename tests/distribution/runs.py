"""Models and data for tests of training on several devices; run as a program, it prints the losses of one of them."""

import itertools
import json
import sys

import jax
import numpy as np

import jkeras
from jkeras import layers

D = jkeras.distribution


def mlp():
    # A bias before batch normalization has a gradient of rounding errors, which Adam would make large.
    return [
        layers.Dense(16, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.3),
        layers.Dense(4),
    ]


def cnn():
    convolution = layers.Conv2D(8, 3, use_bias=False)
    return [
        convolution,
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(4),
    ]


def lstm():
    return [layers.LSTM(8), layers.Dense(4)]


def transformer():
    inputs = layers.Input((6, 8))
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    x = layers.LayerNormalization()(inputs + attended)
    return jkeras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


class OwnStep(jkeras.Sequential):
    """A model with a training step of its own: it scales the gradients, and shows their norm."""

    def train_step(self, state, batch):
        def objective(params):
            return self.pure_loss(state._replace(params=params), batch)

        grads, state = jax.grad(objective, has_aux=True)(state.params)
        norm = sum((g**2).sum() for g in jax.tree.leaves(grads)) ** 0.5
        state = self.pure_update(state, jax.tree.map(lambda g: g / norm, grads))
        return state, {**self.pure_results(state), "norm": norm}


def own_step():
    return OwnStep(mlp())


MODELS = {
    "mlp": (mlp, (8,)),
    "cnn": (cnn, (8, 8, 3)),
    "lstm": (lstm, (6, 8)),
    "transformer": (transformer, (6, 8)),
    "own step": (own_step, (8,)),
}


def batches(arrays, size):
    """A generator of the batches of some arrays."""
    return (tuple(a[i : i + size] for a in arrays) for i in range(0, len(arrays[0]), size))


def trained(kind, batch_size=30, rows=250, feed="resident", optimizer=None, dtype=None):
    """Numbers by name: of two epochs, of an evaluation, and one prediction of a model of some kind; and the model.

    `feed` is how the data comes: "resident" on the devices, in "stacks" of batches of the arrays, or from a "generator".
    """
    make, shape = MODELS[kind]
    generator = np.random.RandomState(0)
    x, y = generator.rand(rows, *shape).astype("float32"), generator.randint(0, 3, rows)
    held_out = x[:77], y[:77]
    jkeras.utils.set_random_seed(1)
    before = jkeras.config.dtype_policy()
    jkeras.config.set_dtype_policy(dtype or before)
    jkeras.config.set_device_memory_budget(0 if feed == "stacks" else None)
    try:
        made = make()
        model = jkeras.Sequential(made) if isinstance(made, list) else made
        loss = jkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer or jkeras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
        data = {"x": x, "y": y, "batch_size": batch_size}
        if feed == "generator":
            steps = -(-rows // batch_size)
            twice = itertools.chain(batches((x, y), batch_size), batches((x, y), batch_size))
            data = {"x": twice, "steps_per_epoch": steps}
        found = model.fit(**data, epochs=2, verbose=0, validation_data=held_out).history
        evaluated = {"x": batches(held_out, 33)} if feed == "generator" else {**data, "x": held_out[0], "y": held_out[1]}
        found["evaluation"] = model.evaluate(**evaluated, verbose=0)
        found["prediction"] = model.predict(x[:1], verbose=0)[0]
    finally:
        jkeras.config.set_dtype_policy(before)
        jkeras.config.set_device_memory_budget(None)
    return found, model


def flat(found):
    """The numbers of `trained` in a row."""
    return [float(value) for name in sorted(found) for value in found[name]]


def distributions(n):
    """The ways to divide the work, by name, on the first `n` devices."""
    names = D.list_devices()[:n]
    line = D.DeviceMesh((n,), ("batch",), names)
    return {
        "data parallel": D.DataParallel(line),
        "fully sharded": D.FullyShardedDataParallel(line),
        "sharded optimizer": D.FullyShardedDataParallel(line, only_optimizer=True),
    }


TOGETHER = [  # what two processes train, and how; the last one is saved, and all of its gradients are far from 0
    ("own step", "sharded optimizer"),
    ("cnn", "sharded optimizer"),
    ("lstm", "data parallel"),
    ("transformer", "fully sharded"),
    ("mlp", "fully sharded"),
]


if __name__ == "__main__":
    process, port, path = sys.argv[1:]
    D.initialize(f"127.0.0.1:{port}", 2, int(process))
    found = []
    for kind, way in TOGETHER:
        with distributions(4)[way].scope():
            numbers, model = trained(kind, rows=100)
            found.append(flat(numbers))
    model.save(path)
    print("RESULT", json.dumps(found))
