"""Files that were made to harm, or are damaged: each is refused with an error, nothing is run, and no model changes."""

import json
import os
import sys
import zipfile

import h5py
import numpy as np
import pytest

import jkeras
from jkeras.models import graph_config
from tests.saving.test_weights import same


def small(units=2):
    model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(units)])
    model.compile("adam", "mse")
    return model


KERNEL = "layers/dense/vars/0"


def external_group(file, folder):
    del file["layers/dense"]
    file["layers/dense"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def external_dataset(file, folder):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def soft_link(file, folder):
    del file[KERNEL]
    file["elsewhere"] = np.zeros((3, 2), "float32")
    file[KERNEL] = h5py.SoftLink("/elsewhere")


def external_storage(file, folder):
    (folder / "secret").write_bytes(bytes(24))
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 2), "float32", external=[(str(folder / "secret"), 0, 24)])


def virtual(file, folder):
    del file[KERNEL]
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape=(3, 2))
    file.create_virtual_dataset(KERNEL, layout)


def strings(file, folder):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 2), h5py.string_dtype())


def records(file, folder):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 2), [("a", "float32"), ("b", "float32")])


def group_for_a_dataset(file, folder):
    del file[KERNEL]
    file.create_group(KERNEL)


def dataset_for_a_group(file, folder):
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = np.zeros(3)


def huge_chunks(file, folder):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 2), "float32", maxshape=(None, 2), chunks=(2**26, 2))


def huge_shape(file, folder):
    del file[KERNEL]
    file.create_dataset(KERNEL, (2**40, 2), "float32", chunks=(1, 2))


def another_shape(file, folder):
    del file[KERNEL]
    file[KERNEL] = np.zeros((2, 3), "float32")


def one_too_many(file, folder):
    file["layers/dense/vars/2"] = np.zeros(2)


def another_key(file, folder):
    file.move(KERNEL, "layers/dense/vars/kernel")


def no_layers(file, folder):
    del file["layers"]


def optimizer_of_another_shape(file, folder):
    del file["optimizer/vars/2"]
    file["optimizer/vars/2"] = np.zeros(7)


def group_without_a_readable_name(file, folder):
    file["layers"].create_group(b"\xff")


def array_without_a_readable_name(file, folder):
    file["layers/dense/vars"].create_dataset(b"\xff", data=np.zeros(2))


