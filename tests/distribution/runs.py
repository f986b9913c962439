"""Models and data for tests of training on several devices; run as a program, it prints the losses of one of them."""

import json
import sys

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


MODELS = {"mlp": (mlp, (8,)), "cnn": (cnn, (8, 8, 3)), "lstm": (lstm, (6, 8)), "transformer": (transformer, (6, 8))}


def trained(kind, batch_size=30, rows=250, stream=False, optimizer=None, dtype=None):
    """Losses, evaluation and one prediction of a model of some kind, and the model."""
    make, shape = MODELS[kind]
    generator = np.random.RandomState(0)
    x, y = generator.rand(rows, *shape).astype("float32"), generator.randint(0, 3, rows)
    jkeras.utils.set_random_seed(1)
    before = jkeras.config.dtype_policy()
    jkeras.config.set_dtype_policy(dtype or before)
    try:
        made = make()
        model = jkeras.Sequential(made) if isinstance(made, list) else made
    finally:
        jkeras.config.set_dtype_policy(before)
    loss = jkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or jkeras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    held_out = (x[:77], y[:77])
    if stream:
        batches = [(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, rows, batch_size)]
        history = model.fit((batch for batch in batches * 2), epochs=2, steps_per_epoch=len(batches), verbose=0)
    else:
        history = model.fit(x, y, epochs=2, batch_size=batch_size, verbose=0, validation_data=held_out)
    results = [v for name in sorted(history.history) for v in history.history[name]]
    return [*results, *model.evaluate(*held_out, batch_size=33, verbose=0), *model.predict(x[:1], verbose=0)[0]], model


def distributions(n):
    """The ways to divide the work, by name, on the first `n` devices."""
    names = D.list_devices()[:n]
    line = D.DeviceMesh((n,), ("batch",), names)
    return {
        "data parallel": D.DataParallel(line),
        "fully sharded": D.FullyShardedDataParallel(line),
        "sharded optimizer": D.FullyShardedDataParallel(line, only_optimizer=True),
    }


if __name__ == "__main__":
    process, port, path = sys.argv[1:]
    D.initialize(f"127.0.0.1:{port}", 2, int(process))
    found = {}
    for name, distribution in distributions(4).items():
        with distribution.scope():
            found[name], model = trained("mlp")
            found[name] = list(map(float, found[name]))
    model.save(path)
    print("RESULT", json.dumps(found))
