"""The review's sentiment with two bidirectional LSTMs, one on the other."""

from benchmarks.harness import KERAS, TORCH, faster
from benchmarks.workloads.lstm import LENGTH, LOSS, OPTIMIZER, WORDS, data, recurrence

__all__ = ["LOSS", "OPTIMIZER", "data"]

TITLE = "Embedding(20000, 128)-two bidirectional LSTM(64)-Dense, length 80, batch 32, Adam"
BATCH, STEPS, EPOCHS = 32, 20, 1
GOALS = (faster(1, KERAS), faster(1, TORCH))
WIDTH, HALF = 128, 64


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, WIDTH),
            layers.Bidirectional(layers.LSTM(HALF, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(HALF)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def raw_jax(jax):
    jnp, initializers = jax.numpy, jax.nn.initializers

    def init(key):
        keys = iter(jax.random.split(key, 10))
        glorot, orthogonal = initializers.glorot_uniform(), initializers.orthogonal()

        def lstm():
            return {
                "inner": glorot(next(keys), (WIDTH, 4 * HALF)),
                "outer": orthogonal(next(keys), (HALF, 4 * HALF)),
                "bias": jnp.zeros(4 * HALF).at[HALF : 2 * HALF].set(1),
            }

        return {
            "table": initializers.uniform(0.1)(next(keys), (WORDS, WIDTH)) - 0.05,
            "pairs": [[lstm(), lstm()], [lstm(), lstm()]],
            "dense": (glorot(next(keys), (WIDTH, 1)), jnp.zeros(1)),
        }, ()

    def apply(params, state, x, key):
        sequence = params["table"][x.T]
        for forward, backward in params["pairs"]:
            ends, sequences = zip(
                recurrence(jax, forward, sequence), recurrence(jax, backward, sequence, reverse=True), strict=True
            )
            sequence = jnp.concatenate(sequences, axis=-1)
        kernel, bias = params["dense"]
        return jnp.concatenate(ends, axis=-1) @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn

    class Sentiment(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(WORDS, WIDTH)
            self.lstm = nn.LSTM(WIDTH, HALF, num_layers=2, bidirectional=True, batch_first=True)
            self.dense = nn.Linear(WIDTH, 1)

        def forward(self, x):
            _, (hidden, _) = self.lstm(self.table(x))
            return self.dense(torch.cat([hidden[-2], hidden[-1]], dim=-1))

    return Sentiment()


def flax_model(nnx, rngs):
    import jax.numpy as jnp

    def pair():
        cells = [nnx.OptimizedLSTMCell(WIDTH, HALF, rngs=rngs) for _ in range(2)]
        return nnx.Bidirectional(nnx.RNN(cells[0]), nnx.RNN(cells[1]), rngs=rngs)

    return nnx.Sequential(
        nnx.Embed(WORDS, WIDTH, rngs=rngs),
        pair(),
        pair(),
        lambda x: jnp.concatenate([x[:, -1, :HALF], x[:, 0, HALF:]], axis=-1),
        nnx.Linear(WIDTH, 1, rngs=rngs),
    )
