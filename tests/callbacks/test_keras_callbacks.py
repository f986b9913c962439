"""Keras's callbacks: the same script on both libraries gives the same stops, files, rates, messages and logs."""

import csv
import errno
import http.server
import json
import os
import re
import threading
import urllib.parse

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import Callback, CallbackList, EarlyStopping, ModelCheckpoint, RemoteMonitor, TerminateOnNaN
from tests.oracle import keras

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.1 * RANDOM.normal(size=(24, 1))).astype("float32")


def model_of(k, rate=0.3, metrics=("mae",), optimizer=None):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1)])
    model.compile(optimizer or k.optimizers.SGD(rate), "mse", metrics=list(metrics))
    model.set_weights([np.full((3, 1), 0.1, "float32"), np.zeros(1, "float32")])
    return model


def run(k, callback, epochs=8, **options):
    model = model_of(k, **options)
    history = model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, validation_data=(X[::-1] * 2, Y), callbacks=[callback]
    )
    return model, history


def assert_same_history(ours, theirs):
    assert list(ours.history) == list(theirs.history) and ours.epoch == theirs.epoch
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-4, err_msg=name)


def both(make, capsys, **options):
    """Run on both; compare histories, weights and what is printed. Returns both callbacks."""
    results = []
    for k in (keras, jkeras):
        callback = make(k)
        model, history = run(k, callback, **options)
        results.append((callback, model.get_weights(), history, capsys.readouterr().out))
    (theirs, w, h, said), (ours, v, g, spoken) = results
    assert_same_history(g, h)
    for a, b in zip(v, w, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    number = re.compile(r"\d+\.\d+(e-\d+)?")
    assert number.sub("#", spoken) == number.sub("#", said)
    return ours, theirs


STOPS = {
    "patience": {"patience": 1, "verbose": 1},
    "delta": {"monitor": "loss", "min_delta": 0.5, "patience": 2},
    "restored": {"monitor": "val_loss", "patience": 2, "restore_best_weights": True, "verbose": 1},
    "baseline": {"monitor": "loss", "baseline": 1e-9, "patience": 3},
    "later": {"monitor": "val_loss", "start_from_epoch": 3, "patience": 0, "restore_best_weights": True},
    "metric": {"monitor": "val_mae", "patience": 1},
    "max": {"monitor": "loss", "mode": "max", "patience": 2, "restore_best_weights": True},
}


@pytest.mark.parametrize("name", STOPS)
def test_early_stopping(name, capsys):
    ours, theirs = both(lambda k: k.callbacks.EarlyStopping(**STOPS[name]), capsys, rate=0.42)
    for attribute in ("stopped_epoch", "best_epoch", "wait"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    np.testing.assert_allclose(ours.best, theirs.best, rtol=1e-4)


PLATEAUS = {
    "plain": {"monitor": "val_loss", "factor": 0.5, "patience": 1, "verbose": 1},
    "cooldown": {"monitor": "loss", "factor": 0.1, "patience": 1, "cooldown": 2, "min_lr": 1e-3, "verbose": 1},
    "metric": {"monitor": "val_mae", "factor": 0.5, "patience": 0, "min_delta": 0.5},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_reduce_on_plateau(name, capsys):
    both(lambda k: k.callbacks.ReduceLROnPlateau(**PLATEAUS[name]), capsys, rate=0.42)


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: rate * 0.5], ids=["epoch", "rate"]
)
def test_learning_rate_scheduler(schedule, capsys):
    both(lambda k: k.callbacks.LearningRateScheduler(schedule, verbose=1), capsys, epochs=3)


def test_learning_rates_never_compile_again():
    model, _ = run(jkeras, jkeras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5), epochs=1)
    before = model.stats()["compilations"], model.stats()["traces"]
    for callback in (
        jkeras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        jkeras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=10.0),
    ):
        model.fit(X, Y, batch_size=8, epochs=4, verbose=0, shuffle=False, callbacks=[callback])
    assert (model.stats()["compilations"], model.stats()["traces"]) == before


