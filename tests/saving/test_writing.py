"""What is written appears whole, under the rights it had, and leaves nothing behind; what cannot be written says why."""

import errno
import os
import stat
import subprocess
import sys

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
