"""`ReversibleEmbedding`: there and back, as in Keras."""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

TOKENS = np.array([[1, 2, 0], [3, 0, 0]], "int32")
OPTIONS = {
    "tied": {},
    "untied": {"tie_weights": False},
    "capped": {"logit_soft_cap": 0.5, "embeddings_regularizer": "l2"},
    "dtype": {"reverse_dtype": "bfloat16"},
    "mixed": {"dtype": "mixed_bfloat16"},
    "masked": {"mask_zero": True},
}


@pytest.mark.parametrize("case", OPTIONS)
@pytest.mark.slow
def test_values_are_keras(case):
    layers = []
    for k in (keras, jkeras):
        k.utils.set_random_seed(1)
        layers.append(k.layers.ReversibleEmbedding(4, 5, **OPTIONS[case]))
        layers[-1].build()
    theirs, ours = layers
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
    ours.set_weights(theirs.get_weights())  # the second table is drawn anew here, and is the first one's twin in Keras
    results = [(layer(TOKENS), layer(layer(TOKENS), reverse=True)) for layer in layers]
    tolerance = 1e-2 if case in ("dtype", "mixed") else 1e-6
    for mine, expected in zip(*reversed(results), strict=True):
        assert mine.dtype == expected.dtype
        assert_close(np.asarray(mine, "float32"), np.asarray(expected, "float32"), tolerance)
    assert_close(ours.losses, [np.asarray(loss) for loss in theirs.losses])


def test_configs_go_both_ways():
    layer = jkeras.layers.ReversibleEmbedding(4, 5, tie_weights=False, logit_soft_cap=3.0, name="r")
    config = jkeras.layers.serialize(layer)
    assert jkeras.layers.deserialize(config).get_config() == layer.get_config()
    theirs = keras.layers.deserialize(config)
    assert jkeras.layers.deserialize(keras.layers.serialize(theirs)).logit_soft_cap == 3.0


def test_both_ends_of_a_model_share_the_table():
    def make(k):
        x = k.Input((3,), dtype="int32")
        table = k.layers.ReversibleEmbedding(4, 5, mask_zero=True, name="table")
        return k.Model(x, table(k.layers.LSTM(5, return_sequences=True, name="lstm")(table(x)), reverse=True))

    theirs, ours = make(keras), make(jkeras)
    ours.set_weights(theirs.get_weights())
    assert len(ours.weights) == 4
    assert_close(ours(TOKENS), np.asarray(theirs(TOKENS)), rtol=1e-5)
    assert_close(jkeras.Model.from_config(ours.get_config()).count_params(), ours.count_params())


def test_there_and_back_is_a_pure_function():
    layer = jkeras.layers.ReversibleEmbedding(4, 5)
    variables = layer.init(jax.random.key(0), TOKENS)

    def loss(variables):
        hidden, _ = layer.apply(variables, TOKENS)
        return layer.apply(variables, hidden, reverse=True)[0].sum()

    gradient = jax.jit(jax.grad(loss))(variables)["params"]["embeddings"]
    table = np.asarray(variables["params"]["embeddings"])
    counts = np.bincount(TOKENS.ravel(), minlength=4)
    np.testing.assert_allclose(gradient, counts[:, None] * table.sum(0) + counts @ table, rtol=1e-5, atol=1e-6)


def test_bad_arguments():
    with pytest.raises(ValueError, match="logit_soft_cap=-1"):
        jkeras.layers.ReversibleEmbedding(4, 5, logit_soft_cap=-1)
    with pytest.raises(ValueError, match="input_dim=0"):
        jkeras.layers.ReversibleEmbedding(0, 5)
