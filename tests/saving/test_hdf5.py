"""`name.h5`: files of Keras 1, 2 and 3 are read, and those that are written Keras reads.

The files of Keras 2 are written here, attribute by attribute, as that Keras laid them out.
"""

import json

import h5py
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras
from tests.saving.test_weights import same

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 4)).astype("float32")
Z = RNG.normal(size=(4, 3)).astype("float32")


def array(*shape):
    return RNG.normal(size=shape).astype("float32")


def entry(name, inbound=None, kind="Dense", **config):
    made = {"class_name": kind, "config": {"name": name, "trainable": True, **config}}
    return made if inbound is None else {**made, "name": name, "inbound_nodes": inbound}


def start(name, *shape):
    return entry(name, [], "InputLayer", batch_input_shape=[None, *shape], dtype="float32", sparse=False, ragged=False)


def functional(name, layers, inputs, outputs):
    return {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}


def write_names(group, attribute, names, split):
    if not split:
        group.attrs[attribute] = [name.encode() for name in names]
    for i, name in enumerate(names if split else ()):
        group.attrs[f"{attribute}{i}"] = [name.encode()]


def write(path, weights, config=None, training=None, optimizer=(), split=False, top=True):
    """A file of Keras 2: weights by layer; at the root of the file, if there is no model."""
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            group = file.create_group("model_weights")
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        for place in (file, group):
            place.attrs["keras_version"], place.attrs["backend"] = b"2.2.4", b"tensorflow"
        write_names(group, "layer_names", list(weights), split)
        for name, arrays in weights.items():
            layer = group.create_group(name)
            names = [f"{name}/some/inner_{i}:0" for i in range(len(arrays))]
            write_names(layer, "weight_names", names, split)
            for key, value in zip(names, arrays, strict=True):
                layer[key] = value
        if top:
            group.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0, "S1")
        if optimizer:
            state = file.create_group("optimizer_weights")
            write_names(state, "weight_names", [name for name, _ in optimizer], split)
            for name, value in optimizer:
                state[name] = value
    return path


GLOROT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
}
HARD = {"units": 3, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "implementation": 1, "time_major": False}


@keras.saving.register_keras_serializable("tests")
def slanted(x):
    return keras.ops.clip(0.2 * x + 0.5, 0, 1)


