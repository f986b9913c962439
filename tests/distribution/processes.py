"""Programs for tests of several processes: `python -m tests.distribution.processes PROGRAM PROCESS PORT FOLDER`."""

import contextlib
import io
import json
import os
import signal
import sys

import jax
import numpy as np

import jkeras
from jkeras import layers
from jkeras.callbacks import BackupAndRestore, Callback, CSVLogger, OrbaxCheckpoint
from jkeras.distribution import devices

D = jkeras.distribution
RNG = np.random.RandomState(0)
X, Y = RNG.rand(40, 4).astype("float32"), RNG.rand(40, 1).astype("float32")


def make(width=8, activation=None, optimizer="adam", loss="mse", metrics=()):
    jkeras.utils.set_random_seed(3)
    hidden = layers.Dense(width, activation, name="hidden")
    model = jkeras.Sequential([hidden, layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


class End(Callback):
    """Ends a run after some steps: by an error, or by a kill of this process."""

    batch_calls = 1

    def __init__(self, steps, kill=False):
        super().__init__()
        self.steps, self.kill = steps, kill

    def get_state(self):
        return {}

    def on_train_batch_end(self, batch, logs=None):
        self.steps = self.steps and self.steps - 1
        if self.steps == 0 and self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.steps == 0:
            raise RuntimeError("the end")


def fit(*callbacks, model=None, epochs=3, **data):
    data = data or {"x": X, "y": Y, "batch_size": 8}
    return (model or make()).fit(**data, epochs=epochs, verbose=0, callbacks=list(callbacks)).history["loss"]


def grain_rows(process):
    """The rows of a process, in batches; they are read ahead."""
    import grain

    rows = grain.MapDataset.source([(X[i], Y[i]) for i in range(40)])[process::2].shuffle(3).repeat(9).batch(4)
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    return {"x": iter(rows.to_iter_dataset(options)), "steps_per_epoch": 5}


def bad(process):
    """What processes that do not fit together hear, case by case."""

    def stream(batches, rows=4):
        return ((X[:rows], Y[:rows]) for _ in range(batches))

    def seeded():
        model = make()
        jkeras.utils.set_random_seed(process)
        return model

    def laid_out(key, axes, width=8):
        layouts = D.LayoutMap(D.DeviceMesh((2, 2), ("batch", "model")))
        layouts[key] = axes
        with D.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope():
            fit(model=make(width))

    def on(distribution, **model):
        with distribution.scope():
            fit(model=make(**model))

    adam, names, one = jkeras.optimizers.Adam, D.list_devices(), process == 1
    cases = {
        "features": lambda: fit(x=X[:, : 3 + process], y=Y),
        "samples": lambda: fit(x=X[: 30 + process], y=Y[: 30 + process]),
        "values": lambda: fit(x=X + process, y=Y),
        "model": lambda: fit(model=make(8 + process)),
        "seed": lambda: fit(model=seeded()),
        "epochs": lambda: fit(epochs=2 + process),
        "a stream that is shorter": lambda: fit(x=stream(20 - 9 * process), epochs=1),
        "a stream of other shapes": lambda: fit(x=stream(20, 4 + 2 * process), epochs=1),
        "one has an error": lambda: fit(x=X, y=Y[: 40 - 3 * process]),
        "evaluate": lambda: make().evaluate(X[: 30 + process], Y[: 30 + process], verbose=0),
        "joined twice": lambda: D.initialize(),
        "a layout for an unknown path": lambda: laid_out(".*hiden/kernel", (None, "model")),
        "one has a layout for an unknown path": lambda: laid_out(
            ".*hiden/kernel" if one else ".*hidden/kernel", (None, "model")
        ),
        "a layout that cannot be divided": lambda: laid_out(".*hidden/kernel", (None, "model"), 9),
        "one has a layout that cannot be divided": lambda: laid_out(".*hidden/kernel", (None, "model" if one else None), 9),
        "a layout with too few axes": lambda: laid_out(".*hidden/kernel", ("model",)),
        "layouts": lambda: laid_out(".*hidden/kernel", (None, "model") if one else ("model", None)),
        "distributions": lambda: on(D.FullyShardedDataParallel(only_optimizer=one)),
        "the order of devices": lambda: on(D.DataParallel(devices=names[::-1] if one else names)),
        "meshes": lambda: on(D.DataParallel(D.DeviceMesh((4,), ("rows" if one else "batch",)))),
        "rows that cannot be divided": lambda: fit(x=stream(20, 3), epochs=1),
        "one has rows that cannot be divided": lambda: fit(x=stream(20, 4 - process), epochs=1),
        "an activation": lambda: fit(model=make(activation="relu" if one else "tanh")),
        "a loss": lambda: fit(model=make(loss="mae" if one else "mse")),
        "an optimizer": lambda: fit(model=make(optimizer=adam(0.001, clipnorm=0.1 if one else None))),
        "a learning rate": lambda: fit(model=make(optimizer=adam(0.001 + 0.001 * process))),
        "metrics": lambda: fit(model=make(metrics=["mae"] if one else ["mse"])),
        "the activation of an evaluation": lambda: make(activation="relu" if one else "tanh").evaluate(X, Y, verbose=0),
        "the activation of a prediction": lambda: make(activation="relu" if one else "tanh").predict(X, verbose=0),
    }
    found = {}
    for name, case in cases.items():
        try:
            found[name] = f"no error: {case()}"
        except (ValueError, RuntimeError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return {"errors": found, "losses": fit()}


def streams(process, folder):
    """Runs on rows of Grain, one of which ends in the middle and goes on."""
    whole = fit(**grain_rows(process))
    with contextlib.suppress(RuntimeError):
        fit(BackupAndRestore(f"{folder}/backup", save_freq=1), End(7), **grain_rows(process))
    model, save = make(), OrbaxCheckpoint(f"{folder}/checkpoints")
    went_on = fit(BackupAndRestore(f"{folder}/backup", save_freq=1), save, model=model, **grain_rows(process))
    loaded = jkeras.models.load_model(f"{folder}/checkpoints")
    same = [bool(np.array_equal(a, b)) for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True)]
    divided = [not w.value.sharding.is_fully_replicated for w in loaded.weights]
    return {"whole": whole, "went on": went_on, "loaded": all(same), "divided": sum(divided)}


def shown(process, folder):
    """What a process shows and writes where all of them are asked to."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        make().fit(X, Y, verbose=2, callbacks=[CSVLogger(f"{folder}/process{process}.csv")])
    return {"shown": text.getvalue()}


def main(program, process, port, folder):
    devices.GONE_SECONDS = 10
    D.initialize(f"127.0.0.1:{port}", 2, int(process))
    with D.FullyShardedDataParallel().scope():
        if program.startswith("killed"):
            end = End(7 if program.endswith(process) else None, kill=True)
            fit(BackupAndRestore(f"{folder}/killed", save_freq=1), end)
            return
        drawn = float(np.random.rand())  # by the seed that `initialize` has set
        result = {"drawn": drawn, **bad(int(process)), **streams(int(process), folder), **shown(process, folder)}
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1] == "alone":
        with D.FullyShardedDataParallel().scope():
            print("RESULT", json.dumps([len(jax.devices()), *fit(BackupAndRestore(f"{sys.argv[2]}/killed", save_freq=1))]))
    else:
        main(*sys.argv[1:])
