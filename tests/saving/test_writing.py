"""What is written appears whole, under the rights it had, and leaves nothing behind; what cannot be written says why."""

import errno
import io
import os
import stat
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import jkeras
from jkeras.saving import files
from tests.saving.test_weights import same


def small():
    return jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])


FORMS = ["a.keras", "a.weights.h5", "a.h5"]


def write(model, path):
    model.save_weights(path) if path.name.endswith(".weights.h5") else model.save(path)


@pytest.mark.parametrize("name", FORMS)
def test_rights_stay_and_links_stay(name, tmp_path):
    model, path = small(), tmp_path / name
    write(model, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()
    path.chmod(0o600)
    (tmp_path / ("l" + name)).symlink_to(path)
    write(model, tmp_path / ("l" + name))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and (tmp_path / ("l" + name)).is_symlink()
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted([name, "l" + name])


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_long_names(tmp_path):
    model, path = small(), tmp_path / ("n" * 249 + ".keras")
    model.save(path)
    same(jkeras.models.load_model(path).weights, model.weights)


KILLED = """
import os, sys, jkeras
from jkeras.saving import files
real = os.replace
os.replace = lambda *names: os._exit(1)  # as if it were killed when all is written, and has no name yet
model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
model.save(sys.argv[1])
"""


def test_what_a_killed_save_left_behind_is_swept_by_the_next(tmp_path):
    model, path = small(), tmp_path / "a.keras"
    model.save(path)
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) > 1
    same(jkeras.models.load_model(path).weights, model.weights)  # the old file, whole
    with files.scratch(str(path)) as mine, open(mine, "w") as file:  # what a living process writes stays
        file.write("x")
        model.save(path)
        assert os.path.exists(mine)
    assert [file.name for file in tmp_path.iterdir()] == ["a.keras"]


@pytest.mark.parametrize("name", FORMS)
def test_a_full_disk_says_so_and_the_old_file_stays(name, tmp_path, monkeypatch):
    model, path = small(), tmp_path / name
    write(model, path)
    before = path.read_bytes()

    def full(*arguments, **options):
        raise OSError(
            "Unable to synchronously write (file write failed: errno = 28, error message = 'No space left on device')"
        )

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match=name) as caught:
        write(model, path)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_is_named(tmp_path):
    class Thing:
        def __init__(self):
            self.size = 3

    class Mine(jkeras.layers.Layer):
        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)
            self.thing = thing

        def call(self, x):
            return x

    cases = [
        (jkeras.layers.Dense(2, activation=lambda x: x, name="d"), r"Dense 'd' has activation=<function .*lambda.*register"),
        (
            jkeras.layers.Dense(2, kernel_initializer=lambda *a, **k: np.ones((3, 2), "float32"), name="d"),
            r"Dense 'd' has kernel_initializer=",
        ),
        (jkeras.layers.Lambda(lambda x: x, name="l"), r"Lambda 'l' has function="),
        (Mine(Thing(), name="m"), r"Mine 'm' has thing=.*no get_config\(\) method.*register"),
        (
            jkeras.layers.TimeDistributed(jkeras.layers.Dense(2, activation=lambda x: x, name="d")),
            r"Dense 'd' has activation=",
        ),
    ]
    for layer, message in cases:
        model = jkeras.Sequential([jkeras.Input((4, 3)), layer])
        for name in ("a.keras", "a.h5"):
            with pytest.raises(TypeError, match=message):
                model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_layer_alone(tmp_path):
    layer, other = jkeras.layers.Dense(2), jkeras.layers.Dense(2)
    for each in (layer, other):
        each.build((None, 3))
    jkeras.saving.save_weights(layer, tmp_path / "a.weights.h5")
    jkeras.saving.load_weights(other, tmp_path / "a.weights.h5")
    same(other.weights, layer.weights)


def test_a_folder_is_swapped_as_a_whole(tmp_path, monkeypatch):
    first, second, path = small(), small(), tmp_path / "m"
    first.save(path, zipped=False)
    path.chmod(0o700)
    second.save(path, zipped=False)
    same(jkeras.models.load_model(path).weights, second.weights)
    assert [f.name for f in tmp_path.iterdir()] == ["m"] and stat.S_IMODE(path.stat().st_mode) == 0o700
    with monkeypatch.context() as patch:
        patch.setattr("sys.platform", "another")  # which cannot swap in one step
        first.save(path, zipped=False)
    same(jkeras.models.load_model(path).weights, first.weights)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_exchange", lambda *names: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="m"):
            second.save(path, zipped=False)
    same(jkeras.models.load_model(path).weights, first.weights)
    assert [f.name for f in tmp_path.iterdir()] == ["m"]
    (path / "notes.txt").write_text("mine")
    (path / "logs" / "inner").mkdir(parents=True)
    (path / "logs" / "inner" / "a").write_text("log")
    second.save(path, zipped=False)
    same(jkeras.models.load_model(path).weights, second.weights)
    assert (path / "notes.txt").read_text() == "mine" and (path / "logs" / "inner" / "a").read_text() == "log"
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="is a file"):
        second.save(tmp_path / "file", zipped=False)


