"""Files that were made to harm, or are damaged: each is refused with an error, nothing is run, and no model changes."""

import json
import sys
import zipfile

import h5py
import numpy as np
import pytest

import jkeras
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


ATTACKS = [
    *(external_group, external_dataset, soft_link, external_storage, virtual, strings, records, group_for_a_dataset),
    *(dataset_for_a_group, huge_chunks, huge_shape, another_shape, one_too_many, another_key, no_layers),
    optimizer_of_another_shape,
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
    with pytest.raises(ValueError, match="does not fit the model"):
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
    with pytest.raises(ValueError, match=r"claims 4,398,046,511,104 bytes"):
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
