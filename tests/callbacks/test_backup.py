"""`BackupAndRestore`: a run that was ended at any step, and started again, ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau
from jkeras.data import PyDataset

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 1)).astype("float32")


class Crash(Callback):
    """Ends a run after a number of steps, or at the end of an epoch."""

    def __init__(self, steps=None, epoch=None):
        super().__init__()
        self.steps, self.epoch = steps, epoch
        self.batch_calls = [] if steps is None else [steps]

    def get_state(self):
        return {}

    def on_train_batch_end(self, batch, logs=None):
        raise RuntimeError("crash")

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise RuntimeError("crash")


def model_of(optimizer=None):
    jkeras.utils.set_random_seed(1)
    model = jkeras.Sequential(
        [jkeras.Input((4,)), jkeras.layers.Dense(5), jkeras.layers.BatchNormalization(), jkeras.layers.Dropout(0.4)]
        + [jkeras.layers.Dense(1)]
    )
    model.compile(optimizer or jkeras.optimizers.Adam(0.05, use_ema=True), "mse", metrics=["mae"])
    return model


class Batches(PyDataset):
    """A data set that draws its order anew after each epoch."""

    def __init__(self):
        super().__init__()
        self.rows = np.arange(len(X))

    def __len__(self):
        return 6

    def __getitem__(self, number):
        rows = self.rows[number * 4 : number * 4 + 4]
        return X[rows], Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.rows)


class Loader:
    """An iterable that draws an order with each pass."""

    def __iter__(self):
        order = np.random.permutation(len(X))
        for start in range(0, len(X), 4):
            rows = order[start : start + 4]
            yield X[rows], Y[rows]


def generator():
    for number in range(60):
        rows = np.random.default_rng(number).integers(0, len(X), 4)
        yield X[rows], Y[rows]


def mapped(array):
    with tempfile.TemporaryFile() as file:
        found = np.memmap(file, dtype=array.dtype, mode="w+", shape=array.shape)
    found[:] = array
    return found


DATA = {
    "arrays": lambda: {"x": X, "y": Y, "batch_size": 4},
    "memory maps": lambda: {"x": mapped(X), "y": mapped(Y), "batch_size": 4},
    "steps": lambda: {"x": X, "y": Y, "batch_size": 4, "steps_per_epoch": 2},
    "batch": lambda: {"x": X, "y": Y, "batch_size": 4, "shuffle": "batch"},
    "single": lambda: {"x": X, "y": Y, "batch_size": 30},
    "by number": lambda: {"x": Batches()},
    "by number, steps": lambda: {"x": Batches(), "steps_per_epoch": 3},
    "loader": lambda: {"x": Loader()},
    "loader, steps": lambda: {"x": Loader(), "steps_per_epoch": 3},
    "generator": lambda: {"x": generator(), "steps_per_epoch": 6},
}


def fit(data, callbacks, epochs=4, optimizer=None, **arguments):
    model = model_of(optimizer)
    arguments |= {"validation_data": (X[:6], Y[:6]), "verbose": 0}
    history = model.fit(**data(), epochs=epochs, callbacks=callbacks, **arguments)
    return model, history


def bits(model):
    return [np.asarray(v.value) for v in [*model.variables, *model.optimizer.variables]]


def assert_same(first, second):
    (a, h), (b, g) = first, second
    for one, other in zip(bits(a), bits(b), strict=True):
        np.testing.assert_array_equal(one, other)
    assert h.history == g.history and h.epoch == g.epoch


def crash_and_go_on(data, folder, freq, crash, extra=list, **options):
    with pytest.raises(RuntimeError, match="crash"):
        fit(data, [BackupAndRestore(folder, freq, **options), *extra(), crash])
    assert os.listdir(folder)
    result = fit(data, [BackupAndRestore(folder, freq, **options), *extra(), Crash()])
    assert not os.path.exists(folder)
    return result


@pytest.mark.filterwarnings("ignore:Training goes on after batch:UserWarning")
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("freq", "crash"), [(1, {"steps": 3}), (2, {"steps": 5}), ("epoch", {"epoch": 1})])
def test_a_run_goes_on_exactly(name, freq, crash, tmp_path):
    if name == "single" and freq == 2:
        crash = {"steps": 3}
    whole = fit(DATA[name], [Crash()])
    assert_same(whole, crash_and_go_on(DATA[name], tmp_path / "backup", freq, Crash(**crash)))


def test_streamed_arrays_go_on_exactly(tmp_path):
    jkeras.config.set_device_memory_budget(0)
    try:
        whole = fit(DATA["arrays"], [Crash()])
        assert_same(whole, crash_and_go_on(DATA["arrays"], tmp_path / "backup", 1, Crash(steps=8)))
    finally:
        jkeras.config.set_device_memory_budget(None)


class Grain:
    """The rows that a Grain pipeline reads, counted."""

    def __init__(self):
        self.reads = []

    def __repr__(self):  # Grain compares it when it goes on
        return "rows of a test"

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        self.reads.append(int(row))
        return X[row], Y[row]


def grain_data(kind, rows):
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.source(rows).shuffle(seed=3)
    if kind == "loader":
        return {"x": data.batch(4)}
    if kind == "loader, steps":
        return {"x": data.batch(4, drop_remainder=True).repeat(2).to_iter_dataset(), "steps_per_epoch": 3}
    if kind == "iterator":
        options = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        return {"x": iter(data.repeat(10).batch(4).to_iter_dataset(options)), "steps_per_epoch": 5}
    sampler = grain.samplers.IndexSampler(len(X), shuffle=True, seed=1, num_epochs=10)
    loader = grain.DataLoader(data_source=rows, sampler=sampler, operations=[grain.transforms.Batch(4)])
    return {"x": iter(loader), "steps_per_epoch": 5}


@pytest.mark.parametrize("kind", ["loader", "loader, steps", "iterator", "data loader"])
@pytest.mark.parametrize(("freq", "crash"), [(1, {"steps": 7}), ("epoch", {"epoch": 1})])
def test_grain_goes_on_by_its_own_state(kind, freq, crash, tmp_path, recwarn):
    whole = fit(lambda: grain_data(kind, Grain()), [Crash()])
    with pytest.raises(RuntimeError, match="crash"):
        fit(lambda: grain_data(kind, Grain()), [BackupAndRestore(tmp_path, freq), Crash(**crash)])
    rows = Grain()
    assert_same(whole, fit(lambda: grain_data(kind, rows), [BackupAndRestore(tmp_path, freq), Crash()]))
    assert not [w for w in recwarn if "read once more" in str(w.message)]
    if (
        kind == "iterator"
    ):  # what came before is not read: 20 batches, of which 7 or 10 are done, and one that builds the model
        assert len(rows.reads) <= 4 * (20 - (7 if freq == 1 else 10) + 2)


def test_data_that_cannot_go_on_is_an_error(tmp_path):
    short = lambda: {"x": (batch for _, batch in zip(range(3), generator(), strict=False)), "steps_per_epoch": 6}  # noqa: E731
    with pytest.raises(RuntimeError, match="crash"):
        fit(DATA["generator"], [BackupAndRestore(tmp_path, 1), Crash(steps=8)])
    with (
        pytest.warns(UserWarning, match="read once more"),
        pytest.raises(ValueError, match="after batch 9 of a generator: read .* has only 3 batches. Give fit a new one"),
    ):
        fit(short, [BackupAndRestore(tmp_path, 1)])
    assert os.listdir(tmp_path)


def test_callbacks_go_on(tmp_path):
    def extra(name):
        stop = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
        rate = ReduceLROnPlateau("val_loss", patience=1, factor=0.5, min_delta=10)
        return [stop, rate, CSVLogger(tmp_path / name)]

    whole = fit(DATA["arrays"], [*extra("whole.csv"), Crash()], epochs=4)
    result = crash_and_go_on(DATA["arrays"], tmp_path / "backup", 4, Crash(steps=14), lambda: extra("parts.csv"))
    assert_same(whole, result)
    assert (tmp_path / "whole.csv").read_text() == (tmp_path / "parts.csv").read_text()
    assert whole[1].history["learning_rate"][-1] < 0.05


def test_custom_step_and_accumulated_gradients_go_on(tmp_path):
    optimizer = lambda: jkeras.optimizers.SGD(0.1, 0.9, gradient_accumulation_steps=4)  # noqa: E731
    whole = fit(DATA["arrays"], [Crash()], optimizer=optimizer())
    with pytest.raises(RuntimeError, match="crash"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path / "b", 1), Crash(steps=10)], optimizer=optimizer())
    assert_same(whole, fit(DATA["arrays"], [BackupAndRestore(tmp_path / "b", 1), Crash()], optimizer=optimizer()))


def test_a_damaged_backup_is_not_used(tmp_path):
    whole = fit(DATA["arrays"], [Crash()])
    folder = tmp_path / "backup"
    with pytest.raises(RuntimeError, match="crash"):
        fit(DATA["arrays"], [BackupAndRestore(folder, 1, double_checkpoint=True), Crash(steps=8)])
    latest = folder / "latest.backup"
    content = bytearray(latest.read_bytes())
    content[len(content) // 2] ^= 255
    latest.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        (folder / "previous.backup").rename(tmp_path / "kept")
        fit(DATA["arrays"], [BackupAndRestore(folder, 1), Crash()])
    (tmp_path / "kept").rename(folder / "previous.backup")
    with pytest.warns(UserWarning, match="The backup before it is used"):
        assert_same(whole, fit(DATA["arrays"], [BackupAndRestore(folder, 1, double_checkpoint=True), Crash()]))


def test_resume_is_an_argument_of_fit(tmp_path):
    whole, folder = fit(DATA["arrays"], [Crash()]), tmp_path / "backup"
    with pytest.raises(RuntimeError, match="crash"):
        fit(DATA["arrays"], [Crash(epoch=1)], resume=folder)
    assert os.listdir(folder) == ["latest.backup"]
    assert_same(whole, fit(DATA["arrays"], [Crash()], resume=str(folder)))
    assert not os.path.exists(folder)
    with pytest.raises(ValueError, match="Give one of the two"):
        fit(DATA["arrays"], [BackupAndRestore(folder)], resume=folder)
    with pytest.raises(ValueError, match="name of a folder"):
        fit(DATA["arrays"], [], resume=True)


def test_files_of_others_stay(tmp_path):
    (tmp_path / "mine.txt").write_text("text")
    fit(DATA["arrays"], [BackupAndRestore(tmp_path)])
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_kept_backup_ends_a_run_at_once(tmp_path):
    first = fit(DATA["arrays"], [BackupAndRestore(tmp_path, delete_checkpoint=False)])
    assert_same(first, fit(DATA["arrays"], [BackupAndRestore(tmp_path)]))


def test_a_backup_of_something_else_is_refused(tmp_path):
    fit(DATA["arrays"], [BackupAndRestore(tmp_path, delete_checkpoint=False)])
    with pytest.raises(ValueError, match=r"optimizer: 'Adam' in the backup, 'SGD' in this run"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path)], optimizer="sgd")
    with pytest.raises(ValueError, match=r"number of samples: 22 in the backup, 20 in this run"):
        model_of().fit(X[:20], Y[:20], batch_size=4, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    other = jkeras.Sequential([jkeras.Input((4,)), jkeras.layers.Dense(1)])
    other.compile(jkeras.optimizers.Adam(0.05, use_ema=True), "mse", metrics=["mae"])
    with pytest.raises(ValueError, match="only in the backup"):
        other.fit(X, Y, batch_size=4, verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def test_callbacks_without_state_are_named(tmp_path):
    class Counter(Callback):
        def __init__(self):
            super().__init__()
            self.count = 0

    class Unwritable(Callback):
        def get_state(self):
            return {"a": object()}

    with pytest.warns(UserWarning, match=r"Counter \(count\)"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path / "a"), Counter()], epochs=1)
    with pytest.raises(TypeError, match=r"Unwritable.get_state\(\) returned"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path / "b"), Unwritable()], epochs=1)


def test_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jkeras.callbacks.backup.snapshot.write_snapshot", full)
    with pytest.warns(UserWarning, match="The disk is full"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path)], epochs=1)


def test_a_full_disk_leaves_the_last_good_backup(tmp_path, monkeypatch):
    whole, wrote, write = fit(DATA["arrays"], [Crash()]), [], jkeras.saving.snapshot.write_snapshot

    def nearly_full(path, *rest):
        wrote.append(path)
        if len(wrote) > 3:
            with open(f"{path}.part", "wb") as file:
                file.write(b"half")
            os.unlink(f"{path}.part")
            raise OSError(28, "No space left on device")
        write(path, *rest)

    monkeypatch.setattr("jkeras.callbacks.backup.snapshot.write_snapshot", nearly_full)
    with pytest.warns(UserWarning, match="The disk is full"), pytest.raises(RuntimeError, match="crash"):
        fit(DATA["arrays"], [BackupAndRestore(tmp_path, 1), Crash(steps=9)])
    assert len(wrote) > 5 and os.listdir(tmp_path) == ["latest.backup"]
    monkeypatch.setattr("jkeras.callbacks.backup.snapshot.write_snapshot", write)
    seen = []
    watch = jkeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    assert_same(whole, fit(DATA["arrays"], [watch, BackupAndRestore(tmp_path, 1), Crash()]))
    assert seen[0] == 3


@pytest.mark.parametrize("freq", [0, -1, True, 0.5, "batch"])
def test_bad_arguments(freq):
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore("folder", freq)
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        BackupAndRestore("")


SCRIPT = """
import json, os, sys, time
import numpy as np
import jkeras
from tests.callbacks.test_backup import DATA, fit
class Slow(jkeras.callbacks.Callback):
    batch_calls = 1
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)
        print("step", flush=True)
