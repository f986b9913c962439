"""Weights in several files, parts of a model, and the editor of files."""

import json
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

import jkeras
from tests.saving.test_weights import same

KIB = 2**-20  # in GiB


def stack(k=jkeras):
    model = k.Sequential([k.Input((8,)), k.layers.Dense(64), k.layers.Dense(32), k.layers.Dense(4)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize("writer,reader", [(jkeras, jkeras), (jkeras, keras), (keras, jkeras)])
@pytest.mark.parametrize("size", [9 * KIB, 12 * KIB, 1])
def test_shards_in_both_directions(writer, reader, size, tmp_path):
    model, other, path = stack(writer), stack(reader), tmp_path / "m.weights.json"
    for i in range(3):
        model.set_weights([np.full(w.shape, i + j, "float32") for j, w in enumerate(model.get_weights())])
        model.save_weights(path, max_shard_size=size)
        other.load_weights(path)
        same(other.get_weights(), model.get_weights())
    parts = [f for f in tmp_path.iterdir() if f.suffix == ".h5"]
    assert (len(parts) > 3) == (size < 1) and all(f.stat().st_size < size * 2**30 + 2**15 for f in parts)
    index = json.loads(path.read_text())
    assert index["metadata"]["total_size"] == sum(
        np.asarray(v).nbytes for v in (*model.variables, *model.optimizer.variables)
    )


def test_a_save_that_fails_leaves_the_older_one(tmp_path, monkeypatch):
    model, path = stack(), tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=9 * KIB)
    before, names = model.get_weights(), sorted(os.listdir(tmp_path))
    model.set_weights([w + 1 for w in before])
    with pytest.raises(ValueError, match=r"more than a part may have.*larger max_shard_size"):
        model.save_weights(path, max_shard_size=KIB)
    replace, calls = os.replace, []

    def stop(*names):
        calls.append(names)
        if len(calls) == 3:
            raise OSError(28, "full")
        replace(*names)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="m.weights.json"):
        patch.setattr("os.replace", stop)
        model.save_weights(path, max_shard_size=9 * KIB)
    other = stack()
    other.load_weights(path)
    same(other.get_weights(), before)
    (tmp_path / "m_00009.weights.h5").write_bytes(b"mine")
    model.save_weights(path, max_shard_size=9 * KIB)
    other.load_weights(path)
    same(other.get_weights(), model.get_weights())
    assert (tmp_path / "m_00009.weights.h5").read_bytes() == b"mine"
    assert len(os.listdir(tmp_path)) <= len(names) + 2  # mine, and an empty part 0


def test_hostile_indexes(tmp_path):
    model, path = stack(), tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=9 * KIB)
    whole, before = json.loads(path.read_text()), model.get_weights()
    secret = tmp_path / "outside" / "x.weights.h5"
    secret.parent.mkdir()
    secret.write_bytes((tmp_path / "m_00000.weights.h5").read_bytes())
    os.symlink(secret, tmp_path / "link.weights.h5")
    os.mkfifo(tmp_path / "pipe.weights.h5")
    names = [
        "../x",
        "outside/x.weights.h5",
        str(secret),
        "link.weights.h5",
        "pipe.weights.h5",
        "none.weights.h5",
        "..\\x.weights.h5",
        7,
        [],
    ]
    indexes = [{**whole, "weight_map": {**whole["weight_map"], "/layers/dense/vars": [name]}} for name in names[:-1]]
    for index in [
        *indexes,
        [],
        {},
        7,
        {"weight_map": []},
        {"weight_map": {"/a": {"b": 1}}},
        {"weight_map": {"/a": [[["x"]]]}},
    ]:
        path.write_text(json.dumps(index))
        with pytest.raises(ValueError, match=r"m\.weights\.json"):
            model.load_weights(path)
    for text in ("", "{", "[" * 100000):
        path.write_text(text)
        with pytest.raises(ValueError, match="no index"):
            model.load_weights(path)
    path.write_text(json.dumps({**whole, "weight_map": {"/layers/dense/vars": whole["weight_map"]["/layers/dense/vars"]}}))
    with pytest.raises(ValueError, match="does not fit the model"):
        model.load_weights(path)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "other.weights.json")
    same(model.get_weights(), before)