@pytest.mark.slow
def test_a_stack_of_the_first_keras_2(tmp_path):
    """A list of layers; the input's shape in the first one; what has another default or meaning today."""
    layers = [
        entry("a", kind="LSTM", batch_input_shape=[None, 6, 4], return_sequences=True, kernel_initializer=GLOROT, **HARD),
        entry("b", kind="GRU", return_sequences=True, **HARD),
        entry("c", kind="BatchNormalization", axis=[2], mode=0, epsilon=0.001),
        entry("d", kind="LeakyReLU", alpha=0.25),
        entry(
            "e",
            kind="TimeDistributed",
            layer=entry("f", units=2, kernel_regularizer={"class_name": "L1L2", "config": {"l2": 0.5}}),
        ),
        entry("g", kind="Bidirectional", merge_mode="concat", layer=entry("h", kind="LSTM", **HARD)),
        entry(
            "i",
            units=2,
            kernel_constraint={"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
            activation="softmax",
        ),
    ]
    shapes = {
        **{"a": [(4, 12), (3, 12), (12,)], "b": [(3, 9), (3, 9), (9,)], "c": [(3,)] * 4, "d": [], "e": [(3, 2), (2,)]},
        **{"g": [(2, 12), (3, 12), (12,)] * 2, "i": [(6, 2), (2,)]},
    }
    weights = {name: [abs(array(*shape)) for shape in found] for name, found in shapes.items()}
    path = write(tmp_path / "a.h5", weights, {"class_name": "Sequential", "config": layers})
    model = jkeras.models.load_model(path)
    L = keras.layers
    options = {"recurrent_activation": slanted}
    expected = keras.Sequential(
        [
            *(keras.Input((6, 4)), L.LSTM(3, return_sequences=True, **options)),
            *(L.GRU(3, return_sequences=True, reset_after=False, **options), L.BatchNormalization(), L.LeakyReLU(0.25)),
            *(L.TimeDistributed(L.Dense(2)), L.Bidirectional(L.LSTM(3, **options)), L.Dense(2, activation="softmax")),
        ]
    )
    expected.set_weights([value for arrays in weights.values() for value in arrays])
    assert_close(model(X), expected(X), rtol=1e-5)
    assert [layer.name for layer in model.layers] == list(weights)
    assert model.layers[4].layer.kernel_regularizer.l2 == 0.5 and model.layers[6].kernel_constraint.max_value == 2
    model.save(tmp_path / "again.keras")
    assert_close(jkeras.models.load_model(tmp_path / "again.keras")(X), expected(X), rtol=1e-5)


def operation(name, function, *inbound, kind="TFOpLambda"):
    return entry(name, list(inbound), kind, dtype="float32", function=function)


def test_a_graph_with_tensorflows_operations(tmp_path):
    """Calls counted from 1, shared layers, tensors by keyword, constants in front, slices, initial states."""
    inner = functional("inner", [start("p", 3), entry("q", [[["p", 0, 0, {}]]], units=3)], [["p", 0, 0]], [["q", 0, 0]])
    stack = {"name": "stack", "layers": [start("r", 3), entry("s", units=3)]}
    layers = [
        *(start("x", 6, 4), start("z", 3)),
        {
            "class_name": "Model",
            "config": inner,
            "name": "inner",
            "inbound_nodes": [[["z", 0, 0, {}]], [["inner", 1, 0, {}]]],
        },
        {"class_name": "Sequential", "config": stack, "name": "stack", "inbound_nodes": [[["inner", 2, 0, {}]]]},
        entry(
            "lstm",
            [[["x", 0, 0, {}], ["inner", 1, 0, {}], ["stack", 1, 0, {}]]],
            "LSTM",
            units=3,
            recurrent_activation="sigmoid",
        ),
        operation("op1", "math.multiply", ["lstm", 0, 0, {"y": 2, "name": None}]),
        operation("op2", "math.subtract", ["_CONSTANT_VALUE", -1, 1.5, {"y": ["op1", 0, 0], "name": None}]),
        operation("op3", "concat", [["op2", 0, 0, {"axis": -1}], ["stack", 1, 0, {"axis": -1}]]),
        operation(
            "op4",
            "__operators__.getitem",
            [
                "op3",
                0,
                0,
                {"slice_spec": [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 4, "step": None}]},
            ],
            kind="SlicingOpLambda",
        ),
        operation("op5", "linalg.matmul", ["op4", 0, 0, {"b": ["lstm", 0, 0], "transpose_b": True}]),
        operation("op6", "math.reduce_mean", ["op5", 0, 0, {"axis": 1, "keepdims": True}]),
        entry("add", [[["op6", 0, 0, {}], ["op4", 0, 0, {}]]], "Add"),
        entry("drop", [[["add", 0, 0, {"training": False}]]], "Dropout", rate=0.5),
    ]
    outputs = [["drop", 0, 0], ["inner", 2, 0]]
    config = {"class_name": "Model", "config": functional("m", layers, [["x", 0, 0], ["z", 0, 0]], outputs)}
    weights = {
        "inner": [array(3, 3), array(3)],
        "stack": [array(3, 3), array(3)],
        "lstm": [array(4, 12), array(3, 12), array(12)],
    }
    weights = {layer["name"]: weights.get(layer["name"], []) for layer in layers}
    model = jkeras.models.load_model(write(tmp_path / "a.h5", weights, config, split=True))
    ours = model([X, Z])
    q, s = weights["inner"], weights["stack"]
    once = Z @ q[0] + q[1]
    twice = once @ q[0] + q[1]
    stacked = twice @ s[0] + s[1]
    lstm = keras.layers.LSTM(3)
    lstm.build((None, 6, 4))
    lstm.set_weights(weights["lstm"])
    hidden = np.asarray(lstm(X, initial_state=[once, stacked]))
    part = np.concatenate([1.5 - 2 * hidden, stacked], -1)[:, 1:4]
    assert_close(ours[0], (part @ hidden.T).mean(1, keepdims=True) + part, rtol=1e-4)
    assert_close(ours[1], twice, rtol=1e-5)
    assert model.input_names == ["x", "z"] and model.get_layer("inner").output_shape == (None, 3)
    assert type(jkeras.Model(model.inputs, model.outputs[0]).predict([X, Z], verbose=0)) is np.ndarray


