"""What people type: build, compile, and `fit` with validation, shuffling, accuracy, early stopping and checkpoints.

All that is compiled on the way is part of it.
"""

import os
import tempfile
import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import JKERAS, KERAS, Row, answer, attempt, child, faster, log
from benchmarks.peers import learner

SAMPLES, EPOCHS = 5000, 20
GOALS = {"tutorial": 5, "mlp": 1.5, "cnn": 4}


def rows(name, options):
    return [ran(model, min(options.repeats, 2)) for model in GOALS]


def ran(model, turns):
    times = {JKERAS: [], KERAS: []}
    for turn in range(turns):
        for column, samples in times.items():
            if isinstance(samples, list):
                log(f"usual: {model}: {column}, {turn + 1}")
                outcome = attempt(lambda column=column: child("benchmarks.usual", model, column)[0], column)
                times[column] = outcome if isinstance(outcome, str) else [*samples, outcome["seconds"]]
    workload = workloads.load(model)
    title = f"the usual run, {EPOCHS} epochs of {SAMPLES:,} rows: {workloads.short(workload)}"
    note = "validation_split, shuffling, accuracy, EarlyStopping and ModelCheckpoint; from the constructor to the end of fit"
    return Row(title, "s", times, (faster(GOALS[model], KERAS),), [note])


def measure(model, column):
    workload = workloads.load(model)
    x, y = workload.data(np.random.default_rng(0), SAMPLES)
    learner(column, workload)  # imports the library
    callbacks = __import__(column.lower()).callbacks
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        made = learner(column, workload).model
        watching = [
            callbacks.EarlyStopping(patience=EPOCHS, restore_best_weights=True),
            callbacks.ModelCheckpoint(os.path.join(folder, "best.keras"), save_best_only=True),
        ]
        history = made.fit(
            x, y, batch_size=workload.BATCH, epochs=EPOCHS, validation_split=0.2, callbacks=watching, verbose=0
        )
        seconds = time.perf_counter() - start
    if len(history.history["val_loss"]) != EPOCHS:
        raise RuntimeError(f"{column} stopped after {len(history.history['val_loss'])} epochs")
    return {"seconds": seconds}


if __name__ == "__main__":
    answer(measure)
