"""What a file says, the loaded model does: training mode, layers that `call` makes, layers that stand in two places."""

import warnings

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

ONES = np.ones((8, 500), "float32")


def saved_and_loaded(model, path, reader=jkeras):
    model.save(path)
    return reader.models.load_model(path)


def noisy(k):
    """Layers that differ in training, bare, nested and in sequences, and a user's layer with the default in its signature."""
    layers = k.layers

    @k.saving.register_keras_serializable("remade")
    class Doubling(layers.Layer):
        def call(self, x, training=False):
            return 2 * x if training else x

    x = k.Input((500,))
    inner = k.Sequential([k.Input((500,)), layers.GaussianNoise(1.0)])
    y = inner(layers.BatchNormalization()(layers.Dropout(0.5)(x)))
    z = layers.GRU(2, dropout=0.5)(layers.SpatialDropout1D(0.5)(layers.Reshape((5, 100))(x)))
    return k.Model(x, [y, z, Doubling()(x)])


@pytest.mark.parametrize(
    "writer, reader", [(keras, jkeras), (jkeras, keras), (jkeras, jkeras)], ids=["there", "here", "both"]
)
def test_a_default_that_the_file_spells_out_was_not_given(writer, reader, tmp_path):
    noisy(reader)
    loaded = saved_and_loaded(noisy(writer), tmp_path / "a.keras", reader)
    for training in (False, True):
        noise, state, doubled = (np.asarray(y) for y in loaded(ONES, training=training))
        assert (noise.std(0).max() > 0.5) == training
        assert (np.ptp(state, 0).max() > 0) == training
        assert doubled[0, 0] == 1 + training


def test_training_false_that_was_given_stays(tmp_path):
    x = jkeras.Input((500,))
    y = jkeras.layers.Dropout(0.5)(x, training=False)
    z = jkeras.layers.BatchNormalization(name="frozen")(x, training=False)
    loaded = saved_and_loaded(jkeras.Model(x, [y, z]), tmp_path / "a.keras")
    dropped, _ = loaded(ONES, training=True)
    np.testing.assert_array_equal(dropped, ONES)
    np.testing.assert_array_equal(loaded.get_layer("frozen").moving_mean, np.zeros(500))
    theirs = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(np.asarray(theirs(ONES)[0]), ONES)


def in_call():
    class Model(jkeras.Model):
        def call(self, x):
            if not hasattr(self, "dense"):
                self.dense, self.more = jkeras.layers.Dense(2), []
            if not self.more:
                self.more += [jkeras.layers.Dense(3), jkeras.layers.Dense(1)]
            return self.more[1](self.more[0](self.dense(x)))

    return Model


def in_build():
    class Model(jkeras.Model):
        def build(self, input_shape):
            self.dense, self.more = jkeras.layers.Dense(2), [jkeras.layers.Dense(2)]

        def call(self, x):
            return self.more[0](self.dense(x))

    return Model


def of_integers():
    class Model(jkeras.Model):
        def call(self, ids, scale):
            if not hasattr(self, "dense"):
                self.dense = jkeras.layers.Dense(2)
            return self.dense(jkeras.ops.one_hot(ids["a"], 5)) * scale

    return Model


CASES = {in_call: (ONES,), in_build: (ONES,), of_integers: ({"a": np.arange(4)}, np.ones((4, 1), "float32"))}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_layers_that_are_made_late_get_their_weights(make, tmp_path):
    cls = make()
    model = cls()
    outputs = model(*CASES[make])
    model.save(tmp_path / "a.keras")
    loaded = jkeras.models.load_model(tmp_path / "a.keras", custom_objects={"Model": cls})
    assert len(loaded.weights) == len(model.weights) > 0
    assert_close(loaded(*CASES[make]), outputs)


def test_weights_that_find_no_layer_are_reported(tmp_path):
    class Lazy(jkeras.Model):
        def call(self, x):
            if not hasattr(self, "dense"):
                self.dense = jkeras.layers.Dense(2)
            return self.dense(x)

        def get_build_config(self):
            return None

    model = Lazy()
    model(ONES)
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match=r"'dense'.*then load_weights"):
        loaded = jkeras.models.load_model(tmp_path / "a.keras", custom_objects={"Lazy": Lazy})
    loaded(ONES)
    loaded.load_weights(tmp_path / "a.keras")
    assert_close(loaded(ONES), model(ONES))


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_layer_of_the_graph_that_another_layer_holds(first, tmp_path):
    @jkeras.saving.register_keras_serializable("remade")
    class Tied(jkeras.layers.Layer):
        def __init__(self, dense, **kwargs):
            super().__init__(**kwargs)
            self.dense = dense

        def call(self, x):
            return x @ self.dense.kernel.value.T

        def get_config(self):
            return super().get_config() | {"dense": jkeras.layers.serialize(self.dense)}

        @classmethod
        def from_config(cls, config):
            return cls(jkeras.layers.deserialize(config.pop("dense")), **config)

    x = jkeras.Input((3,), name="x")
    dense = jkeras.layers.Dense(3)
    dense.build((None, 3))
    y = Tied(dense)(dense(x)) if first else dense(Tied(dense)(x))
    model = jkeras.Model(x, y)
    inner = jkeras.Model(x, jkeras.Sequential([jkeras.Input((3,)), model, Tied(dense)])(x))
    data = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    for i, made in enumerate((model, inner)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = saved_and_loaded(made, tmp_path / f"{i}.keras")
        assert len(loaded.trainable_weights) == 2
        assert_close(loaded(data), made(data))
        again = type(made).from_config(made.get_config())
        assert len(again.trainable_weights) == 2
