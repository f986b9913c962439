"""Sentiment of a review: an embedding, an LSTM over 80 words, a sigmoid. Recurrence, and a gradient of many zeros."""

from benchmarks.harness import KERAS, TORCH, faster

TITLE = "Embedding(20000, 128)-LSTM(128)-Dense, length 80, batch 32, Adam"
BATCH, STEPS, EPOCHS = 32, 20, 1
LOSS, OPTIMIZER = "binary_crossentropy", "adam"
GOALS = (faster(2, KERAS), faster(1.1, TORCH))
WORDS, WIDTH, LENGTH = 20000, 128, 80


def data(rng, rows):
    return rng.integers(WORDS, size=(rows, LENGTH)).astype("int32"), rng.integers(2, size=(rows, 1)).astype("float32")


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, WIDTH),
            layers.LSTM(WIDTH),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def recurrence(jax, params, inputs, reverse=False):
    """The LSTM over inputs of shape (length, batch, features): the last output, and all of them."""
    jnp = jax.numpy
    projected = inputs @ params["inner"] + params["bias"]  # all at once, outside the loop

    def step(carry, inputs):
        hidden, memory = carry
        gates = inputs + hidden @ params["outer"]
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(memory)
        return (hidden, memory), hidden

    zeros = jnp.zeros((inputs.shape[1], len(params["outer"])))
    (hidden, _), outputs = jax.lax.scan(step, (zeros, zeros), projected, reverse=reverse)
    return hidden, outputs


def raw_jax(jax):
    jnp, initializers = jax.numpy, jax.nn.initializers

    def init(key):
        a, b, c, d = jax.random.split(key, 4)
        glorot = initializers.glorot_uniform()
        return {
            "table": initializers.uniform(0.1)(a, (WORDS, WIDTH)) - 0.05,
            "inner": glorot(b, (WIDTH, 4 * WIDTH)),
            "outer": initializers.orthogonal()(c, (WIDTH, 4 * WIDTH)),
            "bias": jnp.zeros(4 * WIDTH).at[WIDTH : 2 * WIDTH].set(1),  # the forget gate starts open
            "dense": (glorot(d, (WIDTH, 1)), jnp.zeros(1)),
        }, ()

    def apply(params, state, x, key):
        hidden, _ = recurrence(jax, params, params["table"][x.T])
        kernel, bias = params["dense"]
        return hidden @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn

    class Sentiment(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(WORDS, WIDTH)
            self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
            self.dense = nn.Linear(WIDTH, 1)

        def forward(self, x):
            _, (hidden, _) = self.lstm(self.table(x))
            return self.dense(hidden[0])

    return Sentiment()


def flax_model(nnx, rngs):
    return nnx.Sequential(
        nnx.Embed(WORDS, WIDTH, rngs=rngs),
        nnx.RNN(nnx.OptimizedLSTMCell(WIDTH, WIDTH, rngs=rngs)),
        lambda x: x[:, -1],
        nnx.Linear(WIDTH, 1, rngs=rngs),
    )