def test_open_files(tmp_path):
    model, other, whole = small(), small(), io.BytesIO()
    model.save(whole)
    same(jkeras.models.load_model(io.BytesIO(whole.getvalue())).weights, model.weights)
    for name in ("a.keras", "a.h5"):
        model.save(tmp_path / name)
        with open(tmp_path / name, "rb") as file:
            same(jkeras.models.load_model(file).weights, model.weights)
    weights = io.BytesIO()
    model.save_weights(weights)
    weights.seek(0)
    other.load_weights(weights)
    same(other.weights, model.weights)
    with pytest.raises(TypeError, match="not bytes"):
        jkeras.models.load_model(io.StringIO("x"))
    with pytest.raises(ValueError, match="archive"):
        jkeras.models.load_model(io.BytesIO(b"x"))
    with pytest.raises(TypeError, match="name of a file"):
        model.save(7)


@pytest.mark.parametrize("call", ["save", "save_weights", "load_weights", "load_model"])
def test_places_outside_of_the_file_system(call):
    model = small()
    run = jkeras.models.load_model if call == "load_model" else getattr(model, call)
    with pytest.raises(ValueError, match=r"'s3://bucket/m\.keras' is not in the file system"):
        run("s3://bucket/m.keras")


SAVES = """
import os, sys, numpy as np, jkeras
from jkeras.ensembles.saving import by_name
from tests.saving.test_writing import killed_model, save_all
model = killed_model()
ensemble = jkeras.Ensemble(killed_model, seeds=[1, 2])
ensemble.predict(np.zeros((4, 64), "float32"), verbose=0)
folder, i = sys.argv[1], 0
while True:
    i += 1
    model.set_weights([np.full(w.shape, i % 7) for w in model.get_weights()])
    for variable in by_name(ensemble._saved()).values():
        variable.assign(np.full(variable.shape, i % 7, variable.dtype))
    save_all(model, ensemble, folder)
    if i == 1:
        print("ready", flush=True)
"""


def killed_model():
    model = jkeras.Sequential([jkeras.Input((64,)), jkeras.layers.Dense(256), jkeras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def save_all(model, ensemble, folder):
    """Save in every form."""
    model.save(f"{folder}/m.keras"), model.save(f"{folder}/m.h5"), model.save(f"{folder}/m", zipped=False)
    model.save_weights(f"{folder}/m.weights.h5"), model.save_weights(f"{folder}/s.weights.json", max_shard_size=1e-4)
    model.save_weights(f"{folder}/m.safetensors"), ensemble.save(f"{folder}/ensemble.npz")


KILLED_FORMS = ("m.keras", "m.h5", "m", "m.weights.h5", "s.weights.json", "m.safetensors", "ensemble.npz")


def kill_saves(folder, count):
    """Kill processes that save all forms again and again; returns how many files or folders a kill has left behind."""
    wait, left = np.random.default_rng(count).uniform(0, 0.5, count), 0
    model = killed_model()
    for seconds in wait:
        process = subprocess.Popen([sys.executable, "-c", SAVES, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.kill()
        process.communicate()
        left += sum(f.name.startswith(".") for f in folder.iterdir())
        for name in KILLED_FORMS:
            path = folder / name
            if name == "ensemble.npz":
                ensemble = jkeras.Ensemble.load(path, killed_model)
                found = list(ensemble)
            elif "weights" in name or "safetensors" in name:
                model.load_weights(path)
                found = [model]
            else:
                found = [jkeras.models.load_model(path)]
            values = {float(v) for each in found for w in each.get_weights() for v in (w.min(), w.max())}
            assert len(values) == 1, f"{name} is of two saves"
    save_all(model, ensemble, folder)
    others = {f.name for f in folder.iterdir()} - set(KILLED_FORMS)
    assert all(name.startswith("s_") and name.endswith(".weights.h5") for name in others), others
    assert {f.name for f in (folder / "m").iterdir()} == {"metadata.json", "config.json", "model.weights.h5"}
    return left


@pytest.mark.slow
def test_killed_saves(tmp_path):
    kill_saves(tmp_path, int(os.environ.get("JKERAS_KILLS", "8")))