def test_csv_logger(tmp_path, capsys):
    texts = {}
    for k in (keras, jkeras):
        path = tmp_path / f"{k.__name__}.csv"
        run(k, k.callbacks.CSVLogger(path), epochs=2)
        run(k, k.callbacks.CSVLogger(path, append=True), epochs=1)
        with open(path, newline="") as file:
            texts[k.__name__] = list(csv.reader(file))
    ours, theirs = texts["jkeras"], texts["keras"]
    assert ours[0] == theirs[0] and len(ours) == len(theirs) == 4
    np.testing.assert_allclose(np.array(ours[1:], float), np.array(theirs[1:], float), rtol=1e-4)


def test_csv_without_validation_and_with_arrays(tmp_path):
    for k in (keras, jkeras):
        logger = k.callbacks.CSVLogger(tmp_path / f"{k.__name__}.csv", separator=";")
        logger.on_train_begin()
        logger.on_epoch_end(0, {"b": np.float32(0.5), "a": np.array([1, 2]), "c": "text"})
        logger.on_train_end()
    assert (tmp_path / "jkeras.csv").read_text().split() == (tmp_path / "keras.csv").read_text().split()


CHECKPOINTS = {
    "every": {"filepath": "{epoch:02d}-{val_loss:.2f}.keras", "verbose": 1},
    "best": {"filepath": "best.keras", "save_best_only": True, "verbose": 1},
    "metric": {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "save_best_only": True, "monitor": "mae"},
    "threshold": {"filepath": "{epoch}.keras", "save_best_only": True, "monitor": "loss", "initial_value_threshold": 0.05},
    "batches": {"filepath": "{epoch}-{batch}.keras", "save_freq": 4},
    "folders": {"filepath": "deep/{epoch}/model.keras"},
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_model_checkpoint(name, tmp_path, capsys, monkeypatch):
    found = []
    for k in (keras, jkeras):
        (tmp_path / k.__name__).mkdir()
        monkeypatch.chdir(tmp_path / k.__name__)
        callback = k.callbacks.ModelCheckpoint(**CHECKPOINTS[name])
        model, _ = run(k, callback, epochs=4)
        files = sorted(os.path.relpath(os.path.join(f, n)) for f, _, names in os.walk(".") for n in names)
        found.append((files, re.sub(r"\d\.\d+", "#", capsys.readouterr().out), callback.best))
        if files[-1].endswith(".keras"):
            last = k.models.load_model(max(files, key=os.path.getmtime))
            assert last.get_weights()[0].shape == (3, 1)
    theirs, ours = found
    assert ours[0] == theirs[0] and ours[1] == theirs[1]
    assert ours[2] is None if theirs[2] is None else abs(ours[2] - theirs[2]) < 1e-4


def test_a_checkpoint_every_n_steps_counts_on_through_epochs_and_holds_that_step(tmp_path):
    model = model_of(jkeras)
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=2)
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[save])  # 3 steps an epoch
    assert sorted(os.listdir(tmp_path)) == ["1-2.weights.h5", "2-1.weights.h5", "2-3.weights.h5"]
    twin = model_of(jkeras)
    for i in (0, 1, 2, 0):
        twin.train_on_batch(X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8])
    loaded = model_of(jkeras)
    loaded.load_weights(tmp_path / "2-1.weights.h5")
    np.testing.assert_allclose(loaded.get_weights()[0], twin.get_weights()[0], rtol=1e-6)


def test_the_loop_returns_only_where_a_checkpoint_is_due(tmp_path):
    save = ModelCheckpoint(tmp_path / "x.keras", save_freq=1000)
    model = model_of(jkeras)
    model.fit(X, Y, batch_size=1, epochs=2, verbose=0, callbacks=[save])
    model.fit(X, Y, batch_size=1, epochs=4, verbose=0, callbacks=[save])
    assert model.stats()["steps_per_call"] > 5


