"""Models in files, both ways between jkeras and Keras: the loaded model predicts the same, and learns the same."""

import warnings

import numpy as np
import pytest

import jkeras
from tests.catalogue import ROWS
from tests.marks import slow_unless_longest
from tests.oracle import assert_close, keras

DIRECTIONS = [(jkeras, keras), (keras, jkeras)]
MODELS = [row for row in ROWS if not row.name.endswith(("Cell", "Cells"))]
FIRST = {row.name: row for row in reversed(MODELS)}  # the first row of each layer


def of_row(row, library):
    """A model of the row's layer, in one of the libraries. Arrays among the arguments of its call are left out."""
    dtype = None if row.integers is None else "int32"
    inputs = row.arguments(lambda shape: library.Input(batch_shape=shape if row.fixed else (None, *shape[1:]), dtype=dtype))
    plain = {key: value for key, value in row.call.items() if isinstance(value, bool)}
    return library.Model(list(inputs) if row.spread else inputs[0], row.make(library)(*inputs, **plain))


def leaves(outputs):
    if isinstance(outputs, dict):
        return [a for key in sorted(outputs) for a in leaves(outputs[key])]
    return [a for o in outputs for a in leaves(o)] if isinstance(outputs, (list, tuple)) else [np.asarray(outputs)]


def same_outputs(one, two, **tolerance):
    for a, b in zip(leaves(one), leaves(two), strict=True):
        assert_close(a, b, **tolerance)


def randomize(model):
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)).astype(w.dtype) for w in model.get_weights()])


@pytest.mark.parametrize("writer,reader", DIRECTIONS, ids=["there", "here"])
@pytest.mark.parametrize("row", [slow_unless_longest(row, row is not FIRST[row.name]) for row in MODELS], ids=str)
def test_layers(row, writer, reader, tmp_path):
    """The loaded model predicts the same; of the first row of each layer, it also learns the same in a further step."""
    model, x = of_row(row, writer), row.inputs()
    x = list(x) if row.spread else x[0]
    randomize(model)
    trains = row is FIRST[row.name] and model.trainable_weights
    if trains:
        model.compile(writer.optimizers.Adam(0.01), "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "a.keras")
        again = reader.models.load_model(tmp_path / "a.keras")
    tolerance = {"rtol": max(row.rtol, 2e-5), "atol": 1e-5}
    same_outputs(again(x, training=False), model(x, training=False), **tolerance)
    if trains:
        targets = [np.zeros(y.shape, "float32") for y in leaves(model(x, training=False))]
        for each in (model, again):
            each.train_on_batch(x, targets if len(targets) > 1 else targets[0])
        same_outputs(again(x, training=False), model(x, training=False), rtol=2e-4, atol=1e-4)


def shared(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    layer = k.layers.Dense(3, activation="tanh", name="shared")
    return k.Model([a, b], k.layers.Dense(1)(k.layers.Concatenate()([layer(a), layer(b)])))


def nested(k):
    x = k.Input((4,))
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(4, activation="relu"), k.layers.BatchNormalization()])
    return k.Model(x, k.layers.Dense(1)(inner(inner(x)) + x))


def dicts(k):
    x = {"a": k.Input((4,), name="a"), "b": k.Input((4,), name="b")}
    return k.Model(x, k.layers.Dense(1)(k.layers.Add()([x["a"], x["b"]])))


def several(k):
    x = k.Input((4,))
    y = k.layers.Dense(3, activation="relu")(x)
    return k.Model(x, [k.layers.Dense(1, name="one")(y), k.layers.Dense(2, name="two")(y)])


x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
DATA = {
    shared: ([x, x[::-1].copy()], x[:, :1]),
    nested: (x, x[:, :1]),
    dicts: ({"a": x, "b": x[::-1].copy()}, x[:, :1]),
    several: (x, [x[:, :1], x[:, 1:3]]),
}


@pytest.mark.parametrize("writer,reader", DIRECTIONS, ids=["there", "here"])
@pytest.mark.parametrize("make", DATA, ids=lambda make: make.__name__)
def test_graphs_with_the_optimizer(make, writer, reader, tmp_path):
    """A further epoch in both libraries ends with the same weights."""
    model, (inputs, targets) = make(writer), DATA[make]
    model.compile(writer.optimizers.Adam(0.01), ["mse", "mae"] if make is several else "mse")
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(inputs, targets, **options)
    model.save(tmp_path / "a.keras")
    again = reader.models.load_model(tmp_path / "a.keras")
    same_outputs(again.predict(inputs, verbose=0), model.predict(inputs, verbose=0), rtol=2e-5, atol=1e-6)
    assert int(again.optimizer.iterations) == 2
    for each in (model, again):
        each.fit(inputs, targets, **options)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        assert_close(a, b, rtol=2e-4, atol=1e-5)
    same_outputs(again.predict(inputs, verbose=0), model.predict(inputs, verbose=0), rtol=2e-4, atol=1e-5)


def test_a_property_may_be_the_name_that_a_file_knows(tmp_path):
    class Old(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = jkeras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    class New(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.a_dense = jkeras.layers.Dense(3)  # the property would be visited after it

        @property
        def dense(self):
            return self.a_dense

        def call(self, x):
            return self.dense(x)

    old, new = Old(), New()
    for model in (old, new):
        model(np.ones((2, 2)))
    old.save_weights(tmp_path / "a.weights.h5")
    new.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(old.dense.kernel, new.a_dense.kernel)


@pytest.mark.parametrize(("call", "error"), [
    (lambda model, path: model.save(path / "m.keras", overwrit=True), "'overwrit'. Did you mean 'overwrite'"),
    (lambda model, path: model.load_weights(path / "m.weights.h5", skip=True), "'skip'. Did you mean 'skip_mismatch'"),
    (lambda model, path: jkeras.models.load_model(path / "none.keras"), "There is no file"),
])  # fmt: skip
def test_errors_of_files_are_value_errors_too(call, error, tmp_path):
    with pytest.raises(ValueError, match=error):
        call(jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1)]), tmp_path)
