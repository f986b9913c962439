"""Whole models in `.keras` files: those of Keras load here, ours load in Keras, and training goes on as if nothing had been."""

import json
import zipfile

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras
from tests.saving.test_weights import same, tree_of

RNG = np.random.default_rng(0)
SEQUENCES, VECTORS = RNG.normal(size=(8, 3, 4)).astype("float32"), RNG.normal(size=(8, 2)).astype("float32")


def graph(k):
    """Two inputs and outputs, sublayers of all kinds, a layer used twice, a model in the model, an operation, dropout."""
    layers = k.layers
    x, z = k.Input((3, 4), name="x"), k.Input((2,), name="z")
    y = layers.TimeDistributed(layers.Dense(4))(x)
    y = layers.Bidirectional(layers.SimpleRNN(1))(layers.MultiHeadAttention(1, 3)(y, y))
    y = layers.Dropout(0.2)(layers.BatchNormalization()(y))
    twice = layers.Dense(2, activation="relu")
    inner = k.Sequential([k.Input((2,)), layers.Dense(2), layers.Dense(2)])
    y = inner(twice(twice(y))) + z
    model = k.Model([x, z], [y, layers.Dense(1, name="head")(y)], name="net")
    model.compile(k.optimizers.Adam(0.01), ["mse", "mae"])
    return model