# -- means of weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"swap_on_epoch": True}])
def test_swap_ema_weights(options, tmp_path):
    histories, weights, saved, results = [], [], [], []
    for k in (keras, jkeras):
        path = tmp_path / f"{k.__name__}.weights.h5"
        model = model_of(k, optimizer=k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8))
        swap, save = k.callbacks.SwapEMAWeights(**options), k.callbacks.ModelCheckpoint(path, save_weights_only=True)
        histories.append(
            model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[swap, save])
        )
        weights.append(model.get_weights())
        results.append(model.evaluate(X, Y, verbose=0, callbacks=[k.callbacks.SwapEMAWeights()]))
        model.load_weights(path)
        saved.append(model.get_weights())
    assert_same_history(histories[1], histories[0])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4)
    for mine, others in (weights, saved):
        for a, b in zip(others, mine, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_swapping_needs_means():
    with pytest.raises(ValueError, match="use_ema=True"):
        run(jkeras, jkeras.callbacks.SwapEMAWeights())


# -- losses that are not numbers ----------------------------------------------------------------------------------------


def poisoned(at, value):
    y = Y.copy()
    y[at] = value
    return y


@pytest.mark.filterwarnings("ignore:.*NaN.*:UserWarning")  # the data are warned of
@pytest.mark.filterwarnings("ignore:Infinite numbers:UserWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_terminate_on_nan_stops_at_the_batch_and_keeps_the_weights_before_it(value, capsys):
    model, twin = model_of(jkeras), model_of(jkeras)
    with np.errstate(all="ignore"):
        history = model.fit(
            X, poisoned(17, value), batch_size=8, epochs=4, shuffle=False, verbose=0, callbacks=[TerminateOnNaN()]
        )
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    assert history.epoch == [0]
    for i in (0, 1):
        twin.train_on_batch(X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8])
    np.testing.assert_allclose(model.get_weights()[0], twin.get_weights()[0], rtol=1e-6)


def test_terminate_on_nan_can_raise():
    ended = []
    listener = Callback()
    listener.on_train_end = lambda logs=None: ended.append(logs)
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 0"):
        model_of(jkeras).fit(
            X,
            poisoned(0, np.inf),
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[TerminateOnNaN(raise_error=True), listener],
        )
    assert ended == []


# -- endings -------------------------------------------------------------------------------------------------------------


class Ends(Callback):
    def __init__(self, error, epoch=2):
        super().__init__()
        self.error, self.epoch, self.heard = error, epoch, []

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(f"epoch {epoch}")
        if epoch == self.epoch:
            raise self.error

    def on_train_end(self, logs=None):
        self.heard.append("end")

    def on_train_error(self, error):
        self.heard.append(type(error).__name__)


@pytest.mark.parametrize("error,heard", [
    (KeyboardInterrupt(), ["KeyboardInterrupt", "end"]), (ValueError("no"), ["ValueError"]), (MemoryError(), ["MemoryError"]),
])  # fmt: skip
def test_best_weights_are_restored_whatever_ends_training(error, heard):
    model = model_of(jkeras, rate=1.1)  # diverges: the first epoch is the best
    stop, ends = EarlyStopping("loss", patience=5, restore_best_weights=True), Ends(error)
    best = []
    keep = jkeras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: best.append(model.get_weights()))
    with pytest.raises(type(error)):
        model.fit(X, Y, batch_size=8, epochs=5, shuffle=False, verbose=0, callbacks=[stop, keep, ends])
    assert ends.heard == ["epoch 0", "epoch 1", "epoch 2", *heard]
    np.testing.assert_array_equal(model.get_weights()[0], best[stop.best_epoch][0])
    model.fit(X, Y, verbose=0)


# -- lists ----------------------------------------------------------------------------------------------------------------


