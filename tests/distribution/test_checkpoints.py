"""Checkpoints of arrays that are divided between devices: read on other numbers of devices, in other layouts."""

import contextlib
import os

import jax
import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.callbacks import BackupAndRestore, Callback, ModelCheckpoint, OrbaxCheckpoint
from tests.distribution.runs import distributions

pytest.importorskip("orbax.checkpoint")

RNG = np.random.RandomState(0)
X, Y = RNG.rand(40, 4).astype("float32"), RNG.rand(40, 1).astype("float32")


def make():
    jkeras.utils.set_random_seed(3)
    model = jkeras.Sequential(
        [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def on(devices):
    return distributions(2)["fully sharded"].scope() if devices == 2 else contextlib.nullcontext()


class Crash(Callback):
    """Ends a run at the begin of an epoch, or after a number of steps; keeps the states at the first and the last begin."""

    batch_calls = 1

    def __init__(self, epoch=None, steps=None):
        super().__init__()
        self.epoch, self.steps, self.first, self.last = epoch, steps, None, None

    def get_state(self):
        return {}

    def on_epoch_begin(self, epoch, logs=None):
        self.last = jax.device_get(self.model.train_state())
        self.first = self.last if self.first is None else self.first
        if epoch == self.epoch:
            raise RuntimeError("crash")

    def on_train_batch_end(self, batch, logs=None):
        self.steps = self.steps and self.steps - 1
        if self.steps == 0:
            raise RuntimeError("crash")


def fit(model, *callbacks, data=None):
    given = {"x": X, "y": Y, "batch_size": 8} if data is None else data
    return model.fit(**given, epochs=4, verbose=0, callbacks=list(callbacks))


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("ways", [(2, 2), (1, 2), (2, 1), (2, 1, 2, 1)])
def test_a_run_goes_on_on_another_number_of_devices(ways, tmp_path):
    whole = fit(make())
    folder, last = tmp_path / "backup", None
    for number, devices in enumerate(ways, 1):
        crash = Crash(number if number < len(ways) else None)
        with on(devices), contextlib.suppress(RuntimeError) if crash.epoch else contextlib.nullcontext():
            model = make()
            history = fit(model, BackupAndRestore(folder), crash)
        if last is not None:
            same(crash.first, last)
        last = crash.last
        if crash.epoch:
            assert os.listdir(folder) == (["divided.backup"] if devices == 2 else ["latest.backup"])
    np.testing.assert_allclose(history.history["loss"], whole.history["loss"], atol=2e-6)
    kernel = model.layers[0].kernel.value
    assert kernel.sharding.is_fully_replicated == (ways[-1] == 1)
    assert not folder.exists()


@pytest.mark.slow
def test_the_newest_state_counts_and_a_damaged_one_makes_way_for_the_one_before(tmp_path):
    with on(2), contextlib.suppress(RuntimeError):
        fit(make(), BackupAndRestore(tmp_path, save_freq=1, double_checkpoint=True), Crash(steps=6))
    states = sorted((tmp_path / "divided.backup").iterdir(), key=lambda path: int(path.name))
    assert len(states) == 2
    for file in states[1].rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    with on(2), pytest.warns(UserWarning, match="The backup before it is used"):
        history = fit(make(), BackupAndRestore(tmp_path, save_freq=1))
    np.testing.assert_allclose(history.history["loss"], fit(make()).history["loss"], atol=2e-6)


def test_a_backup_of_another_model_is_refused(tmp_path):
    with on(2), contextlib.suppress(RuntimeError):
        fit(make(), BackupAndRestore(tmp_path, save_freq=1), Crash(steps=2))
    other = jkeras.Sequential([layers.Dense(6), layers.Dense(1)])
    other.compile("sgd", "mse")
    with on(2), pytest.raises(ValueError, match="another model(.|\n)*optimizer(.|\n)*only in the backup"):
        fit(other, BackupAndRestore(tmp_path))


def test_grain_goes_on_in_the_middle_of_an_epoch_although_reading_is_ahead(tmp_path):
    grain = pytest.importorskip("grain")
    rows = [(X[i], Y[i]) for i in range(40)]

    def data():
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
        return {
            "x": iter(grain.MapDataset.source(rows).shuffle(3).repeat(9).batch(4).to_iter_dataset(options)),
            "steps_per_epoch": 10,
        }

    whole = fit(make(), data=data())
    with on(2), contextlib.suppress(RuntimeError):
        fit(make(), BackupAndRestore(tmp_path, save_freq=1), Crash(steps=13), data=data())
    history = fit(make(), BackupAndRestore(tmp_path, save_freq=1), data=data())
    np.testing.assert_allclose(history.history["loss"], whole.history["loss"], atol=2e-6)


@pytest.mark.parametrize(
    "save", [lambda folder: OrbaxCheckpoint(folder), lambda folder: ModelCheckpoint(folder / "last.orbax")]
)
def test_models_are_saved_divided_and_loaded_in_another_layout(save, tmp_path):
    with on(2):
        fit(model := make(), save(tmp_path))
        wanted = model.get_weights()
    path = tmp_path if not (tmp_path / "last.orbax").exists() else tmp_path / "last.orbax"
    same(jkeras.models.load_model(path).get_weights(), wanted)
    with on(2):
        loaded = jkeras.models.load_model(path)
        same(loaded.get_weights(), wanted)
        kernel = loaded.layers[0].kernel.value
        assert [shard.data.shape for shard in kernel.addressable_shards] == [(4, 4)] * 2
        other = make()
        other.build((None, 4))
        other.load_weights(path)
        assert not other.layers[0].kernel.value.sharding.is_fully_replicated
    same(other.get_weights(), wanted)