backup = jkeras.callbacks.BackupAndRestore(sys.argv[1], save_freq=int(sys.argv[2]), save_on_sigterm=sys.argv[3] == "1")
model, history = fit(DATA["arrays"], [backup, Slow()], epochs=8)
print(json.dumps([float(np.sum(np.abs(w))) for w in model.get_weights()] + history.history["loss"]), flush=True)
"""


def processes(folder, freq, sent, steps, sigterm):
    """Start the script, end it after some steps, start it again; the last line of the last one."""
    command = [sys.executable, "-c", SCRIPT, str(folder), str(freq), "1" if sigterm else "0"]
    for count in (*steps, None):
        lines = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                lines.append(line)
                if len(lines) == count:
                    process.send_signal(sent)
        code = process.returncode
        assert code == (0 if count is None else -sent), lines
    return json.loads(lines[-1])


@pytest.mark.slow
def test_sigterm_makes_a_backup(tmp_path):
    """The only backup is the one that SIGTERM makes: it goes on from there, in fewer steps."""
    model, history = fit(DATA["arrays"], [Crash()], epochs=8)
    whole = [float(np.sum(np.abs(w))) for w in model.get_weights()] + history.history["loss"]
    assert processes(tmp_path / "backup", 1000, signal.SIGTERM, [9], True) == whole


@pytest.mark.slow
def test_sigkill_at_any_moment(tmp_path):
    model, history = fit(DATA["arrays"], [Crash()], epochs=8)
    whole = [float(np.sum(np.abs(w))) for w in model.get_weights()] + history.history["loss"]
    kills = np.random.default_rng().integers(1, 20, 8).tolist()
    assert processes(tmp_path / "backup", 1, signal.SIGKILL, kills[:2], False) == whole, kills