def test_names_of_shards(tmp_path):
    model = stack()
    for name, options in (
        ("m.weights.h5", {"max_shard_size": 1}),
        ("m.weights.json", {}),
        ("m.weights.json", {"max_shard_size": 0}),
    ):
        with pytest.raises(ValueError, match=r"filename must end in|max_shard_size"):
            model.save_weights(tmp_path / name, **options)


def test_objects_to_skip(tmp_path):
    model, path = stack(), tmp_path / "m.weights.h5"
    jkeras.saving.save_weights(model, path, objects_to_skip=[model.layers[0], model.optimizer])
    with h5py.File(path) as file:
        assert "layers/dense" not in file and "layers/dense_1" in file and "optimizer" not in file
    other = stack()
    kept = other.layers[0].get_weights()
    with pytest.raises(ValueError, match="layers/dense"):
        other.load_weights(path)
    other.load_weights(path, objects_to_skip=[other.layers[0]])
    same(other.layers[0].get_weights(), kept)
    same(other.layers[1].get_weights(), model.layers[1].get_weights())
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"only supports loading '\.weights\.h5' files"):
        model.load_weights(tmp_path / "m.keras", objects_to_skip=[])


def test_the_editor_of_files(tmp_path, capsys):
    model, path = stack(), tmp_path / "m.keras"
    model.save(path)
    editor = jkeras.saving.KerasFileEditor(path)
    assert editor.config["class_name"] == "Sequential" and editor.compare(model)["status"] == "success"
    assert editor.compare(model)["match_count"] == 20
    editor.rename_object("layers/dense_2", "last")
    found = editor.compare(model)
    assert found["error_count"] == 2 and "layers/last: the file has it" in capsys.readouterr().out
    editor.rename_object("last", "dense_2")
    editor.delete_weight("layers/dense", "1")
    editor.add_weights("layers/dense", {"1": np.full(64, 7, "float32")})
    editor.add_object("layers/more", {"0": np.zeros(3)})
    editor.delete_object("more")
    with pytest.raises(ValueError, match="has no object 'none'"):
        editor.delete_object("none")
    with pytest.raises(ValueError, match="whole path"):
        editor.add_object("layers/more", {"0": np.zeros(3)})
        editor.add_object("more", {"0": np.zeros(3)})
        editor.delete_object("more")
    editor.delete_object("layers/more")
    del editor.weights_dict["more"]
    editor.save(tmp_path / "edited.weights.h5")
    for k in (jkeras, keras):
        other = stack(k)
        other.load_weights(tmp_path / "edited.weights.h5")
        assert set(np.asarray(other.layers[0].bias).tolist()) == {7.0}
    with pytest.raises(ValueError, match="no object 'x'|'.keras' and"):
        jkeras.saving.KerasFileEditor(tmp_path / "m.h5")
    with h5py.File(tmp_path / "link.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "edited.weights.h5"), "/layers")
    with pytest.raises(ValueError, match="ExternalLink"):
        jkeras.saving.KerasFileEditor(tmp_path / "link.weights.h5")


KILLED = """
import os, sys
from jkeras.saving import shards
from tests.saving.test_shards import KIB, stack
real = shards.replacing
def kill(path, overwrite):
    if path.endswith("_00000.weights.h5"):  # the empty part in the place of number 0
        with real(path, overwrite) as temporary:
            open(temporary, "w").close()
            os._exit(1)
    return real(path, overwrite)
shards.replacing = kill
model = stack()
for _ in range(2):  # the second one uses other numbers
    model.save_weights(sys.argv[1], max_shard_size=9 * KIB)
"""


def test_what_a_save_left_that_was_killed_at_the_empty_part_is_swept_by_the_next(tmp_path):
    path = tmp_path / "m.weights.json"
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert process.returncode == 1 and any(f.name.startswith(".") for f in tmp_path.iterdir())
    stack().save_weights(path, max_shard_size=9 * KIB)
    assert not any(f.name.startswith(".") for f in tmp_path.iterdir())


def test_parts_keep_the_permissions_of_the_index(tmp_path):
    model, path = stack(), tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=9 * KIB)
    path.chmod(0o600)
    for _ in range(2):
        model.save_weights(path, max_shard_size=9 * KIB)
        names = [
            f.name for f in tmp_path.iterdir() if f.name != "m_00000.weights.h5"
        ]  # it may be an empty one, which was there
        modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in names}
        assert len(names) > 3 and set(modes.values()) == {0o600}, modes
