"""The `Layer` base: layers written for Keras run unmodified."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.layers import Dense, Dropout, Layer
from tests.oracle import assert_close, keras

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def linear(k):
    """A user's layer, in either library: weights in build, a constant in __init__, state, a regularizer, a loss."""

    class Linear(k.layers.Layer):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total")

        def build(self, input_shape):
            self.w = self.add_weight(
                shape=(input_shape[-1], self.units), initializer="ones", regularizer=k.regularizers.L2(0.1), name="w"
            )
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

        def call(self, inputs, training=None):
            self.total.assign_add(1.0)
            self.add_loss(k.ops.sum(inputs))
            outputs = k.ops.matmul(inputs, self.w) + self.b
            return 2 * outputs if training else outputs

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Linear


def test_a_users_layer_behaves_as_in_keras():
    results = []
    for k in (keras, jkeras):
        layer = linear(k)(units=2, name="linear")
        outputs = [np.asarray(layer(X)), np.asarray(layer(X, training=True))]
        losses = [float(value) for value in layer.losses]
        names = [v.name for v in layer.weights]
        results.append(
            (outputs, losses, names, [w.shape for w in layer.get_weights()], float(layer.total), layer.count_params())
        )
    (theirs, *rest), (ours, *own) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(own[0], rest[0], rtol=1e-5)
    assert own[1:] == rest[1:]
    again = linear(jkeras).from_config(layer.get_config())
    assert again.units == 2 and again.name == "linear"


def test_training_reaches_nested_layers_and_an_explicit_value_wins():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.drop = Dropout(0.5, seed=1)

        def call(self, x):
            return self.drop(x), self.drop(x, training=False)

    outer = Outer()
    dropped, kept = outer(np.ones((50, 50), "float32"), training=True)
    assert (np.asarray(dropped) == 0).any() and (np.asarray(kept) == 1).all()
    assert (np.asarray(outer(np.ones((5, 5)))[0]) == 1).all()


def test_build_is_called_with_the_shapes_of_all_tensor_arguments():
    seen = {}

    class Pair(Layer):
        def build(self, query_shape, value_shape):
            seen.update(query=query_shape, value=value_shape)

        def call(self, query, value, scale=1.0):
            return query * scale

    Pair()(np.zeros((2, 3)), np.zeros((2, 5)), scale=2.0)
    assert seen == {"query": (2, 3), "value": (2, 5)}


