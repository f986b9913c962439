"""Two hundred narrow dense layers: nothing to compute, everything to build, trace and look up."""

TITLE = "200 dense layers: built and traced to the first step"
BATCH, STEPS, EPOCHS = 32, 1, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "sgd"
GOALS = ()  # none is set: the ratios speak
LAYERS, WIDTH, CLASSES = 200, 16, 10


def data(rng, rows):
    return rng.normal(size=(rows, WIDTH)).astype("float32"), rng.integers(CLASSES, size=rows).astype("int32")


def keras_model(keras):
    layers = keras.layers
    hidden = [layers.Dense(WIDTH, activation="relu") for _ in range(LAYERS)]
    return keras.Sequential([layers.Input((WIDTH,)), *hidden, layers.Dense(CLASSES, activation="softmax")])


def raw_jax(jax):
    def init(key):
        glorot = jax.nn.initializers.glorot_uniform()
        sizes = [WIDTH] * LAYERS + [CLASSES]
        keys = jax.random.split(key, LAYERS + 1)
        return [(glorot(k, (WIDTH, size)), jax.numpy.zeros(size)) for k, size in zip(keys, sizes, strict=True)], ()

    def apply(params, state, x, key):
        *hidden, (kernel, bias) = params
        for k, b in hidden:
            x = jax.nn.relu(x @ k + b)
        return x @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn
    hidden = [layer for _ in range(LAYERS) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, CLASSES))


def flax_model(nnx, rngs):
    hidden = [layer for _ in range(LAYERS) for layer in (nnx.Linear(WIDTH, WIDTH, rngs=rngs), nnx.relu)]
    return nnx.Sequential(*hidden, nnx.Linear(WIDTH, CLASSES, rngs=rngs))
