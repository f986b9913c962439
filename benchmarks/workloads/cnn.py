"""The small convolutional network of every MNIST example: convolution and pooling, and their gradients."""

from benchmarks.harness import KERAS, TORCH, faster

TITLE = "small CNN 28x28x1, batch 128, Adam"
BATCH, STEPS, EPOCHS = 128, 10, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "adam"
GOALS = (faster(4, KERAS), faster(1.3, TORCH))
FLAT, RATE = 5 * 5 * 64, 0.5  # 28 -> 26 -> 13 -> 11 -> 5


def data(rng, rows):
    return rng.uniform(size=(rows, 28, 28, 1)).astype("float32"), rng.integers(10, size=rows).astype("int32")


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(RATE),
            layers.Dense(10, activation="softmax"),
        ]
    )


def raw_jax(jax):
    jnp, lax = jax.numpy, jax.lax

    def init(key):
        glorot, (a, b, c) = jax.nn.initializers.glorot_uniform(), jax.random.split(key, 3)
        convolutions = [(glorot(a, (3, 3, 1, 32)), jnp.zeros(32)), (glorot(b, (3, 3, 32, 64)), jnp.zeros(64))]
        return {"conv": convolutions, "dense": (glorot(c, (FLAT, 10)), jnp.zeros(10))}, ()

    def apply(params, state, x, key):
        for kernel, bias in params["conv"]:
            x = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x + bias)
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(len(x), -1)
        if key is not None:
            x = jnp.where(jax.random.bernoulli(key, 1 - RATE, x.shape), x / (1 - RATE), 0)
        kernel, bias = params["dense"]
        return x @ kernel + bias, state

    return init, apply


def torch_model(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(RATE),
        nn.Linear(FLAT, 10),
    )


def flax_model(nnx, rngs):
    def pool(x):
        return nnx.max_pool(x, (2, 2), strides=(2, 2))

    return nnx.Sequential(
        nnx.Conv(1, 32, (3, 3), padding="VALID", rngs=rngs),
        nnx.relu,
        pool,
        nnx.Conv(32, 64, (3, 3), padding="VALID", rngs=rngs),
        nnx.relu,
        pool,
        lambda x: x.reshape(len(x), -1),
        nnx.Dropout(RATE, rngs=rngs),
        nnx.Linear(FLAT, 10, rngs=rngs),
    )
