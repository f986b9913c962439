"""A small residual network: batch normalisation, strided and 1x1 convolutions, additions, a functional model.

A stem and three stages of one basic block each, 16, 32 and 64 channels wide (ResNet-8 of the CIFAR family: He et al.,
"Deep Residual Learning for Image Recognition", 2016).
"""

from benchmarks.harness import KERAS, TORCH, faster

TITLE = "residual CNN with BatchNorm 32x32x3, batch 32, SGD with momentum"
BATCH, STEPS, EPOCHS = 32, 10, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "momentum"
GOALS = (faster(3, KERAS), faster(1, TORCH))
STAGES = ((16, 16, 1), (16, 32, 2), (32, 64, 2))  # channels in, channels out, stride
DECAY, EPSILON = 0.99, 1e-3


def data(rng, rows):
    return rng.uniform(size=(rows, 32, 32, 3)).astype("float32"), rng.integers(10, size=rows).astype("int32")


def keras_model(keras):
    layers = keras.layers

    def normalized(x, channels, stride=1, kernel=3):
        x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = layers.Input((32, 32, 3))
    x = layers.Activation("relu")(normalized(inputs, 16))
    for _, channels, stride in STAGES:
        shortcut = x if stride == 1 else normalized(x, channels, stride, kernel=1)
        x = layers.Activation("relu")(normalized(x, channels, stride))
        x = layers.Activation("relu")(layers.add([normalized(x, channels), shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def raw_jax(jax):
    jnp = jax.numpy
    glorot = jax.nn.initializers.glorot_uniform()

    def init(key):
        shapes = [(3, 3, 3, 16)]
        for inside, outside, stride in STAGES:
            shapes += [] if stride == 1 else [(1, 1, inside, outside)]
            shapes += [(3, 3, inside, outside), (3, 3, outside, outside)]
        keys = iter(jax.random.split(key, len(shapes) + 1))
        units = [(glorot(next(keys), s), jnp.ones(s[-1]), jnp.zeros(s[-1])) for s in shapes]
        moving = [(jnp.zeros(s[-1]), jnp.ones(s[-1])) for s in shapes]
        return {"units": units, "dense": (glorot(next(keys), (64, 10)), jnp.zeros(10))}, moving

    def apply(params, moving, x, key):
        units, moved = iter(zip(params["units"], moving, strict=True)), []

        def normalized(x, stride=1):
            (kernel, scale, offset), (mean, variance) = next(units)
            numbers = ("NHWC", "HWIO", "NHWC")
            x = jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=numbers)
            if key is None:
                moved.append((mean, variance))
            else:
                old = mean, variance
                mean = x.mean((0, 1, 2))
                variance = (x * x).mean((0, 1, 2)) - mean**2
                new = mean, variance
                moved.append(tuple(DECAY * a + (1 - DECAY) * jax.lax.stop_gradient(b) for a, b in zip(old, new)))
            return (x - mean) * (jax.lax.rsqrt(variance + EPSILON) * scale) + offset

        x = jax.nn.relu(normalized(x))
        for _, _, stride in STAGES:
            shortcut = x if stride == 1 else normalized(x, stride)
            x = jax.nn.relu(normalized(x, stride))
            x = jax.nn.relu(normalized(x) + shortcut)
        kernel, bias = params["dense"]
        return x.mean((1, 2)) @ kernel + bias, moved

    return init, apply


def torch_model(torch):
    nn = torch.nn

    def normalized(inside, outside, stride=1, kernel=3):
        return nn.Sequential(
            nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outside, eps=EPSILON, momentum=1 - DECAY),
        )

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.first, self.second = normalized(inside, outside, stride), normalized(outside, outside)
            self.shortcut = nn.Identity() if stride == 1 else normalized(inside, outside, stride, kernel=1)

        def forward(self, x):
            return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))

    blocks = [Block(*stage) for stage in STAGES]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    return nn.Sequential(normalized(3, 16), nn.ReLU(), *blocks, *head)


def flax_model(nnx, rngs):
    def normalized(inside, outside, stride=1, kernel=3):
        return nnx.Sequential(
            nnx.Conv(inside, outside, (kernel, kernel), strides=stride, use_bias=False, rngs=rngs),
            nnx.BatchNorm(outside, momentum=DECAY, epsilon=EPSILON, rngs=rngs),
        )

    class Block(nnx.Module):
        def __init__(self, inside, outside, stride):
            self.first, self.second = normalized(inside, outside, stride), normalized(outside, outside)
            self.shortcut = None if stride == 1 else normalized(inside, outside, stride, kernel=1)

        def __call__(self, x):
            shortcut = x if self.shortcut is None else self.shortcut(x)
            return nnx.relu(self.second(nnx.relu(self.first(x))) + shortcut)

    blocks = [Block(*stage) for stage in STAGES]
    return nnx.Sequential(normalized(3, 16), nnx.relu, *blocks, lambda x: x.mean((1, 2)), nnx.Linear(64, 10, rngs=rngs))
