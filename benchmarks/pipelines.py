"""Training from input pipelines whose batches take 0.8 of a step to produce: is the device kept busy?

The reference is the same epoch from arrays in memory, in the same process. Producing a batch is waiting, as for a disk.
"""

import os
import statistics
import sys
import tempfile
import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import JKERAS, KERAS, Row, answer, at_most, attempt, child, log
from benchmarks.peers import learner

MODEL, STEPS, SHARE, ROUNDS = "cnn", 24, 0.8, 3
KINDS = ("PyDataset", "generator", "memory map")
ARRAYS = "jkeras from arrays"


def rows(name, options):
    turns = min(options.repeats, 2)
    found = {column: [measured(column, turn) for turn in range(turns)] for column in (JKERAS, KERAS)}
    return [row_of(kind, found) for kind in KINDS]


def measured(column, turn):
    log(f"pipelines: {column}, {turn + 1}")
    return attempt(lambda: child("benchmarks.pipelines", column)[0], column)


def row_of(kind, found):
    times, notes = {}, []
    for column, outcomes in found.items():
        failed = [outcome for outcome in outcomes if isinstance(outcome, str)]
        times[column] = failed[0] if failed else [outcome[kind]["ms"] for outcome in outcomes]
        if column == JKERAS and not failed:
            times[ARRAYS] = [outcome["arrays"]["ms"] for outcome in outcomes]
            busy = statistics.median(outcome[kind]["busy"] for outcome in outcomes)
            notes = [f"of the epoch, {100 * busy:.0f} % is the compiled loop (model.stats())"]
    title = f"{kind}, batches in 0.8 of a step: {workloads.short(workloads.load(MODEL))}"
    return Row(title, "ms per step", times, (at_most(1 / 0.95, ARRAYS),), notes)


def measure(column):
    workload = workloads.load(MODEL)
    size = workload.BATCH
    x, y = workload.data(np.random.default_rng(0), STEPS * size)
    made = learner(column, workload).model
    library = sys.modules[column.lower()]
    result = {"arrays": timed(made, lambda: (x, y), size)}
    pause = SHARE * result["arrays"]["ms"] / 1e3

    class Batches(library.utils.PyDataset):
        def __len__(self):
            return STEPS

        def __getitem__(self, index):
            time.sleep(pause)
            return x[index * size : (index + 1) * size], y[index * size : (index + 1) * size]

    def generate():
        while True:
            for index in range(STEPS):
                time.sleep(pause)
                yield x[index * size : (index + 1) * size], y[index * size : (index + 1) * size]

    result["PyDataset"] = timed(made, lambda: (Batches(workers=2, max_queue_size=8), None), None)
    result["generator"] = timed(made, lambda: (generate(), None), None)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.npy")
        np.save(path, x)
        result["memory map"] = timed(made, lambda: (np.load(path, mmap_mode="r"), y), size)
    return result


def timed(model, data, batch_size):
    """The milliseconds of a step, and the share of the time in which the compiled loop ran, where the library tells."""
    stats = getattr(model, "stats", dict)
    seconds, busy = [], []
    for _ in range(1 + ROUNDS):  # the first one compiles
        x, y = data()
        before, start = stats().get("compute_seconds", 0.0), time.perf_counter()
        model.fit(x, y, batch_size=batch_size, epochs=1, steps_per_epoch=None if batch_size else STEPS, verbose=0)
        seconds.append(time.perf_counter() - start)
        busy.append((stats().get("compute_seconds", 0.0) - before) / seconds[-1])
    return {"ms": 1e3 * statistics.median(seconds[1:]) / STEPS, "busy": statistics.median(busy[1:])}


if __name__ == "__main__":
    answer(measure)