def test_cudnn_layers(tmp_path):
    """Each gate's kernel lies transposed, and there are two biases."""
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        kernel, recurrent, bias = array(4, gates * 3), array(3, gates * 3), array(2 * gates * 3)
        layers = [entry("a", kind=f"CuDNN{kind}", batch_input_shape=[None, 6, 4], units=3, return_sequences=False)]
        path = write(
            tmp_path / "a.h5", {"a": [kernel, recurrent, bias]}, {"class_name": "Sequential", "config": {"layers": layers}}
        )
        parts = [
            np.reshape(part, (3, 4)).T for part in np.split(kernel, gates, 1)
        ]  # CuDNN's memory: (units, inputs) for each gate
        biases = bias.reshape(2, -1)
        expected = getattr(keras.layers, kind)(3)
        expected.build((None, 6, 4))
        turned = [part.T for part in np.split(recurrent, gates, 1)]
        expected.set_weights([np.hstack(parts), np.hstack(turned), biases.sum(0) if kind == "LSTM" else biases])
        assert_close(jkeras.models.load_model(path)(X), expected(X), rtol=1e-5)


ADAM = {"lr": 0.25, "beta_1": 0.5, "beta_2": 0.75, "decay": 0.0, "epsilon": 1e-7, "amsgrad": False}
WRAPPED = {"class_name": "MeanMetricWrapper", "config": {"name": "acc", "dtype": "float32", "fn": "categorical_accuracy"}}
DENSE = {"class_name": "Sequential", "config": {"layers": [entry("d", units=2, batch_input_shape=[None, 3])]}}


@pytest.mark.parametrize("order", ["slot by slot", "parameter by parameter"])
def test_training_goes_on(order, tmp_path):
    kernel, bias, *slots = array(3, 2), array(2), *(abs(array(*shape)) for shape in [(3, 2), (2,)] * 2)
    names = [
        f"Adam/{s}/d/{w}:0" if order[0] == "p" else f"training/Adam/d/{w}/{s}:0" for s in "mv" for w in ("kernel", "bias")
    ]
    state = list(zip(names, slots, strict=True))
    state = [state[i] for i in ([0, 2, 1, 3] if order[0] == "p" else range(4))]
    training = {
        "optimizer_config": {
            "class_name": "Custom>Adam",
            "config": {**ADAM, "is_legacy_optimizer": False, "jit_compile": True},
        },
        **{"loss": "mean_squared_error", "metrics": [[WRAPPED]], "sample_weight_mode": None, "loss_weights": None},
    }
    state = [("Adam/iterations:0", np.int64(7)), *state]
    path = write(tmp_path / "a.h5", {"d": [kernel, bias]}, DENSE, training, state)
    model = jkeras.models.load_model(path)
    optimizer = keras.optimizers.Adam(0.25, 0.5, 0.75)
    expected = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    expected.compile(optimizer, "mse", metrics=["accuracy"])
    expected.set_weights([kernel, bias])
    optimizer.build(expected.trainable_variables)
    for variable, value in zip(optimizer.variables, [7, 0.25, slots[0], slots[2], slots[1], slots[3]], strict=True):
        variable.assign(value)
    same(model.optimizer.variables, optimizer.variables)
    y = np.eye(2, dtype="float32")[[0, 1, 0, 1]]
    assert_close(model.fit(Z, y, verbose=0).history["loss"], expected.fit(Z, y, verbose=0).history["loss"])
    assert_close(model(Z), expected(Z), rtol=1e-5)
    assert "accuracy" in model.history.history
    assert not jkeras.models.load_model(path, compile=False).compiled


def test_a_decaying_rate_and_options_of_losses(tmp_path):
    loss = {
        "class_name": "BinaryCrossentropy",
        "config": {"reduction": "auto", "name": "b", "from_logits": True, "label_smoothing": 0},
    }
    config = {
        "class_name": "SGD",
        "config": {"learning_rate": 0.5, "decay": 0.5, "momentum": 0.0, "nesterov": False, "name": "SGD"},
    }
    training = {"optimizer_config": config, "loss": loss, "metrics": None}
    model = jkeras.models.load_model(write(tmp_path / "a.h5", {"d": [array(3, 2), array(2)]}, DENSE, training))
    assert model.loss.get_config()["from_logits"] is True
    model.fit(Z, np.ones((4, 2)), epochs=2, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.25)


def two_layers(k, names=("a", "b"), units=2):
    return k.Sequential([k.Input((3,)), k.layers.Dense(3, name=names[0]), k.layers.Dense(units, name=names[1])])


