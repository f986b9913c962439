"""Two pre-norm Transformer blocks over embedded tokens, pooled and classified: attention and wide matrix products.

Positions are left out (they cost nothing), and so is dropout (it would time the random bits).
"""

from benchmarks.harness import KERAS, LOOP, SCAN, TORCH, faster

TITLE = "Transformer, 2 layers, width 128, 4 heads, length 128, batch 32, Adam"
BATCH, STEPS, EPOCHS = 32, 10, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "adam"
GOALS = (faster(1, SCAN, LOOP), faster(1.2, KERAS), faster(1, TORCH))
WORDS, WIDTH, HEADS, LENGTH, LAYERS, CLASSES = 1000, 128, 4, 128, 2, 10
EPSILON = 1e-5


def data(rng, rows):
    return rng.integers(WORDS, size=(rows, LENGTH)).astype("int32"), rng.integers(CLASSES, size=rows).astype("int32")


def keras_model(keras, length=LENGTH):
    layers = keras.layers
    inputs = layers.Input((length,), dtype="int32")
    x = layers.Embedding(WORDS, WIDTH)(inputs)
    for _ in range(LAYERS):
        y = layers.LayerNormalization(epsilon=EPSILON)(x)
        x = layers.add([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)])
        y = layers.LayerNormalization(epsilon=EPSILON)(x)
        y = layers.Dense(4 * WIDTH, activation="gelu")(y)
        x = layers.add([x, layers.Dense(WIDTH)(y)])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def raw_jax(jax):
    jnp, initializers = jax.numpy, jax.nn.initializers

    def init(key):
        keys = iter(jax.random.split(key, 4 * LAYERS + 2))

        def dense(inside, outside):
            return initializers.glorot_uniform()(next(keys), (inside, outside)), jnp.zeros(outside)

        def norm():
            return jnp.ones(WIDTH), jnp.zeros(WIDTH)

        table = initializers.uniform(0.1)(next(keys), (WORDS, WIDTH)) - 0.05
        blocks = [
            {
                "norms": (norm(), norm()),
                "qkv": dense(WIDTH, 3 * WIDTH),
                "out": dense(WIDTH, WIDTH),
                "up": dense(WIDTH, 4 * WIDTH),
                "down": dense(4 * WIDTH, WIDTH),
            }
            for _ in range(LAYERS)
        ]
        return {"table": table, "blocks": blocks, "dense": dense(WIDTH, CLASSES)}, ()

    def dense(x, weights):
        kernel, bias = weights
        return x @ kernel + bias

    def norm(x, weights):
        scale, offset = weights
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * scale + offset

    def apply(params, state, x, key):
        x = params["table"][x]
        for block in params["blocks"]:
            qkv = dense(norm(x, block["norms"][0]), block["qkv"])
            qkv = qkv.reshape(*x.shape[:2], 3, HEADS, WIDTH // HEADS)
            attended = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
            x = x + dense(attended.reshape(*x.shape[:2], WIDTH), block["out"])
            hidden = jax.nn.gelu(dense(norm(x, block["norms"][1]), block["up"]), approximate=False)
            x = x + dense(hidden, block["down"])
        return dense(x.mean(1), params["dense"]), state

    return init, apply


def torch_model(torch):
    nn = torch.nn

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(WORDS, WIDTH)
            options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
            self.blocks = nn.Sequential(
                *(nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, **options) for _ in range(LAYERS))
            )
            self.dense = nn.Linear(WIDTH, CLASSES)

        def forward(self, x):
            return self.dense(self.blocks(self.table(x)).mean(1))

    return Pooled()


def flax_model(nnx, rngs):
    class Block(nnx.Module):
        def __init__(self):
            self.norm1 = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.norm2 = nnx.LayerNorm(WIDTH, epsilon=EPSILON, rngs=rngs)
            self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.down(nnx.gelu(self.up(self.norm2(x)), approximate=False))

    blocks = [Block() for _ in range(LAYERS)]
    return nnx.Sequential(
        nnx.Embed(WORDS, WIDTH, rngs=rngs), *blocks, lambda x: x.mean(1), nnx.Linear(WIDTH, CLASSES, rngs=rngs)
    )
