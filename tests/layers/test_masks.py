"""Masks travel through layers as in Keras, and steps that are masked do not count."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.core import masks
from tests.oracle import assert_close, keras

A = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
B = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
A[0, 3:] = A[1, 1] = B[0, :2] = B[1, 1] = 0.0

MERGES = {
    "add": lambda k: k.layers.Add(),
    "average": lambda k: k.layers.Average(),
    "subtract": lambda k: k.layers.Subtract(),
    "multiply": lambda k: k.layers.Multiply(),
    "maximum": lambda k: k.layers.Maximum(),
    "minimum": lambda k: k.layers.Minimum(),
    "concatenate": lambda k: k.layers.Concatenate(),
    "concatenate steps": lambda k: k.layers.Concatenate(axis=1),
}


def merged(k, merge, both):
    """The masked inputs (the second only if `both`) merged, and the mean over the steps that count."""
    a, b = k.Input((5, 3)), k.Input((5, 3))
    masked = [k.layers.Masking()(a), k.layers.Masking()(b) if both else b]
    outputs = MERGES[merge](k)(masked)
    return np.asarray(k.Model([a, b], [outputs, k.layers.GlobalAveragePooling1D()(outputs)])([A, B])[1])


@pytest.mark.parametrize("both", [True, False], ids=["both", "one"])
@pytest.mark.parametrize("merge", MERGES)
def test_merged_masks_are_those_of_keras(merge, both):
    assert_close(merged(jkeras, merge, both), merged(keras, merge, both), rtol=1e-5)


CHAINS = {
    "batch normalization": lambda k: [k.layers.BatchNormalization()],
    "activations": lambda k: [k.layers.LeakyReLU(), k.layers.Dropout(0.5), k.layers.Activation("tanh"), k.layers.Identity()],
    "dense": lambda k: [k.layers.Dense(3, kernel_initializer="ones"), k.layers.LayerNormalization()],
    "noise": lambda k: [k.layers.GaussianNoise(0.1), k.layers.UnitNormalization(), k.layers.ELU()],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_masks_pass_through(chain):
    def mean(k):
        layers = [k.layers.Masking(), *CHAINS[chain](k), k.layers.GlobalAveragePooling1D()]
        return np.asarray(k.Sequential([k.Input((5, 3)), *layers])(A))

    assert_close(mean(jkeras), mean(keras), rtol=1e-5)


def test_embedding_masks_zeros():
    words = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])

    def mean(k):
        layers = [k.layers.Embedding(4, 2, embeddings_initializer="ones", mask_zero=True), k.layers.GlobalAveragePooling1D()]
        return np.asarray(k.Sequential(layers)(words))

    assert_close(mean(jkeras), mean(keras))


def test_a_mask_that_is_dropped_is_reported_once_it_matters():
    model = jkeras.Sequential([jkeras.layers.Masking(), jkeras.layers.Flatten(name="flat")])
    with pytest.warns(UserWarning, match="'flat'.*masked input"):
        model(A)


WORDS = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])


def embed_and_read(last):
    """An embedding that masks zeros, a layer that obeys masks, and what they make of WORDS in a model."""
    embedding = jkeras.layers.Embedding(5, 3, mask_zero=True)
    return embedding, last, np.asarray(jkeras.Sequential([embedding, last])(WORDS))


LASTS = {
    "lstm": lambda: jkeras.layers.LSTM(4),
    "bidirectional": lambda: jkeras.layers.Bidirectional(jkeras.layers.GRU(2)),
    "pooling": lambda: jkeras.layers.GlobalAveragePooling1D(),
}
CALLS = {
    "eager": lambda f: f(WORDS),
    "jit": lambda f: jax.jit(f)(WORDS),
    "vmap": lambda f: jax.vmap(lambda row: f(row[None])[0])(jnp.asarray(WORDS)),
    "scan": lambda f: jax.lax.scan(lambda c, x: (c, f(x)), 0, jnp.asarray(WORDS)[None])[1][0],
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("last", LASTS)
def test_a_mask_goes_on_between_calls_outside_of_models(last, call):
    embedding, layer, wanted = embed_and_read(LASTS[last]())
    assert_close(CALLS[call](lambda x: layer(embedding(x))), wanted, rtol=1e-5)


def test_a_mask_goes_on_between_pure_calls():
    embedding, layer, wanted = embed_and_read(jkeras.layers.LSTM(4))
    first, second = embedding.snapshot(), layer.snapshot()

    def apply(x):
        return layer.apply(second, embedding.apply(first, x)[0])[0]

    assert_close(apply(WORDS), wanted, rtol=1e-5)
    assert_close(jax.jit(apply)(WORDS), wanted, rtol=1e-5)
    hidden, _ = embedding.stateless_call(embedding.trainable_variables, [], WORDS)
    outputs, _ = layer.stateless_call(layer.trainable_variables, layer.non_trainable_variables, hidden)
    assert_close(outputs, wanted, rtol=1e-5)
    model = jkeras.Sequential([jkeras.Input((4, 3)), layer])
    assert_close(model(embedding(WORDS)), wanted, rtol=1e-5)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_losses_and_metrics_obey_the_masks_of_eager_outputs(transform):
    wanted = np.mean((1 - A[np.any(A != 0, -1)]) ** 2)
    metric = jkeras.metrics.MeanSquaredError()

    def measure(x):
        outputs, y = jkeras.layers.Masking()(x), np.ones_like(A)
        state = metric.pure_update(metric.pure_init(y, outputs), y, outputs)
        return jkeras.losses.MeanSquaredError()(y, outputs), metric.pure_result(state)

    assert_close(transform(measure)(A), [wanted, wanted], rtol=1e-5)


class NonZero(jkeras.layers.Layer):
    """Returns its input as it is, with a mask that depends on it."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def compute_mask(self, x, previous_mask=None):
        return jnp.any(x != 0, -1)

    def call(self, x):
        return x