def test_weights_alone(tmp_path):
    stored = {"first": [array(3, 3), array(3)], "between": [], "second": [array(3, 2), array(2)]}
    path = write(tmp_path / "a.h5", stored, top=False)
    flat = [value for arrays in stored.values() for value in arrays]
    for names in (("first", "second"), ("x", "y")):  # by name, or in order
        model = two_layers(jkeras, names)
        model.load_weights(path)
        same(model.get_weights(), flat)
    model = two_layers(jkeras, ("second_of_all", "second"))
    before = model.get_weights()
    model.load_weights(path, by_name=True)
    same(model.get_weights(), [*before[:2], *flat[2:]])
    wide = two_layers(jkeras, ("first", "second"), 5)
    before = wide.get_weights()
    for by_name in (False, True):
        with pytest.raises(
            ValueError, match=r"layer 'second': variable 'kernel' has shape \(3, 5\), but 'second/.*' has \(3, 2\)"
        ):
            wide.load_weights(path, by_name=by_name)
        same(wide.get_weights(), before)
    with pytest.warns(UserWarning, match="layer 'second'"):
        wide.load_weights(path, skip_mismatch=True, by_name=True)
    same(wide.get_weights(), [*flat[:2], *before[2:]])
    with pytest.raises(ValueError, match="model has 1 layers with weights .* the file has 2"):
        jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(3)]).load_weights(path)
    with pytest.raises(ValueError, match="contains only weights"):
        jkeras.models.load_model(path)


def graph(k, nested):
    layers = k.layers
    x, z = k.Input((6, 4), name="x"), k.Input((3,), name="z")
    y = layers.Bidirectional(layers.GRU(2))(layers.BatchNormalization()(x))
    dense = layers.Dense(4, "relu", kernel_regularizer="l2")
    inner = k.Sequential([k.Input((3,)), dense], name="inner") if nested else dense
    y = layers.Dropout(0.0)(layers.Add()([y, inner(z), inner(layers.Dense(3)(z))]))
    model = k.Model([x, z], [layers.Dense(1)(y), layers.Softmax()(y)])
    model.compile(k.optimizers.Adam(0.01), ["mse", "mae"], metrics=[["mae"], ["mse"]])
    return model


def fit(model):
    return model.fit([X, Z], [Z[:, :1], np.ones((4, 4))], verbose=0, shuffle=False).history


Y = [Z[:, :1], np.ones((4, 4), "float32")]


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_what_is_written_keras_reads(nested, tmp_path):
    jkeras.utils.clear_session(free_memory=False)  # names without numbers
    model = graph(jkeras, nested)
    fit(model)
    path = tmp_path / "new/folder/a.h5"
    if nested:
        with pytest.warns(UserWarning, match="no form that Keras 2 reads, because of the model 'inner'"):
            model.save(path)
    else:
        model.save(path)
        with h5py.File(path) as file:
            config = json.loads(file.attrs["model_config"])
        assert config["config"]["layers"][0]["config"]["batch_input_shape"] == [None, 6, 4]
        assert config["config"]["layers"][-1]["inbound_nodes"] == [[["dropout", 0, 0, {}]]]
    theirs, ours = keras.models.load_model(path), jkeras.models.load_model(path)
    for again in (theirs, ours):
        assert_close(again([X, Z])[0], model([X, Z])[0], rtol=1e-5)
    same(ours.optimizer.variables, model.optimizer.variables)  # which Keras forgets, also of its own files
    assert list(fit(ours).values()) == list(fit(model).values())
    model.save_weights(tmp_path / "b.h5")
    other = graph(keras, nested)
    other.load_weights(tmp_path / "b.h5")
    assert_close(other([X, Z])[1], model([X, Z])[1], rtol=1e-5)


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_what_keras_3_writes_is_read(nested, tmp_path):
    model = graph(keras, nested)
    fit(model)
    path = tmp_path / "a.h5"
    model.save(path)
    again = jkeras.models.load_model(path, compile=False)  # Keras writes "mse" for the loss, and does not read it
    assert_close(again([X, Z])[1], model([X, Z])[1], rtol=1e-5)
    again = jkeras.models.load_model(path)
    same(again.optimizer.variables, model.optimizer.variables)
    other = graph(jkeras, nested)
    other.load_weights(path)
    same(other.get_weights(), model.get_weights())


def test_what_keras_2_has_no_form_for(tmp_path):
    x = jkeras.Input((6, 4))
    model = jkeras.Model(x, jkeras.layers.MultiHeadAttention(1, 2)(x, x) * 2)
    with pytest.warns(UserWarning, match="no form that Keras 2 reads"):
        model.save(tmp_path / "a.h5")
    assert_close(jkeras.models.load_model(tmp_path / "a.h5")(X), model(X))
    assert_close(keras.models.load_model(tmp_path / "a.h5")(X), model(X), rtol=1e-5)


