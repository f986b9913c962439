"""Attention layers beyond the catalogue's rows: seeds, travelling masks, masks that leave nothing, axes, errors, training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.serialization import deserialize, serialize
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6)).astype("float32")
Y = RNG.normal(size=(2, 7, 6)).astype("float32")
MASK = np.array([[1, 1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 0, 0, 0]], bool)


def pair(make):
    """What `make(library)` returns for Keras and here, from the same seed."""
    results = []
    for library in (keras, jkeras):
        library.utils.set_random_seed(5)
        results.append(make(library))
    return results


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_gate": True, "dropout": 0.3}),
        ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "dropout": 0.3}),
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "kernel_initializer": "he_normal", "dropout": 0.3, "seed": 1}),
    ],
    ids=str,
)
def test_one_seed_gives_the_weights_and_dropouts_of_keras(name, options):
    def run(library):
        layer = getattr(library.layers, name)(**options)
        outputs = [layer(X, Y, training=True), layer(X, Y, training=True)]
        return layer.get_weights(), outputs, layer.name.rstrip("_0123456789")

    theirs, ours = pair(run)
    assert_close(ours[:2], theirs[:2], rtol=1e-5)
    assert ours[2] == theirs[2]
    assert not np.allclose(*ours[1])


def test_names_and_shapes_of_weights_are_readable():
    layer = layers.MultiHeadAttention(2, 3, value_dim=4, use_gate=True)
    variables = layer.init(jax.random.key(0), X, Y)["params"]
    assert {name: part["kernel"].shape for name, part in variables.items()} == {
        "query_dense": (6, 2, 3),
        "key_dense": (6, 2, 3),
        "_gate_dense": (6, 2, 4),
        "value_dense": (6, 2, 4),
        "output_dense": (2, 4, 6),
    }


def masked_model(library, layer, **call):
    """A model whose two inputs carry masks into an attention layer, and whose output looks at the mask that comes out."""
    words, others = library.Input((None,), dtype="int32"), library.Input((None,), dtype="int32")
    table = library.layers.Embedding(9, 6, mask_zero=True)
    outputs = layer(library, table(words), table(others), call)
    return library.Model([words, others], [outputs, library.layers.GlobalAveragePooling1D()(outputs)])


LAYERS = {
    "multi-head": lambda k, q, v, call: k.layers.MultiHeadAttention(2, 3)(q, v, **call),
    "multi-head with key": lambda k, q, v, call: k.layers.MultiHeadAttention(2, 3)(q, v, v, **call),
    "multi-head self": lambda k, q, v, call: k.layers.MultiHeadAttention(2, 3, dropout=0.1, seed=1)(q, q, **call),
    "group-query": lambda k, q, v, call: k.layers.GroupQueryAttention(3, 2, 1)(q, v, **call),
    "dot product": lambda k, q, v, call: k.layers.Attention()([q, v], **call),
    "additive": lambda k, q, v, call: k.layers.AdditiveAttention()([q, v], **call),
}


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("layer", LAYERS)
def test_masks_travel_through_as_in_keras(layer, causal):
    words, others = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[4, 0, 5, 0], [1, 2, 3, 4]])

    def run(library):
        model = masked_model(library, LAYERS[layer], use_causal_mask=causal)
        return [np.asarray(y) for y in model([words, others])]

    theirs, ours = pair(run)
    assert_close(ours, theirs, rtol=1e-5)


def test_a_query_mask_given_to_the_call_counts():
    """Keras's MultiHeadAttention only looks at the mask that its query carries."""
    layer = layers.MultiHeadAttention(2, 3)
    full, masked = layer(X, Y), layer(X, Y, query_mask=MASK[:, :5])
    assert_close(masked[MASK[:, :5]], full[MASK[:, :5]], rtol=1e-5)
    assert not np.allclose(masked, full)


def test_a_target_without_sources_gets_the_mean_or_zeros_as_in_keras():
    nothing = np.zeros((2, 5, 7), bool)

    def run(library):
        layer = library.layers.MultiHeadAttention(2, 3)
        return layer(X, Y, attention_mask=nothing), layer(X, Y, attention_mask=nothing, return_attention_scores=True)

    theirs, ours = pair(run)
    assert_close(ours, theirs, rtol=1e-5)
    assert not ours[1][1].any() and not np.allclose(ours[0], ours[1][0])


