"""Code as Keras users write it runs unmodified, with Keras's results.

Each snippet is a function of the library `K`. It runs on Keras and on jkeras from the same seed, and what it returns (arrays,
shapes, names, numbers, in any structure) must be equal.
"""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 1)).astype("float32")
SERIES = RNG.normal(size=(6, 5, 3)).astype("float32")
WORDS = np.array([[1, 2, 3, 0, 0], [4, 1, 0, 0, 0], [2, 2, 2, 2, 2]])

SNIPPETS = []


def snippet(function):
    """Add a function of the library to those that are run and compared."""
    SNIPPETS.append(function)
    return function


def result(K, function):
    """What a snippet returns, from a fresh session and seed 3."""
    K.utils.clear_session()
    K.utils.set_random_seed(3)
    return function(K)


def assert_same(ours, theirs, where="result"):
    """Structures with equal keys, lengths, texts, integers and shapes, and equal floats up to 1e-4."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), (where, ours, theirs)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif theirs is None or isinstance(theirs, (str, bool)):
        assert ours == theirs, (where, ours, theirs)
    else:
        assert np.shape(ours) == np.shape(theirs), where
        a, b = np.asarray(ours), np.asarray(theirs)
        assert a.dtype == b.dtype or a.ndim == 0, (where, a.dtype, b.dtype)
        np.testing.assert_allclose(np.float64(a), np.float64(b), rtol=1e-4, atol=1e-5, err_msg=where)


# -- layers -----------------------------------------------------------------------------------------------------------


@snippet
def weights_in_init(K):
    class Affine(K.layers.Layer):
        def __init__(self, units, inputs):
            super().__init__()
            self.w = self.add_weight(shape=(inputs, units), initializer="random_normal", trainable=True)
            self.b = self.add_weight(shape=(units,), initializer="zeros")

        def call(self, x):
            return K.ops.matmul(x, self.w) + self.b

    layer = Affine(3, 4)
    return layer(X), [w.shape for w in layer.weights], layer.built, layer.count_params()


@snippet
def weights_in_build(K):
    class Affine(K.layers.Layer):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="he_uniform", name="kernel")
            self.bias = self.add_weight(shape=(self.units,), initializer=K.initializers.Constant(0.5), name="bias")
            super().build(input_shape)

        def call(self, inputs):
            return inputs @ self.kernel + self.bias

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    layer = Affine(2, name="affine")
    model = K.Sequential([K.Input((4,)), layer, Affine(1, name="last")])
    model.compile("sgd", "mse")
    again = Affine.from_config(layer.get_config())
    return model.fit(X, Y, epochs=2, verbose=0).history, [v.path for v in layer.weights], again.units, again.name


@snippet
def composite_layer_builds_its_parts_in_build(K):
    class Block(K.layers.Layer):
        def __init__(self):
            super().__init__()
            self.first = K.layers.Dense(5, activation="relu")
            self.second = K.layers.Dense(2)

        def build(self, input_shape):
            self.first.build(input_shape)
            self.second.build(self.first.compute_output_shape(input_shape))

        def call(self, x):
            return self.second(self.first(x))

    block = Block()
    block.build((None, 4))
    return [w.shape for w in block.weights], block(X), len(block.trainable_weights)


@snippet
def parts_in_lists_and_dicts(K):
    class Tower(K.layers.Layer):
        def __init__(self, depth):
            super().__init__()
            self.blocks = [K.layers.Dense(4, activation="tanh") for _ in range(depth)]
            self.heads = {"mean": K.layers.Dense(1), "scale": K.layers.Dense(1, activation="softplus")}
            self.pairs = [(K.layers.LayerNormalization(), K.layers.Dropout(0.5)) for _ in range(2)]

        def call(self, x, training=False):
            for block in self.blocks:
                x = x + block(x)
            for norm, drop in self.pairs:
                x = drop(norm(x), training=training)
            return {name: head(x) for name, head in self.heads.items()}

    tower = Tower(3)
    outputs = tower(X)
    return outputs, len(tower.weights), [w.shape for w in tower.get_weights()], tower(X, training=True)["mean"]


@snippet
def several_arguments(K):
    class Gate(K.layers.Layer):
        def build(self, x_shape, context_shape):
            self.w = self.add_weight(shape=(context_shape[-1], x_shape[-1]), initializer="ones")

        def call(self, x, context, scale=1.0, *, offset=0.0):
            return scale * x * K.ops.sigmoid(context @ self.w) + offset

    gate = Gate()
    x, context = K.Input((4,)), K.Input((1,))
    model = K.Model([x, context], gate(x, context=context, scale=2.0, offset=1.0))
    return gate(X, Y), gate(X, Y, scale=3.0), model([X, Y]), model.predict([X, Y], verbose=0), model.count_params()


@snippet
def list_of_inputs(K):
    class Weighted(K.layers.Layer):
        def build(self, input_shape):
            self.w = [self.add_weight(shape=(shape[-1],), initializer="random_uniform", name=f"w{i}")
                      for i, shape in enumerate(input_shape)]  # fmt: skip

        def call(self, inputs):
            return [x * w for x, w in zip(inputs, self.w)]

    layer = Weighted()
    return layer([X, Y]), [w.name for w in layer.weights]


@snippet
def dict_of_inputs(K):
    class Join(K.layers.Layer):
        def call(self, inputs):
            return K.ops.concatenate([inputs["a"], inputs["b"]], axis=-1)

    inputs = {"a": K.Input((4,), name="a"), "b": K.Input((1,), name="b")}
    model = K.Model(inputs, K.layers.Dense(2)(Join()(inputs)))
    model.compile("adam", "mse")
    history = model.fit({"a": X, "b": Y}, X[:, :2], epochs=2, batch_size=4, verbose=0)
    return history.history, model.predict({"b": Y, "a": X}, verbose=0), Join()({"a": X, "b": Y})


@snippet
def training_argument(K):
    class Noisy(K.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = K.random.SeedGenerator(7)

        def call(self, x, training=None):
            if training:
                x = x + K.random.normal(K.ops.shape(x), stddev=0.1, seed=self.seed_generator)
            return x

    model = K.Sequential([Noisy(), K.layers.Dense(2), Noisy()])
    return model(X), model(X, training=True), model(X, training=True), len(model.variables), len(model.weights)


@snippet
def default_of_training_is_true(K):
    class Always(K.layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = K.layers.Dropout(0.5, seed=1)

        def call(self, x, training=True):
            return self.drop(x, training=training)

    return Always()(X), Always()(X, training=False)


@snippet
def state_that_a_call_assigns(K):
    class RunningMax(K.layers.Layer):
        def build(self, input_shape):
            self.peak = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="peak")
            self.calls = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="calls")

        def call(self, x):
            self.peak.assign(K.ops.maximum(self.peak, K.ops.max(K.ops.abs(x), axis=0)))
            self.calls.assign_add(1)
            return x / (self.peak + 1e-3)

    model = K.Sequential([K.Input((4,)), RunningMax(), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    layer = model.layers[0]
    return history.history, layer.peak.numpy(), int(layer.calls.numpy()), len(layer.non_trainable_weights)


@snippet
def variables_made_by_hand(K):
    class Exponent(K.layers.Layer):
        def __init__(self):
            super().__init__()
            self.power = K.Variable(2.0, name="power")
            self.count = K.Variable(0, dtype="int32", trainable=False)

        def call(self, x):
            self.count.assign(self.count + 1)
            return K.ops.power(K.ops.abs(x), self.power)

    layer = Exponent()
    outputs = [layer(X), layer(X)]
    return outputs, float(layer.power), int(layer.count), len(layer.trainable_variables), len(layer.non_trainable_variables)


@snippet
def losses_of_layers(K):
    class Sparse(K.layers.Layer):
        def __init__(self, rate=1e-2):
            super().__init__()
            self.rate = rate

        def call(self, x):
            self.add_loss(self.rate * K.ops.sum(K.ops.abs(x)))
            return x

    class Net(K.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.sparse, self.out = K.layers.Dense(6, activation="relu"), Sparse(), K.layers.Dense(1)

        def call(self, x):
            return self.out(self.sparse(self.hidden(x)))

    net = Net()
    net(X)
    added = [float(loss) for loss in net.losses]
    net.compile("sgd", "mse", metrics=["mae"])
    history = net.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    return added, history, [m.name for m in net.metrics]


@snippet
def masks_made_and_used(K):
    class Tokens(K.layers.Layer):
        def __init__(self, size):
            super().__init__()
            self.table = K.layers.Embedding(size, 3)

        def call(self, ids):
            return self.table(ids)

        def compute_mask(self, inputs, mask=None):
            return K.ops.not_equal(inputs, 0)

    class MaskedMean(K.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            if mask is None:
                return K.ops.mean(x, axis=1)
            weights = K.ops.expand_dims(K.ops.cast(mask, x.dtype), -1)
            return K.ops.sum(x * weights, axis=1) / K.ops.sum(weights, axis=1)

        def compute_mask(self, inputs, mask=None):
            return None

    inputs = K.Input((None,), dtype="int32")
    x = Tokens(10)(inputs)
    x = K.layers.Dense(4, activation="relu")(x)
    model = K.Model(inputs, K.layers.Dense(1)(MaskedMean()(x)))
    chain = K.Sequential([Tokens(10), MaskedMean()])
    return model(WORDS), model.predict(WORDS, verbose=0), chain(WORDS), MaskedMean()(SERIES, mask=SERIES[..., 0] > 0)


@snippet
def a_mask_given_by_hand(K):
    lstm = K.layers.LSTM(3)
    return lstm(SERIES, mask=np.array([[True] * 3 + [False] * 2] * 6)), lstm(SERIES)


@snippet
def build_configs(K):
    class Shaped(K.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=tuple(input_shape[1:]), initializer="ones")
            self.seen = tuple(input_shape)

        def call(self, x):
            return x * self.w

        def get_build_config(self):
            return {"input_shape": self.seen}

        def build_from_config(self, config):
            self.build(config["input_shape"])

    layer = Shaped()
    layer(SERIES)
    again = Shaped.from_config(layer.get_config())
    again.build_from_config(layer.get_build_config())
    plain = K.layers.Dense(2)
    plain.build((None, 4))
    return (
        again.w.shape,
        again.built,
        list(layer.get_build_config()["input_shape"]),
        list(plain.get_build_config()["input_shape"]),
    )


@snippet
def a_wrapper_around_a_layer(K):
    class Residual(K.layers.Wrapper):
        def call(self, x):
            return x + self.layer(x)

    layer = Residual(K.layers.Dense(4))
    return layer(X), len(layer.weights), [v.path for v in layer.weights]


@snippet
def compute_output_shape_of_ones_own(K):
    class Twice(K.layers.Layer):
        def call(self, x):
            return K.ops.concatenate([x, x], axis=1)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 2 * input_shape[1], *input_shape[2:])

    inputs = K.Input((5, 3))
    outputs = Twice()(inputs)
    return outputs.shape, Twice().compute_output_shape((None, 5, 3)), K.Model(inputs, outputs)(SERIES)


@snippet
def dtypes_per_layer(K):
    inputs = K.Input((4,))
    hidden = K.layers.Dense(8, dtype="mixed_bfloat16")(inputs)
    wide = K.layers.Dense(3, dtype="float32")(hidden)
    policy = K.DTypePolicy("mixed_float16")
    half = K.layers.Dense(3, dtype=policy)(hidden)
    model = K.Model(inputs, [wide, half])
    names = [(layer.compute_dtype, layer.variable_dtype, layer.dtype_policy.name) for layer in model.layers]
    return [hidden.dtype, wide.dtype, half.dtype], names, [str(y.dtype) for y in model(X)]


@snippet
def a_layer_that_keeps_its_inputs_as_they_are(K):
    class Peek(K.layers.Layer):
        def call(self, x):
            return str(x.dtype)

    ids = np.arange(4)
    return Peek(autocast=False)(X.astype("float16")), Peek()(X.astype("float16")), Peek()(ids.astype("int32"))


@snippet
def regularizers_and_constraints_of_weights(K):
    class Ball(K.constraints.Constraint):
        def __call__(self, w):
            return w / K.ops.maximum(1.0, K.ops.sqrt(K.ops.sum(w * w)))

    class Cubes(K.regularizers.Regularizer):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, w):
            return self.rate * K.ops.sum(K.ops.abs(w) ** 3)

    layer = K.layers.Dense(
        1, kernel_constraint=Ball(), kernel_regularizer=Cubes(0.1), bias_regularizer="l1", activation="tanh"
    )
    model = K.Sequential([K.Input((4,)), layer])
    model.compile(K.optimizers.SGD(0.5), "mse")
    history = model.fit(X, 9 * Y, epochs=3, verbose=0).history
    return history, np.linalg.norm(layer.get_weights()[0]), [float(x) for x in model.losses]


@snippet
def nested_layers_are_listed_and_frozen(K):
    class Pair(K.layers.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = K.layers.Dense(4, name="a"), K.layers.BatchNormalization(name="b")

        def call(self, x):
            return self.b(self.a(x))

    pair = Pair()
    pair(X)
    counts = [len(pair.weights), len(pair.trainable_weights), len(pair.non_trainable_weights)]
    pair.a.trainable = False
    counts += [len(pair.trainable_weights), pair.trainable, pair.a.trainable]
    pair.trainable = False
    counts += [len(pair.trainable_weights), pair.b.trainable]
    pair.trainable = True
    return counts + [len(pair.trainable_weights), pair.a.trainable], [layer.name for layer in pair._flatten_layers()][1:]


# -- models -----------------------------------------------------------------------------------------------------------


@snippet
def a_subclassed_model(K):
    class Net(K.Model):
        def __init__(self, width=8, **kwargs):
            super().__init__(**kwargs)
            self.dense1 = K.layers.Dense(width, activation="relu")
            self.dropout = K.layers.Dropout(0.3)
            self.dense2 = K.layers.Dense(1)

        def call(self, inputs, training=False):
            x = self.dense1(inputs)
            if training:
                x = self.dropout(x, training=training)
            return self.dense2(x)

    net = Net(name="net")
    net.compile(optimizer=K.optimizers.Adam(0.01), loss=K.losses.MeanSquaredError(), metrics=[K.metrics.MeanAbsoluteError()])
    history = net.fit(X, Y, epochs=3, batch_size=5, validation_data=(X[:4], Y[:4]), verbose=0).history
    names = [layer.name for layer in net.layers]
    return history, net.evaluate(X, Y, verbose=0), net.predict(X, verbose=0), names, len(net.weights)


@snippet
def a_subclassed_model_with_structures(K):
    class Net(K.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = K.layers.Dense(3), K.layers.Dense(3)
            self.score = K.layers.Dense(1, name="score")

        def call(self, inputs):
            shared = self.left(inputs["a"]) * self.right(inputs["b"])
            return {"score": self.score(shared), "aux": shared}

    net = Net()
    net.compile(
        "sgd", loss={"score": "mse", "aux": "mae"}, loss_weights={"score": 1.0, "aux": 0.1}, metrics={"score": ["mae"]}
    )
    data = {"a": X, "b": Y}
    history = net.fit(data, {"score": Y, "aux": X[:, :3]}, epochs=2, batch_size=6, verbose=0).history
    return dict(sorted(history.items())), net.predict(data, verbose=0), net(data)


@snippet
def models_inside_models(K):
    def encoder(name):
        return K.Sequential([K.layers.Dense(5, activation="relu"), K.layers.Dense(3)], name=name)

    inputs = K.Input((4,))
    middle = K.Model(inputs, K.layers.Dense(3, name="inner")(inputs), name="middle")

    class Net(K.Model):
        def __init__(self):
            super().__init__()
            self.parts = [encoder("left"), encoder("right")]
            self.middle = middle
            self.out = K.layers.Dense(1)

        def call(self, x):
            return self.out(self.parts[0](x) + self.parts[1](x) + self.middle(x))

    net = Net()
    return net(X), len(net.weights), [layer.name for layer in net.layers], net.middle.get_layer("inner").units


@snippet
def the_functional_api(K):
    a, b = K.Input(shape=(4,), name="a"), K.Input(shape=(5, 3), name="b")
    x = K.layers.Dense(6, activation="relu", name="wide")(a)
    y = K.layers.GRU(6)(b)
    both = K.layers.concatenate([x, y])
    first = K.layers.Dense(1, name="first")(both)
    second = K.layers.Dense(2, activation="softmax", name="second")(both)
    model = K.Model(inputs=[a, b], outputs=[first, second], name="two")
    model.compile("rmsprop", loss=["mse", "sparse_categorical_crossentropy"], metrics=[["mae"], ["accuracy"]])
    history = model.fit([X[:6], SERIES], [Y[:6], np.arange(6) % 2], epochs=2, batch_size=3, verbose=0).history
    names = [layer.name for layer in model.layers]
    return (
        dict(sorted(history.items())),
        names,
        model.input_shape,
        model.output_shape,
        model.output_names,
        model([X[:6], SERIES]),
    )


@snippet
def shared_layers_and_several_nodes(K):
    shared = K.layers.Dense(3, name="shared")
    a, b = K.Input((4,)), K.Input((4,))
    distance = K.ops.sum(K.ops.square(shared(a) - shared(b)), axis=-1, keepdims=True)
    model = K.Model([a, b], K.ops.sqrt(distance + 1e-6))
    return model([X, X[::-1]]), len(model.weights), [w.shape for w in model.weights]


@snippet
def arithmetic_on_symbolic_tensors(K):
    x = K.Input((5, 3))
    y = (2 * x - 1) ** 2 / (1 + abs(x)) + x[:, ::-1] * x[..., :1] - x[:, 2:3, :] % 3
    z = K.ops.where(y > 1, y, -y) @ np.ones((3, 2), "float32")
    w = K.ops.einsum("bij,bkj->bik", z, z) + K.ops.mean(x, axis=(1, 2), keepdims=True)
    flags = ~(x > 0) & (x < 1) | (x >= 2)
    model = K.Model(x, [y, z, w, flags, -x // 2, 1 / (x + 9)])
    return model(SERIES), [t.shape for t in (y, z, w, flags)], [t.dtype for t in (y, z, w, flags)]


@snippet
def functions_of_ops_in_a_graph(K):
    x = K.Input((5, 3))
    pieces = K.ops.split(x, [2], axis=1)
    stacked = K.ops.stack([x, 2 * x], axis=1)
    top, which = K.ops.top_k(x, k=2)
    y = K.ops.reshape(K.ops.transpose(stacked, (0, 2, 1, 3)), (-1, 5, 6))
    soft = K.ops.softmax(y, axis=-1)
    hot = K.ops.one_hot(K.ops.argmax(y, axis=-1), 6)
    model = K.Model(x, {"a": pieces[0], "b": pieces[1], "c": top, "d": which, "e": soft * hot})
    return model(SERIES), model.output_shape


@snippet
def unknown_dimensions(K):
    x = K.Input((None, 3))
    y = K.layers.Conv1D(4, 3, padding="valid")(x)
    z = K.layers.LSTM(2, return_sequences=True)(y)
    batch, steps = K.ops.shape(z)[0], K.ops.shape(z)[1]
    flat = K.ops.reshape(z, (-1, 2))
    back = K.layers.Reshape((-1, 2))(K.ops.expand_dims(flat, 0))
    model = K.Model(x, [z, K.layers.GlobalMaxPooling1D()(z), flat])
    return [y.shape, z.shape, flat.shape], [o.shape for o in model(SERIES)], model(SERIES[:, :4]), steps, batch, back.shape


@snippet
def lambdas(K):
    inputs = K.Input((5, 3))
    x = K.layers.Lambda(lambda t: t[:, -1] * 2)(inputs)
    y = K.layers.Lambda(lambda t, p: K.ops.abs(t) ** p, arguments={"p": 0.5})(x)
    z = K.layers.Lambda(lambda ts: ts[0] + ts[1])([x, y])
    model = K.Model(inputs, z)
    sequential = K.Sequential([K.layers.Lambda(lambda t: K.ops.mean(t, axis=1)), K.layers.Dense(2)])
    return model(SERIES), z.shape, sequential(SERIES)


@snippet
def extracting_features(K):
    base = K.Sequential([K.Input((4,)), K.layers.Dense(6, activation="relu", name="h1"), K.layers.Dense(3, name="h2")])
    extractor = K.Model(base.inputs, [layer.output for layer in base.layers])
    single = K.Model(inputs=base.inputs, outputs=base.get_layer("h1").output)
    inner = K.Model(base.layers[1].input, base.layers[1].output)
    return (
        extractor(X),
        single(X),
        inner(np.asarray(single(X))),
        [layer.name for layer in extractor.layers][1:],
        len(inner.weights),
    )


@snippet
def models_as_layers(K):
    inputs = K.Input((4,))
    encoder = K.Model(inputs, K.layers.Dense(3, activation="tanh")(inputs), name="encoder")
    codes = K.Input((3,))
    decoder = K.Model(codes, K.layers.Dense(4)(codes), name="decoder")
    autoencoder = K.Model(inputs, decoder(encoder(inputs)), name="autoencoder")
    averaged = K.layers.average([autoencoder(inputs), decoder(encoder(2 * inputs))])
    ensemble = K.Model(inputs, averaged)
    autoencoder.compile("adam", "mse")
    history = autoencoder.fit(X, X, epochs=2, verbose=0).history
    return (
        history,
        encoder(X),
        ensemble(X),
        [layer.name for layer in autoencoder.layers],
        len(ensemble.weights),
        [v.path for v in decoder.weights],
    )


@snippet
def nested_inputs(K):
    inputs = [K.Input((4,), name="x"), {"y": K.Input((1,), name="y"), "z": K.Input((5, 3), name="z")}]
    pooled = K.layers.GlobalAveragePooling1D()(inputs[1]["z"])
    joined = K.layers.Concatenate()([inputs[0], inputs[1]["y"], pooled])
    model = K.Model(inputs, (K.layers.Dense(2)(joined), {"sum": K.ops.sum(joined, axis=-1)}))
    return model([X[:6], {"y": Y[:6], "z": SERIES}]), len(model.inputs), model.output_shape


@snippet
def a_model_with_its_own_config(K):
    class Net(K.Model):
        def __init__(self, width, **kwargs):
            super().__init__(**kwargs)
            self.width, self.dense = width, K.layers.Dense(width)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    net = Net(3, name="net")
    net(X)
    again = Net.from_config(net.get_config())
    again(X)
    again.set_weights(net.get_weights())
    return again(X), again.name, again.width, net(X)


@snippet
def cloning(K):
    inputs = K.Input((4,))
    x = K.layers.Dense(3, activation="relu", name="h")(inputs)
    model = K.Model(inputs, K.layers.Dense(1, name="out")(x) + K.ops.mean(x, axis=-1, keepdims=True))
    copy = K.models.clone_model(model)
    copy.set_weights(model.get_weights())
    stack = K.models.clone_model(K.Sequential([K.Input((4,)), K.layers.Dense(2)]))
    return copy(X), model(X), [layer.name for layer in copy.layers if layer.weights], stack(X).shape


@snippet
def replacing_layers_while_cloning(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, activation="relu"), K.layers.Dropout(0.5), K.layers.Dense(1)])

    def swap(layer):
        return (
            K.layers.Identity(name=layer.name)
            if isinstance(layer, K.layers.Dropout)
            else layer.__class__.from_config(layer.get_config())
        )

    copy = K.models.clone_model(model, clone_function=swap)
    copy.set_weights(model.get_weights())
    return copy(X, training=True), [type(layer).__name__ for layer in copy.layers], model(X)


@snippet
def tied_weights(K):
    class Tied(K.layers.Layer):
        def __init__(self, layer, **kwargs):
            super().__init__(**kwargs)
            self.layer = layer

        def build(self, input_shape):
            self.bias = self.add_weight(shape=(self.layer.kernel.shape[0],), initializer="zeros", name="bias")

        def call(self, x):
            return K.ops.matmul(x, K.ops.transpose(self.layer.kernel)) + self.bias

    encoder = K.layers.Dense(2, activation="tanh")
    model = K.Sequential([K.Input((4,)), encoder, Tied(encoder)])
    model.compile(K.optimizers.SGD(0.1), "mse")
    history = model.fit(X, X, epochs=3, verbose=0).history
    return history, len(model.weights), [w.shape for w in model.trainable_weights], model.count_params()


@snippet
def tied_embeddings(K):
    table = K.layers.Embedding(10, 3)
    ids = K.Input((5,), dtype="int32")
    logits = K.layers.Lambda(lambda h: h @ K.ops.transpose(table.embeddings))(K.layers.Dense(3)(table(ids)))
    model = K.Model(ids, logits)
    return model(WORDS), len(model.trainable_weights)


@snippet
def transfer_learning(K):
    def base(inputs):
        x = K.layers.Dense(6, activation="relu", name="b1")(inputs)
        return K.layers.BatchNormalization(name="bn")(x)

    inputs = K.Input((4,))
    pretrained = K.Model(inputs, K.layers.Dense(1)(base(inputs)))
    pretrained.compile("adam", "mse")
    pretrained.fit(X, Y, epochs=2, verbose=0)
    features = K.Model(pretrained.input, pretrained.get_layer("bn").output, name="features")
    features.trainable = False
    before = [np.array(w) for w in features.get_weights()]
    inputs = K.Input((4,))
    model = K.Model(inputs, K.layers.Dense(2, name="head")(features(inputs)))
    model.compile(K.optimizers.SGD(0.1), "mse")
    frozen = model.fit(X, X[:, :2], epochs=2, verbose=0).history
    assert all(np.array_equal(a, b) for a, b in zip(before, features.get_weights()))
    counts = [len(model.trainable_weights), len(model.non_trainable_weights)]
    features.trainable = True
    model.compile(K.optimizers.SGD(1e-2), "mse")
    tuned = model.fit(X, X[:, :2], epochs=2, verbose=0).history
    return frozen, tuned, counts, len(model.trainable_weights), model.predict(X, verbose=0), features.get_weights()


@snippet
def frozen_normalization_uses_its_averages(K):
    layer = K.layers.BatchNormalization()
    layer(X, training=True)
    averages = [np.array(w) for w in layer.get_weights()]
    layer.trainable = False
    outputs = layer(X, training=True)
    return outputs, layer(X), [np.abs(a - b).max() for a, b in zip(averages, layer.get_weights())], averages


@snippet
def layers_frozen_in_a_loop(K):
    model = K.Sequential([K.Input((4,))] + [K.layers.Dense(4, activation="tanh") for _ in range(3)] + [K.layers.Dense(1)])
    for layer in model.layers[:-2]:
        layer.trainable = False
    model.compile("sgd", "mse")
    start = model.get_weights()
    history = model.fit(X, Y, epochs=2, verbose=0).history
    moved = [bool(np.any(a != b)) for a, b in zip(start, model.get_weights())]
    return history, moved, len(model.trainable_variables), [layer.trainable for layer in model.layers], model.trainable


@snippet
def constructor_trainable_false(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, trainable=False), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    start = model.get_weights()
    model.fit(X, Y, verbose=0)
    return (
        [bool(np.any(a != b)) for a, b in zip(start, model.get_weights())],
        len(model.non_trainable_weights),
        model.get_weights(),
    )


# -- losses, metrics, optimizers, callbacks of one's own ------------------------------------------------------------------


@snippet
def losses_of_ones_own(K):
    class Huberish(K.losses.Loss):
        def __init__(self, delta=1.0, **kwargs):
            super().__init__(**kwargs)
            self.delta = delta

        def call(self, y_true, y_pred):
            error = K.ops.abs(y_true - y_pred)
            return K.ops.mean(K.ops.where(error < self.delta, error**2, error), axis=-1)

    def cubic(y_true, y_pred):
        return K.ops.mean(K.ops.abs(y_true - y_pred) ** 3, axis=-1)

    histories = []
    for loss in (Huberish(0.5), cubic, lambda t, p: K.ops.mean(K.ops.square(t - p))):
        model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
        model.compile("sgd", loss, metrics=[cubic])
        histories.append(model.fit(X, Y, sample_weight=np.abs(Y[:, 0]), batch_size=5, epochs=2, verbose=0).history)
    return histories


@snippet
def a_metric_of_ones_own(K):
    class Within(K.metrics.Metric):
        def __init__(self, radius=0.5, name="within", **kwargs):
            super().__init__(name=name, **kwargs)
            self.radius = radius
            self.hits = self.add_variable(shape=(), initializer="zeros", name="hits")
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")

        def update_state(self, y_true, y_pred, sample_weight=None):
            close = K.ops.cast(K.ops.abs(y_true - y_pred) < self.radius, "float32")
            if sample_weight is not None:
                close = close * K.ops.cast(sample_weight, "float32")
            self.hits.assign_add(K.ops.sum(close))
            self.total.assign_add(K.ops.cast(K.ops.size(y_true), "float32"))

        def result(self):
            return self.hits / self.total

        def reset_state(self):
            self.hits.assign(0.0)
            self.total.assign(0.0)

    metric = Within()
    metric.update_state(Y, Y + 0.1)
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Within(1.0)])
    return float(metric.result()), model.fit(X, Y, epochs=2, batch_size=5, verbose=0).history, metric.name


@snippet
def an_initializer_of_ones_own(K):
    class Checker(K.initializers.Initializer):
        def __call__(self, shape, dtype=None, **kwargs):
            return K.ops.cast(K.ops.reshape(K.ops.arange(int(np.prod(shape))) % 2, shape), dtype)

    layer = K.layers.Dense(
        3, kernel_initializer=Checker(), bias_initializer=lambda shape, dtype=None: K.ops.ones(shape, dtype)
    )
    return layer(X), layer.get_weights()


@snippet
def callbacks_of_ones_own(K):
    class Recorder(K.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.events = []

        def on_train_begin(self, logs=None):
            self.events.append(("begin", self.params["epochs"], self.params["steps"]))

        def on_epoch_end(self, epoch, logs=None):
            self.events.append((epoch, sorted(logs), float(np.abs(self.model.get_weights()[0]).sum())))
            if epoch == 1:
                self.model.stop_training = True

        def on_train_batch_end(self, batch, logs=None):
            self.events.append((batch, float(logs["loss"])))

    recorder = Recorder()
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=5, batch_size=6, callbacks=[recorder], verbose=0)
    return recorder.events


@snippet
def a_schedule_of_ones_own(K):
    class Warmup(K.optimizers.schedules.LearningRateSchedule):
        def __init__(self, peak, steps):
            self.peak, self.steps = peak, steps

        def __call__(self, step):
            step = K.ops.cast(step, "float32")
            return self.peak * K.ops.minimum(1.0, (step + 1) / self.steps)

    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile(K.optimizers.Adam(Warmup(0.1, 5)), "mse")
    history = model.fit(X, Y, epochs=3, batch_size=4, verbose=0).history
    return history, float(model.optimizer.learning_rate), int(model.optimizer.iterations)


@snippet
def changing_the_learning_rate(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile(K.optimizers.SGD(learning_rate=0.1, momentum=0.9), "mse")
    first = model.fit(X, Y, verbose=0).history
    model.optimizer.learning_rate = 0.01
    second = model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0).history
    model.optimizer.learning_rate.assign(0.5)
    return first, second, model.fit(X, Y, verbose=0).history, float(model.optimizer.learning_rate)


@snippet
def half_precision_with_loss_scaling(K):
    inputs = K.Input((4,))
    x = K.layers.Dense(8, activation="relu", dtype="mixed_float16")(inputs)
    model = K.Model(inputs, K.layers.Dense(1, dtype="float32")(x))
    inner = K.optimizers.SGD(0.01)
    model.compile(K.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0, dynamic_growth_steps=2), "mse")
    model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    optimizer = model.optimizer
    return (
        float(optimizer.dynamic_scale),
        str(model.layers[1].kernel.dtype),
        int(optimizer.iterations),
        int(inner.iterations),
    )


@snippet
def an_overflow_skips_the_step(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1, dtype="mixed_float16")])
    model.compile(K.optimizers.LossScaleOptimizer(K.optimizers.SGD(0.01), initial_scale=2.0**30), "mse")
    before = model.get_weights()
    model.fit(X, Y, batch_size=12, verbose=0)
    same = [bool(np.array_equal(a, b)) for a, b in zip(before, model.get_weights())]
    return same, float(model.optimizer.dynamic_scale), int(model.optimizer.inner_optimizer.iterations)


@snippet
def one_batch_at_a_time(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, activation="relu"), K.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    results = [model.train_on_batch(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]
    return results[0], model.test_on_batch(X, Y), model.predict_on_batch(X), model.test_on_batch(X, Y, return_dict=True)


@snippet
def stateless_calls_of_a_layer(K):
    layer = K.layers.BatchNormalization()
    layer.build((None, 4))
    trainable = [v.value for v in layer.trainable_variables]
    state = [v.value for v in layer.non_trainable_variables]

    @jax.jit
    def run(trainable, state, x):
        return layer.stateless_call(trainable, state, x, training=True)

    outputs, state = run(trainable, state, X)
    return outputs, state, layer.moving_mean.numpy()


@snippet
def gradients_with_jax(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, activation="tanh"), K.layers.Dense(1)])

    def loss(trainable, state, x, y):
        y_pred, state = model.stateless_call(trainable, state, x)
        return K.ops.mean((y - y_pred) ** 2), state

    trainable = [v.value for v in model.trainable_variables]
    (value, _), grads = jax.value_and_grad(loss, has_aux=True)(trainable, [], X, Y)
    optimizer = K.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    trainable, state = optimizer.stateless_apply([v.value for v in optimizer.variables], grads, trainable)
    for variable, new in zip(model.trainable_variables, trainable):
        variable.assign(new)
    return value, grads, model(X), len(state)


# -- more of what layers and models do ------------------------------------------------------------------------------------


@snippet
def attention_written_by_hand(K):
    class SelfAttention(K.layers.Layer):
        def __init__(self, heads, **kwargs):
            super().__init__(**kwargs)
            self.heads = heads

        def build(self, input_shape):
            width = input_shape[-1]
            self.qkv = K.layers.Dense(3 * width, use_bias=False)
            self.project = K.layers.Dense(width)
            self.qkv.build(input_shape)
            self.project.build(input_shape)

        def call(self, x, mask=None):
            batch, steps, width = K.ops.shape(x)
            parts = K.ops.reshape(self.qkv(x), (batch, steps, 3, self.heads, width // self.heads))
            q, k, v = [K.ops.squeeze(p, 2) for p in K.ops.split(parts, 3, axis=2)]
            scores = K.ops.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(width // self.heads)
            scores = K.ops.where(K.ops.tril(K.ops.ones((steps, steps), dtype="bool")), scores, -1e9)
            mixed = K.ops.einsum("bhqk,bkhd->bqhd", K.ops.softmax(scores, axis=-1), v)
            return self.project(K.ops.reshape(mixed, (batch, steps, width)))

    inputs = K.Input((5, 3))
    x = K.layers.Dense(4)(inputs)
    x = x + SelfAttention(2)(K.layers.LayerNormalization()(x))
    model = K.Model(inputs, K.layers.GlobalAveragePooling1D()(x))
    model.compile("adam", "mse")
    return model.fit(SERIES, X[:6], epochs=2, verbose=0).history, model(SERIES), len(model.weights)


@snippet
def a_recurrent_cell_of_ones_own(K):
    class Leaky(K.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="w")

        def call(self, inputs, states):
            state = 0.9 * states[0] + K.ops.matmul(inputs, self.w)
            return K.ops.tanh(state), [state]

    layer = K.layers.RNN(Leaky(4), return_sequences=True, return_state=True)
    outputs = layer(SERIES)
    stack = K.layers.RNN([Leaky(2), K.layers.GRUCell(3)])
    return outputs, stack(SERIES), len(layer.weights)


@snippet
def time_distributed_models(K):
    inner = K.Sequential([K.layers.Dense(4, activation="relu"), K.layers.Dense(2)])
    inputs = K.Input((5, 3))
    model = K.Model(inputs, K.layers.TimeDistributed(inner)(inputs))
    return model(SERIES), model.output_shape, len(model.weights)


@snippet
def loops_and_branches_of_ops(K):
    class Newton(K.layers.Layer):
        def call(self, x):
            x = K.ops.abs(x) + 1.0
            root = K.ops.fori_loop(0, 6, lambda i, r: 0.5 * (r + x / r), x)
            total, running = K.ops.scan(lambda c, row: (c + row, c), K.ops.zeros_like(x[0]), x)
            count, _ = K.ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + 1.0), (0, total))
            chosen = K.ops.cond(K.ops.sum(x) > 0, lambda: x, lambda: -x)
            rows = K.ops.vectorized_map(lambda row: row / K.ops.sum(row), x)
            return root, total, running, count, chosen, rows

    return Newton()(X)


@snippet
def gradients_that_stop(K):
    class Straight(K.layers.Layer):
        def call(self, x):
            return x + K.ops.stop_gradient(K.ops.round(x) - x)

    model = K.Sequential([K.Input((4,)), K.layers.Dense(3), Straight(), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=2, verbose=0).history, model(X)


@snippet
def only_losses_that_layers_add(K):
    inputs, targets = K.Input((4,)), K.Input((1,))

    class Loss(K.layers.Layer):
        def call(self, y, y_pred):
            self.add_loss(K.ops.mean(K.ops.square(y - y_pred)))
            return y_pred

    model = K.Model([inputs, targets], Loss()(targets, K.layers.Dense(1)(inputs)))
    model.compile(optimizer="sgd")
    return model.fit([X, Y], epochs=3, verbose=0).history, model.predict([X, Y], verbose=0)


@snippet
def a_graph_built_in_the_constructor(K):
    class Net(K.Model):
        def __init__(self, width):
            inputs = K.Input((4,))
            x = K.layers.Dense(width, activation="relu")(inputs)
            super().__init__(inputs=inputs, outputs=K.layers.Dense(1)(x), name="net")
            self.width = width

        def describe(self):
            return f"{self.name} of width {self.width}"

    net = Net(5)
    net.compile("sgd", "mse")
    return net.fit(X, Y, verbose=0).history, net.describe(), len(net.layers), net.output_shape


@snippet
def a_stack_with_its_own_call(K):
    class Scaled(K.Sequential):
        def call(self, inputs, training=None):
            return 3 * super().call(inputs, training=training)

    model = Scaled([K.layers.Dense(2), K.layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    return model(X), model.fit(X, X[:, :2], epochs=2, verbose=0).history


@snippet
def any_number_of_arguments(K):
    class Total(K.layers.Layer):
        def call(self, *inputs, scale=1.0):
            return scale * sum(inputs)

    class Chain(K.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[0][-1],), initializer="ones")

        def call(self, *inputs, training=False):
            return self.w * inputs[0] if training else inputs[0]

    class Maybe(K.layers.Layer):
        def call(self, x, y=None, **kwargs):
            return x if y is None else x + y

    a, b = K.Input((4,)), K.Input((1,))
    model = K.Model([a, b], Total()(a, b, a, scale=2.0))
    chain = Chain()
    return (
        Total()(X, X),
        model([X, Y]),
        Maybe()(X),
        Maybe()(X, Y),
        Maybe()(X, y=Y),
        chain(X),
        chain(X, training=True),
        len(chain.weights),
    )


@snippet
def several_outputs_of_one_layer(K):
    class Moments(K.layers.Layer):
        def call(self, x):
            return K.ops.mean(x, axis=-1), {
                "variance": K.ops.var(x, axis=-1),
                "extremes": [K.ops.min(x, -1), K.ops.max(x, -1)],
            }

    inputs = K.Input((4,))
    mean, rest = Moments()(inputs)
    model = K.Model(inputs, [mean, rest["variance"], *rest["extremes"]])
    eager = Moments()(X)
    return model(X), eager, [t.shape for t in model.outputs]


@snippet
def integer_inputs_stay_integers(K):
    class Look(K.layers.Layer):
        def build(self, input_shape):
            self.table = self.add_weight(shape=(10, 2), initializer="random_normal")

        def call(self, ids):
            return K.ops.take(self.table, ids, axis=0)

    ids = K.Input((5,), dtype="int32")
    model = K.Model(ids, K.layers.Flatten()(Look()(ids)))
    model.compile("sgd", "mse")
    return model.fit(WORDS, np.ones((3, 10)), epochs=2, verbose=0).history, model.predict(WORDS.astype("int64"), verbose=0)


@snippet
def weights_moved_between_models(K):
    def net():
        return K.Sequential(
            [K.Input((4,)), K.layers.Dense(3, name="a"), K.layers.BatchNormalization(), K.layers.Dense(1, name="b")]
        )

    one, two = net(), net()
    two.set_weights(one.get_weights())
    two.get_layer("b").set_weights([w * 2 for w in one.get_layer("b").get_weights()])
    shared = K.Sequential([K.Input((4,)), one.get_layer("a"), K.layers.Dense(2)])
    one.get_layer("a").kernel.assign(np.ones((4, 3)))
    return two(X), one(X), shared(X), [w.name for w in one.weights]


@snippet
def exponential_averages_in_a_callback(K):
    class Average(K.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            now = self.model.get_weights()
            self.average = now if epoch == 0 else [0.5 * a + 0.5 * b for a, b in zip(self.average, now)]

        def on_train_end(self, logs=None):
            self.model.set_weights(self.average)

    average = Average()
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile(K.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, epochs=3, callbacks=[average], verbose=0)
    return average.average, model.get_weights()


@snippet
def a_loop_with_apply(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    optimizer = K.optimizers.Adam(0.1)

    def loss(trainable):
        return K.ops.mean((model.stateless_call(trainable, [], X)[0] - Y) ** 2)

    values = []
    for _ in range(3):
        value, grads = jax.value_and_grad(loss)([v.value for v in model.trainable_variables])
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        values.append(value)
    return values, model.get_weights(), int(optimizer.iterations)


@snippet
def metrics_by_themselves(K):
    accuracy = K.metrics.BinaryAccuracy(threshold=0.3)
    accuracy.update_state((Y > 0).astype("float32"), np.abs(Y))
    first = float(accuracy.result())
    accuracy.update_state([[1.0], [0.0]], [[0.9], [0.8]], sample_weight=[1.0, 3.0])
    mean = K.metrics.Mean()
    values = [float(mean(v)) for v in (1.0, 2.0, [3.0, 6.0])]
    accuracy.reset_state()
    return first, values, float(accuracy.result()), [v.name for v in mean.variables]


@snippet
def random_layers_of_ones_own(K):
    class Augment(K.layers.Layer):
        def __init__(self, seed=None):
            super().__init__()
            self.seed = K.random.SeedGenerator(seed)

        def call(self, x, training=False):
            if not training:
                return x
            shape = K.ops.shape(x)
            keep = K.random.uniform((shape[0], 1), seed=self.seed) > 0.2
            x = x + K.random.truncated_normal(shape, stddev=0.1, seed=self.seed)
            x = x * K.random.gamma((shape[0], 1), 2.0, seed=self.seed) + K.random.randint((1,), 0, 5, seed=self.seed)
            return K.ops.where(keep, x, K.random.shuffle(x, seed=self.seed))

    model = K.Sequential([K.Input((4,)), Augment(3), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    layer = model.layers[0]
    return layer(X, training=True), model.fit(X, Y, epochs=2, verbose=0).history, layer.seed.state.numpy()


@snippet
def unseeded_randomness_follows_the_global_seed(K):
    K.utils.set_random_seed(11)
    layer = K.layers.Dropout(0.5)
    noise = K.layers.GaussianNoise(1.0)
    draws = [K.random.normal((3,), seed=4), K.random.uniform((2,)), K.random.normal((2,))]
    return layer(X, training=True), noise(X, training=True), draws, K.initializers.GlorotNormal()((2, 3))


@snippet
def spaces_and_repeated_names(K):
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, name="my layer"), K.layers.Dense(1)], name="my model")
    inner = K.Sequential([K.Input((3,)), K.layers.Dense(2, name="my layer")])
    outer = K.Sequential([K.Input((4,)), K.layers.Dense(3, name="my layer"), inner])
    return model(X), outer(X), [v.path for v in model.weights], len(outer.weights)


@snippet
def dictionaries_of_outputs_in_fit(K):
    inputs = K.Input((4,))
    model = K.Model(inputs, {"b": K.layers.Dense(1, name="b")(inputs), "a": K.layers.Dense(2, name="a")(inputs)})
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": "mae", "b": ["mse"]})
    history = model.fit(
        X, {"a": X[:, :2], "b": Y}, epochs=2, verbose=0, sample_weight={"a": np.ones(12), "b": np.abs(Y[:, 0])}
    )
    return (
        dict(sorted(history.history.items())),
        model.predict(X, verbose=0),
        [model.evaluate(X, {"a": X[:, :2], "b": Y}, verbose=0, return_dict=which) for which in (True, False)],
    )


@snippet
def unlabelled_outputs(K):
    inputs = K.Input((4,))
    model = K.Model(inputs, [K.layers.Dense(1, name="y")(inputs), K.layers.Dense(2, name="features")(inputs)])
    model.compile("sgd", ["mse", None])
    return model.fit(X, [Y, X[:, :2]], epochs=2, verbose=0).history, model.output_names


@snippet
def generators_and_class_weights(K):
    def batches():
        while True:
            for i in range(0, 12, 4):
                yield X[i : i + 4], (Y[i : i + 4] > 0).astype("float32")

    model = K.Sequential([K.Input((4,)), K.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", K.metrics.AUC(name="auc")])
    first = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0).history
    second = model.fit(X, (Y > 0).astype("float32"), class_weight={0: 1.0, 1: 3.0}, epochs=2, verbose=0).history
    return first, second


@snippet
def a_dataset_of_ones_own(K):
    class Batches(K.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]

    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(Batches(), epochs=2, shuffle=False, verbose=0).history
    return history, model.evaluate(Batches(), verbose=0), model.predict(Batches(), verbose=0)


@snippet
def compute_loss_with_parts(K):
    class Net(K.Model):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = K.layers.Dense(2), K.layers.Dense(4)
            self.size = K.metrics.Mean(name="size")

        def call(self, x):
            code = self.encoder(x)
            return {"code": code, "x": self.decoder(code)}

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            self.size.update_state(K.ops.sum(y_pred["code"] ** 2, axis=-1))
            return K.ops.mean((y_pred["x"] - x) ** 2) + 0.1 * K.ops.mean(y_pred["code"] ** 2)

        @property
        def metrics(self):
            return [*super().metrics, self.size]

    net = Net()
    net.compile("adam")
    return net.fit(X, epochs=3, verbose=0).history


@snippet
def a_callback_that_steers(K):
    class Halve(K.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    model = K.Sequential([K.Input((4,)), K.layers.Dense(1)])
    model.compile(K.optimizers.SGD(0.1), "mse")
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=[Halve()])
    return history.history, history.epoch, float(model.optimizer.learning_rate)


@snippet
def freezing_after_a_first_run(K):
    model = K.Sequential(
        [K.Input((4,)), K.layers.Dense(3, name="a"), K.layers.BatchNormalization(name="n"), K.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    first = model.fit(X, Y, epochs=2, verbose=0).history
    model.get_layer("a").trainable = False
    model.get_layer("n").trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    second = model.fit(X, Y, epochs=2, verbose=0).history
    moved = [bool(np.any(a != b)) for a, b in zip(before, model.get_weights())]
    return first, second, moved, len(model.optimizer.variables)


@snippet
def a_frozen_model_inside_another(K):
    inner = K.Sequential(
        [K.Input((4,)), K.layers.Dense(3, activation="relu"), K.layers.BatchNormalization(), K.layers.Dropout(0.5)]
    )
    inner.trainable = False
    inputs = K.Input((4,))
    model = K.Model(inputs, K.layers.Dense(1)(inner(inputs)))
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=3, verbose=0).history, inner.get_weights(), [v.trainable for v in model.variables]


@snippet
def mixed_precision_by_layer(K):
    model = K.Sequential([
        K.Input((4,)), K.layers.Dense(8, activation="relu", dtype="mixed_bfloat16"), K.layers.BatchNormalization(dtype="float32"),
        K.layers.Dense(1, dtype=K.DTypePolicy("float32")),
    ])  # fmt: skip
    dtypes = [str(layer(np.zeros((2, n), "float32")).dtype) for layer, n in zip(model.layers, (4, 8, 8))]
    return (
        dtypes,
        [str(w.dtype) for w in model.get_weights()],
        [layer.get_config()["dtype"]["config"] for layer in model.layers],
    )


@snippet
def another_default_dtype(K):
    K.config.set_floatx("float16")
    try:
        layer = K.layers.Dense(3)
        outputs = layer(X)
        return str(outputs.dtype), str(layer.kernel.dtype), K.config.floatx()
    finally:
        K.config.set_floatx("float32")


@snippet
def registered_objects_in_configs(K):
    @K.saving.register_keras_serializable(package="tests", name=f"Scale_{K.__name__}")
    class Scale(K.layers.Layer):
        def __init__(self, factor=2.0, inner=None, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.inner = factor, inner

        def call(self, x):
            return self.factor * self.inner(x)

        def get_config(self):
            inner = K.saving.serialize_keras_object(self.inner)
            return {**super().get_config(), "factor": self.factor, "inner": inner}

        @classmethod
        def from_config(cls, config):
            config["inner"] = K.saving.deserialize_keras_object(config["inner"])
            return cls(**config)

    inputs = K.Input((4,))
    model = K.Model(inputs, Scale(3.0, K.layers.Dense(2, name="inner"), name="scale")(inputs))
    again = K.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    copy = K.models.model_from_json(model.to_json())
    return model(X), again(X), copy.get_layer("scale").factor, again.get_layer("scale").inner.name


@pytest.mark.slow
@pytest.mark.parametrize("function", SNIPPETS, ids=lambda function: function.__name__)
def test_runs_as_in_keras(function):
    theirs = result(keras, function)
    assert_same(result(jkeras, function), theirs)


# -- where Keras does not do what it documents ----------------------------------------------------------------------------


def test_metrics_that_layers_hold_and_update_are_in_the_history():
    """Keras's JAX trainer cannot update them in a call."""

    class Active(jkeras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.active = jkeras.metrics.Mean(name="active")

        def call(self, x):
            self.active.update_state(jkeras.ops.cast(x > 0, "float32"))
            return x

    model = jkeras.Sequential([jkeras.Input((4,)), Active(), jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["active"], [(X > 0).mean()] * 2, rtol=1e-6)
    assert [metric.name for metric in model.metrics] == ["loss", "active"]


def test_training_false_given_in_a_graph_holds_while_the_graph_trains():
    """As the guide to fine-tuning wants it; Keras 3.15 overrides it with the training argument of the whole model."""
    inputs = jkeras.Input((4,))
    base = jkeras.Model(inputs, jkeras.layers.BatchNormalization(name="bn")(inputs))
    model = jkeras.Model(inputs, jkeras.layers.Dense(1)(base(inputs, training=False)))
    model.compile("sgd", "mse")
    gamma, _, mean, variance = base.get_weights()
    model.fit(X + 5, Y, verbose=0)
    np.testing.assert_array_equal(base.get_weights()[2:], [mean, variance])
    assert not np.array_equal(base.get_weights()[0], gamma)