CODE = {"function": ["4wAAAAA=\n", None, None], "function_type": "lambda", "output_shape": None}
REFUSED = {
    "code": ([entry("l", kind="Lambda", **CODE)], r"Layer 'l' is a Lambda whose code stands in the file"),
    "another operation": ([operation("o", "linalg.svd", ["x", 0, 0, {}])], r"'linalg.svd', which has no counterpart"),
    "an unknown class": ([entry("u", kind="Nothing")], r"names 'Nothing'"),
    "no layers": (7, r"a list 'layers'|does not describe"),
    "a number for a layer": ([7], r"layers should be configs"),
    "a call of no form": ([entry("u", [7])], r"have no form that is known"),
    "a circle": ([entry("u", [[["u", 0, 0, {}]]], units=3)], r"describes no graph"),
}


@pytest.mark.parametrize("layers, message", REFUSED.values(), ids=REFUSED)
def test_refused_configs(layers, message, tmp_path):
    graph = functional("m", [start("x", 3), *layers] if isinstance(layers, list) else layers, [["x", 0, 0]], [["x", 0, 0]])
    path = write(tmp_path / "a.h5", {}, {"class_name": "Functional", "config": graph})
    with pytest.raises(ValueError, match=message):
        jkeras.models.load_model(path)


def test_files_that_are_not_what_they_say(tmp_path):
    model = two_layers(jkeras)
    before = model.get_weights()
    stored = {"a": [array(3, 3), array(3)], "b": [array(3, 2), array(2)]}

    def link(file):
        del file["a"]
        file["a"] = h5py.SoftLink("/b")

    def outside(file):
        del file["a/a/some/inner_0:0"]
        file["a/a/some/inner_0:0"] = h5py.ExternalLink("other.h5", "/x")

    def missing(file):
        del file["b"]

    def huge(file):
        del file["b/b/some/inner_1:0"]
        file.create_dataset("b/b/some/inner_1:0", (2**40,), "float32", chunks=(2**10,))

    def no_list(file):
        file.attrs["layer_names"] = 7

    def complex_numbers(file):
        del file["b/b/some/inner_1:0"]
        file["b/b/some/inner_1:0"] = np.ones(2, "complex64")

    for damage in (link, outside, missing, huge, no_list, complex_numbers):
        path = write(tmp_path / "a.h5", stored, top=False)
        with h5py.File(path, "a") as file:
            damage(file)
        with pytest.raises(ValueError, match=r"link|no group|claims|list of names|complex"):
            model.load_weights(path)
        same(model.get_weights(), before)
    for text in ("", "{", "[1]", "[" * 10**5, '{"class_name": "Functional", "config": {"layers": []}}'):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["model_config"] = text
        with pytest.raises(ValueError, match=r"a\.h5"):
            jkeras.models.load_model(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="cannot be read"):
        jkeras.models.load_model(tmp_path / "a.h5")


def test_keywords_of_keras_2(tmp_path):
    model = two_layers(jkeras)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="`save_format` argument is deprecated"):
        model.save(tmp_path / "a.h5", save_format="h5", include_optimizer=False)
    assert not jkeras.models.load_model(tmp_path / "a.h5").compiled
    with pytest.raises(ValueError, match="`save_format` argument is deprecated"):
        model.save(tmp_path / "a", save_format="tf")
    table = {"double": lambda x: 2 * x}
    assert jkeras.saving.deserialize_keras_object("double", module_objects=table, printable_module_name="function")(2) == 4
    l2 = {"l2": jkeras.regularizers.L2}  # the name of a class is an object of it
    assert isinstance(jkeras.saving.deserialize_keras_object("l2", module_objects=l2), jkeras.regularizers.L2)
    assert jkeras.saving.deserialize_keras_object("l2", l2, module_objects=l2) is jkeras.regularizers.L2
    with pytest.raises(ValueError, match="Unknown activation: 'triple'"):
        jkeras.saving.deserialize_keras_object("triple", module_objects=table, printable_module_name="activation")
    legacy = jkeras.utils.legacy.serialize_keras_object(jkeras.regularizers.L2(0.5))
    assert legacy == {"class_name": "L2", "config": {"l2": 0.5}}
    assert jkeras.utils.legacy.deserialize_keras_object(legacy, module_objects=vars(jkeras.regularizers)).l2 == 0.5