def test_masks_leak_no_tracer_and_leave_the_callers_arrays_alone():
    x, mean = jnp.asarray(A), jkeras.layers.GlobalAveragePooling1D()
    wanted = np.asarray(jkeras.Sequential([jkeras.layers.Masking(), mean])(A))
    with jax.checking_leaks():
        for chain in (lambda x: mean(NonZero()(x)), lambda x: mean(jkeras.layers.Masking()(x))):
            assert_close(chain(x), wanted, rtol=1e-5)
            assert_close(jax.jit(chain)(x), wanted, rtol=1e-5)
            assert_close(jax.vmap(lambda row, chain=chain: chain(row[None])[0])(x), wanted, rtol=1e-5)
            assert jax.grad(lambda x, chain=chain: chain(x).sum())(x).shape == x.shape
        assert jax.jit(lambda x: jkeras.layers.LSTM(2)(jkeras.layers.Masking()(x)).sum())
    gc.collect()
    assert not [mask for mask in masks._of_tracers.values() if mask[1].shape == (2, 5)]
    assert masks.kept(x) is None
    assert jkeras.backend.get_keras_mask(NonZero()(x)).tolist() == np.any(A != 0, -1).tolist()


def test_masks_can_be_read_and_set():
    x = jnp.ones((1, 2, 3))
    jkeras.backend.set_keras_mask(x, jnp.array([[True, False]]))
    assert x._keras_mask.tolist() == [[True, False]]
    assert jkeras.losses.MeanSquaredError()(np.zeros((1, 2, 3)), jkeras.layers.Identity()(x)) == 1
    jkeras.backend.set_keras_mask(x, None)
    assert jkeras.backend.get_keras_mask(x) is None
    with pytest.raises(TypeError, match="ndarray"):
        jkeras.backend.set_keras_mask(A, np.ones((2, 5)))
    with pytest.raises(RuntimeError, match="mask=mask"):
        jax.jit(lambda x: jkeras.backend.set_keras_mask(x, x > 0))(x)


def test_symbolic_masks_are_parts_of_the_graph():
    x, embedding, lstm = (
        jkeras.Input((4,), dtype="int32"),
        jkeras.layers.Embedding(5, 3, mask_zero=True),
        jkeras.layers.LSTM(4),
    )
    hidden = embedding(x)
    implicit = jkeras.Model(x, lstm(hidden))(WORDS)
    assert_close(jkeras.Model(x, lstm(hidden, mask=hidden._keras_mask))(WORDS), implicit)
    computed = jkeras.Model(x, lstm(hidden, mask=embedding.compute_mask(x)))
    assert_close(computed(WORDS), implicit)
    assert jkeras.Model.from_config(computed.get_config())(WORDS).shape == (2, 4)
    assert np.array_equal(jkeras.Model(x, jkeras.ops.cast(hidden._keras_mask, "int32"))(WORDS), WORDS != 0)
    assert jkeras.layers.Dense(2)(jkeras.Input((3,)))._keras_mask is None


def test_stateless_call_builds_what_is_not_built():
    dense = jkeras.Sequential([jkeras.layers.Dense(2)])
    with pytest.raises(ValueError, match="2 variables"):
        dense.stateless_call([], [], A)
    assert dense.built
    outputs, state = dense.stateless_call(dense.trainable_variables, [], A)
    assert outputs.shape == (2, 5, 2) and state == []


RECURRENT = {
    "simple": (lambda: jkeras.layers.SimpleRNN(4, return_state=True), 1),
    "lstm": (lambda: jkeras.layers.LSTM(4, return_state=True), 2),
    "bidirectional": (lambda: jkeras.layers.Bidirectional(jkeras.layers.GRU(4, return_state=True)), 2),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_padding_does_not_change_states_that_start_from_a_tensor(name):
    make, count = RECURRENT[name]
    embedding, layer = jkeras.layers.Embedding(5, 3, mask_zero=True), make()
    words = jkeras.Input((None,), dtype="int32")
    starts = [jkeras.Input((4,)) for _ in range(count)]
    model = jkeras.Model([words, *starts], layer(embedding(words), initial_state=starts))
    state = [np.ones((1, 4), "float32")] * count
    for short, padded in zip(model([np.array([[1, 2]]), *state]), model([np.array([[1, 2, 0, 0]]), *state]), strict=True):
        assert_close(padded, short, rtol=1e-5)


def test_time_distributed_keeps_the_masks_within_the_steps():
    sentences = np.array([[[1, 2, 0], [3, 0, 0]], [[1, 0, 0], [0, 0, 0]]])
    embedding, lstm = jkeras.layers.Embedding(5, 3, mask_zero=True), jkeras.layers.LSTM(2)
    words = jkeras.layers.TimeDistributed(embedding)(sentences)
    assert np.array_equal(jkeras.backend.get_keras_mask(words), sentences != 0)
    dense = jkeras.layers.TimeDistributed(jkeras.layers.Dense(3))
    assert np.array_equal(jkeras.backend.get_keras_mask(dense(words)), sentences != 0)
    read = jkeras.layers.TimeDistributed(lstm)
    outputs = read(words)
    assert np.array_equal(jkeras.backend.get_keras_mask(outputs), np.any(sentences != 0, -1))
    assert_close(outputs[1], lstm(embedding(sentences[1])), rtol=1e-5)
    model = jkeras.Sequential([jkeras.Input((2, 3), dtype="int32"), jkeras.layers.TimeDistributed(embedding), read])
    assert_close(model(sentences), outputs, rtol=1e-5)