def subclassed(k):
    """Attributes, lists in lists, dicts, public names of private attributes, hooks, optimizers of its own."""
    layers, register = k.layers, k.saving.register_keras_serializable("tests")

    @register
    class Block(layers.Layer):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self._inner = [layers.Dense(units), [layers.Dense(units)]]

        @property
        def first(self):
            return self._inner[0]

        def call(self, x):
            return self._inner[1][0](self._inner[0](x))

        def get_config(self):
            return super().get_config() | {"units": self.units}

    @register
    class Hooked(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight((shape[-1],), name="scale", initializer="ones")
            self.count = self.add_weight((), trainable=False, name="count")
            self.forgotten = self.add_weight((2,), trainable=False, name="forgotten", initializer="zeros")

        def call(self, x):
            return x * self.scale + self.count

        def save_own_variables(self, store):
            store["scale"], store["count"] = self.scale, self.count

        def load_own_variables(self, store):
            self.scale.assign(store["scale"])
            self.count.assign(store["count"])

    @register
    class Net(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.z_block = Block(2)
            self.a = layers.Dense(2)
            self.b = [layers.Dense(2), layers.Dense(3), [layers.ReLU(), layers.Dense(1)], {"x": layers.Dense(2)}]
            self.c = {"q": layers.Dense(2), "p": layers.Dense(1)}
            self._hidden = layers.Dense(1)
            self.generator = k.random.SeedGenerator(1)
            self.seen = k.metrics.Mean()
            self.shift = self.add_weight((2,), name="shift")
            self.hooked, self.norm = Hooked(), layers.BatchNormalization()
            self.again = self.a

        def call(self, x):
            total = (
                self.norm(self.hooked(self.a(x))) + self.b[0](x) + self.b[1](x)[:, :2] + self.b[2][1](x) + self.b[3]["x"](x)
            )
            return total + self.c["q"](x) + self.c["p"](x) + self._hidden(x) + self.z_block(x) + self.shift

        def get_config(self):
            return {"name": self.name}

    model = Net()
    model.compile("rmsprop", "mse")
    return model


def stack(k):
    """Built by its data, with a schedule and penalties."""
    layers = k.layers
    model = k.Sequential([layers.Dense(3, kernel_regularizer="l2"), layers.PReLU(), layers.Dense(2, activation="softmax")])
    rate = k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    model.compile(k.optimizers.SGD(rate, momentum=0.9, nesterov=True), k.losses.CategoricalCrossentropy(label_smoothing=0.1))
    return model


DATA = {
    graph: ([SEQUENCES, VECTORS], [VECTORS, VECTORS[:, :1]]),
    subclassed: (VECTORS, VECTORS),
    stack: (VECTORS, np.eye(2, dtype="float32")[[0, 1] * 4]),
}


@pytest.fixture(scope="module", params=DATA, ids=lambda make: make.__name__)
def trained(request, tmp_path_factory):
    """A model trained and saved here, loaded and trained and saved again in Keras."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    theirs_too = request.param(keras)  # so that its classes are registered there
    ours = request.param(jkeras)
    x, y = DATA[request.param]
    ours.fit(x, y, verbose=0, shuffle=False)
    ours.save(folder / "here.keras")
    theirs = keras.models.load_model(folder / "here.keras")
    outputs = theirs(x, training=False)
    before = [np.asarray(v) for v in (*theirs.weights, *theirs.optimizer.variables)]
    theirs.fit(x, y, verbose=0, shuffle=False)
    theirs.save(folder / "there.keras")
    theirs_too(x)
    return request.param, folder, ours, theirs, outputs, before


def test_keras_loads_what_is_written_here(trained):
    make, folder, ours, theirs, outputs, before = trained
    x, _ = DATA[make]
    assert_close(ours(x), outputs, rtol=1e-5)
    if make is not subclassed:  # there the order of the weights is that of the hooks
        same([*ours.weights, *ours.optimizer.variables], before)


def test_files_of_keras_load_here(trained):
    make, folder, _, theirs, _, _ = trained
    x, y = DATA[make]
    again = jkeras.models.load_model(folder / "there.keras")
    assert_close(again(x), theirs(x), rtol=1e-5)
    same(again.optimizer.variables, theirs.optimizer.variables)
    assert_close(again.evaluate(x, y, verbose=0), theirs.evaluate(x, y, verbose=0), rtol=1e-5)


def test_both_files_have_the_same_members_and_arrays(trained):
    _, folder, *_ = trained
    trees = []
    for name in ("here", "there"):
        with zipfile.ZipFile(folder / f"{name}.keras") as archive:
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            assert set(json.loads(archive.read("metadata.json"))) == {"keras_version", "date_saved"}
            trees.append(tree_of(archive.extract("model.weights.h5", folder / name)))
    generators = {name for name in trees[0] if name.startswith("generator/")}
    assert {name: item for name, item in trees[0].items() if name not in generators} == trees[1]


def test_training_goes_on_as_if_it_had_not_stopped(trained):
    make, folder, ours, *_ = trained
    x, y = DATA[make]
    again = jkeras.models.load_model(folder / "here.keras")
    assert json.dumps(again.get_config()) == json.dumps(ours.get_config())
    histories = [model.fit(x, y, verbose=0, shuffle=False, epochs=2).history for model in (again, ours)]
    assert histories[0] == histories[1]
    same(again.variables, ours.variables)
    same(again.optimizer.variables, ours.optimizer.variables)


def small():
    return jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])


def test_without_compile(tmp_path):
    model = small()
    model.compile("adam", "mse")
    model.save(tmp_path / "a.keras")
    again = jkeras.saving.load_model(tmp_path / "a.keras", compile=False)
    assert not again.compiled
    same(again.weights, model.weights)
    other = small()
    other.load_weights(tmp_path / "a.keras")
    same(other.weights, model.weights)


def test_a_folder_instead_of_an_archive(tmp_path):
    model = small()
    model.save(tmp_path / "model", zipped=False)
    (tmp_path / "model" / "notes.txt").write_text("mine")
    model.save(tmp_path / "model", zipped=False)
    assert sorted(f.name for f in (tmp_path / "model").iterdir()) == [
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "notes.txt",
    ]
    same(jkeras.models.load_model(tmp_path / "model").weights, model.weights)
    same(keras.models.load_model(tmp_path / "model").weights, model.weights)
    keras.models.load_model(tmp_path / "model").save(tmp_path / "theirs", zipped=False)
    same(jkeras.models.load_model(tmp_path / "theirs").weights, model.weights)
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model", overwrite=False, zipped=False)


def test_names_of_files(tmp_path):
    model = small()
    for name, options in (("a.png", {}), ("a", {}), ("a.keras", {"zipped": False})):
        with pytest.raises(ValueError, match="needs"):
            model.save(tmp_path / name, **options)
    with pytest.raises(ValueError, match="File format not supported"):
        jkeras.models.load_model(tmp_path / "a.pkl")
    for name in ("s3://bucket/a.keras", "hf://user/a"):
        with pytest.raises(ValueError, match="not in the file system"):
            model.save(name)
    with pytest.raises(FileNotFoundError):
        jkeras.models.load_model(tmp_path / "a.keras")
    model.save(tmp_path / "a.keras")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "a.keras", overwrite=False)
    assert [f.name for f in tmp_path.iterdir()] == ["a.keras"]


def test_custom_objects_are_named_by_the_caller(tmp_path):
    class Twice(jkeras.layers.Layer):
        def call(self, x):
            return 2 * x

    def distance(y_true, y_pred):
        return abs(y_true - y_pred)

    model = jkeras.Sequential([jkeras.Input((3,)), Twice()])
    model.compile("sgd", distance)
    model.save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"'Twice'.*custom_objects"):
        jkeras.models.load_model(tmp_path / "a.keras")
    again = jkeras.models.load_model(tmp_path / "a.keras", custom_objects={"Twice": Twice, "distance": distance})
    assert again.loss is distance and type(again.layers[0]) is Twice


def test_an_unbuilt_model_is_saved_with_a_warning(tmp_path):
    model = jkeras.Sequential([jkeras.layers.Dense(2)])
    with pytest.warns(UserWarning, match="before it is built"):
        model.save(tmp_path / "a.keras")
    assert not jkeras.models.load_model(tmp_path / "a.keras").built


def test_a_lambda_is_not_saved_and_the_old_file_stays(tmp_path):
    small().save(tmp_path / "a.keras")
    before = (tmp_path / "a.keras").read_bytes()
    model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Lambda(lambda x: x)])
    with pytest.raises(TypeError, match="lambda"):
        model.save(tmp_path / "a.keras")
    assert (tmp_path / "a.keras").read_bytes() == before


def test_a_model_that_was_compiled_but_never_trained(tmp_path):
    model = small()
    model.compile(jkeras.optimizers.Adam(0.25), "mse")
    model.save(tmp_path / "a.keras")
    again = jkeras.models.load_model(tmp_path / "a.keras")
    assert float(again.optimizer.learning_rate) == 0.25
    again.fit(np.zeros((4, 3)), np.zeros((4, 2)), verbose=0)
    assert int(again.optimizer.iterations) == 1


@pytest.mark.parametrize(
    "direction", [(jkeras, keras), (keras, jkeras), (jkeras, jkeras)], ids=["there", "here", "both here"]
)
def test_a_layer_given_twice_is_one_layer_again(direction, tmp_path):
    def classes(k):
        @k.saving.register_keras_serializable("tests")
        class Twins(k.Model):
            def __init__(self, one, two, **kwargs):
                super().__init__(**kwargs)
                self.one, self.two = one, two

            def call(self, x):
                return self.two(self.one(x))

            def get_config(self):
                return {"one": k.saving.serialize_keras_object(self.one), "two": k.saving.serialize_keras_object(self.two)}

            @classmethod
            def from_config(cls, config):
                return cls(*(k.saving.deserialize_keras_object(config[name]) for name in ("one", "two")))

        return Twins

    made = {k: classes(k) for k in (keras, jkeras)}
    writer, reader = direction
    layer = writer.layers.Dense(3)
    model = made[writer](layer, layer)
    outputs = model(np.ones((2, 3), "float32"))
    model.save(tmp_path / "a.keras")
    again = reader.models.load_model(tmp_path / "a.keras")
    assert again.one is again.two
    assert_close(again(np.ones((2, 3), "float32")), outputs, rtol=1e-5)
