"""The review's sentiment with a GRU in the LSTM's place."""

from benchmarks.harness import KERAS, TORCH, faster
from benchmarks.workloads.lstm import LENGTH, LOSS, OPTIMIZER, WIDTH, WORDS, data

__all__ = ["LOSS", "OPTIMIZER", "data"]

TITLE = "Embedding(20000, 128)-GRU(128)-Dense, length 80, batch 32, Adam"
BATCH, STEPS, EPOCHS = 32, 20, 1
GOALS = (faster(1, KERAS), faster(1, TORCH))


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, WIDTH),
            layers.GRU(WIDTH),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def raw_jax(jax):
    jnp, initializers = jax.numpy, jax.nn.initializers

    def init(key):
        a, b, c, d = jax.random.split(key, 4)
        glorot = initializers.glorot_uniform()
        return {
            "table": initializers.uniform(0.1)(a, (WORDS, WIDTH)) - 0.05,
            "inner": glorot(b, (WIDTH, 3 * WIDTH)),
            "outer": initializers.orthogonal()(c, (WIDTH, 3 * WIDTH)),
            "biases": (jnp.zeros(3 * WIDTH), jnp.zeros(3 * WIDTH)),
            "dense": (glorot(d, (WIDTH, 1)), jnp.zeros(1)),
        }, ()

    def apply(params, state, x, key):
        inner, outer = params["biases"]
        projected = params["table"][x.T] @ params["inner"] + inner  # all at once, outside the loop

        def step(hidden, inputs):
            z, r, new = jnp.split(inputs, 3, axis=-1)
            from_z, from_r, from_new = jnp.split(hidden @ params["outer"] + outer, 3, axis=-1)
            z, r = jax.nn.sigmoid(z + from_z), jax.nn.sigmoid(r + from_r)
            return z * hidden + (1 - z) * jnp.tanh(new + r * from_new), None

        hidden, _ = jax.lax.scan(step, jnp.zeros((len(x), WIDTH)), projected)
        kernel, bias = params["dense"]
        return hidden @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn

    class Sentiment(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(WORDS, WIDTH)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
            self.dense = nn.Linear(WIDTH, 1)

        def forward(self, x):
            _, hidden = self.gru(self.table(x))
            return self.dense(hidden[0])

    return Sentiment()


def flax_model(nnx, rngs):
    return nnx.Sequential(
        nnx.Embed(WORDS, WIDTH, rngs=rngs),
        nnx.RNN(nnx.GRUCell(WIDTH, WIDTH, rngs=rngs)),
        lambda x: x[:, -1],
        nnx.Linear(WIDTH, 1, rngs=rngs),
    )