def test_a_list_serves_a_loop_of_ones_own_as_in_keras(capsys):
    for k in (keras, jkeras):
        model = model_of(k)
        seen = []

        class Listener(k.callbacks.Callback):
            def __init__(self, seen):
                super().__init__()
                self.seen = seen

            def on_train_begin(self, logs=None):
                self.seen.append(("begin", logs, self.params["epochs"]))

            def on_train_batch_end(self, batch, logs=None):
                self.seen.append((batch, logs))

        callbacks = k.callbacks.CallbackList(
            [Listener(seen)], add_history=True, add_progbar=True, model=model, epochs=1, steps=2, verbose=0
        )
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
        for step in range(2):
            callbacks.on_train_batch_begin(step)
            callbacks.on_train_batch_end(step, logs={"loss": 1.0})
        callbacks.on_epoch_end(0, {"loss": 1.0})
        callbacks.on_train_end()
        assert seen == [("begin", {}, 1), (0, {"loss": 1.0}), (1, {"loss": 1.0})]
        assert model.history.history == {"loss": [1.0]}


def test_fit_takes_a_list_and_returns_its_history():
    history = jkeras.callbacks.History()
    model = model_of(jkeras)
    given = CallbackList([history, jkeras.callbacks.ProgbarLogger()])
    assert model.fit(X, Y, verbose=0, callbacks=given) is history is model.history
    assert len(history.epoch) == 1


def test_the_progress_line_shows_what_callbacks_log(capsys):
    model = model_of(jkeras)
    model.fit(X, Y, verbose=2, callbacks=[jkeras.callbacks.LearningRateScheduler(lambda epoch: 0.25)])
    assert " - learning_rate: 0.2500" in capsys.readouterr().out


# -- a server ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [True, False])
def test_remote_monitor_posts_each_epoch(as_json):
    received = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monitor = RemoteMonitor(f"http://127.0.0.1:{server.server_port}", headers={"X-Key": "k"}, send_as_json=as_json)
    monitor.on_epoch_end(2, {"loss": np.float32(0.5)})
    server.shutdown()
    server.server_close()
    thread.join()
    path, kind, key, body = received[0]
    assert (path, key) == ("/publish/epoch/end/", "k")
    assert (kind == "application/json") is as_json
    text = body if as_json else urllib.parse.parse_qs(body)["data"][0]
    assert json.loads(text) == {"epoch": 2, "loss": 0.5}


def test_a_server_that_is_not_there_is_a_warning():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {"loss": 0.5})


# -- bad input ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda: EarlyStopping("val_los", mode="min"), lambda: jkeras.callbacks.ReduceLROnPlateau("val_los", mode="min"),
    lambda: ModelCheckpoint("unused.keras", monitor="val_los", save_best_only=True),
], ids=["stop", "plateau", "checkpoint"])  # fmt: skip
def test_a_quantity_that_is_not_logged_is_a_warning_that_lists_the_logs(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="val_los.*available.*Available metrics are: .*loss,mae"):
        run(jkeras, make(), epochs=1)


@pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau"])
def test_a_quantity_that_nobody_knows_is_an_error_that_lists_the_logs(kind):
    for k in (keras, jkeras):
        with pytest.raises(ValueError) as error:
            run(k, getattr(k.callbacks, kind)("val_los"), epochs=1)
    text = str(error.value)
    assert f"{kind} watches monitor='val_los', which is not available" in text and "loss,mae,val_loss,val_mae" in text


def test_an_unknown_mode_is_a_warning():
    with pytest.warns(UserWarning, match="EarlyStopping mode 'least' is unknown"):
        assert EarlyStopping(mode="least").mode == "auto"


def test_a_direction_that_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="EarlyStopping watches monitor='val_mine'.*mode='min' or mode='max'"):
        metric = jkeras.metrics.Mean(name="mine")
        stop = EarlyStopping("val_mine")
        stop.set_model(type("Fake", (), {"metrics": [metric]})())
        stop.on_epoch_end(0, {"val_mine": 1.0})