def test_values_may_be_wider_than_keys():
    """With Keras on JAX only where the scores are returned; here the two ways agree."""
    layer = layers.MultiHeadAttention(2, 3, value_dim=5)
    assert_close(layer(X, Y), layer(X, Y, return_attention_scores=True)[0], rtol=1e-5)


def test_as_many_heads_of_keys_as_of_queries_are_multi_head_attention():
    grouped, heads = layers.GroupQueryAttention(3, 4, 4), layers.MultiHeadAttention(4, 3)
    grouped.build_abstractly(X, Y)
    heads.build_abstractly(X, Y)
    grouped.set_weights(heads.get_weights())
    assert_close(grouped(X, Y, use_causal_mask=True), heads(X, Y, use_causal_mask=True), rtol=1e-5)


def test_several_axes_are_one_flattened_axis():
    picture, mask = RNG.normal(size=(2, 2, 3, 6)).astype("float32"), MASK[:, 1:].reshape(2, 2, 3)
    layer = layers.MultiHeadAttention(2, 3)
    row = layers.MultiHeadAttention(2, 3)
    flat = picture.reshape(2, 6, 6)
    outputs, scores = layer(picture, picture, value_mask=mask, use_causal_mask=True, return_attention_scores=True)
    row.build_abstractly(flat, flat)
    row.set_weights(layer.get_weights())
    expected = row(flat, flat, value_mask=mask.reshape(2, 6), use_causal_mask=True, return_attention_scores=True)
    assert_close([outputs.reshape(2, 6, 6), scores.reshape(2, 2, 6, 6)], expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 3, 4), (2, 2, 1, 3, 4)], ids=str)
def test_an_attention_mask_may_lack_axes(shape):
    """Attention along axis 2 of three: scores are (batch, other axis, heads, targets, sources)."""
    query, value = (RNG.normal(size=(2, 2, n, 6)).astype("float32") for n in (3, 4))
    mask = RNG.random(shape) > 0.3

    def run(library):
        layer = library.layers.MultiHeadAttention(2, 3, attention_axes=-2)
        return layer(query, value, attention_mask=mask, return_attention_scores=True)

    theirs, ours = pair(run)
    assert_close(ours, theirs, rtol=1e-5)


def test_symbolic_calls_with_several_inputs():
    query, value, key = layers.Input((None, 6)), layers.Input((7, 5)), layers.Input((7, 4))
    outputs, scores = layers.MultiHeadAttention(2, 3, output_shape=8)(query, value, key, return_attention_scores=True)
    assert outputs.shape == (None, None, 8) and scores.shape == (None, 2, None, 7)
    model = jkeras.Model([query, value, key], [outputs, scores])
    assert model([X, Y[..., :5], Y[..., :4]])[0].shape == (2, 5, 8)
    mixed = layers.Attention()([layers.Input((None, 6)), layers.Input((7, 6))], return_attention_scores=True)
    assert [x.shape for x in mixed] == [(None, None, 6), (None, None, 7)]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.MultiHeadAttention(2, 3, output_shape=(2, 4), attention_axes=1, use_gate=True),
        lambda: layers.GroupQueryAttention(3, 4, 2, kernel_regularizer="l2", activity_regularizer="l1"),
    ],
)
def test_a_saved_layer_is_built_for_all_its_shapes(layer):
    layer = layer()
    layer(X, Y)
    again = deserialize(serialize(layer))
    again.set_weights(layer.get_weights())
    assert again.built and again.get_config() == layer.get_config()
    assert_close(again(X, Y), layer(X, Y))


def test_gradients_in_half_precision_are_finite():
    layer = layers.MultiHeadAttention(2, 3, dtype="mixed_bfloat16")
    variables = layer.init(jax.random.key(0), X, Y)
    with jax.numpy_dtype_promotion("strict"):
        gradients = jax.grad(lambda v: layer.apply(v, X, Y, use_causal_mask=True)[0].astype("float32").sum())(variables)
    assert all(g.dtype == "float32" and jnp.isfinite(g).all() for g in jax.tree.leaves(gradients))


