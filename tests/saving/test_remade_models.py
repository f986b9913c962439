"""What a file says, the loaded model does: training mode, layers that `call` makes, layers that stand in two places."""

import warnings
from collections import Counter

import numpy as np
import pytest

import jkeras
from jkeras.core import symbolic
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


def test_equal_layers_of_a_config_are_traced_once(tmp_path, monkeypatch):
    """What one layer puts out holds for those with an equal config and equal inputs, and for no others."""
    x = jkeras.Input((6, 4))
    pad = jkeras.layers.Masking()(x)
    outputs = [
        *(jkeras.layers.Dense(units, activation="relu")(y) for units in (2, 2, 2, 3) for y in (x, pad)),
        *(jkeras.layers.Dense(2, dtype=dtype)(x) for dtype in ("bfloat16", "bfloat16", "float32")),
        *(jkeras.layers.Conv1D(2, 3, padding=padding)(x) for padding in ("same", "valid", "valid")),
        *(jkeras.layers.RepeatVector(2)(jkeras.layers.Flatten()(x)) for _ in range(2)),
        *(jkeras.layers.Bidirectional(jkeras.layers.LSTM(2))(pad) for _ in range(2)),
    ]
    model = jkeras.Model(x, outputs)
    model.save(tmp_path / "a.keras")
    traced = []
    infer = symbolic.infer
    monkeypatch.setattr(
        symbolic, "infer", lambda layer, *rest: (traced.append(type(layer).__name__), infer(layer, *rest))[1]
    )
    again = jkeras.models.load_model(tmp_path / "a.keras")
    assert Counter(traced)["Dense"] == 6 and Counter(traced)["Conv1D"] == 2 and Counter(traced)["RepeatVector"] == 1
    for one, two in zip(again.outputs, model.outputs, strict=True):
        assert (one.shape, one.dtype, one.mask is None) == (two.shape, two.dtype, two.mask is None)
        assert one is again.get_layer(two.history.operation.name).output
    data = np.ones((2, 6, 4), "float32")
    for one, two in zip(again.predict(data, verbose=0), model.predict(data, verbose=0), strict=True):
        np.testing.assert_array_equal(one, two)
    assert [layer.path for layer in again.layers] == [layer.path for layer in model.layers]


def test_layers_of_own_classes_are_traced_each(tmp_path):
    @jkeras.saving.register_keras_serializable("traced")
    class Own(jkeras.layers.Dense):
        def call(self, inputs):
            calls.append(self.name)
            return super().call(inputs)

    calls = []
    x = jkeras.Input((4,))
    jkeras.Model(x, [Own(2)(x), Own(2)(x)]).save(tmp_path / "a.keras")
    calls.clear()
    again = jkeras.models.load_model(tmp_path / "a.keras")
    assert calls == [layer.name for layer in again.layers[1:]]