@pytest.mark.parametrize("options,message", [
    ({"filepath": "model.txt"}, r"must end in '.keras' or '.h5'.*model.txt"),
    ({"filepath": "model.h5", "save_weights_only": True}, r"must end in '.weights.h5'"),
    ({"filepath": "model.keras", "save_freq": 0}, "Unrecognized save_freq: 0"),
    ({"filepath": "model.keras", "save_freq": "batch"}, "Unrecognized save_freq: 'batch'"),
])  # fmt: skip
def test_checkpoints_say_what_they_cannot_do(options, message):
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(**options)


def test_places_that_cannot_be_written_are_found_before_training(tmp_path):
    steps = []
    count = jkeras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: steps.append(epoch))
    (tmp_path / "a.keras").mkdir()
    (tmp_path / "file").write_text("")
    for path, error in ((tmp_path / "a.keras", IsADirectoryError), (tmp_path / "file" / "b.keras", OSError)):
        with pytest.raises(error):
            model_of(jkeras).fit(X, Y, verbose=0, callbacks=[count, ModelCheckpoint(path)])
    with pytest.raises(OSError):
        model_of(jkeras).fit(X, Y, verbose=0, callbacks=[count, jkeras.callbacks.CSVLogger(tmp_path / "none" / "log.csv")])
    kit, folder = jkeras.callbacks, tmp_path / "file" / "logs"
    for kind in (kit.TensorBoard, kit.Profiler, kit.BackupAndRestore, kit.OrbaxCheckpoint):
        with pytest.raises(OSError, match=f"{kind.__name__} cannot make its folder"):
            model_of(jkeras).fit(X, Y, verbose=0, callbacks=[count, kind(folder)])
    with pytest.raises(OSError, match="BackupAndRestore cannot make its folder"):
        model_of(jkeras).fit(X, Y, verbose=0, callbacks=[count], resume=folder)
    assert steps == []


def test_a_field_that_is_not_logged_is_named(tmp_path):
    with pytest.raises(KeyError) as error:
        model_of(jkeras).fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{val_acc}.keras")])
    assert "Reason: 'val_acc' is not among ['epoch', 'loss', 'mae']" in error.value.args[0]


def test_a_full_disk_is_a_warning_and_the_older_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    model = model_of(jkeras)
    model.save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model, "save", full)
    with pytest.warns(UserWarning, match="The disk is full: the model was not saved.*training goes on"):
        history = model.fit(
            X, Y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(path, save_best_only=True, monitor="loss")]
        )
    assert len(history.epoch) == 2 and path.read_bytes() == before


def test_a_factor_of_one_is_refused():
    with pytest.raises(ValueError, match=r"factor >= 1.0. Received factor=1.0"):
        jkeras.callbacks.ReduceLROnPlateau(factor=1.0)


def test_a_schedule_must_return_a_float():
    with pytest.raises(ValueError, match="should be a float. Got: 'fast'"):
        run(jkeras, jkeras.callbacks.LearningRateScheduler(lambda epoch: "fast"), epochs=1)


def test_subclasses_compare_with_monitor_op():
    class Patient(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = bool(self.monitor_op(self.limit, logs["loss"]))

    stop = Patient("loss")
    stop.limit = 1e9
    model_of(jkeras).fit(X, Y, epochs=3, verbose=0, callbacks=[stop])
    assert stop.monitor_op is jkeras.ops.less and EarlyStopping("loss", mode="max").monitor_op is jkeras.ops.greater
    stop.monitor_op = lambda value, best: True
    assert len(model_of(jkeras).fit(X, Y, epochs=3, verbose=0, callbacks=[stop]).epoch) == 1
    own = EarlyStopping("loss")
    own.monitor_op = lambda value, best: value > best
    assert own.is_better(2.0, 1.0) and not own.is_better(1.0, 2.0)


def test_functions_that_are_no_hooks_become_attributes():
    callback = jkeras.callbacks.LambdaCallback(helper=lambda: 3)
    assert callback.helper() == 3
    with pytest.raises(TypeError, match="on_epoch_ent"):
        jkeras.callbacks.LambdaCallback(on_epoch_ent=print)