@pytest.mark.slow
def test_a_small_transformer_trains_as_in_keras():
    rng = np.random.default_rng(0)
    words, labels = rng.integers(20, size=(48, 6)), rng.integers(2, size=(48,))

    def run(library):
        inputs = library.Input((6,), dtype="int32")
        x = library.layers.Embedding(20, 8, mask_zero=True)(inputs)
        y = library.layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x, use_causal_mask=True)
        x = library.layers.LayerNormalization()(library.layers.add([x, y]))
        outputs = library.layers.Dense(2)(library.layers.GlobalAveragePooling1D()(x))
        model = library.Model(inputs, outputs)
        loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(library.optimizers.Adam(0.01), loss)
        return model.fit(words, labels, batch_size=16, epochs=3, verbose=0).history["loss"]

    theirs, ours = pair(run)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


REFUSED = {
    "heads": (lambda: layers.MultiHeadAttention(0, 3), "num_heads=0"),
    "key size": (lambda: layers.MultiHeadAttention(2, 1.5), "key_dim=1.5"),
    "value size": (lambda: layers.MultiHeadAttention(2, 3, value_dim=0), "value_dim=0"),
    "window": (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window=0"),
    "groups": (lambda: layers.GroupQueryAttention(3, 4, 3), "num_query_heads=4 and num_key_value_heads=3"),
    "typo": (lambda: layers.MultiHeadAttention(2, 3, drop_out=0.1), "Did you mean 'dropout'"),
    "axes": (lambda: layers.MultiHeadAttention(2, 3, attention_axes=2, name="a")(X, X), "'a'.*attention_axes"),
    "ranks": (lambda: layers.MultiHeadAttention(2, 3, name="a")(X, X[0]), "'a'.*equally many axes"),
    "key length": (lambda: layers.MultiHeadAttention(2, 3, name="a")(X, X, Y), "'a'.*query=.2, 5, 6.*key=.2, 7, 6"),
    "mask": (lambda: layers.MultiHeadAttention(2, 3, name="a")(X, Y, attention_mask=MASK), r"'a'.*\(2, 2, 5, 7\)"),
    "flash and dropout": (lambda: layers.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True), "no dropout"),
    "flash and scores": (
        lambda: layers.GroupQueryAttention(3, 2, 1, flash_attention=True)(X, X, return_attention_scores=True),
        "does not keep the scores",
    ),
    "flash without a GPU": (lambda: layers.MultiHeadAttention(2, 3, flash_attention=True)(X, X), "NVIDIA GPUs only"),
    "score mode": (lambda: layers.Attention(score_mode="product"), "score_mode='product'"),
    "one input": (lambda: layers.Attention(name="a")(X), "'a'.*query, value"),
    "mask of one": (lambda: layers.Attention(name="a")([X, X], mask=MASK), "'a'.*mask="),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_by_name(case):
    make, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def doubled(k, method):
    """A `MultiHeadAttention` with sharper scores, by either method that published subclasses override."""

    class Sharp(k.layers.MultiHeadAttention):
        def _masked_softmax(self, scores, mask=None):
            if mask is not None:
                scores = scores + (1 - k.ops.cast(mask, "float32"))[:, None] * -1e9
            return k.ops.softmax(scores * 2)

    class Own(Sharp):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
            scores = k.ops.einsum("btnh,bsnh->bnts", k.ops.multiply(query, self._inverse_sqrt_key_dim), key)
            scores = self._dropout_layer(self._masked_softmax(scores, attention_mask), training=training)
            return k.ops.einsum("bnts,bsnh->btnh", scores, value), scores

    return (Own if method == "_compute_attention" else Sharp)(2, 4)


@pytest.mark.parametrize(
    "options", [{}, {"use_causal_mask": True}, {"return_attention_scores": True, "use_causal_mask": True}]
)
@pytest.mark.parametrize("method", ["_compute_attention", "_masked_softmax"])
def test_subclasses_that_override_a_part_are_obeyed_where_keras_calls_it(method, options):
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    ours, theirs = doubled(jkeras, method), doubled(keras, method)
    for layer in (ours, theirs):
        layer.build((2, 5, 8), (2, 5, 8))
    ours.set_weights(theirs.get_weights())
    for a, b in zip(jax.tree.leaves(ours(x, x, **options)), jax.tree.leaves(theirs(x, x, **options)), strict=True):
        assert_close(a, b, rtol=1e-4)
    assert ours._query_dense is ours.query_dense and ours._num_heads == 2
    assert ours._masked_softmax(np.zeros((1, 2, 1, 4), "float32")).shape == (1, 2, 1, 4)