def test_masks_travel_beside_arrays():
    class Drop(Layer):
        def compute_mask(self, inputs, previous_mask):
            return jnp.asarray([[True, False, True]])

        def call(self, x):
            return x

    class Count(Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def compute_mask(self, inputs, previous_mask):
            return None

        def call(self, x, mask=None):
            return jnp.sum(mask)

    x = np.ones((1, 3, 2), "float32")
    assert int(jkeras.Sequential([Drop(), Dense(2), Count()])(x)) == 2  # Dense carries the mask on

    class Plain(Layer):
        def call(self, x):
            return x

    with pytest.warns(UserWarning, match=r"'plain.*' \(Plain\) got a masked input.*supports_masking = True"):
        jkeras.Sequential([Drop(), Plain()])(x)


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_dtype_policies(policy):
    layer = Dense(2, dtype=policy)
    assert layer(X).dtype == "bfloat16"
    assert layer.kernel.value.dtype == ("bfloat16" if policy == "bfloat16" else "float32")
    assert layer.get_config()["dtype"]["config"] == {"name": policy}


def test_shapes_are_inferred_from_call_and_inference_builds_nothing():
    layer = Dense(4)
    assert layer.compute_output_shape((None, 7, 3)) == (None, 7, 4)
    assert not layer.built
    symbolic = layer(jkeras.Input((7, 3)))
    assert symbolic.shape == (None, 7, 4) and layer.kernel.shape == (3, 4)


def test_a_layer_that_forgets_super_init_is_told():
    class Forgetful(Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(RuntimeError, match=r"Forgetful\.__init__ must call `super\(\).__init__\(\)`"):
        Forgetful()(X)


def test_a_layer_without_a_config_of_its_own_is_described_by_its_arguments():
    class Scale(Layer):
        def __init__(self, factor, shift=0.0, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.shift = factor, shift

        def call(self, x):
            return x * self.factor + self.shift

    config = Scale(3.0, name="scale").get_config()
    assert config["factor"] == 3.0
    assert Scale.from_config(config)(X).shape == X.shape


def test_promotion_is_strict_inside_the_library():
    model = jkeras.Sequential(
        [jkeras.Input((3,)), Dense(4, activation="gelu"), Dropout(0.1), Dense(2, activation="softmax")]
    )
    with jax.numpy_dtype_promotion("strict"):
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy", "mse"])
        model.fit(X, np.eye(2)[[0, 1, 0, 1]], verbose=0)
        model.predict(X, verbose=0)


def test_activity_regularization_is_the_mean_over_samples():
    results = []
    for k in (keras, jkeras):
        layer = k.layers.Dense(2, kernel_initializer="ones", activity_regularizer="l2")
        layer(X)
        results.append(float(sum(layer.losses)))
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_freezing_reaches_sublayers():
    class Block(Layer):
        def __init__(self):
            super().__init__()
            self.inner = [Dense(2), Dense(2)]

        def call(self, x):
            for layer in self.inner:
                x = layer(x)
            return x

    block = Block()
    block(X)
    block.trainable = False
    assert block.trainable_weights == [] and len(block.non_trainable_weights) == 4
    block.inner[0].trainable = True
    assert len(block.trainable_weights) == 2


class Times(jkeras.layers.Layer):
    """A user's layer whose constructor takes its own argument alone."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Twice(jkeras.Model):
    """A user's model, likewise."""

    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.times = Times(factor)

    def call(self, x):
        return self.times(self.times(x))


def test_configs_of_constructors_that_take_no_name():
    assert Times(3.0).get_config() == {"factor": 3.0}
    assert Times.from_config(Times(3.0).get_config()).factor == 3.0
    assert Twice(3.0, name="t").get_config() == {"name": "t", "factor": 3.0}
    assert Twice.from_config(Twice(2.0).get_config())(np.ones((1, 1), "float32")).tolist() == [[4.0]]
    assert isinstance(jkeras.models.clone_model(Twice(2.0)), Twice)
    x = jkeras.Input((2,))
    assert jkeras.models.clone_model(jkeras.Model(x, Times(2.0)(x))).layers[1].factor == 2.0


STATELESS = {
    "activation": (lambda: jkeras.layers.Activation, ("tanh",)),
    "relu": (lambda: jkeras.layers.ReLU, ()),
    "dropout": (lambda: jkeras.layers.Dropout, (0.5,)),
    "max pooling": (lambda: jkeras.layers.MaxPooling2D, ()),
    "global pooling": (lambda: jkeras.layers.GlobalAveragePooling2D, ()),
    "flatten": (lambda: jkeras.layers.Flatten, ()),
    "upsampling": (lambda: jkeras.layers.UpSampling2D, ()),
    "masking": (lambda: jkeras.layers.Masking, ()),
}


@pytest.mark.parametrize("name", STATELESS)
def test_a_subclass_of_a_stateless_layer_may_build(name):
    find, arguments = STATELESS[name]

    class Scaled(find()):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, *args, **kwargs):
            return super().call(*args, **kwargs) * self.scale

    assert find()(*arguments).built
    layer = Scaled(*arguments)
    assert not layer.built
    layer(np.ones((1, 4, 4, 2), "float32"))
    assert layer.built and len(layer.weights) == 1


SEEDED = {
    "bidirectional": lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(3, dropout=0.1)),
    "config": lambda k: k.layers.SimpleRNN.from_config(k.layers.SimpleRNN(3).get_config()),
    "serialized": lambda k: k.layers.deserialize(
        k.layers.serialize(k.layers.RNN([k.layers.SimpleRNNCell(3), k.layers.GRUCell(2)]))
    ),
    "clone": lambda k: k.models.clone_model(k.Sequential([k.Input((4, 2)), k.layers.SimpleRNN(3)])),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_layer_made_from_a_config_draws_its_weights_as_keras_does(name):
    def weights(k):
        k.utils.set_random_seed(1)
        layer = SEEDED[name](k)
        layer.build((None, 4, 2))
        return layer.get_weights()

    for ours, theirs in zip(weights(jkeras), weights(keras), strict=True):
        assert_close(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("nested", [False, True])
def test_autocast_concerns_inputs_and_not_weights(nested):
    class Pair(jkeras.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(2,), name="w")
            self.kept = self.add_weight(shape=(2,), autocast=False, name="kept")

        def call(self, x):
            return x, self.w.value, self.kept.value

    class Outer(jkeras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = Pair(dtype="mixed_float16", autocast=False)

        def call(self, x):
            return self.inner(x)

    layer = Outer(dtype="mixed_float16", autocast=False) if nested else Pair(dtype="mixed_float16", autocast=False)
    assert [a.dtype.name for a in layer(np.ones((1, 2), "float32"))] == ["float32", "float16", "float32"]


@pytest.mark.parametrize("place", ["first", "last", "alone"])
def test_a_layer_that_holds_layers_may_call_the_base_build(place):
    class Block(Layer):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = Dense(4), Dense(2)

        def build(self, input_shape):
            if place == "first":
                super().build(input_shape)
            if place != "alone":
                self.inner.build(input_shape)
                self.outer.build((*input_shape[:-1], 4))
                self.scale = self.add_weight(shape=(), initializer="ones")
            if place != "first":
                super().build(input_shape)

        def call(self, x):
            return self.outer(self.inner(x)) * getattr(self, "scale", 1)

    count = 4 if place == "alone" else 5
    eager = Block()
    assert eager(X).shape == (4, 2) and len(eager.weights) == count
    inputs = jkeras.Input((3,))
    assert jkeras.Model(inputs, Block()(inputs))(X).shape == (4, 2)
    built = Block()
    built.build((None, 3))
    assert built.built


def test_weights_under_the_names_that_subclasses_read():
    class Doubled(Dense):
        def call(self, x):
            return x @ (self._kernel * 2)

    layer = Doubled(2, kernel_initializer="ones")
    assert np.allclose(layer(X), 2 * X.sum(-1, keepdims=True))
    assert layer._kernel is layer.kernel
    embedding, conv = jkeras.layers.Embedding(3, 2), jkeras.layers.Conv1D(2, 1)
    embedding(np.array([1])), conv(X[None])
    assert embedding._embeddings is embedding.embeddings and conv._kernel is conv.kernel


@pytest.mark.parametrize("make", [
    lambda **o: jkeras.layers.TimeDistributed(jkeras.layers.Dense(2), **o),
    lambda **o: jkeras.layers.TimeDistributed(jkeras.Sequential([jkeras.layers.Dense(2)]), **o),
    lambda **o: jkeras.layers.Bidirectional(jkeras.layers.LSTM(2), **o),
    lambda **o: jkeras.layers.Bidirectional(jkeras.layers.RNN(jkeras.layers.GRUCell(2)), **o),
], ids=["dense", "model", "lstm", "cell"])  # fmt: skip
def test_the_dtype_policy_of_a_wrapper_reaches_what_it_wraps(make):
    x = np.ones((1, 3, 4), "float32")
    assert make(dtype="mixed_bfloat16")(x).dtype == "bfloat16"
    assert make(dtype="float16")(x).dtype == "float16"
    assert make()(x).dtype == "float32"
    own = jkeras.layers.TimeDistributed(jkeras.layers.Dense(2, dtype="float16"), dtype="mixed_bfloat16")
    assert own.layer.dtype_policy.name == "float16"


def test_add_variable_is_the_other_name_of_add_weight():
    class Counter(jkeras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.calls = self.add_variable((), "zeros", trainable=False, name="calls")

        def call(self, x):
            self.calls.assign(self.calls + 1)
            return x

    layer = Counter()
    layer(np.ones((1, 2)))
    assert float(layer.calls) == 1 and not layer.trainable_variables


def test_a_weight_that_each_call_makes_anew_is_refused():
    class Growing(jkeras.layers.Layer):
        def call(self, x):
            self.w = self.add_weight((), "zeros", name="w")
            return x + self.w

    layer = Growing()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"call\(\) makes the weight 'w' anew each time"):
        layer(np.ones((2, 3)))