ATTACKS = [
    *(external_group, external_dataset, soft_link, external_storage, virtual, strings, records, group_for_a_dataset),
    *(dataset_for_a_group, huge_chunks, huge_shape, another_shape, one_too_many, another_key, no_layers),
    *(optimizer_of_another_shape, group_without_a_readable_name, array_without_a_readable_name),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_weights(attack, tmp_path):
    path, model = tmp_path / "a.weights.h5", small()
    model.optimizer.build(model.trainable_variables)
    model.save_weights(path)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"], other["vars/0"], other["vars/1"] = np.zeros((3, 2), "f4"), np.zeros((3, 2), "f4"), np.zeros(2, "f4")
    with h5py.File(path, "a") as file:
        attack(file, tmp_path)
    before = [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]
    with pytest.raises(ValueError, match=r"does not fit the model|claims more than|name is not text"):
        model.load_weights(path)
    same([*model.variables, *model.optimizer.variables], before)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_damaged_weights(keep, tmp_path):
    path, model = tmp_path / "a.weights.h5", small(200)
    model.save_weights(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"cannot be read as an HDF5 file|does not fit"):
        model.load_weights(path)
    same(model.get_weights(), before)


def test_hooks_read_no_more_than_lies_there(tmp_path):
    class Own(jkeras.layers.Dense):
        def load_own_variables(self, store):
            store["table"]

    model = jkeras.Sequential([jkeras.Input((3,)), Own(2)])
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        file.create_dataset("layers/own/vars/table", (2**40,), "float32", chunks=(2**10,), compression="gzip")
    with pytest.raises(ValueError, match=r"claims more than 67,108,864 bytes.*max_bytes="):
        model.load_weights(path)


def rewrite(path, config=None, weights=None, **more):
    """An archive with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if config is not None:
        members["config.json"] = config if isinstance(config, bytes) else json.dumps(config).encode()
    if weights is not None:
        members["model.weights.h5"] = weights
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | more).items():
            if content is not None:
                archive.writestr(name, content)


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.keras"
    small().save(path)
    return path


def nested(module, name, config=None):
    return {"module": module, "class_name": name, "config": {} if config is None else config, "registered_name": None}


CODE = {"class_name": "__lambda__", "config": {"value": "4wAAAAA=\n"}}
EVIL = {
    "a class of the standard library": nested("subprocess", "Popen", {"args": "true"}),
    "a function": nested("builtins", "function", "eval"),
    "a function by its path": {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"},
    "a module that is not imported": nested("antigravity", "anything"),
    "an attribute of Keras": nested("keras.src.utils.file_utils", "get_file", {"origin": "file:///etc/passwd"}),
    "what loads other files": nested("keras.models", "load_model", {"filepath": "a.keras"}),
    "bytecode": nested("keras.layers", "Lambda", {"name": "l", "function": CODE}),
    "code in an activation": nested("keras.layers", "Dense", {"units": 2, "activation": CODE}),
    "a graph in a file": nested("keras.layers", "TFSMLayer", {"filepath": "a"}),
    "no config": {"class_name": "Dense"},
    "a number": 7,
    "nothing of the kind": nested("keras.layers", "Dense", {"units": -1}),
}


@pytest.mark.parametrize("layer", EVIL.values(), ids=EVIL)
def test_configs(layer, saved):
    config = config_of(saved)
    config["config"]["layers"].append(layer)
    rewrite(saved, config)
    modules = set(sys.modules)
    with pytest.raises((ValueError, TypeError)):
        jkeras.models.load_model(saved)
    assert "antigravity" not in set(sys.modules) - modules


def test_code_is_never_run_even_on_demand(saved):
    with pytest.raises(ValueError, match="safe_mode=False is not possible"):
        jkeras.models.load_model(saved, safe_mode=False)


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"{",
        b"[1]",
        b"7",
        b"\xff\xfe",
        b"[" * 100000,
        b'{"a":' * 100000,
        nested("keras.layers", "Dense", {"units": 2}),
        {},
    ],
    ids=["empty", "half", "list", "number", "bytes", "deep list", "deep dict", "a layer", "no class"],
)
def test_configs_of_no_model(config, saved):
    rewrite(saved, config)
    with pytest.raises(ValueError, match=r"a\.keras"):
        jkeras.models.load_model(saved)


def test_sizes_are_compared_before_memory_is_taken(saved):
    config = config_of(saved)
    config["config"]["layers"][1]["config"]["units"] = 10**12
    rewrite(saved, config)
    with pytest.raises(ValueError, match=r"\(3, 1000000000000\).*the file has \(3, 2\)"):
        jkeras.models.load_model(saved)


def test_members(saved):
    whole = saved.read_bytes()
    rewrite(saved, **{"config.json": None})
    with pytest.raises(ValueError, match=r"one member 'config.json', but has 0"):
        jkeras.models.load_model(saved)
    saved.write_bytes(whole)
    rewrite(saved, **{"model.weights.h5": None, "model.weights.npz": b"x"})
    with pytest.raises(ValueError, match=r"one member 'model.weights.h5'"):
        jkeras.models.load_model(saved)
    saved.write_bytes(whole)
    with zipfile.ZipFile(saved, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="has 2"):
        jkeras.models.load_model(saved)
    saved.write_bytes(whole)
    rewrite(saved, **{"../outside.txt": b"x", "/absolute": b"x"})  # nothing is unpacked but what is asked for
    jkeras.models.load_model(saved)
    assert [f.name for f in saved.parent.iterdir()] == ["a.keras"] and not (saved.parent.parent / "outside.txt").exists()


def test_archives_that_blow_up(saved):
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(2**26 + 1))
    with pytest.raises(ValueError, match=r"claims 67,108,865 bytes"):
        jkeras.models.load_model(saved)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.9])
def test_damaged_archives(keep, saved):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(ValueError, match=r"no '\.keras' archive"):
        jkeras.models.load_model(saved)
    middle = len(whole) // 2
    saved.write_bytes(whole[:middle] + bytes(x ^ 255 for x in whole[middle : middle + 64]) + whole[middle + 64 :])
    with pytest.raises(ValueError, match="damaged"):  # the check sum says so
        jkeras.models.load_model(saved)


SEQUENCE = {"name": "long", "batch_shape": [10**9, 4, 3], "dtype": "float32"}
GREEDY = {
    "an enormous table": ([nested("keras.layers", "Embedding", {"input_dim": 10**12, "output_dim": 10**6})], []),
    "states for a huge batch": ([nested("keras.layers", "LSTM", {"units": 1000, "stateful": True})], []),
    "thresholds": (None, [nested("keras.metrics", "AUC", {"num_thresholds": 10**9})]),
    "a confusion matrix": (None, [nested("keras.metrics", "MeanIoU", {"num_classes": 10**6})]),
    "models in models": (None, []),
}


@pytest.mark.parametrize("layers,metrics", GREEDY.values(), ids=GREEDY)
def test_configs_that_ask_for_memory(layers, metrics, saved):
    config = config_of(saved)
    config["compile_config"]["metrics"] = metrics
    if layers is not None:
        config["config"]["build_input_shape"] = SEQUENCE["batch_shape"]
        config["config"]["layers"] = [nested("keras.layers", "InputLayer", SEQUENCE), *layers]
    elif not metrics:
        for i in range(150):
            inner = nested("keras", "Sequential", {"name": f"s{i}", "layers": config["config"]["layers"][1:]})
            config["config"]["layers"][1:] = [inner]
    rewrite(saved, config)
    with pytest.raises(ValueError, match=r"a\.keras"):
        jkeras.models.load_model(saved)


def many_fills(file):
    for i in range(200):
        file.create_dataset(f"layers/dense/vars/{i}", (2**23,), "float32", chunks=(2**20,))


def hard_links(file):
    file.create_dataset("layers/dense/vars/0", (2**23,), "float32", chunks=(2**20,))
    for i in range(1, 200):
        file[f"layers/dense/vars/{i}"] = file["layers/dense/vars/0"]


def zipped_zeros(file):
    for i in range(3):
        file.create_dataset(f"layers/dense/vars/{i}", data=np.zeros(2**23, "float32"), chunks=(2**20,), compression="gzip")


@pytest.mark.parametrize("bomb", [many_fills, hard_links, zipped_zeros], ids=lambda bomb: bomb.__name__)
def test_one_budget_for_all_arrays(bomb, tmp_path, saved):
    """Each array alone would be small enough."""
    path, model = tmp_path / "b.weights.h5", small()
    with h5py.File(path, "w") as file:
        bomb(file)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"claims more than 67,108,864 bytes.*max_bytes="):
        model.load_weights(path)
    with pytest.raises(ValueError, match="does not fit the model"):  # a person who says so may read it
        model.load_weights(path, max_bytes=2**34)
    rewrite(saved, weights=path.read_bytes())
    with pytest.raises(ValueError, match="claims"):
        jkeras.models.load_model(saved)
    same(model.get_weights(), before)


def test_loading_computes_nothing(saved):
    x = jkeras.Input((3,))
    jkeras.Model(x, jkeras.layers.Dense(2)(x)).save(saved)
    config = config_of(saved)
    ones = {
        **nested("keras.src.ops.numpy", "Ones", {"shape": [2 * 10**9]}),
        "name": "ones",
        "inbound_nodes": [{"args": [], "kwargs": {}}],
    }
    config["config"]["layers"].append(ones)
    rewrite(saved, config)
    with pytest.raises(ValueError, match=r"calls 'ones' without a tensor of the graph"):
        jkeras.models.load_model(saved)
    for function in ("ones", "eval"):
        found = {"module": "keras.ops", "class_name": "function", "config": function, "registered_name": "function"}
        config = nested("keras.layers", "Dense", {"units": 2, "kernel_initializer": found})
        if function == "eval":
            with pytest.raises(ValueError, match="'eval'"):
                jkeras.layers.deserialize(config)
        else:
            assert jkeras.layers.deserialize(config).kernel_initializer is not jkeras.ops.ones


MALFORMED = [
    *(
        {"class_name": [], "config": {}},
        {"class_name": {}, "config": {}},
        {"class_name": "Dense", "config": 7},
        {"class_name": 7, "config": {}},
    ),
    *(
        {"class_name": "Dense", "config": []},
        {"class_name": "Dense", "config": {"units": []}},
        {"class_name": "Dense", "config": {1: 2}},
    ),
    *({"module": [], "class_name": "Dense", "config": {}}, {"class_name": "Dense", "config": {}, "registered_name": {}}),
    *(
        {"class_name": "__numpy__", "config": {}},
        {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "U500000000"}},
    ),
    *(
        {"class_name": "__slice__", "config": {}},
        {"class_name": "__tuple__", "config": 7},
        {"class_name": "function", "config": {}},
    ),
    *({"class_name": "Sequential", "config": {"layers": 7}}, {"class_name": "Sequential", "config": {}}),
    {"module": "keras.layers", "class_name": "Bidirectional", "config": {"layer": {}}},
    {"class_name": "Dense", "config": {"units": 2, "activation": {"class_name": {}, "config": {}}}},
]
DEEP = {"class_name": "Dense", "config": {"units": 2}}
for _ in range(150):
    DEEP = {"class_name": "TimeDistributed", "config": {"layer": DEEP}}


@pytest.mark.parametrize("config", [*MALFORMED, DEEP, [], "Dense", 7], ids=lambda config: str(config)[:60])
def test_malformed_configs(config):
    """What comes is a ValueError or TypeError, whoever reads the config."""
    readers = [
        *(jkeras.layers.deserialize, jkeras.losses.get, jkeras.metrics.get, jkeras.optimizers.get, jkeras.initializers.get),
        *(
            jkeras.regularizers.get,
            jkeras.constraints.get,
            lambda c: jkeras.models.model_from_json(json.dumps(c, skipkeys=True)),
        ),
    ]
    for read in readers:
        if isinstance(config, dict) or read is readers[0] or read is readers[-1]:
            with pytest.raises((ValueError, TypeError)):
                read(config) if config is not DEEP or read is not readers[-1] else jkeras.saving.deserialize_keras_object(
                    config
                )


def test_folders_have_regular_files(tmp_path):
    model, folder = small(), tmp_path / "m"
    model.save(folder, zipped=False)
    (tmp_path / "secret").write_text('{"secret": 1}')
    for make in (lambda path: os.symlink(tmp_path / "secret", path), os.mkfifo):
        (folder / "config.json").unlink()
        make(folder / "config.json")
        with pytest.raises(ValueError, match="no readable 'config.json'"):
            jkeras.models.load_model(folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damaged_compression(method, saved):
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    whole = saved.read_bytes()
    start = whole.index(b"config.json") + 30
    for shift in range(0, 200, 40):
        saved.write_bytes(whole[: start + shift] + b"\xff\x00\xaa\x55" * 4 + whole[start + shift + 16 :])
        with pytest.raises(ValueError, match=r"damaged|no '\.keras' archive|JSON"):
            jkeras.models.load_model(saved)


def test_complex_weights_keep_their_imaginary_part_or_are_refused(tmp_path):
    model, path = small(), tmp_path / "a.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        file[KERNEL] = np.full((3, 2), 1 + 2j, "complex64")
    with pytest.raises(ValueError, match="complex numbers"):
        model.load_weights(path)


def test_many_metrics_together(saved):
    config = config_of(saved)
    config["compile_config"]["metrics"] = [
        [nested("keras.metrics", "AUC", {"num_thresholds": 10**5, "name": f"a{i}"}) for i in range(600)]
    ]
    rewrite(saved, config)
    with pytest.raises(ValueError, match="metrics"):
        jkeras.models.load_model(saved)


def test_names_of_the_library_mean_the_library():
    """What is registered under such a name is found with its package only."""
    try:

        @jkeras.saving.register_keras_serializable("hostile", name="relu")
        def relu(x):
            return x * 0

        @jkeras.saving.register_keras_serializable("hostile", name="Dense")
        class Mine(jkeras.layers.Layer):
            pass

        assert jkeras.activations.get("relu") is jkeras.activations.relu
        assert jkeras.layers.Dense(2, activation="relu").activation is jkeras.activations.relu
        assert type(jkeras.layers.deserialize(jkeras.layers.serialize(jkeras.layers.Dense(2)))) is jkeras.layers.Dense
        assert type(jkeras.layers.deserialize(jkeras.layers.serialize(Mine()))) is Mine
        assert jkeras.activations.get("hostile>relu") is relu
        assert jkeras.layers.deserialize(jkeras.layers.serialize(jkeras.layers.Dense(2, activation=relu))).activation is relu
        with jkeras.saving.custom_object_scope({"relu": relu}):  # who says so, means it
            assert jkeras.activations.get("relu") is relu
    finally:
        for name in ("hostile>relu", "hostile>Dense"):
            jkeras.saving.get_custom_objects().pop(name, None)


def test_graphs_in_any_order(saved, monkeypatch):
    """Each call is looked at when what it waits for is there, not again and again."""
    x = jkeras.Input((3,))
    y = x
    for _ in range(60):
        y = jkeras.layers.Activation("relu")(y)
    jkeras.Model(x, y).save(saved)
    config = config_of(saved)
    config["config"]["layers"].reverse()
    rewrite(saved, config)
    looked_at = []
    whole = graph_config._addresses
    monkeypatch.setattr(graph_config, "_addresses", lambda value: looked_at.append(1) or whole(value))
    assert jkeras.models.load_model(saved).output_shape == (None, 3)
    assert len(looked_at) <= 60 * 20
