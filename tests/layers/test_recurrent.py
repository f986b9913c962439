"""Recurrent layers against Keras: the same weights, outputs, gradients, masks, dropout and configs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.serialization import deserialize, serialize
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 3)).astype("float32")
MASK = np.array([[1, 1, 0, 1], [1, 1, 1, 0]], bool)

LAYERS = [
    ("SimpleRNN", {}),
    ("LSTM", {}),
    ("GRU", {}),
    ("GRU", {"reset_after": False, "return_state": True}),
    ("LSTM", {"return_sequences": True, "return_state": True, "go_backwards": True, "mask": True}),
    ("SimpleRNN", {"return_sequences": True, "mask": True, "use_bias": False, "activation": "relu"}),
    ("GRU", {"mask": True, "unroll": True, "recurrent_activation": None}),
    ("LSTM", {"zero_output_for_mask": True, "return_sequences": True, "mask": True, "unit_forget_bias": False}),
]


def pair(make):
    """The layer in Keras and here, from the same seed."""
    made = []
    for library in (keras, jkeras):
        library.utils.set_random_seed(5)
        made.append(make(library))
    return made


def same(theirs, ours, x=X, **kwargs):
    """Compare initial weights and outputs."""
    expected, actual = theirs(x, **kwargs), ours(x, **kwargs)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert_close(ours.get_weights(), theirs.get_weights())
    assert_close(actual, expected, rtol=1e-5)
    return actual


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_layer(name, options):
    options = dict(options)
    mask = MASK if options.pop("mask", False) else None
    theirs, ours = pair(lambda library: getattr(library.layers, name)(5, seed=1, **options))
    same(theirs, ours, mask=mask)

    def value(outputs):
        return sum((jnp.sin(y) ** 2).sum() for y in jax.tree.leaves(outputs))

    variables = ours.init(jax.random.key(0), X)
    ours.update(variables)
    theirs.set_weights(ours.get_weights())
    state = [v.value for v in theirs.non_trainable_variables]
    expected = jax.jit(jax.grad(lambda w: value(theirs.stateless_call(w, state, X, mask=mask)[0])))(
        [v.value for v in theirs.trainable_variables]
    )
    gradients = jax.jit(jax.grad(lambda params: value(ours.apply(variables | {"params": params}, X, mask=mask)[0])))(
        variables["params"]
    )
    ours.update(variables | {"params": gradients})
    assert_close(ours.get_weights(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4)], ids=str)
def test_dropout_draws_the_numbers_of_keras(name, rates):
    options = {"dropout": rates[0], "recurrent_dropout": rates[1], "seed": 3}
    theirs, ours = pair(lambda library: getattr(library.layers, name)(5, **options))
    first = same(theirs, ours, training=True)
    same(theirs, ours)  # draws too, and uses nothing
    second = same(theirs, ours, training=True)
    assert not np.allclose(first, second)


def test_both_dropouts_at_once():
    _, layer = pair(lambda library: library.layers.GRU(5, dropout=0.5, recurrent_dropout=0.5, reset_after=False, seed=1))
    assert not np.allclose(layer(X, training=True), layer(X))


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_cell(name):
    theirs, ours = pair(lambda library: getattr(library.layers, name + "Cell")(5, seed=1))
    states = [RNG.normal(size=(2, 5)).astype("float32") for _ in ours.get_initial_state(2)]
    assert_close(jax.tree.leaves(ours(X[:, 0], states)), jax.tree.leaves(theirs(X[:, 0], states)))
    assert_close(ours.get_weights(), theirs.get_weights())


def test_initial_state_and_stateful():
    start = [RNG.normal(size=(2, 5)).astype("float32") for _ in range(2)]
    theirs, ours = pair(lambda library: library.layers.LSTM(5))
    same(theirs, ours, initial_state=start)
    theirs, ours = pair(lambda library: library.layers.LSTM(5, stateful=True))
    first = same(theirs, ours)
    second = same(theirs, ours)
    assert not np.allclose(first, second)
    ours.reset_state()
    assert_close(ours(X), first)
    with pytest.raises(ValueError, match="keeps the states of a batch of 2, but got a batch of 1"):
        ours(X[:1])


def test_stateful_states_live_in_the_frame():
    layer = jkeras.layers.GRU(5, stateful=True)
    variables = layer.init(jax.random.key(0), X)
    step = jax.jit(lambda variables: layer.apply(variables, X))
    first, state = step(variables)
    second, _ = step(variables | {"state": state})
    whole = layer.apply(variables, np.concatenate([X, X], 1))[0]
    assert not np.allclose(first, second)
    assert_close(second, whole, rtol=1e-5)


@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "mask"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "backward"])
def test_stack(mask, backwards):
    def make(library):
        cells = [library.layers.LSTMCell(5, seed=1), library.layers.GRUCell(4, seed=2)]
        return library.layers.RNN(cells, return_sequences=True, return_state=True, go_backwards=backwards)

    theirs, ours = pair(make)
    assert_close(jax.tree.leaves(ours(X, mask=mask)), jax.tree.leaves(theirs(X, mask=mask)), rtol=1e-5)


def ema(library):
    class Ema(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.state_size = 3

        def build(self, input_shape):
            self.rate = self.add_weight(shape=(3,), initializer="ones", name="rate")

        def call(self, inputs, states):
            mean = 0.5 * (states[0] + self.rate * inputs)
            return mean, [mean]

    return Ema()


@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}], ids=str)
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "mask"])
def test_custom_cell(options, mask):
    theirs, ours = pair(lambda library: library.layers.RNN(ema(library), **options))
    same(theirs, ours, mask=mask)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_config(name):
    theirs, ours = pair(lambda library: getattr(library.layers, name)(5, dropout=0.1, seed=3, return_state=True))
    config = ours.get_config()
    assert set(theirs.get_config()) <= set(config)
    assert getattr(jkeras.layers, name).from_config(config).get_config() == config
    assert getattr(jkeras.layers, name).from_config(theirs.get_config()).units == 5
    again = deserialize(serialize(jkeras.layers.RNN([ours.cell], go_backwards=True)))
    assert again.go_backwards and again.cell.cells[0].get_config() == ours.cell.get_config()


def test_mask_travels_from_an_embedding():
    model = jkeras.Sequential(
        [jkeras.Input((None,), dtype="int32"), jkeras.layers.Embedding(6, 3, mask_zero=True), jkeras.layers.LSTM(4)]
    )
    assert model.output_shape == (None, 4)
    assert_close(model(np.array([[1, 2, 0, 0]])), model(np.array([[1, 2]])))


def test_fit_learns():
    jkeras.utils.set_random_seed(0)
    x = RNG.normal(size=(64, 6, 1)).astype("float32")
    model = jkeras.Sequential([jkeras.layers.GRU(8), jkeras.layers.Dense(1)])
    model.compile(optimizer=jkeras.optimizers.Adam(0.05), loss="mse")
    losses = model.fit(x, x.sum(1), epochs=12, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_forward_mode_is_the_transpose_of_reverse_mode(name):
    layer = getattr(jkeras.layers, name)(3, return_sequences=True)
    variables = layer.init(jax.random.key(0), X)

    def outputs(params):
        return layer.apply({**variables, "params": params}, X)[0]

    @jax.jit
    def products(params, direction, weights):
        tangent = jax.jvp(outputs, (params,), (direction,))[1]
        gradient = jax.vjp(outputs, params)[1](weights)[0]
        both = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
        return (tangent * weights).sum(), sum((g * d).sum() for g, d in both)

    params = variables["params"]
    direction = jax.tree.map(lambda a: RNG.normal(size=a.shape).astype("float32"), params)
    forward, reverse = products(params, direction, RNG.normal(size=(2, 4, 3)).astype("float32"))
    assert abs(forward) > 0.01
    assert_close(forward, reverse, rtol=1e-4)


def test_mixed_precision():
    layer = jkeras.layers.LSTM(4, dtype="mixed_bfloat16", return_sequences=True)
    assert layer(X).dtype == "bfloat16" and layer.weights[0].dtype == "float32"


def test_errors():
    with pytest.raises(ValueError, match="needs units= a positive integer, got units=0"):
        jkeras.layers.LSTM(0)
    with pytest.raises(ValueError, match="cuDNN cannot be required"):
        jkeras.layers.GRU(3, use_cudnn=True)
    with pytest.raises(ValueError, match="needs `state_size`"):
        jkeras.layers.RNN(jkeras.layers.Dense(3))
    with pytest.raises(ValueError, match="fixed batch size"):
        jkeras.layers.LSTM(3, stateful=True)(jkeras.Input((4, 3)))
    with pytest.raises(ValueError, match="3 axes"):
        jkeras.layers.LSTM(3)(X[0])


@pytest.mark.parametrize(
    ("merge_mode", "options", "mask"),
    [
        ("concat", {}, None),
        ("sum", {"return_sequences": True}, MASK),
        (None, {"return_sequences": True, "return_state": True}, None),
    ],
    ids=str,
)
def test_bidirectional(merge_mode, options, mask):
    def make(library):
        return library.layers.Bidirectional(library.layers.LSTM(5, **options), merge_mode=merge_mode)

    theirs, ours = pair(make)
    same(theirs, ours, mask=mask)
    again = deserialize(serialize(ours))
    assert again.merge_mode == merge_mode
    assert again.backward_layer.get_config() == ours.backward_layer.get_config()


def test_time_distributed():
    theirs, ours = pair(lambda library: library.layers.TimeDistributed(library.layers.Dense(5)))
    same(theirs, ours)
    assert deserialize(serialize(ours)).get_config() == ours.get_config()
    with pytest.raises(ValueError, match="at least 3 axes"):
        jkeras.layers.TimeDistributed(jkeras.layers.Dense(5))(X[0])


def test_bidirectional_errors():
    with pytest.raises(ValueError, match="different directions"):
        jkeras.layers.Bidirectional(jkeras.layers.LSTM(3), backward_layer=jkeras.layers.LSTM(3))
    with pytest.raises(ValueError, match="merge_mode= one of"):
        jkeras.layers.Bidirectional(jkeras.layers.LSTM(3), merge_mode="max")


class Leaky(jkeras.layers.Layer):
    """A cell with everything that has an effect besides its output: losses, regularizers, draws and a counter."""

    state_size = 3

    def __init__(self, rate=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dense = jkeras.layers.Dense(3, activity_regularizer="l2")
        self.drop = jkeras.layers.Dropout(rate, seed=1)
        self.calls = self.add_weight(shape=(), dtype="int32", trainable=False)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def get_initial_state(self, batch_size=None):
        return [jnp.ones((batch_size, 3))]

    def call(self, inputs, states, training=False):
        output = self.drop(self.dense(inputs)) + states[0]
        self.calls.assign(self.calls + 1)
        self.add_loss(jnp.mean(output))
        return output, [output]


@pytest.mark.parametrize("unroll", [False, True])
def test_what_a_cell_adds_and_writes_leaves_the_loop(unroll):
    cell = Leaky()
    layer = jkeras.layers.RNN(cell, return_sequences=True, unroll=unroll)
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    outputs = layer(x)
    inner = np.diff(np.concatenate([np.ones((2, 1, 3)), outputs], 1), axis=1)  # what the dense layer put out
    added, regular = sorted(layer.losses, key=lambda loss: abs(float(loss) - float(np.mean(outputs)) * 5))
    assert_close(added, np.mean(outputs) * 5, rtol=1e-4)
    assert_close(regular, 0.01 * np.sum(inner**2) / 2, rtol=1e-4)
    assert int(cell.calls.value) == 5
    model = jkeras.Sequential([jkeras.Input((5, 4)), jkeras.layers.RNN(Leaky(0.5)), jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((2, 1)), epochs=2, verbose=0)
    assert int(model.layers[0].cell.calls.value) == 10


def test_dropout_in_a_cell_draws_anew_at_each_step():
    layer = jkeras.layers.RNN(Leaky(0.5), return_sequences=True)
    outputs = layer(np.ones((1, 20, 4), "float32"), training=True)
    zeros = np.diff(outputs, axis=1) == 0
    assert 0 < zeros.mean() < 1 and len({tuple(row) for row in zeros[0]}) > 1
    keyed, _ = layer.apply(layer.snapshot(), np.ones((1, 20, 4), "float32"), training=True, key=jax.random.key(0))
    assert len({tuple(row) for row in (np.diff(keyed, axis=1) == 0)[0]}) > 1


def test_reset_state_gives_the_cells_own_initial_state():
    layer = jkeras.layers.RNN(Leaky(), stateful=True)
    x = np.ones((2, 3, 4), "float32")
    first, second = layer(x), layer(x)
    layer.reset_state()
    assert not np.allclose(first, second)
    assert_close(layer(x), first)


@pytest.mark.parametrize("make", [lambda **o: jkeras.layers.GRU(3, **o), lambda **o: jkeras.layers.LSTM(3, **o)])
def test_time_major(make):
    x, mask = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32"), np.array([[1, 1, 1, 0, 0], [1] * 5], bool)
    for wrap in (lambda layer: layer, jkeras.layers.Bidirectional):
        usual = wrap(make(return_sequences=True, time_major=False))
        wanted = usual(x, mask=mask)
        turned = wrap(make(return_sequences=True, time_major=True))
        turned.build((5, 2, 4))
        turned.set_weights(usual.get_weights())
        assert_close(np.swapaxes(turned(np.swapaxes(x, 0, 1), mask=mask.T), 0, 1), wanted, rtol=1e-5)
    assert make(time_major=True).get_config()["time_major"] and "time_major" not in make().get_config()


@pytest.mark.parametrize("stacked", [False, True])
def test_a_cell_may_leave_its_weights_to_the_layers_it_holds(stacked):
    class Summing(jkeras.layers.Layer):
        state_size = 3

        def __init__(self):
            super().__init__()
            self.dense = jkeras.layers.Dense(3)

        def call(self, inputs, states):
            total = self.dense(inputs) + states[0]
            return total, [total]

    layer = jkeras.layers.RNN([Summing(), jkeras.layers.GRUCell(2)] if stacked else Summing())
    inputs = jkeras.Input((4, 3))
    model = jkeras.Model(inputs, layer(inputs))
    assert model.predict(X, verbose=0).shape == (2, 2 if stacked else 3)
    assert_close(jax.jit(lambda x: layer(x))(X), layer(X), rtol=1e-5)
    assert len(layer.weights) == (5 if stacked else 2)
